import { toRefLabel } from '../../manifest/object.ts';
import type { PlanView } from '../../api/contract.ts';
import { cleanLines } from '../text/cells.ts';
import { line, span, type Line, type Tone } from '../text/lines.ts';

export interface DifferenceRow {
  line: Line;
  /** Position of its object among the plan's changes. */
  change: number;
  isHead: boolean;
  isMatch: boolean;
}

const FILE_HEADS = /^(---|\+\+\+|Index:|=+$|\\ No newline)/;

/** The rendered difference, object by object; a folded one shows its head alone. */
export function differenceRows(plan: PlanView, folded: ReadonlySet<number>, search: string): DifferenceRow[] {
  return plan.changes.flatMap((change, index) => {
    // Patches come as unified differences; the two file names and the header say nothing that the head does not.
    const body = cleanLines(change.patch).filter((text) => text !== '' && !FILE_HEADS.test(text));
    const added = body.filter((text) => text.startsWith('+')).length;
    const removed = body.filter((text) => text.startsWith('-')).length;
    const isFolded = folded.has(index);
    const title = `${isFolded ? '▸' : '▾'} ${change.type} ${toRefLabel(change.ref)}`;
    const head: DifferenceRow = {
      line: [...mark(title, search, 'bold'), span(`  +${added}`, 'added'), span(` -${removed}`, 'removed')],
      change: index,
      isHead: true,
      isMatch: hasMatch(title, search),
    };
    if (isFolded) return [head];
    return [
      head,
      ...body.map((text) => ({
        line: [span('  '), ...mark(text, search, toPatchTone(text))],
        change: index,
        isHead: false,
        isMatch: hasMatch(text, search),
      })),
    ];
  });
}

/** Places of the rows in which the search is found. */
export function matchingRows(rows: readonly DifferenceRow[]): number[] {
  return rows.flatMap((row, index) => (row.isMatch ? [index] : []));
}

export function viewDifference(plan: PlanView | undefined, folded: ReadonlySet<number>, search: string): Line[] {
  if (plan === undefined) return [line('There is no plan yet.', 'dim')];
  if (plan.changes.length === 0) return [line('The plan changes nothing in the rendered manifests.', 'dim')];
  return differenceRows(plan, folded, search).map((row) => row.line);
}

function toPatchTone(text: string): Tone {
  if (text.startsWith('@@')) return 'info';
  if (text.startsWith('+')) return 'added';
  return text.startsWith('-') ? 'removed' : 'plain';
}

function hasMatch(text: string, search: string): boolean {
  return search !== '' && text.toLowerCase().includes(search.toLowerCase());
}

/** The text with every match as a span of its own. */
function mark(text: string, search: string, tone: Tone): Line {
  if (!hasMatch(text, search)) return [span(text, tone)];
  const spans = [];
  const lower = text.toLowerCase();
  // Lower case can be longer than the text it came from; then only the line as a whole is marked.
  if (lower.length !== text.length) return [span(text, 'match')];
  let from = 0;
  for (let at = lower.indexOf(search.toLowerCase()); at >= 0; at = lower.indexOf(search.toLowerCase(), from)) {
    spans.push(span(text.slice(from, at), tone), span(text.slice(at, at + search.length), 'match'));
    from = at + search.length;
  }
  return [...spans, span(text.slice(from), tone)].filter((one) => one.text !== '');
}
