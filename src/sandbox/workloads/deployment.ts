import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { toTemplateHash } from '../cluster/naming.ts';
import { booleanAt, numberAt, textAt, valueAt } from '../json.ts';
import { findCondition, isActive, toReplicas, toShare } from './children.ts';
import { keepTransitionTimes } from './pod-status.ts';
import {
  createReplicaSet,
  listReplicaSets,
  renewRevision,
  scaleReplicaSet,
  toCounts,
  toRevision,
  toSetHash,
} from './replica-sets.ts';
import type { Sync, World } from './world.ts';

/** Rolls a Deployment from its old ReplicaSets to the one of its template, and keeps the progress deadline. */
export const syncDeployment: Sync = (world, deployment) => {
  if (!isActive(deployment)) return;
  const template = valueAt(deployment, 'spec', 'template');
  const hash = toTemplateHash(template);
  const sets = listReplicaSets(world, deployment);
  const current = sets.find((set) => toSetHash(set) === hash);
  if (booleanAt(deployment, 'spec', 'paused') !== true) {
    if (current === undefined) {
      createReplicaSet(world, deployment, template, hash);
      world.headway.set(deployment.metadata.uid, { key: hash, atMs: world.timeline.now() });
    } else {
      renewRevision(world, deployment, current);
    }
    roll(world, deployment, hash);
    dropOldSets(world, deployment, hash);
  }
  publishStatus(world, deployment, hash);
};

function splitSets(world: World, deployment: LiveObject, hash: string) {
  const sets = listReplicaSets(world, deployment);
  const isNew = (set: LiveObject) => toSetHash(set) === hash;
  return { newSet: sets.find(isNew), oldSets: sets.filter((set) => !isNew(set)) };
}

function roll(world: World, deployment: LiveObject, hash: string): void {
  const { newSet, oldSets } = splitSets(world, deployment, hash);
  if (newSet === undefined) return;
  const replicas = toReplicas(deployment);
  if (textAt(deployment, 'spec', 'strategy', 'type') === 'Recreate') {
    for (const set of oldSets) scaleReplicaSet(world, deployment, set, 0);
    const left = oldSets.some((set) => world.cluster.childrenOf(set.metadata.uid).length > 0);
    if (!left) scaleReplicaSet(world, deployment, newSet, replicas);
    return;
  }
  const { maxSurge, maxUnavailable } = toLimits(deployment);
  const total = [newSet, ...oldSets].reduce((sum, set) => sum + toReplicas(set), 0);
  const wanted = toReplicas(newSet);
  if (wanted > replicas) scaleReplicaSet(world, deployment, newSet, replicas);
  else
    scaleReplicaSet(world, deployment, newSet, Math.min(replicas, wanted + Math.max(0, replicas + maxSurge - total)));
  shrinkOld(world, deployment, hash, replicas - maxUnavailable);
}

/** Takes old pods away as far as enough others are available; those that do not work anyway go first. */
function shrinkOld(world: World, deployment: LiveObject, hash: string, minAvailable: number): void {
  const { newSet, oldSets } = splitSets(world, deployment, hash);
  if (newSet === undefined) return;
  const all = [newSet, ...oldSets];
  const newUnavailable = toReplicas(newSet) - toCounts(newSet).available;
  let room = all.reduce((sum, set) => sum + toReplicas(set), 0) - minAvailable - newUnavailable;
  const oldestFirst = oldSets.toSorted((a, b) => toRevision(a) - toRevision(b));
  for (const set of oldestFirst) {
    const cut = Math.min(room, toReplicas(set) - toCounts(set).available);
    if (cut <= 0) continue;
    room -= cut;
    scaleReplicaSet(world, deployment, set, toReplicas(set) - cut);
  }
  const again = splitSets(world, deployment, hash).oldSets.toSorted((a, b) => toRevision(a) - toRevision(b));
  let spare = [newSet, ...again].reduce((sum, set) => sum + toCounts(set).available, 0) - minAvailable;
  for (const set of again) {
    const cut = Math.min(spare, toReplicas(set));
    if (cut <= 0) continue;
    spare -= cut;
    scaleReplicaSet(world, deployment, set, toReplicas(set) - cut);
  }
}

function toLimits(deployment: LiveObject): { maxSurge: number; maxUnavailable: number } {
  const replicas = toReplicas(deployment);
  const limits = valueAt(deployment, 'spec', 'strategy', 'rollingUpdate');
  const maxSurge = toShare(valueAt(limits, 'maxSurge') ?? '25%', replicas, 'up');
  const maxUnavailable = toShare(valueAt(limits, 'maxUnavailable') ?? '25%', replicas, 'down');
  // Both zero would never move; Kubernetes then allows one to be away.
  return maxSurge === 0 && maxUnavailable === 0 ? { maxSurge, maxUnavailable: 1 } : { maxSurge, maxUnavailable };
}

