import { describe, expect, it } from 'vitest';
import { cellWidth, cleanLine, cleanLines, fitCells, takeCells, wrapCells } from './cells.ts';
import { span } from './lines.ts';
import { toAnsi } from './paint.ts';

describe('the width of text', () => {
  it.each([
    ['', 0],
    ['plain', 5],
    ['größer', 6],
    ['部署', 4],
    ['ﾃｽﾄ', 3],
    ['한국', 4],
    ['🚀', 2],
    ['✅ ok', 5],
    ['e\u0301', 1],
    ['▾─│', 3],
  ])('%j takes %i cells', (text, cells) => {
    expect(cellWidth(cleanLine(text))).toBe(cells);
  });

  it('cuts before a wide character that would not fit, and fills what is left', () => {
    expect(takeCells('部署了', 5)).toBe('部署');
    expect(fitCells('部署了', 5)).toBe('部署…');
    expect(fitCells('部署了', 4)).toBe('部… ');
    expect(fitCells('ab', 4)).toBe('ab  ');
    expect(fitCells('abc', 0)).toBe('');
  });

  it('breaks lines between words, and within words that are too long', () => {
    expect(wrapCells('update api to 1.9', 10)).toEqual(['update api', 'to 1.9']);
    expect(wrapCells('abcdefghijkl mn', 5)).toEqual(['abcde', 'fghij', 'kl mn']);
    expect(wrapCells('部署了部署', 5)).toEqual(['部署', '了部', '署']);
    expect(wrapCells('部', 1)).toEqual(['部', '']);
    expect(wrapCells('', 5)).toEqual(['']);
  });
});

describe('hostile text', () => {
  const HOSTILE: [string, string][] = [
    ['\x1b[2J\x1b[31mred\x1b[0m', 'red'],
    ['\x1b]0;title\x07x', 'x'],
    ['\x1bPq#0\x1b\\x', 'Pq#0\\x'],
    ['\u009b31mx', '31mx'],
    ['a\rb\nc\td', 'ab c  d'],
    ['safe\u202egnp.exe', 'safegnp.exe'],
    ['a\u2066b\u2069c\u200fd\u061ce', 'abcde'],
    ['a\u200b\u200d\ufeffb', 'ab'],
    ['\ud800x\ue000', '\ufffdx\ufffd'],
    ['🇩🇪', 'DE'],
    [`z${'\u0300'.repeat(40)}`, 'z̀̀'.normalize('NFC')],
    ['{red-fg}{/}{escape}', '{red-fg}{/}{escape}'],
  ];
  it.each(HOSTILE)('%j becomes %j', (text, clean) => {
    expect(cleanLine(text)).toBe(clean);
  });

  it('never reaches the terminal, even where a view forgot to clean it', () => {
    for (const [text] of HOSTILE) {
      const painted = toAnsi([span(text, 'bad'), span(text)], 200, { hasColour: true });
      const ours = painted.replaceAll('\x1b[31m', '').replaceAll('\x1b[0m', '');
      expect(ours).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });

  it('keeps line breaks where lines are wanted', () => {
    expect(cleanLines('a\r\nb\u2028c\n\x1b[1md')).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('breaking', () => {
  it('keeps a number and its percent sign together', () => {
    expect(wrapCells('the estimate of 2.2 % is', 18)).toEqual(['the estimate of', '2.2 % is']);
  });
});

describe('painting', () => {
  it('cuts at the width, wide characters included', () => {
    expect(toAnsi([span('ab'), span('部署'), span('cd')], 5, { hasColour: true })).toBe('ab部c');
  });

  it('uses no colours without them, and still shows the line of the cursor', () => {
    const line = [span('x', 'good'), { text: 'y', tone: 'warn' as const, isReverse: true }, span('z', 'bold')];
    expect(toAnsi(line, 10, { hasColour: true })).toBe('\x1b[32mx\x1b[0m\x1b[33;7my\x1b[0m\x1b[1mz\x1b[0m');
    expect(toAnsi(line, 10, { hasColour: false })).toBe('x\x1b[7my\x1b[0m\x1b[1mz\x1b[0m');
  });
});
