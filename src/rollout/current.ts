import type { RolloutStrategy } from '../cdk8s/edit-kinds.ts';
import { findField } from '../manifest/fields.ts';
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
 * What has to be live before a new version can be deployed by a strategy. `side_by_side`: a Rollout with pods of its own
 * beside the Deployment's. `hand_over`: the Deployment's pods go, now that the Rollout's serve. Each is a change of its
 * own: the first revision of a Rollout skips its steps, and one change for both would leave the service short of pods.
 */
export type Preparation = 'side_by_side' | 'hand_over';

export function findPreparation(
  objects: readonly ManifestObject[],
  wanted: 'direct' | 'canary' | 'blue_green',
): Preparation | undefined {
  const current = findStrategy(objects);
  if (wanted === 'direct' || current === undefined) return undefined;
  if (current !== wanted) return 'side_by_side';
  const workloads = toWorkloads([...objects]);
  const rollout = workloads.find(({ kind }) => kind === 'Rollout');
  const target = rollout?.workloadRef;
  if (rollout === undefined || target === undefined) return undefined;
  const deployment = workloads.find(({ kind, name }) => kind === target.kind && name === target.name);
  const keepsPods = findField(rollout.object, 'spec', 'workloadRef', 'scaleDown') === 'never';
  return keepsPods && deployment !== undefined && deployment.replicas !== 0 ? 'hand_over' : undefined;
}
