import { findField, toList, toRecords, toText } from '../../manifest/fields.ts';
import { toObjectRef, toRefKey, toRefLabel } from '../../manifest/object.ts';
import type { ManifestObject, ObjectRef } from '../../manifest/object.ts';
import type { SetCheck } from '../change.ts';
import type { Finding } from '../finding.ts';

/** Two objects of one name, and two Ingresses that claim the same address. */
export const collisionsCheck: SetCheck = {
  name: 'collisions',
  inspect: (objects) => [...listDuplicates(objects), ...listHostCollisions(objects)],
};

function listDuplicates(objects: readonly ManifestObject[]): Finding[] {
  const counts = new Map<string, { ref: ObjectRef; count: number }>();
  for (const object of objects) {
    const ref = toObjectRef(object);
    counts.set(toRefKey(ref), { ref, count: (counts.get(toRefKey(ref))?.count ?? 0) + 1 });
  }
  return [...counts.values()]
    .filter(({ count }) => count > 1)
    .map(({ ref, count }) => ({
      check: 'collisions',
      severity: 'error',
      object: ref,
      message: `${toRefLabel(ref)} is rendered ${count} times; which one wins is left to chance, and two Applications would fight over it.`,
      fix: 'Keep one, or give them different names.',
    }));
}

function listHostCollisions(objects: readonly ManifestObject[]): Finding[] {
  const claims = new Map<string, ObjectRef[]>();
  for (const object of objects) {
    if (object.kind !== 'Ingress') continue;
    const ingressClass = toText(findField(object, 'spec', 'ingressClassName')) ?? '';
    for (const rule of toRecords(findField(object, 'spec', 'rules')))
      for (const path of toList(findField(rule, 'http', 'paths'))) {
        const key = [ingressClass, toText(rule['host']) ?? '*', toText(findField(path, 'path')) ?? '/'].join(' ');
        claims.set(key, [...(claims.get(key) ?? []), toObjectRef(object)]);
      }
  }
  return [...claims].flatMap(([key, refs]) => {
    const [, host = '', path = ''] = key.split(' ');
    const [first, ...others] = refs;
    if (first === undefined) return [];
    return others.map((ref) => ({
      check: 'collisions',
      severity: 'error' as const,
      object: ref,
      field: `spec.rules[${host}]`,
      message: `${toRefLabel(ref)} claims ${host}${path}, and so does ${toRefKey(first) === toRefKey(ref) ? 'another of its rules' : toRefLabel(first)}; one of the two gets no traffic.`,
      fix: 'Use another host or path.',
    }));
  });
}
