import { toObjectRef } from '../../manifest/object.ts';
import { isRecord, numberAt, valueAt } from '../json.ts';
import { runAnalysis } from './analysis.ts';
import { toReplicas, toShare } from './children.ts';
import { scaleReplicaSet, toCounts } from './replica-sets.ts';
import { abort, select, toAbortMessage } from './rollout-turn.ts';
import type { RolloutTurn } from './rollout-turn.ts';
import { toPauseMs } from './rollout-state.ts';
import type { RolloutState } from './rollout-state.ts';

/** One look at a canary on its way: scale to the weight of the step, then see whether the step is done. */
export function stepCanary(turn: RolloutTurn): RolloutState {
  const { spec, state, rollout } = turn;
  if (state.abort) return fallBack(turn);
  select(turn, state.stableRS, state.currentPodHash);
  const index = state.promoteFull ? spec.steps.length : state.currentStepIndex;
  const scaled = scale(turn, index);
  const background = valueAt(spec.strategy.options, 'analysis');
  if (isRecord(background) && index >= (numberAt(background, 'startingStep') ?? 0) && !state.promoteFull) {
    const outcome = runAnalysis(turn, background, 'background');
    if (outcome.kind === 'failed') return abort(turn, state, outcome.message);
    if (outcome.kind === 'invalid') return { ...state, phase: 'Degraded', message: `InvalidSpec: ${outcome.message}` };
  }
  const progressing = { ...state, currentStepIndex: index, phase: 'Progressing' as const };
  if (index >= spec.steps.length) {
    if (!scaled) return { ...progressing, message: 'updated replicas are still becoming available' };
    turn.world.cluster.events.record(
      rollout,
      'Normal',
      'RolloutCompleted',
      'Rollout completed update',
      'rollouts-controller',
    );
    return { ...progressing, stableRS: state.currentPodHash, promoteFull: false, phase: 'Healthy', message: '' };
  }
  const waiting = { ...progressing, message: 'more replicas need to be updated' };
  return scaled ? takeStep(turn, waiting, spec.steps[index]) : waiting;
}

function takeStep(turn: RolloutTurn, state: RolloutState, step: unknown): RolloutState {
  const next: RolloutState = {
    ...state,
    currentStepIndex: state.currentStepIndex + 1,
    pauseConditions: [],
    controllerPause: false,
  };
  if (isRecord(step) && 'pause' in step) return pause(turn, state, next, valueAt(step, 'pause', 'duration'));
  const analysis = valueAt(step, 'analysis');
  if (!isRecord(analysis)) return next;
  const inconclusive = state.pauseConditions.some((condition) => condition.reason === 'InconclusiveAnalysisRun');
  if (inconclusive) return { ...state, phase: 'Paused', message: 'InconclusiveAnalysisRun' };
  const outcome = runAnalysis(turn, analysis, String(state.currentStepIndex));
  switch (outcome.kind) {
    case 'successful':
      return next;
    case 'failed':
      return abort(turn, state, outcome.message);
    case 'invalid':
      return { ...state, phase: 'Degraded', message: `InvalidSpec: ${outcome.message}` };
    case 'inconclusive':
      return {
        ...state,
        pauseConditions: [{ reason: 'InconclusiveAnalysisRun', startTime: turn.world.timeline.stamp() }],
        controllerPause: true,
        phase: 'Paused',
        message: 'InconclusiveAnalysisRun',
      };
    case 'running':
      return { ...state, message: 'waiting for analysis to complete' };
  }
}

/** A pause that has begun and whose condition is gone has been resumed. */
function pause(turn: RolloutTurn, state: RolloutState, next: RolloutState, duration: unknown): RolloutState {
  const { world, rollout } = turn;
  const [condition] = state.pauseConditions;
  const key = `${rollout.metadata.uid} pause`;
  if (condition === undefined) {
    if (state.controllerPause) return next;
    world.headway.set(key, { key: '', atMs: world.timeline.now() });
    const begun = { reason: 'CanaryPauseStep' as const, startTime: world.timeline.stamp() };
    const pauseMs = toPauseMs(duration);
    if (pauseMs !== undefined) world.requeue(toObjectRef(rollout), pauseMs);
    return { ...state, pauseConditions: [begun], controllerPause: true, phase: 'Paused', message: 'CanaryPauseStep' };
  }
  const pauseMs = toPauseMs(duration);
  const sinceMs = world.headway.get(key)?.atMs ?? Date.parse(condition.startTime);
  const leftMs =
    pauseMs === undefined ? Infinity : pauseMs - world.timeline.toSimulated(world.timeline.now() - sinceMs);
  if (leftMs <= 0) return next;
  if (leftMs !== Infinity) world.requeue(toObjectRef(rollout), leftMs);
  return { ...state, phase: 'Paused', message: condition.reason };
}

