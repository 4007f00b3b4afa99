import { toObjectRef } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import { toPredicted } from '../argo/compare.ts';
import { toVersion } from '../cluster/live-object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { recordAt, textsAt } from '../json.ts';

/** One object as `managed-resources` shows it: four JSON texts to be compared. */
export function toManagedResource(target: ManifestObject | undefined, live: LiveObject | undefined, modified: boolean) {
  const object = target ?? live;
  const ref = object === undefined ? { group: '', kind: '', namespace: '', name: '' } : toObjectRef(object);
  const text = (value: unknown) => (value === undefined ? 'null' : JSON.stringify(hideSecrets(value)));
  const predicted = target === undefined ? undefined : toPredicted(target, live);
  return {
    ...(ref.group === '' ? {} : { group: ref.group }),
    kind: ref.kind,
    ...(ref.namespace === '' ? {} : { namespace: ref.namespace }),
    name: ref.name,
    version: object === undefined ? '' : toVersion(object.apiVersion),
    targetState: text(target),
    liveState: text(live),
    normalizedLiveState: text(live),
    predictedLiveState: text(predicted),
    ...(live === undefined ? {} : { resourceVersion: live.metadata.resourceVersion }),
    ...(modified ? { modified } : {}),
  };
}

/** Values of Secrets never leave the server. */
export function hideSecrets(value: unknown): unknown {
  if (recordAt(value)['kind'] !== 'Secret') return value;
  const mask = (field: string) => {
    const data = textsAt(value, field);
    return Object.keys(data).length === 0
      ? {}
      : { [field]: Object.fromEntries(Object.keys(data).map((key) => [key, '++++++++'])) };
  };
  return { ...recordAt(value), ...mask('data'), ...mask('stringData') };
}
