import type { SourceModule } from './module.ts';

/**
 * Source text to be written: an expression as it stands, an object literal or an array literal. A key that begins with
 * `//` is a comment line of the object.
 */
export type Code = string | { object: readonly (readonly [key: string, value: Code])[] } | { array: readonly Code[] };

/** How a file is written, so that what is added looks as if it had been there. */
export interface Style {
  unit: string;
  quote: "'" | '"';
}

const WIDTH = 120;

export function findStyle(module: SourceModule): Style {
  const unit = /^([ \t]+)\S/m.exec(module.text)?.[1] ?? '  ';
  const single = module.text.split("'").length;
  const double = module.text.split('"').length;
  return { unit: unit.startsWith('\t') ? '\t' : unit.length > 4 ? '  ' : unit, quote: double > single ? '"' : "'" };
}

/** A string literal in the file's quotes; strings with that quote inside keep JSON's escapes. */
export function toStringCode(text: string, style: Style): string {
  const json = JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
  if (style.quote === '"') return json;
  // As prettier does: the other quote when that saves escapes.
  if (text.includes("'") && !text.includes('"')) return json;
  return `'${json.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

export function toKeyCode(key: string, style: Style): string {
  // Written plainly, this one would set the prototype of the object.
  if (key === '__proto__') return `[${toStringCode(key, style)}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : toStringCode(key, style);
}

/** `indent` is the indentation of the line the code starts on, `used` how much of that line is taken. */
export function printCode(code: Code, style: Style, indent = '', used = 0): string {
  const line = printLine(code, style);
  const short = indent.length + used + line.length <= WIDTH - 20 && !hasComment(code);
  if (typeof code === 'string' || short) return line;
  const inner = indent + style.unit;
  const [open, close, items] =
    'object' in code
      ? ['{', '}', code.object.map(([key, value]) => printProperty(key, value, style, inner))]
      : ['[', ']', code.array.map((item) => printCode(item, style, inner))];
  return `${open}\n${items.map((item) => `${inner}${item}${item.startsWith('//') ? '' : ','}\n`).join('')}${indent}${close}`;
}

export function printProperty(key: string, value: Code, style: Style, indent: string): string {
  if (key.startsWith('//')) return key;
  const name = toKeyCode(key, style);
  return value === key ? name : `${name}: ${printCode(value, style, indent, name.length + 2)}`;
}

function hasComment(code: Code): boolean {
  if (typeof code === 'string') return false;
  if ('array' in code) return code.array.some(hasComment);
  return code.object.some(([key, value]) => key.startsWith('//') || hasComment(value));
}

function printLine(code: Code, style: Style): string {
  if (typeof code === 'string') return code;
  if ('array' in code) return `[${code.array.map((item) => printLine(item, style)).join(', ')}]`;
  if (code.object.length === 0) return '{}';
  return `{ ${code.object.map(([key, value]) => (value === key && key !== '__proto__' ? key : `${toKeyCode(key, style)}: ${printLine(value, style)}`)).join(', ')} }`;
}

/** A plain value as code. */
export function toCode(value: unknown, style: Style): Code {
  if (typeof value === 'string') return toStringCode(value, style);
  if (Array.isArray(value)) return { array: value.map((item) => toCode(item, style)) };
  if (typeof value === 'object' && value !== null)
    return { object: Object.entries(value).map(([key, field]) => [key, toCode(field, style)] as const) };
  return String(value);
}
