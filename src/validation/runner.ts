import { toRefKey } from '../manifest/object.ts';
import type { ManifestObject, ObjectChange, ObjectRef } from '../manifest/object.ts';
import { findWorkload, toWorkloads } from '../manifest/workload.ts';
import type { Workload } from '../manifest/workload.ts';

/**
 * The Rollout that runs the pods a Deployment only describes: it names the Deployment, wants pods, and did so before the
 * change. One that comes with the change has none ready yet, so whoever counts on it would be without pods meanwhile.
 */
export function findRunner(
  { kind, namespace, name }: ObjectRef,
  changes: readonly ObjectChange[],
  after: readonly ManifestObject[],
): Workload | undefined {
  if (kind !== 'Deployment') return undefined;
  const runs = (workload: Workload | undefined) =>
    workload !== undefined &&
    workload.kind === 'Rollout' &&
    workload.namespace === namespace &&
    workload.replicas !== 0 &&
    workload.workloadRef?.kind === kind &&
    workload.workloadRef.name === name;
  return toWorkloads(after).find((workload) => {
    if (!runs(workload)) return false;
    const change = changes.find((one) => toRefKey(one.ref) === toRefKey(workload.ref));
    return change === undefined || (change.before !== undefined && runs(findWorkload(change.before)));
  });
}
