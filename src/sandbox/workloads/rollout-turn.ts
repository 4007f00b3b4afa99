import type { LiveObject } from '../cluster/live-object.ts';
import { toObjectRef } from '../../manifest/object.ts';
import { numberAt, recordAt } from '../json.ts';
import { toReplicas } from './children.ts';
import { scaleReplicaSet, toRevision } from './replica-sets.ts';
import type { RolloutSpec } from './rollout-spec.ts';
import type { PauseReason, RolloutState } from './rollout-state.ts';
import type { World } from './world.ts';

/** One look at a Rollout: what it wants, where it stood, the ReplicaSets it has, and what this look decided about pauses. */
export interface RolloutTurn {
  world: World;
  rollout: LiveObject;
  spec: RolloutSpec;
  /** As the last look left it, or somebody's patch of the status. */
  state: RolloutState;
  newSet: LiveObject;
  stableSet: LiveObject | undefined;
  /** Sets of neither the new nor the stable template. */
  otherSets: LiveObject[];
  /** The new template ran before and its pods are still there: going back to it needs no pause and no analysis. */
  isFastRollback: boolean;
  marks: Marks;
}

export interface Marks {
  pauses: PauseReason[];
  resumes: PauseReason[];
  clears: boolean;
  abort?: string;
  unaborts: boolean;
}

export function createMarks(): Marks {
  return { pauses: [], resumes: [], clears: false, unaborts: false };
}

export function hasPause({ state }: RolloutTurn, reason: PauseReason): boolean {
  return state.pauseConditions.some((condition) => condition.reason === reason);
}

/** A person paused it, or its analysis says neither yes nor no: then no pod count and no Service changes. */
export function isHalted(turn: RolloutTurn): boolean {
  return turn.spec.isPaused || hasPause(turn, 'InconclusiveAnalysisRun');
}

export function isAborted({ state, marks }: RolloutTurn): boolean {
  return !marks.unaborts && (marks.abort !== undefined || state.abort);
}

export function isFullyPromoted({ state }: RolloutTurn): boolean {
  return state.stableRS === state.currentPodHash;
}

/** Whether the pause was begun and then taken away by somebody. */
export function isResumed(turn: RolloutTurn, reason: PauseReason): boolean {
  return turn.state.controllerPause && !hasPause(turn, reason);
}

/** When the present timed pause began, finer than the whole seconds of the status. */
export function toPauseLeftMs({ world, rollout, state }: RolloutTurn, reason: PauseReason, pauseMs: number): number {
  const condition = state.pauseConditions.find((one) => one.reason === reason);
  const since = world.headway.get(toPauseKey(rollout))?.atMs ?? Date.parse(condition?.startTime ?? '');
  return pauseMs - world.timeline.toSimulated(world.timeline.now() - since);
}

function toPauseKey(rollout: LiveObject): string {
  return `${rollout.metadata.uid} pause`;
}

/** What the marks of this look make of pauses and abort. */
export function applyMarks(turn: RolloutTurn, next: RolloutState): RolloutState {
  const { world, rollout, state, marks } = turn;
  const { abortedAt: _before, ...rest } = next;
  if (isAborted(turn)) {
    if (marks.abort !== undefined)
      world.cluster.events.record(rollout, 'Warning', 'RolloutAborted', marks.abort, 'rollouts-controller');
    const abortedAt = state.abort && state.abortedAt !== undefined ? state.abortedAt : world.timeline.stamp();
    return { ...rest, abort: true, abortedAt, pauseConditions: [], controllerPause: false };
  }
  const free = { ...rest, abort: false, pauseConditions: [], controllerPause: false };
  if (marks.clears) return free;
  const kept = state.pauseConditions.filter(({ reason }) => !marks.resumes.includes(reason));
  const added = marks.pauses.filter((reason) => !hasPause(turn, reason));
  if (added.some((reason) => reason !== 'InconclusiveAnalysisRun'))
    world.headway.set(toPauseKey(rollout), { key: '', atMs: world.timeline.now() });
  const begun = added.map((reason) => ({ reason, startTime: world.timeline.stamp() }));
  const pauseConditions = [...kept, ...begun];
  if (pauseConditions.length === 0) return free;
  return { ...free, pauseConditions, controllerPause: state.controllerPause || added.length > 0 };
}

