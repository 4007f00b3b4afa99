import type { RolloutStrategy } from '../cdk8s/edit-kinds.ts';
import type { ManifestObject } from '../manifest/object.ts';
import { toWorkloads } from '../manifest/workload.ts';

/**
 * How new pods of a service take over now, as rendered: by its Rollout where it has one, else as its Deployment says.
 * Undefined for a service that has neither, such as a StatefulSet.
 */
export function findStrategy(objects: readonly ManifestObject[]): RolloutStrategy | undefined {
  const workloads = toWorkloads([...objects]);
  const rollout = workloads.find(({ kind }) => kind === 'Rollout');
  if (rollout !== undefined) return rollout.strategy === 'blueGreen' ? 'blue_green' : 'canary';
  const deployment = workloads.find(({ kind }) => kind === 'Deployment');
  if (deployment === undefined) return undefined;
  return deployment.strategy === 'Recreate' ? 'recreate' : 'rolling_update';
}

/**
 * Whether a service has to be brought to a strategy before a new version is deployed by it. The first revision of a
 * Rollout skips its steps, so a service that becomes a Rollout together with its new version would get no canary at all.
 */
export function needsPreparation(
  objects: readonly ManifestObject[],
  wanted: 'direct' | 'canary' | 'blue_green',
): boolean {
  const current = findStrategy(objects);
  return wanted !== 'direct' && current !== undefined && current !== wanted;
}
