import type { State } from '../model.ts';
import { clamp } from '../select.ts';
import { column, line, paragraph, type Line } from '../text/lines.ts';

const KEYS: readonly (readonly [string, string])[] = [
  ['Moving', ''],
  ['arrows, j k', 'up and down'],
  ['PgUp PgDn, Ctrl+B Ctrl+F', 'a page'],
  ['g G, Home End', 'first and last'],
  ['Enter', 'open; in the difference: fold or unfold'],
  ['Esc, b', 'back'],
  ['Tab, 1 to 5', 'pages of a ticket'],
  ['', ''],
  ['Anywhere', ''],
  ['n', 'new ticket; on one that waits for you: reject, deny'],
  ['m', 'memory: all services; on a ticket: its own'],
  ['A', 'audit log'],
  ['r', 'ask the server for everything again'],
  ['?', 'this page'],
  ['q', 'quit; never while you type'],
  ['', ''],
  ['On a ticket, open or under the cursor', ''],
  ['p', 'approve the plan; asks, with hash and risk'],
  ['y  n', 'grant or deny what waits for approval'],
  ['a', 'answer the question'],
  ['s', 'start a draft, or retry what failed'],
  ['z', 'pause or resume'],
  ['x', 'cancel the ticket'],
  ['d', 'rendered difference'],
  ['', ''],
  ['In lists and in the difference', ''],
  ['/', 'filter the tickets by words, such as: failed api'],
  ['', 'waiting: those that wait for you'],
  ['/ on a ticket', 'search the difference'],
  ['] [', 'next and previous match'],
  ['space', 'fold or unfold the object at the top'],
  ['- +', 'fold or unfold all'],
  ['', ''],
  ['While typing', ''],
  ['Enter, Ctrl+S', 'send (in the form: Ctrl+S)'],
  ['Esc', 'leave without sending'],
  ['Ctrl+U Ctrl+W', 'delete to the beginning, or a word'],
];

const KEY_CELLS = 28;

/** Every key there is. */
export function helpRows(width: number): Line[] {
  return KEYS.flatMap(([keys, what]) =>
    what === '' ? [line(keys, 'bold')] : paragraph(what, width, { label: column(`  ${keys}`, KEY_CELLS, 'info') }),
  );
}

export function viewHelp({ helpTop }: State, width: number, height: number): Line[] {
  const rows = helpRows(width);
  const top = clamp(helpTop, 0, Math.max(0, rows.length - height));
  return rows.slice(top, top + height);
}