function dropOldSets(world: World, deployment: LiveObject, hash: string): void {
  const limit = numberAt(deployment, 'spec', 'revisionHistoryLimit') ?? 10;
  const idle = splitSets(world, deployment, hash)
    .oldSets.filter((set) => toReplicas(set) === 0 && (numberAt(set, 'status', 'replicas') ?? 0) === 0)
    .toSorted((a, b) => toRevision(a) - toRevision(b));
  for (const set of idle.slice(0, Math.max(0, idle.length - limit))) world.cluster.delete(toObjectRef(set));
}

function publishStatus(world: World, deployment: LiveObject, hash: string): void {
  const { newSet, oldSets } = splitSets(world, deployment, hash);
  const sets = newSet === undefined ? oldSets : [newSet, ...oldSets];
  const sum = (field: 'replicas' | 'ready' | 'available') =>
    sets.reduce((total, set) => total + toCounts(set)[field], 0);
  const wanted = toReplicas(deployment);
  const counts = {
    replicas: sum('replicas'),
    updatedReplicas: newSet === undefined ? 0 : toCounts(newSet).replicas,
    readyReplicas: sum('ready'),
    availableReplicas: sum('available'),
    unavailableReplicas: Math.max(0, Math.max(wanted, sum('replicas')) - sum('available')),
  };
  const failing = sets.find((set) => findCondition(set, 'ReplicaFailure') !== undefined);
  const isComplete =
    counts.updatedReplicas === wanted && counts.replicas === wanted && counts.availableReplicas >= wanted;
  const { maxUnavailable } = toLimits(deployment);
  const isUp = counts.availableReplicas >= wanted - maxUnavailable;
  const conditions = [
    isUp
      ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
      : condition('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'),
    toProgressing(world, deployment, newSet, counts, isComplete),
    ...(failing === undefined
      ? []
      : [condition('ReplicaFailure', 'True', 'FailedCreate', toLastRefusal(world, failing))]),
  ];
  world.cluster.setStatus(toObjectRef(deployment), {
    observedGeneration: deployment.metadata.generation ?? 1,
    ...counts,
    conditions: keepTransitionTimes(conditions, deployment['status'], world.timeline.stamp()),
  });
}

function toProgressing(
  world: World,
  deployment: LiveObject,
  newSet: LiveObject | undefined,
  counts: Record<string, number>,
  isComplete: boolean,
) {
  const name = newSet?.metadata.name ?? '';
  const before = findCondition(deployment, 'Progressing');
  const { uid } = deployment.metadata;
  const doneMessage = `ReplicaSet "${name}" has successfully progressed.`;
  // Once a ReplicaSet has made it, losing pods later does not start the deadline again.
  const wasDone = before?.['reason'] === 'NewReplicaSetAvailable' && before['message'] === doneMessage;
  if (isComplete || wasDone) {
    world.headway.delete(uid);
    return condition('Progressing', 'True', 'NewReplicaSetAvailable', doneMessage);
  }
  const now = world.timeline.now();
  const key = `${name} ${counts['updatedReplicas']} ${counts['readyReplicas']} ${counts['availableReplicas']} ${counts['replicas']}`;
  const last = world.headway.get(uid);
  const wasTimedOut =
    before?.['reason'] === 'ProgressDeadlineExceeded' && String(before['message']).includes(`"${name}"`);
  if (last === undefined || (isAhead(key, last.key) && !wasTimedOut)) world.headway.set(uid, { key, atMs: now });
  else last.key = key;
  const deadlineMs =
    (numberAt(deployment, 'spec', 'progressDeadlineSeconds') ?? world.settings.progressDeadlineSeconds) * 1000;
  const leftMs = deadlineMs - world.timeline.toSimulated(now - (world.headway.get(uid)?.atMs ?? now));
  if (wasTimedOut || leftMs <= 0) {
    return condition(
      'Progressing',
      'False',
      'ProgressDeadlineExceeded',
      `ReplicaSet "${name}" has timed out progressing.`,
    );
  }
  world.requeue(toObjectRef(deployment), leftMs + 1);
  return condition('Progressing', 'True', 'ReplicaSetUpdated', `ReplicaSet "${name}" is progressing.`);
}

/** Another ReplicaSet, or more pods that are new, ready or available, or fewer that are old. */
function isAhead(key: string, lastKey: string): boolean {
  const [name, ...numbers] = key.split(' ');
  const [lastName, ...lastNumbers] = lastKey.split(' ');
  if (name !== lastName) return true;
  const [updated = 0, ready = 0, available = 0, total = 0] = numbers.map(Number);
  const [lastUpdated = 0, lastReady = 0, lastAvailable = 0, lastTotal = 0] = lastNumbers.map(Number);
  return (
    updated > lastUpdated || ready > lastReady || available > lastAvailable || total - updated < lastTotal - lastUpdated
  );
}

function toLastRefusal(world: World, set: LiveObject): string {
  const event = world.cluster.events.listFor(set.metadata.uid).findLast((other) => other.reason === 'FailedCreate');
  return (event?.message ?? '').replace(/^Error creating: /, '');
}

function condition(type: string, status: 'True' | 'False', reason: string, message: string) {
  return { type, status, reason, message };
}
