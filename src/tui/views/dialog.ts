import { toCount, toRiskTone } from '../../client/words.ts';
import type { Dialog, State, TextPurpose } from '../model.ts';
import { cutLines, line, lineWidth, paragraph, span, type Line, type Tone } from '../text/lines.ts';
import { viewEdit } from './form.ts';

const TITLES: Record<TextPurpose, string> = {
  answer: 'Answer',
  reject: 'Reject the plan: why?',
  deny: 'Deny: why?',
  cancel: 'Cancel the ticket: why? (may stay empty)',
};

/** The box over a screen that asks for one thing; every line is as wide as the box. */
export function viewDialog(dialog: Dialog, state: State, width: number): Line[] {
  const inner = Math.max(20, Math.min(90, width - 6));
  return frame(dialogRows(dialog, state, inner), inner);
}

function dialogRows(dialog: Dialog, state: State, inner: number): Line[] {
  switch (dialog.kind) {
    case 'approve':
      return [
        line('Approve this plan?', 'bold'),
        ...paragraph(dialog.title, inner, { label: span('ticket   ', 'dim') }),
        ...cutLines(paragraph(dialog.summary, inner, { label: span('plan     ', 'dim') }), 3, inner),
        [span('rollout  ', 'dim'), span(dialog.strategy)],
        [span('risk     ', 'dim'), span(dialog.risk, toRiskTone(dialog.risk))],
        ...dialog.reasons.slice(0, 4).flatMap((reason) => paragraph(reason, inner, { indent: 9 })),
        [span('objects  ', 'dim'), ...toObjects(dialog.objects)],
        ...(dialog.warnings === 0
          ? []
          : [[span('checks   ', 'dim'), span(`${toCount(dialog.warnings, 'remark')}: page 2 says which`, 'warn')]]),
        ...paragraph(dialog.changeHash, inner, { label: span('hash     ', 'dim'), tone: 'info' }),
        line(),
        [
          span('y', 'bold'),
          span(' approve exactly this    '),
          span('d', 'bold'),
          span(' look at the difference    '),
          span('Esc', 'bold'),
          span(' not now'),
        ],
      ];
    case 'grant':
      return [
        line(`Grant the ${dialog.purpose.replace('_', ' ')}?`, 'bold'),
        ...paragraph(dialog.sentence, inner),
        ...paragraph(dialog.changeHash, inner, { label: span('hash     ', 'dim'), tone: 'info' }),
        line(),
        [span('y', 'bold'), span(' grant    '), span('Esc', 'bold'), span(' not now')],
      ];
    case 'text':
      return [
        line(TITLES[dialog.purpose], 'bold'),
        ...(dialog.question === '' ? [] : paragraph(dialog.question, inner)),
        ...dialog.options.slice(0, 8).map((option): Line => [span('  - ', 'dim'), span(option)]),
        line(),
        viewEdit(dialog.input, inner, true),
        line(),
        line(`Enter send    ${dialog.options.length > 0 ? 'Tab take an option    ' : ''}Esc not now`, 'dim'),
      ];
    case 'quit':
      return [
        line('Quit?', 'bold'),
        ...paragraph('The server here ends too. Unfinished tickets go on at the next start.', inner),
        ...(state.connection.kind === 'live' ? [] : [line('The server does not answer at the moment.', 'warn')]),
        line(),
        [span('y', 'bold'), span(' quit    '), span('Esc', 'bold'), span(' stay')],
      ];
  }
}

function toObjects({ added, changed, removed }: Extract<Dialog, { kind: 'approve' }>['objects']): Line {
  const part = (count: number, word: string, tone: Tone) => (count === 0 ? [] : [span(`${count} ${word}  `, tone)]);
  const parts = [
    ...part(added, 'added', 'added'),
    ...part(changed, 'changed', 'plain'),
    ...part(removed, 'REMOVED', 'bad'),
  ];
  return parts.length === 0 ? [span('nothing changes')] : parts;
}

function frame(rows: readonly Line[], inner: number): Line[] {
  const edge = (left: string, right: string): Line => [span(`${left}${'─'.repeat(inner + 2)}${right}`, 'info')];
  return [
    edge('┌', '┐'),
    ...rows.map((row): Line => {
      const missing = Math.max(0, inner - lineWidth(row));
      return [span('│ ', 'info'), ...row, span(' '.repeat(missing)), span(' │', 'info')];
    }),
    edge('└', '┘'),
  ];
}
