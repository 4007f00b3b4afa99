import type { SchemaValidator } from './models.ts';

interface Reading {
  value: Record<string, unknown>;
  /** JSON pointer of the object in its manifest. */
  path: string;
  names: Set<string>;
}

export interface UnknownField {
  path: string;
  name: string;
  /** Every field the schema has at this place. */
  known: string[];
}

/**
 * Runs a validator and reports the fields it never looked at. The schemas are only shipped compiled, without a list of
 * their fields; but a compiled validator asks every object for each field its schema has, so what it asked for is that list.
 * Of a map such as labels it asks every key there is, and an object it asks nothing of is free-form.
 */
export function validateAndWatch(
  validate: SchemaValidator,
  value: object,
): { faults: ReturnType<SchemaValidator>; unknown: UnknownField[] } {
  const readings: Reading[] = [];
  const faults = validate(toWatched(value, '', readings));
  const unknown = readings
    .filter((reading) => reading.names.size > 0)
    .flatMap((reading) =>
      Object.keys(reading.value)
        .filter((name) => !reading.names.has(name))
        .map((name) => ({ path: reading.path, name, known: [...reading.names].sort() })),
    );
  return { faults, unknown };
}

function toWatched(value: object, path: string, readings: Reading[]): object {
  const reading: Reading = { value: Object.fromEntries(Object.entries(value)), path, names: new Set() };
  if (!Array.isArray(value)) readings.push(reading);
  const children = new Map<string, object>();
  return new Proxy(value, {
    get(target, key) {
      const child: unknown = Reflect.get(target, key);
      if (typeof key === 'symbol') return child;
      reading.names.add(key);
      if (child === null || typeof child !== 'object') return child;
      const known = children.get(key);
      if (known !== undefined) return known;
      const watched = toWatched(child, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, readings);
      children.set(key, watched);
      return watched;
    },
  });
}
