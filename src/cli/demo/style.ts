/** Marks up text for a terminal, or leaves it alone. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** https://no-color.org: any value of NO_COLOR that is not empty turns colours off. */
export function createStyle(options: { isTty: boolean; noColor: string | undefined }): Style {
  const on = options.isTty && (options.noColor === undefined || options.noColor === '');
  const wrap = (open: number, close: number) => (text: string) => (on ? `\x1b[${open}m${text}\x1b[${close}m` : text);
  return {
    bold: wrap(1, 22),
    dim: wrap(2, 22),
    green: wrap(32, 39),
    red: wrap(31, 39),
    yellow: wrap(33, 39),
    cyan: wrap(36, 39),
  };
}

// What a terminal would act on: escape sequences, other control characters, and signs that turn the writing direction.
const ESCAPE = '\\u001b';
const UNSAFE = new RegExp(
  [
    `${ESCAPE}\\[[0-9;?]*[ -/]*[@-~]`,
    `${ESCAPE}\\][^\\u0007\\u001b]*(?:\\u0007|${ESCAPE}\\\\)?`,
    '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]',
  ].join('|'),
  'g',
);

/** Text of others, made safe to print: line breaks and tabs stay. */
export function toPlain(text: string): string {
  return text.replace(UNSAFE, '');
}
