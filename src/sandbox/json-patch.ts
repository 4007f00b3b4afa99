import { isRecord, isSameJson } from './json.ts';

/** What cannot be applied, in a sentence. */
export class JsonPatchError extends Error {}

interface Change {
  op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  path: string;
  from?: string;
  value?: unknown;
}

/** JSON patch (RFC 6902) of plain JSON; the document given stays as it is. Throws JsonPatchError. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new JsonPatchError('a JSON patch is a list of operations');
  return patch.map(toChange).reduce(applyChange, document);
}

function toChange(value: unknown): Change {
  const { op, path, from } = isRecord(value) ? value : {};
  if (typeof op !== 'string' || typeof path !== 'string') throw new JsonPatchError('an operation needs op and path');
  if (from !== undefined && typeof from !== 'string') throw new JsonPatchError('from is not a path');
  switch (op) {
    case 'add':
    case 'remove':
    case 'replace':
    case 'move':
    case 'copy':
    case 'test':
      return { op, path, ...(from === undefined ? {} : { from }), value: isRecord(value) ? value['value'] : undefined };
    default:
      throw new JsonPatchError(`unknown operation: ${op}`);
  }
}

function applyChange(document: unknown, change: Change): unknown {
  const path = toSegments(change.path);
  switch (change.op) {
    case 'add':
      return put(document, path, change.value, 'add');
    case 'replace':
      get(document, path);
      return put(document, path, change.value, 'replace');
    case 'remove':
      get(document, path);
      return remove(document, path);
    case 'test':
      if (!isSameJson(get(document, path), change.value)) throw new JsonPatchError(`test failed at ${change.path}`);
      return document;
    case 'copy':
      return put(document, path, get(document, toSegments(change.from ?? '')), 'add');
    case 'move': {
      const from = toSegments(change.from ?? '');
      return put(remove(document, from), path, get(document, from), 'add');
    }
  }
}

function toSegments(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw new JsonPatchError(`not a path: ${pointer}`);
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function get(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (Array.isArray(value) && /^\d+$/.test(key) && Number(key) < value.length) return value[Number(key)] as unknown;
    if (isRecord(value) && Object.hasOwn(value, key)) return value[key];
    throw new JsonPatchError(`nothing is at /${path.join('/')}`);
  }, document);
}

function put(document: unknown, [key, ...rest]: string[], value: unknown, how: 'add' | 'replace'): unknown {
  if (key === undefined) return value;
  const next = (child: unknown) => (rest.length === 0 ? value : put(child, rest, value, how));
  if (Array.isArray(document)) {
    const index = key === '-' ? document.length : Number(key);
    if (!Number.isInteger(index) || index < 0 || index > document.length)
      throw new JsonPatchError(`no place ${key} in a list of ${document.length}`);
    const replaced = rest.length > 0 || how === 'replace' ? 1 : 0;
    return document.toSpliced(index, replaced, next(document[index]));
  }
  if (!isRecord(document)) throw new JsonPatchError(`${key} is looked for in something that has no fields`);
  const own = Object.hasOwn(document, key) ? document[key] : undefined;
  return Object.fromEntries([...Object.entries(document).filter(([name]) => name !== key), [key, next(own)]]);
}

function remove(document: unknown, [key, ...rest]: string[]): unknown {
  if (key === undefined) return undefined;
  if (Array.isArray(document)) {
    const index = Number(key);
    return rest.length === 0 ? document.toSpliced(index, 1) : document.with(index, remove(document[index], rest));
  }
  if (!isRecord(document)) return document;
  return Object.fromEntries(
    Object.entries(document).flatMap(([name, field]) => {
      if (name !== key) return [[name, field]];
      return rest.length === 0 ? [] : [[name, remove(field, rest)]];
    }),
  );
}
