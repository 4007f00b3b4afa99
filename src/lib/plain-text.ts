// What a terminal would act on: escape sequences, other control characters, and signs that turn the writing direction.
const ESCAPE = '\\u001b';
const UNSAFE = new RegExp(
  [
    `${ESCAPE}\\[[0-9;?]*[ -/]*[@-~]`,
    `${ESCAPE}\\][^\\u0007\\u001b]*(?:\\u0007|${ESCAPE}\\\\)?`,
    '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]',
  ].join('|'),
  'g',
);

/** Text of others, made safe to print: line breaks and tabs stay. */
export function toPlain(text: string): string {
  return text.replace(UNSAFE, '');
}

/** The beginning of a text that is longer than `maxChars`, with a sign that it goes on. */
export function cutText(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars)}…`;
}
