import { listSettings } from './keys.ts';
import type { LoadedConfig } from './load.ts';
import type { Setting } from './setting.ts';

/** The effective configuration for people (`text`, an aligned table) and for programs (`json`); secrets are masked in both. */
export function describeConfig(loaded: LoadedConfig): { text: string; json: LoadedConfig['provenance'] } {
  const rows = loaded.provenance.map(({ key, value, source }) => [key, toCell(value), source]);
  return { text: toTable([['SETTING', 'VALUE', 'FROM'], ...rows]), json: loaded.provenance };
}

/** Every setting as a row of a Markdown table: key, variable, default, what is allowed, what it is for. */
export function toConfigReference(): string {
  const rows = listSettings().map(({ key, variable, setting }) => [
    `\`${key}\``,
    `\`${variable}\``,
    setting.default === null ? '' : `\`${JSON.stringify(setting.default)}\``,
    setting.allowed,
    `${setting.doc}${toSecrecy(setting.sensitive)}`,
  ]);
  const lines = [['Key', 'Variable', 'Default', 'Allowed', 'Meaning'], ['-', '-', '-', '-', '-'], ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}

function toSecrecy(sensitive: Setting<unknown>['sensitive']): string {
  switch (sensitive) {
    case 'all':
      return ' Never shown.';
    case 'url':
      return ' Shown without the password in it.';
    case 'fields':
    case undefined:
      return '';
  }
}

function toCell(value: unknown): string {
  if (value === null) return '(not set)';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function toTable(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1].map((column) => Math.min(60, Math.max(...rows.map((row) => row[column]?.length ?? 0))));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
