import { toObjectRef } from '../../manifest/object.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { isSameJson } from '../json.ts';
import type { Timeline } from '../timeline.ts';
import { CASCADE_FINALIZER } from './application.ts';
import { TRACKING_ANNOTATION } from './manifests.ts';
import { LAST_APPLIED_ANNOTATION } from './compare.ts';
import type { Registry } from './registry.ts';
import { applicationSchema } from './application-schema.ts';

/** Applications that other Applications deploy: what is applied to the cluster as such an object becomes one. */
export function followChildApplications(cluster: Cluster, registry: Registry, timeline: Timeline): () => void {
  return cluster.onChange(({ type, object }) => {
    if (object.kind !== 'Application' || toObjectRef(object).group !== 'argoproj.io') return;
    const id = { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
    if (type === 'deleted' || object.metadata.deletionTimestamp !== undefined) {
      registry.update(id, (current) => ({
        ...current,
        metadata: { ...current.metadata, deletionTimestamp: current.metadata.deletionTimestamp ?? timeline.stamp() },
      }));
      return;
    }
    const parsed = applicationSchema.safeParse(withoutMarks(object));
    if (!parsed.success) return;
    const { metadata, spec } = parsed.data;
    const existing = registry.find(id);
    if (existing === undefined) registry.create({ metadata: { ...metadata, ...id }, spec });
    else if (!isSameJson(existing.spec, spec)) registry.update(id, (current) => ({ ...current, spec }));
  });
}

function withoutMarks(object: LiveObject): unknown {
  const {
    [TRACKING_ANNOTATION]: _tracking,
    [LAST_APPLIED_ANNOTATION]: _applied,
    ...annotations
  } = object.metadata.annotations ?? {};
  const { finalizers = [CASCADE_FINALIZER], ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, finalizers, annotations } };
}
