import { toPlain } from '../../lib/plain-text.ts';

// Text as cells of a terminal. Whoever wrote a title or a manifest must not be able to move the cursor, change colours,
// turn the writing direction or push a column aside; so text is cleaned first and then counted.

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Emoji_Modifier}\ufe00-\ufe0f]/gu;
// Lone halves of surrogate pairs, private and unassigned characters: every terminal shows them differently.
const UNKNOWN = /[\p{Cs}\p{Co}\p{Cn}]/gu;
const REGIONAL_A = 0x1f1e6;
// A pair of these makes a flag, or two letters, depending on the terminal: letters are the same everywhere.
const REGIONAL = /[\u{1f1e6}-\u{1f1ff}]/gu;

/** One line of text that takes exactly `cellWidth` cells and makes a terminal do nothing but print it. */
export function cleanLine(text: string): string {
  if (PRINTABLE_ASCII.test(text)) return text;
  return toPlain(text)
    .replace(/\t/g, '  ')
    .replace(/[\n\r\u2028\u2029]+/g, ' ')
    .normalize('NFC')
    .replace(INVISIBLE, '')
    .replace(UNKNOWN, '\ufffd')
    .replace(REGIONAL, (letter) => String.fromCodePoint((letter.codePointAt(0) ?? REGIONAL_A) - REGIONAL_A + 0x41))
    .replace(/^\p{M}+/u, '')
    .replace(/(\p{M}{2})\p{M}+/gu, '$1');
}

const PRINTABLE_ASCII = /^[ -~]*$/;

/** Text with its line breaks kept, each line clean. */
export function cleanLines(text: string): string[] {
  return text.split(/\r\n|[\n\r\u2028\u2029]/).map(cleanLine);
}

// East Asian Wide and Fullwidth beyond what is an emoji anyway, as first and last code points.
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];
const EMOJI = /^\p{Emoji_Presentation}$/u;
const COMBINING = /^[\p{Mn}\p{Me}\u1160-\u11ff\ud7b0-\ud7ff]$/u;

function charWidth(char: string): number {
  const point = char.codePointAt(0) ?? 0;
  if (point < 0x300) return 1;
  if (COMBINING.test(char)) return 0;
  return EMOJI.test(char) || WIDE.some(([first, last]) => point >= first && point <= last) ? 2 : 1;
}

/** How many cells clean text takes. */
export function cellWidth(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

/** The longest beginning of clean text that fits, without a mark that something is missing. */
export function takeCells(text: string, width: number): string {
  if (PRINTABLE_ASCII.test(text)) return text.slice(0, Math.max(0, width));
  let taken = '';
  let used = 0;
  for (const char of text) {
    const cells = charWidth(char);
    if (used + cells > width) break;
    taken += char;
    used += cells;
  }
  return taken;
}

/** Cleaned, cut with an ellipsis or filled with blanks to exactly `width` cells. */
export function fitCells(text: string, width: number): string {
  const clean = cleanLine(text);
  const cells = cellWidth(clean);
  if (cells <= width) return clean + ' '.repeat(width - cells);
  if (width <= 0) return '';
  const cut = takeCells(clean, width - 1);
  return `${cut}…${' '.repeat(width - 1 - cellWidth(cut))}`;
}

// A word of its own until the lines are made; clean text never holds it.
const NO_BREAK = '\0';

/** Cleaned and broken between words where it can be; never an empty list. */
export function wrapCells(text: string, width: number): string[] {
  const room = Math.max(1, width);
  const lines: string[] = [];
  let line = '';
  // A number and its percent sign stay together.
  for (const joinedWord of cleanLine(text)
    .replace(/(\d) %/g, `$1${NO_BREAK}%`)
    .split(' ')) {
    const word = joinedWord.replaceAll(NO_BREAK, ' ');
    const joined = line === '' ? word : `${line} ${word}`;
    if (cellWidth(joined) <= room) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    let rest = word;
    while (cellWidth(rest) > room) {
      // A wide character does not fit into a single cell; it is taken all the same, or this would not end.
      const part = takeCells(rest, room) || (Array.from(rest)[0] ?? '');
      lines.push(part);
      rest = rest.slice(part.length);
    }
    line = rest;
  }
  lines.push(line);
  return lines;
}