/** Canary up first, stable down as canaries become available. True when both are where the step wants them. */
function scale(turn: RolloutTurn, index: number): boolean {
  const { world, rollout, spec, newSet, stableSet, otherSets } = turn;
  const wanted = toWanted(turn, index);
  const surge = toShare(valueAt(spec.strategy.options, 'maxSurge') ?? '25%', spec.replicas, 'up');
  const unavailable = toShare(valueAt(spec.strategy.options, 'maxUnavailable') ?? '25%', spec.replicas, 'down');
  const hasTraffic = isRecord(valueAt(spec.strategy.options, 'trafficRouting'));
  for (const set of otherSets) scaleReplicaSet(world, rollout, set, 0);
  const stable = stableSet === undefined ? 0 : toReplicas(stableSet);
  const room = hasTraffic
    ? wanted.canary
    : Math.max(0, spec.replicas + Math.max(surge, unavailable === 0 ? 1 : 0) - stable);
  const now = toReplicas(newSet);
  const canary = wanted.canary <= now ? wanted.canary : Math.min(wanted.canary, Math.max(now, room));
  scaleReplicaSet(world, rollout, newSet, canary);
  if (stableSet !== undefined) {
    const ready = Math.min(toCounts(newSet).available, wanted.canary);
    const isLast = index >= spec.steps.length;
    const floor = hasTraffic && !isLast ? spec.replicas : spec.replicas - ready - unavailable;
    scaleReplicaSet(world, rollout, stableSet, Math.max(wanted.stable, Math.min(spec.replicas, Math.max(0, floor))));
  }
  const live = stableSet === undefined ? 0 : toReplicas(world.cluster.find(toObjectRef(stableSet)) ?? stableSet);
  return toCounts(newSet).available >= wanted.canary && toReplicas(newSet) === wanted.canary && live === wanted.stable;
}

/** Without a router in front the weight is a share of the pods, rounded up for the canary. */
function toWanted({ spec, newSet }: RolloutTurn, index: number): { canary: number; stable: number } {
  const { replicas, steps } = spec;
  if (index >= steps.length) return { canary: replicas, stable: 0 };
  const passed = steps.slice(0, index + 1);
  const weight =
    numberAt(
      passed.findLast((step) => numberAt(step, 'setWeight') !== undefined),
      'setWeight',
    ) ?? 0;
  const hasTraffic = isRecord(valueAt(spec.strategy.options, 'trafficRouting'));
  const explicit = valueAt(
    passed.findLast((step) => isRecord(valueAt(step, 'setCanaryScale'))),
    'setCanaryScale',
  );
  const share = numberAt(explicit, 'weight') ?? weight;
  const canary = numberAt(explicit, 'replicas') ?? Math.min(replicas, Math.ceil((replicas * share) / 100));
  // The first weight is not asked for yet: nothing of the new template runs.
  if (weight === 0 && explicit === undefined) return { canary: Math.min(0, toReplicas(newSet)), stable: replicas };
  return { canary, stable: hasTraffic ? replicas : replicas - canary };
}

/** Aborted: everything back on the stable ReplicaSet, and Degraded until git says something else. */
function fallBack(turn: RolloutTurn): RolloutState {
  const { world, rollout, spec, state, newSet, stableSet } = turn;
  select(turn, state.stableRS, state.stableRS);
  if (stableSet !== undefined) scaleReplicaSet(world, rollout, stableSet, spec.replicas);
  const isBack = stableSet !== undefined && toCounts(stableSet).available >= spec.replicas;
  if (isBack) scaleReplicaSet(world, rollout, newSet, 0);
  return {
    ...state,
    currentStepIndex: 0,
    pauseConditions: [],
    controllerPause: false,
    phase: 'Degraded',
    message: toAbortMessage(newSet, state.message),
  };
}
