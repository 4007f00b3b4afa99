// Manifests come from other people's code, so no shape may be taken for granted: these turn "whatever stands there" into
// something safe to walk, with nothing rather than an exception where the shape is wrong.

/** The value as a plain object, or undefined when it is anything else. */
export function toRecord(value: unknown): Record<string, unknown> | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  return value as Record<string, unknown>;
}

/** The value as a list; anything else is an empty list. */
export function toList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The objects of a list; other items are left out. */
export function toRecords(value: unknown): Record<string, unknown>[] {
  return toList(value).flatMap((item) => {
    const record = toRecord(item);
    return record === undefined ? [] : [record];
  });
}

/** The value as a string, or undefined. */
export function toText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The value as a finite number, or undefined. */
export function toNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The string values of a map such as labels; other values are left out. */
export function toStringMap(value: unknown): Record<string, string> {
  const entries = Object.entries(toRecord(value) ?? {});
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** Follows plain field names; undefined where a step is missing or not an object. */
export function findField(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    const record = toRecord(current);
    if (record === undefined || !Object.hasOwn(record, key)) return undefined;
    current = record[key];
  }
  return current;
}

/** Extends a dotted path by a field name; names that hold dots or slashes stand in brackets. */
export function toFieldPath(parent: string, key: string): string {
  if (!/^[\w-]+$/.test(key)) return `${parent}[${key}]`;
  return parent === '' ? key : `${parent}.${key}`;
}
