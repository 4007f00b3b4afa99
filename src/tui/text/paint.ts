import { cellWidth, cleanLine, takeCells } from './cells.ts';
import type { Line, Span, Tone } from './lines.ts';

const CODES: Record<Tone, { colour: readonly number[]; plain: readonly number[] }> = {
  plain: { colour: [], plain: [] },
  dim: { colour: [2], plain: [] },
  bold: { colour: [1], plain: [1] },
  good: { colour: [32], plain: [] },
  bad: { colour: [31], plain: [1] },
  warn: { colour: [33], plain: [] },
  info: { colour: [36], plain: [] },
  added: { colour: [32], plain: [] },
  removed: { colour: [31], plain: [] },
  match: { colour: [30, 43], plain: [7] },
};
const REVERSE = 7;

/**
 * A line as a terminal takes it: exactly as wide as it may be, colours on and off again. All text that reaches the
 * terminal comes through here and is cleaned here, whatever was done to it before.
 */
export function toAnsi(spans: Line, width: number, options: { hasColour: boolean }): string {
  let painted = '';
  let used = 0;
  for (const one of spans) {
    const text = takeCells(cleanLine(one.text), width - used);
    if (text === '') continue;
    used += cellWidth(text);
    const codes = codesOf(one, options.hasColour);
    painted += codes.length === 0 ? text : `\x1b[${codes.join(';')}m${text}\x1b[0m`;
  }
  return painted;
}

function codesOf({ tone = 'plain', isReverse }: Span, hasColour: boolean): number[] {
  const codes = CODES[tone][hasColour ? 'colour' : 'plain'];
  // Dim and reversed is unreadable in many terminals.
  return isReverse === true ? [...codes.filter((code) => code !== 2), REVERSE] : [...codes];
}
