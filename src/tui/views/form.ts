import type { FormField, State } from '../model.ts';
import { listFormFields, listTargets } from '../select.ts';
import { cleanLine, takeCells, cellWidth } from '../text/cells.ts';
import type { EditLine } from '../text/edit-line.ts';
import { line, paragraph, span, type Line, type Span } from '../text/lines.ts';

const LABELS: Record<FormField, string> = {
  title: 'What should change?',
  description: 'More about it',
  application: 'Application',
  target: 'Argo CD instance',
  priority: 'Priority',
  start: 'Start at once',
};

/** A new ticket. */
export function viewForm(state: State, width: number): Line[] {
  const { form } = state;
  return [
    line('A new ticket', 'bold'),
    line(),
    ...listFormFields(state).flatMap((field): Line[] => [
      [span(form.focus === field ? '> ' : '  ', 'info'), span(LABELS[field], form.focus === field ? 'bold' : 'dim')],
      [span('    '), ...viewField(state, field, Math.max(10, width - 6))],
    ]),
    line(),
    form.isSending
      ? line('  Sending ...', 'info')
      : line('  Tab next field   ←/→ change   Ctrl+S create   Esc leave', 'dim'),
    line(),
    ...paragraph('In your own words, for example: Update api to 1.9.1, or: Scale worker to 5 replicas.', width, {
      indent: 2,
      tone: 'dim',
    }),
  ];
}

function viewField(state: State, field: FormField, width: number): Span[] {
  const { form } = state;
  const hasFocus = form.focus === field;
  switch (field) {
    case 'target':
      return [{ text: `◂ ${form.target ?? listTargets(state)[0] ?? ''} ▸`, isReverse: hasFocus }];
    case 'priority':
      return [{ text: `◂ ${form.priority} ▸`, isReverse: hasFocus }];
    case 'start':
      return [{ text: form.start ? '◂ yes ▸' : '◂ no, leave it a draft ▸', isReverse: hasFocus }];
    case 'title':
    case 'description':
    case 'application':
      return viewEdit(form[field], width, hasFocus);
  }
}

/** Text being typed on one line; scrolls so that the cursor stays in sight. */
export function viewEdit({ text, at }: EditLine, width: number, hasFocus: boolean): Span[] {
  const before = cleanLine(text.slice(0, at).replaceAll('\n', '⏎'));
  const after = cleanLine(text.slice(at).replaceAll('\n', '⏎'));
  if (!hasFocus)
    return [
      span(
        takeCells(before + after, width) || '─'.repeat(Math.min(width, 20)),
        before + after === '' ? 'dim' : 'plain',
      ),
    ];
  let shown = before;
  while (cellWidth(shown) > width - 2) shown = Array.from(shown).slice(1).join('');
  const under = Array.from(after)[0] ?? ' ';
  return [
    span(shown),
    { text: under, isReverse: true },
    span(takeCells(after.slice(under.length), width - cellWidth(shown) - 2)),
  ];
}
