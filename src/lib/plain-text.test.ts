import { expect, it } from 'vitest';
import { toPlain } from './plain-text.ts';

it.each([
  ['plain text\n\twith breaks', 'plain text\n\twith breaks'],
  ['\u001b[31mred\u001b[0m', 'red'],
  ['\u001b[?25l\u001b[2Jx', 'x'],
  ['\u001b]8;;http://evil\u0007link\u001b]8;;\u001b\\', 'link'],
  ['\u009b31mx\u0000y\rz', '31mxyz'],
  ['abc\u202egnp.exe\u2066\u2069\u200e\u200f\u061c', 'abcgnp.exe'],
])('%j is printed as %j', (text, plain) => {
  expect(toPlain(text)).toBe(plain);
});
