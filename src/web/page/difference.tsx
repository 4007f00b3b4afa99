import { useState } from 'preact/hooks';
import type { PlanView } from '../../api/contract.ts';
import { Panel, toShown } from './text.tsx';

type Change = PlanView['changes'][number];

/** What would be different in the cluster, object by object; few of them are unfolded from the start. */
export function Difference({ changes }: { changes: readonly Change[] }) {
  const [words, setWords] = useState('');
  if (changes.length === 0) return null;
  const wanted = words.trim().toLowerCase();
  const shown = changes.filter(
    (one) => wanted === '' || `${toLabel(one)}\n${one.patch}`.toLowerCase().includes(wanted),
  );
  return (
    <Panel title={`Rendered difference: ${changes.length} object${changes.length === 1 ? '' : 's'}`}>
      {changes.length > 3 ? (
        <p>
          <label>
            Search <input type="search" value={words} onInput={(event) => setWords(event.currentTarget.value)} />
          </label>{' '}
          <span class="dim">{wanted === '' ? '' : `${shown.length} of ${changes.length}`}</span>
        </p>
      ) : null}
      {shown.map((change) => (
        <ObjectDifference key={toLabel(change)} change={change} isOpen={changes.length <= 3} />
      ))}
    </Panel>
  );
}

function ObjectDifference({ change, isOpen: isOpenFirst }: { change: Change; isOpen: boolean }) {
  const [isOpen, setIsOpen] = useState(isOpenFirst);
  const tone = change.type === 'removed' ? 'bad' : change.type === 'added' ? 'good' : 'info';
  return (
    <details open={isOpen} onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        <span class={tone}>{change.type}</span> <span class="mono">{toShown(toLabel(change))}</span>
      </summary>
      {isOpen ? <Patch text={change.patch} /> : null}
    </details>
  );
}

function Patch({ text }: { text: string }) {
  const all = text.replace(/\n$/, '').split('\n');
  // The names of the files say nothing; from the first hunk on every line counts.
  const first = all.findIndex((line) => line.startsWith('@@'));
  return (
    <pre class="patch">
      {all.slice(Math.max(0, first)).map((line, index) => (
        <span key={index} class={toClass(line)}>
          {toShown(line)}
        </span>
      ))}
    </pre>
  );
}

function toClass(line: string): string {
  if (line.startsWith('+')) return 'added';
  if (line.startsWith('-')) return 'removed';
  return line.startsWith('@@') ? 'hunk' : '';
}

function toLabel({ ref }: Change): string {
  return `${ref.kind} ${ref.namespace === '' ? '' : `${ref.namespace}/`}${ref.name}`;
}
