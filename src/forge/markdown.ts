import { toPlain } from '../lib/plain-text.ts';

// Words of others in Markdown of ours. In code a host renders nothing: it mentions nobody, closes no issue, loads no image
// and runs no quick action, so that is where such words go.

/** Words of others within a line. */
export function toCode(text: string, maxChars = 300): string {
  const line = toBounded(toPlain(text).replace(/\s+/g, ' ').trim(), maxChars);
  if (line === '') return '';
  const fence = '`'.repeat(longestRun(line) + 1);
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** Words of others as a block of their own. */
export function toCodeBlock(text: string, language = ''): string {
  const plain = toPlain(text).replace(/\n+$/, '');
  const fence = '`'.repeat(Math.max(3, longestRun(plain) + 1));
  return `${fence}${language}\n${plain}\n${fence}`;
}

/** Words of others as a title: hosts take mentions and references out of titles too, by way of the commit of a merge. */
export function toTitle(text: string, maxChars: number): string {
  const line = toPlain(text)
    .replace(/\s+/g, ' ')
    .replace(/(^|[^\w])@(?=\w)/g, '$1@ ')
    .replace(/([#!]|\bGH-)(?=\d)/gi, '$1 ')
    .trim();
  return toBounded(line, maxChars);
}

export function toBounded(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`;
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
