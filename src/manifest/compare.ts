import { isDeepStrictEqual } from 'node:util';
import { toFieldPath, toRecord, toText } from './fields.ts';
import type { FieldChange } from './object.ts';

// What tells the items of a list apart, by falling preference: the merge keys of Kubernetes' own API.
const ITEM_KEYS = ['name', 'mountPath', 'containerPort', 'port', 'host', 'path', 'key', 'ip', 'topologyKey'] as const;

/** The fields that differ, in document order. A field only one side has is one change, however much stands below it. */
export function compareFields(before: unknown, after: unknown, path = ''): FieldChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  const left = toRecord(before);
  const right = toRecord(after);
  if (left !== undefined && right !== undefined) {
    const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
    const get = (record: Record<string, unknown>, key: string) =>
      Object.hasOwn(record, key) ? record[key] : undefined;
    return [...keys].flatMap((key) => compareFields(get(left, key), get(right, key), toFieldPath(path, key)));
  }
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(before, after, path);
  return [{ path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}

function compareLists(left: unknown[], right: unknown[], path: string): FieldChange[] {
  const key = ITEM_KEYS.find((candidate) => isKeyedBy(left, candidate) && isKeyedBy(right, candidate));
  if (key === undefined) {
    const length = Math.max(left.length, right.length);
    return Array.from({ length }, (_, index) => index).flatMap((index) =>
      compareFields(left[index], right[index], `${path}[${index}]`),
    );
  }
  const before = new Map(left.map((item) => [toItemName(item, key) ?? '', item]));
  const after = new Map(right.map((item) => [toItemName(item, key) ?? '', item]));
  const names = new Set([...before.keys(), ...after.keys()]);
  const changes = [...names].flatMap((name) => compareFields(before.get(name), after.get(name), `${path}[${name}]`));
  const order = [...before.keys()].filter((name) => after.has(name));
  const newOrder = [...after.keys()].filter((name) => before.has(name));
  // Init containers run in their order, and a variable may only use those above it: a new order is a change.
  if (!isDeepStrictEqual(order, newOrder)) changes.push({ path: `${path}[order]`, before: order, after: newOrder });
  return changes;
}

function isKeyedBy(list: unknown[], key: string): boolean {
  const names = list.map((item) => toItemName(item, key));
  return names.every((name) => name !== undefined) && new Set(names).size === names.length;
}

function toItemName(item: unknown, key: string): string | undefined {
  const value = toRecord(item)?.[key];
  return typeof value === 'number' ? String(value) : toText(value);
}
