import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { isRecord, numberAt, valueAt } from '../json.ts';
import { listReplicaSets, toCounts, toRevision, toSetHash } from './replica-sets.ts';
import { hasAnalysis } from './rollout-analysis.ts';
import type { RolloutState } from './rollout-state.ts';
import { isRetiring } from './rollout-turn.ts';
import type { RolloutTurn } from './rollout-turn.ts';

/** The pods of a Rollout as its status counts them; blue-green counts as available what users reach. */
export interface RolloutCounts {
  replicas: number;
  updated: number;
  ready: number;
  available: number;
}

export function countPods({ world, rollout, spec, newSet }: RolloutTurn, activeHash: string): RolloutCounts {
  const sets = listReplicaSets(world, rollout);
  const sum = (some: readonly LiveObject[], field: 'replicas' | 'ready' | 'available') =>
    some.reduce((total, set) => total + toCounts(set)[field], 0);
  const active = spec.strategy.kind === 'canary' ? [] : sets.filter((set) => toSetHash(set) === activeHash);
  const counted = active.length > 0 ? active : sets;
  const updated = sets.filter((set) => set.metadata.uid === newSet.metadata.uid);
  return {
    replicas: sum(sets, 'replicas'),
    updated: sum(updated, 'replicas'),
    ready: sum(counted, 'ready'),
    available: sum(counted, 'available'),
  };
}

/** The word the status ends with, which is what Argo CD takes for health. */
export function withPhase(turn: RolloutTurn, next: RolloutState, counts: RolloutCounts): RolloutState {
  const { spec, newSet, state, marks } = turn;
  if (next.abort) {
    const plain = `RolloutAborted: Rollout aborted update to revision ${toRevision(newSet)}`;
    // A reason the controller found itself is kept for as long as the abort is.
    const kept = state.abort && state.message.startsWith(plain) ? state.message : plain;
    return { ...next, phase: 'Degraded', message: marks.abort === undefined ? kept : `${plain}: ${marks.abort}` };
  }
  const isLate = isPastDeadline(turn, next, counts);
  if (isLate) return { ...next, phase: 'Degraded', message: toLateMessage(turn) };
  if (spec.isPaused) return { ...next, phase: 'Paused', message: 'manually paused' };
  const [paused] = next.pauseConditions;
  if (paused !== undefined) return { ...next, phase: 'Paused', message: paused.reason };
  const message = toWaiting(turn, next, counts);
  return message === '' ? { ...next, phase: 'Healthy', message } : { ...next, phase: 'Progressing', message };
}

export function toLateMessage({ newSet }: RolloutTurn): string {
  return `ProgressDeadlineExceeded: ReplicaSet "${newSet.metadata.name}" has timed out progressing.`;
}

/** What is still missing; empty when nothing is. */
function toWaiting({ spec }: RolloutTurn, next: RolloutState, counts: RolloutCounts): string {
  if (counts.updated < spec.replicas) return 'more replicas need to be updated';
  if (counts.available < counts.updated) return 'updated replicas are still becoming available';
  const { options, kind } = spec.strategy;
  const isStable = next.stableRS === next.currentPodHash;
  if (kind === 'blue_green') {
    if (next.activeSelector !== next.currentPodHash) return 'active service cutover pending';
    if (isStable) return '';
    return hasAnalysis(valueAt(options, 'postPromotionAnalysis'))
      ? 'waiting for analysis to complete'
      : 'waiting for post-promotion verification to complete';
  }
  const hasRouter = isRecord(valueAt(options, 'trafficRouting'));
  if (!hasRouter && counts.replicas > counts.updated) return 'old replicas are pending termination';
  return isStable ? '' : 'waiting for all steps to complete';
}

interface Headway extends RolloutCounts {
  /** What moves an update on that is no pod. */
  place: string;
}

/**
 * Too long without headway. A step that may take any time does not count, nor a pause, nor old pods that are only kept a
 * while. Looks again when the time is up.
 */
export function isPastDeadline(turn: RolloutTurn, next: RolloutState, counts: RolloutCounts): boolean {
  const { world, rollout, spec, state } = turn;
  const { uid } = rollout.metadata;
  const now = world.timeline.now();
  const place = [next.currentPodHash, next.stableRS, next.currentStepIndex, next.activeSelector, next.previewSelector];
  const present: Headway = { ...counts, place: place.join(' ') };
  const last = world.headway.get(uid);
  const before = last === undefined ? undefined : toHeadway(JSON.parse(last.key));
  const isPaused = spec.isPaused || next.pauseConditions.length > 0;
  const hasMoved = before === undefined || isAhead(present, before);
  const isLost = state.phase === 'Healthy' && counts.available < spec.replicas;
  const sinceMs = hasMoved || isPaused || isLost || last === undefined ? now : last.atMs;
  world.headway.set(uid, { key: JSON.stringify(present), atMs: sinceMs });
  if (isPaused || isIndefinite(turn) || isDone(turn, next, counts)) return false;
  if (turn.otherSets.some((set) => isRetiring(world, set))) return false;
  const leftMs = spec.progressDeadlineSeconds * 1000 - world.timeline.toSimulated(now - sinceMs);
  if (leftMs > 0) world.requeue(toObjectRef(rollout), leftMs + 1);
  return leftMs <= 0;
}

function toHeadway(value: unknown): Headway {
  const count = (field: string) => numberAt(value, field) ?? 0;
  const place = valueAt(value, 'place');
  return {
    replicas: count('replicas'),
    updated: count('updated'),
    ready: count('ready'),
    available: count('available'),
    place: typeof place === 'string' ? place : '',
  };
}

function isAhead(present: Headway, before: Headway): boolean {
  return (
    present.place !== before.place ||
    present.updated !== before.updated ||
    present.replicas - present.updated < before.replicas - before.updated ||
    present.ready > before.ready ||
    present.available > before.available
  );
}

function isIndefinite({ spec, state }: RolloutTurn): boolean {
  const step = spec.steps[state.currentStepIndex];
  return isRecord(step) && ['pause', 'analysis', 'experiment'].some((kind) => kind in step);
}

function isDone(turn: RolloutTurn, next: RolloutState, counts: RolloutCounts): boolean {
  return toWaiting(turn, next, counts) === '';
}
