import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { numberAt, recordAt, textsAt, valueAt } from '../json.ts';
import { createPod, deletePod, isActive, isAvailable, isReady, listActivePods, toReplicas } from './children.ts';
import type { Sync, World } from './world.ts';

/** Deployments and Rollouts mark their ReplicaSets in the same way, each under names of its own. */
const MARKS = {
  Deployment: {
    hash: 'pod-template-hash',
    revision: 'deployment.kubernetes.io/revision',
    component: 'deployment-controller',
  },
  Rollout: {
    hash: 'rollouts-pod-template-hash',
    revision: 'rollout.argoproj.io/revision',
    component: 'rollouts-controller',
  },
} as const;

function toMarks(owner: Pick<LiveObject, 'kind'>): (typeof MARKS)[keyof typeof MARKS] {
  return owner.kind === 'Rollout' ? MARKS.Rollout : MARKS.Deployment;
}

/** The hash of the template a ReplicaSet was made from. */
export function toSetHash(set: LiveObject): string {
  return set.metadata.labels?.[MARKS.Deployment.hash] ?? set.metadata.labels?.[MARKS.Rollout.hash] ?? '';
}

/** Keeps as many pods as the ReplicaSet asks for and reports how they are. */
export const syncReplicaSet: Sync = (world, set) => {
  if (!isActive(set)) return;
  const replicas = toReplicas(set);
  const template = valueAt(set, 'spec', 'template');
  let pods = listActivePods(world, set);
  let refused = false;
  for (let missing = replicas - pods.length; missing > 0 && !refused; missing -= 1) {
    refused = createPod(world, set, template, {}) === undefined;
  }
  // Pods that are not ready go first, then the youngest.
  const doomed = pods
    .toSorted((a, b) => Number(isReady(a)) - Number(isReady(b)))
    .slice(0, Math.max(0, pods.length - replicas));
  for (const pod of doomed) deletePod(world, set, pod);
  pods = listActivePods(world, set);
  const minReadySeconds = numberAt(set, 'spec', 'minReadySeconds') ?? 0;
  world.cluster.setStatus(toObjectRef(set), {
    replicas: pods.length,
    fullyLabeledReplicas: pods.length,
    readyReplicas: pods.filter(isReady).length,
    availableReplicas: pods.filter((pod) => isAvailable(world, set, pod, minReadySeconds)).length,
    observedGeneration: set.metadata.generation ?? 1,
    ...(refused ? { conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }] } : {}),
  });
};

export function listReplicaSets(world: World, owner: LiveObject): LiveObject[] {
  return world.cluster.childrenOf(owner.metadata.uid).filter((set) => set.kind === 'ReplicaSet' && isActive(set));
}

/** A ReplicaSet of this template with no pods yet, at the next revision. */
export function createReplicaSet(world: World, owner: LiveObject, template: unknown, hash: string): LiveObject {
  const labels = { ...textsAt(template, 'metadata', 'labels'), [toMarks(owner).hash]: hash };
  const minReadySeconds = numberAt(owner, 'spec', 'minReadySeconds');
  return world.cluster.create(
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${owner.metadata.name}-${hash}`,
        namespace: owner.metadata.namespace ?? '',
        labels,
        annotations: { [toMarks(owner).revision]: String(nextRevision(world, owner)) },
      },
      spec: {
        replicas: 0,
        ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
        selector: { matchLabels: labels },
        template: { ...recordAt(template), metadata: { ...recordAt(template, 'metadata'), labels } },
      },
      status: { replicas: 0, observedGeneration: 1 },
    },
    owner,
  );
}

/** An old ReplicaSet whose template is wanted again becomes the newest revision. */
export function renewRevision(world: World, owner: LiveObject, set: LiveObject): void {
  if (toRevision(set) === nextRevision(world, owner) - 1) return;
  const revision = String(nextRevision(world, owner));
  world.cluster.update(toObjectRef(set), (live) => ({
    ...live,
    metadata: { ...live.metadata, annotations: { ...live.metadata.annotations, [toMarks(owner).revision]: revision } },
  }));
}

export function toRevision(set: LiveObject): number {
  return Number(
    set.metadata.annotations?.[MARKS.Deployment.revision] ?? set.metadata.annotations?.[MARKS.Rollout.revision] ?? '0',
  );
}

function nextRevision(world: World, owner: LiveObject): number {
  return 1 + Math.max(0, ...listReplicaSets(world, owner).map(toRevision));
}

export function scaleReplicaSet(world: World, owner: LiveObject, set: LiveObject, replicas: number): void {
  const before = toReplicas(set);
  if (before === replicas) return;
  const direction = replicas > before ? 'up' : 'down';
  const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`;
  world.cluster.events.record(owner, 'Normal', 'ScalingReplicaSet', message, toMarks(owner).component);
  world.cluster.update(toObjectRef(set), (live) => ({ ...live, spec: { ...recordAt(live, 'spec'), replicas } }));
}

/** What the set reports, never more than it is asked for: its report may be older than the last scaling. */
export function toCounts(set: LiveObject): { replicas: number; ready: number; available: number } {
  const wanted = toReplicas(set);
  const count = (field: string) => Math.min(wanted, numberAt(set, 'status', field) ?? 0);
  return { replicas: count('replicas'), ready: count('readyReplicas'), available: count('availableReplicas') };
}
