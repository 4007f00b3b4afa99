import { isDeepStrictEqual } from 'node:util';
import { compareFields } from '../manifest/compare.ts';
import { toRecord } from '../manifest/fields.ts';
import { isSecretObject } from '../manifest/mask.ts';
import { toObjectRef, toRefKey } from '../manifest/object.ts';
import type { ManifestObject, ObjectRef } from '../manifest/object.ts';
import { ArgoError } from './error.ts';
import type { Application, ArgoSettings } from './schema.ts';

// Whether two renderings of one commit come to the same objects: the plan's, and Argo CD's.

/** One way in which Argo CD's rendering is not the plan's. Values are never part of it where they may be secret. */
export type RenderDifference =
  | { kind: 'only_planned' | 'only_rendered'; ref: ObjectRef }
  | { kind: 'field'; ref: ObjectRef; path: string; planned: unknown; rendered: unknown };

/** What Argo CD adds to the objects of an Application by itself. */
export interface RenderingMarks {
  /** Where objects go that name no namespace. */
  destinationNamespace: string;
  /** The label it writes the Application's name into, over whatever was there; undefined where it marks by annotation alone. */
  labelKey: string | undefined;
}

const MARKS = ['argocd.argoproj.io/tracking-id', 'argocd.argoproj.io/installation-id'];
const DEFAULT_LABEL = 'app.kubernetes.io/instance';

/** How Argo CD marks what belongs to an Application. Servers before 3.0 say nothing and mean the label. */
export function toRenderingMarks(
  application: Application,
  { trackingMethod, appLabelKey }: ArgoSettings,
): RenderingMarks {
  return {
    destinationNamespace: application.spec.destination?.namespace ?? '',
    labelKey: trackingMethod === 'annotation' ? undefined : appLabelKey === '' ? DEFAULT_LABEL : appLabelKey,
  };
}

/** @throws ArgoError `unreadable` for an answer that holds something else than objects */
export function compareRenderings(
  planned: readonly ManifestObject[],
  rendered: readonly string[],
  marks: RenderingMarks,
): RenderDifference[] {
  const left = toEntries(planned, marks);
  const right = toEntries(rendered.map(parseRendered), marks);
  return [...new Set([...left.keys(), ...right.keys()])].sort().flatMap((key): RenderDifference[] => {
    const [ours, theirs] = [left.get(key), right.get(key)];
    if (ours === undefined) return theirs === undefined ? [] : [{ kind: 'only_rendered', ref: theirs.ref }];
    const { ref } = ours;
    if (theirs === undefined) return [{ kind: 'only_planned', ref }];
    const fields = compareFields(ours.plain, theirs.plain);
    return fields.map(({ path, before, after }) => ({ kind: 'field', ref, path, planned: before, rendered: after }));
  });
}

/** Those of `now` that were exactly so before: the same object, the same field, the same values. */
export function listStanding(
  before: readonly RenderDifference[],
  now: readonly RenderDifference[],
): Set<RenderDifference> {
  return new Set(now.filter((one) => before.some((old) => isDeepStrictEqual(old, one))));
}

function parseRendered(text: string): ManifestObject {
  try {
    const object = toRecord(JSON.parse(text) as unknown);
    const { apiVersion, kind } = object ?? {};
    const name = toRecord(object?.['metadata'])?.['name'];
    if (typeof apiVersion === 'string' && typeof kind === 'string' && typeof name === 'string')
      return object as unknown as ManifestObject;
  } catch (error) {
    throw new ArgoError('unreadable', 'read what Argo CD renders', 'a manifest is not JSON', { cause: error });
  }
  throw new ArgoError('unreadable', 'read what Argo CD renders', 'a manifest is no Kubernetes object');
}

interface Entry {
  /** As the object itself says. */
  ref: ObjectRef;
  plain: ManifestObject;
}

/** Of two objects with one name the later one is what a cluster would end up with. */
function toEntries(objects: readonly ManifestObject[], marks: RenderingMarks): Map<string, Entry> {
  return new Map(
    objects.map((object) => {
      const plain = toPlain(object, marks);
      return [toRefKey(toObjectRef(plain)), { ref: toObjectRef(object), plain }];
    }),
  );
}

/** The object without what says nothing about it: marks of Argo CD, its own namespace, empty fields, values of Secrets. */
function toPlain(object: ManifestObject, marks: RenderingMarks): ManifestObject {
  const { annotations, labels, namespace, ...metadata } = object.metadata;
  const isSecret = isSecretObject(object);
  const keptAnnotations = pick(annotations, (key) => !MARKS.includes(key));
  const keptLabels = pick(labels, (key) => key !== marks.labelKey);
  const plain = dropNulls({
    ...(isSecret ? toKeysOnly(object) : object),
    metadata: {
      ...metadata,
      ...(namespace === undefined || namespace === marks.destinationNamespace ? {} : { namespace }),
      ...(keptAnnotations === undefined ? {} : { annotations: isSecret ? toNames(keptAnnotations) : keptAnnotations }),
      ...(keptLabels === undefined ? {} : { labels: keptLabels }),
    },
  });
  return plain as ManifestObject;
}

function pick(
  map: Readonly<Record<string, unknown>> | undefined,
  isKept: (key: string) => boolean,
): Record<string, unknown> | undefined {
  const kept = Object.entries(map ?? {}).filter(([key]) => isKept(key));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** Argo CD masks values, and writes what stands under `stringData` as `data`: what is left to compare is which keys there are. */
function toKeysOnly(secret: ManifestObject): ManifestObject {
  const { data, stringData, ...rest } = secret;
  const names = toNames({ ...toRecord(data), ...toRecord(stringData) });
  return Object.keys(names).length === 0 ? rest : { ...rest, data: names };
}

function toNames(map: Readonly<Record<string, unknown>>): Record<string, true> {
  return Object.fromEntries(Object.keys(map).map((key) => [key, true]));
}

/** A field that is null is one that is not there, as for Kubernetes. */
function dropNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropNulls);
  const record = toRecord(value);
  if (record === undefined) return value;
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, field]) => (field === null ? [] : [[key, dropNulls(field)]])),
  );
}
