import { toRecord } from './fields.ts';
import type { ManifestObject } from './object.ts';

const MASKED = '[redacted]';
const MASKED_NEW = '[redacted: changed]';
// kubectl keeps a copy of the whole object here, the Secret's values included.
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Whether the object holds values that no difference, event or prompt may show. */
export function isSecretObject(object: ManifestObject): boolean {
  return object.kind === 'Secret' && (object.apiVersion === 'v1' || !object.apiVersion.includes('/'));
}

/** Two versions of an object for display: the values of a Secret are masked so that one still sees which of them changed. */
export function maskSecretPair(
  before: ManifestObject | undefined,
  after: ManifestObject | undefined,
): { before: ManifestObject | undefined; after: ManifestObject | undefined } {
  return {
    before: before && isSecretObject(before) ? maskObject(before, undefined) : before,
    after: after && isSecretObject(after) ? maskObject(after, before) : after,
  };
}

function maskObject(object: ManifestObject, previous: ManifestObject | undefined): ManifestObject {
  const masked: ManifestObject = { ...object };
  for (const field of ['data', 'stringData']) {
    if (!Object.hasOwn(object, field) || object[field] === null) continue;
    masked[field] = maskValues(object[field], previous === undefined ? undefined : toRecord(previous[field]));
  }
  const annotations = object.metadata.annotations;
  if (annotations && Object.hasOwn(annotations, LAST_APPLIED))
    masked.metadata = { ...object.metadata, annotations: { ...annotations, [LAST_APPLIED]: MASKED } };
  return masked;
}

function maskValues(values: unknown, previous: Record<string, unknown> | undefined): unknown {
  const record = toRecord(values);
  if (record === undefined) return MASKED;
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => {
      const isChanged = previous !== undefined && Object.hasOwn(previous, key) && previous[key] !== value;
      return [key, isChanged ? MASKED_NEW : MASKED];
    }),
  );
}