/** The new template becomes the stable one, and the workload it was borrowed from may give up its own pods. */
export function promote(turn: RolloutTurn, next: RolloutState, why: string): RolloutState {
  const { world, rollout, state, newSet, marks, spec } = turn;
  marks.clears = true;
  marks.unaborts = true;
  if (state.stableRS !== state.currentPodHash) {
    const message = `Rollout completed update to revision ${toRevision(newSet)} (${state.currentPodHash}): ${why}`;
    world.cluster.events.record(rollout, 'Normal', 'RolloutCompleted', message, 'rollouts-controller');
  }
  // Meant for the one move from a Deployment: later revisions leave the Deployment alone, whatever it does.
  if (toRevision(newSet) === 1 && state.phase === 'Healthy' && spec.workload?.scaleDown === 'onsuccess')
    scaleWorkload(turn, 0);
  return {
    ...next,
    stableRS: state.currentPodHash,
    currentStepIndex: spec.steps.length,
    promoteFull: false,
    scaledUpPreview: false,
  };
}

/** `progressively`: of the first revision, each ready pod of the Rollout sends one of the Deployment's away. */
export function scaleWorkloadProgressively(turn: RolloutTurn, wanted: number): void {
  const { rollout, spec, state, newSet } = turn;
  if (toRevision(newSet) !== 1 || spec.workload?.scaleDown !== 'progressively') return;
  if (state.phase === 'Healthy') {
    scaleWorkload(turn, 0);
    return;
  }
  const ready = numberAt(rollout, 'status', 'readyReplicas') ?? 0;
  if (ready > 0 || toReplicas(newSet) > wanted) scaleWorkload(turn, spec.replicas - ready);
}

function scaleWorkload({ world, rollout, spec }: RolloutTurn, replicas: number): void {
  const name = spec.workload?.name ?? '';
  const namespace = rollout.metadata.namespace ?? '';
  world.cluster.update({ group: 'apps', kind: 'Deployment', namespace, name }, (live) => ({
    ...live,
    spec: { ...recordAt(live, 'spec'), replicas: Math.max(0, replicas) },
  }));
}

/** True when the number of pods asked for changed. */
export function rescale({ world, rollout }: RolloutTurn, set: LiveObject, replicas: number): boolean {
  if (toReplicas(set) === replicas) return false;
  scaleReplicaSet(world, rollout, set, replicas);
  return true;
}

/** Old pods stay a while, so that requests under way can finish. Gives the number the set should have now. */
export function toRetiring({ world, rollout }: RolloutTurn, set: LiveObject, delayMs: number, wanted: number): number {
  const key = toRetireKey(set);
  const since = world.headway.get(key)?.atMs ?? world.timeline.now();
  world.headway.set(key, { key: '', atMs: since });
  const leftMs = delayMs - world.timeline.toSimulated(world.timeline.now() - since);
  if (leftMs <= 0) return 0;
  world.requeue(toObjectRef(rollout), leftMs);
  return wanted;
}

export function isRetiring(world: World, set: LiveObject): boolean {
  return toReplicas(set) > 0 && world.headway.has(toRetireKey(set));
}

export function keep(world: World, set: LiveObject | undefined): void {
  if (set !== undefined) world.headway.delete(toRetireKey(set));
}

function toRetireKey(set: LiveObject): string {
  return `${set.metadata.uid} retire`;
}

/** Seconds of an option; the default where it is not set, undefined where 0 means never. */
export function toDelayMs({ spec }: RolloutTurn, field: string, zeroIsNever = false): number | undefined {
  const seconds = numberAt(spec.strategy.options, field) ?? 30;
  return zeroIsNever && seconds === 0 ? undefined : seconds * 1000;
}
