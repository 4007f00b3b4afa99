import type { Tone as WordTone } from '../../client/words.ts';
import { cellWidth, cleanLine, fitCells, takeCells, wrapCells } from './cells.ts';

/** What a piece of text means; the terminal's colours are chosen in one place. */
export type Tone = WordTone | 'added' | 'removed' | 'match';

export interface Span {
  text: string;
  tone?: Tone;
  /** Swapped colours: the line of the cursor, a field that has the keys. */
  isReverse?: boolean;
}

export type Line = readonly Span[];

export function span(text: string, tone?: Tone): Span {
  return tone === undefined ? { text } : { text, tone };
}

export function line(text = '', tone?: Tone): Line {
  return text === '' ? [] : [span(text, tone)];
}

/** A span cut or filled to exactly `width` cells: a column of a table. */
export function column(text: string, width: number, tone?: Tone): Span {
  return span(fitCells(text, width), tone);
}

export function lineWidth(spans: Line): number {
  return spans.reduce((width, { text }) => width + cellWidth(cleanLine(text)), 0);
}

/** The line of the cursor: filled to the full width with swapped colours. */
export function highlight(spans: Line, width: number): Line {
  const missing = Math.max(0, width - lineWidth(spans));
  return [...spans, span(' '.repeat(missing))].map((one) => ({ ...one, isReverse: true }));
}

/** Left and right on one line; what is left is cut where both do not fit. */
export function spread(left: Line, right: Line, width: number): Line {
  const gap = width - lineWidth(left) - lineWidth(right);
  if (gap >= 1 || right.length === 0) return [...left, span(' '.repeat(Math.max(0, gap))), ...right];
  let room = Math.max(0, width - lineWidth(right) - 1);
  const cut = left.map((one): Span => {
    const text = takeCells(cleanLine(one.text), room);
    room -= cellWidth(text);
    return { ...one, text };
  });
  return [...cut, span(' '.repeat(room + 1)), ...right];
}

/** The first lines of a paragraph; the last one says by an ellipsis that there is more. */
export function cutLines(lines: readonly Line[], max: number, width: number): Line[] {
  if (lines.length <= max) return [...lines];
  const last = lines[max - 1] ?? [];
  const text = last.map((one) => one.text).join('');
  const room = Math.max(1, width - 2);
  return [...lines.slice(0, Math.max(0, max - 1)), [{ ...last.at(-1), text: `${takeCells(cleanLine(text), room)} …` }]];
}

/** A paragraph behind a label: broken between words, the label on the first line only. */
export function paragraph(text: string, width: number, options: { label?: Span; indent?: number; tone?: Tone } = {}) {
  const { label, tone } = options;
  const indent = label === undefined ? (options.indent ?? 0) : cellWidth(label.text);
  const blank = span(' '.repeat(indent));
  return wrapCells(text, width - indent).map((part, index): Line => [
    index === 0 && label !== undefined ? label : blank,
    span(part, tone),
  ]);
}
