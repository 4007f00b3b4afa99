import { toPlain } from '../lib/plain-text.ts';

/** A cell's text on one line, safe to print. */
export function toCell(text: string): string {
  return toPlain(text).replace(/\s+/g, ' ').trim();
}

/** Columns as wide as their widest cell; the last one is not padded. Paint is put around padded cells. */
export function toTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  paint: (row: number, column: number, text: string) => string = (_row, _column, text) => text,
): string[] {
  const cells = [head, ...rows].map((row) => row.map(toCell));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row, index) =>
    row
      .map((text, column) => {
        const padded = column === row.length - 1 ? text : text.padEnd(widths[column] ?? 0);
        return paint(index - 1, column, padded);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** How long ago, in the largest unit that fits. */
export function toAge(iso: string, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(iso)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
