export { toPlain } from '../../lib/plain-text.ts';

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
