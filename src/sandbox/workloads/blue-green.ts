import { toObjectRef } from '../../manifest/object.ts';
import { booleanAt, isRecord, numberAt, valueAt } from '../json.ts';
import { runAnalysis } from './analysis.ts';
import { scaleReplicaSet, toCounts } from './replica-sets.ts';
import { abort, retireLater, select, toAbortMessage, toRetireKey } from './rollout-turn.ts';
import type { RolloutTurn } from './rollout-turn.ts';
import type { RolloutState } from './rollout-state.ts';

const SCALE_DOWN_SECONDS = 30;

/** One look at a blue-green update: the new pods beside the old, judged, switched to, and the old ones taken away later. */
export function stepBlueGreen(turn: RolloutTurn): RolloutState {
  const { world, rollout, spec, state, newSet, otherSets } = turn;
  const { options } = spec.strategy;
  world.headway.delete(toRetireKey(newSet));
  for (const set of otherSets) retireLater(turn, set);
  if (state.abort) return fallBack(turn);
  const isSwitched = state.activeSelector === state.currentPodHash;
  const previewCount = numberAt(options, 'previewReplicaCount') ?? spec.replicas;
  const isChosen = isSwitched || state.promoteFull || isResumed(state);
  const wanted = isChosen ? spec.replicas : previewCount;
  scaleReplicaSet(world, rollout, newSet, wanted);
  const next: RolloutState = {
    ...state,
    previewSelector: state.currentPodHash,
    phase: 'Progressing',
    message: 'updated replicas are still becoming available',
  };
  select(turn, next.activeSelector === '' ? state.stableRS : next.activeSelector, state.currentPodHash);
  if (toCounts(newSet).available < wanted) return next;
  return isSwitched ? afterSwitch(turn, next) : beforeSwitch(turn, next);
}

function beforeSwitch(turn: RolloutTurn, state: RolloutState): RolloutState {
  const { world, rollout, spec } = turn;
  const { options } = spec.strategy;
  const [paused] = state.pauseConditions;
  const judged = judge(turn, state, 'prePromotionAnalysis');
  if (judged !== undefined) return judged;
  const key = `${rollout.metadata.uid} pause`;
  const isAutomatic = booleanAt(options, 'autoPromotionEnabled') !== false;
  const autoMs = (numberAt(options, 'autoPromotionSeconds') ?? (isAutomatic ? 0 : Infinity)) * 1000;
  const needsPause = !state.promoteFull && !isResumed(state) && autoMs > 0;
  if (needsPause && paused === undefined) {
    world.headway.set(key, { key: '', atMs: world.timeline.now() });
    if (autoMs !== Infinity) world.requeue(toObjectRef(rollout), autoMs);
    const begun = { reason: 'BlueGreenPause' as const, startTime: world.timeline.stamp() };
    return { ...state, pauseConditions: [begun], controllerPause: true, phase: 'Paused', message: 'BlueGreenPause' };
  }
  if (needsPause && paused !== undefined) {
    const since = world.headway.get(key)?.atMs ?? Date.parse(paused.startTime);
    const leftMs = autoMs - world.timeline.toSimulated(world.timeline.now() - since);
    if (leftMs > 0) {
      if (leftMs !== Infinity) world.requeue(toObjectRef(rollout), leftMs);
      return { ...state, phase: 'Paused', message: paused.reason };
    }
  }
  world.headway.set(`${rollout.metadata.uid} switched`, { key: '', atMs: world.timeline.now() });
  select(turn, state.currentPodHash, state.currentPodHash);
  world.cluster.events.record(
    rollout,
    'Normal',
    'SwitchService',
    `Switched selector of the active service to ${state.currentPodHash}`,
    'rollouts-controller',
  );
  return { ...state, activeSelector: state.currentPodHash, pauseConditions: [], controllerPause: false };
}

function afterSwitch(turn: RolloutTurn, state: RolloutState): RolloutState {
  if (!state.promoteFull) {
    const judged = judge(turn, state, 'postPromotionAnalysis');
    if (judged !== undefined) return judged;
  }
  return { ...state, stableRS: state.currentPodHash, promoteFull: false, phase: 'Healthy', message: '' };
}

/** Undefined when there is nothing to judge by, or it was found good. */
function judge(
  turn: RolloutTurn,
  state: RolloutState,
  field: 'prePromotionAnalysis' | 'postPromotionAnalysis',
): RolloutState | undefined {
  const analysis = valueAt(turn.spec.strategy.options, field);
  if (!isRecord(analysis) || state.promoteFull) return undefined;
  if (state.pauseConditions.some((condition) => condition.reason === 'BlueGreenPause')) return undefined;
  if (state.pauseConditions.length > 0) return { ...state, phase: 'Paused', message: 'InconclusiveAnalysisRun' };
  const outcome = runAnalysis(turn, analysis, field === 'prePromotionAnalysis' ? 'pre' : 'post');
  switch (outcome.kind) {
    case 'successful':
      return undefined;
    case 'failed':
      return abort(turn, state, outcome.message);
    case 'invalid':
      return { ...state, phase: 'Degraded', message: `InvalidSpec: ${outcome.message}` };
    case 'running':
      return { ...state, message: 'waiting for analysis to complete' };
    case 'inconclusive': {
      if (isResumed(state)) return undefined;
      const begun = { reason: 'InconclusiveAnalysisRun' as const, startTime: turn.world.timeline.stamp() };
      return {
        ...state,
        pauseConditions: [begun],
        controllerPause: true,
        phase: 'Paused',
        message: 'InconclusiveAnalysisRun',
      };
    }
  }
}

function isResumed(state: RolloutState): boolean {
  return state.controllerPause && state.pauseConditions.length === 0;
}

function fallBack(turn: RolloutTurn): RolloutState {
  const { world, rollout, spec, state, newSet, stableSet } = turn;
  select(turn, state.stableRS, state.stableRS);
  if (stableSet !== undefined) {
    scaleReplicaSet(world, rollout, stableSet, spec.replicas);
    if (toCounts(stableSet).available >= spec.replicas) {
      const delayMs = (numberAt(spec.strategy.options, 'abortScaleDownDelaySeconds') ?? SCALE_DOWN_SECONDS) * 1000;
      const since = Date.parse(state.abortedAt ?? '') || world.timeline.now();
      const leftMs = delayMs - world.timeline.toSimulated(world.timeline.now() - since);
      if (leftMs <= 0) scaleReplicaSet(world, rollout, newSet, 0);
      else world.requeue(toObjectRef(rollout), leftMs);
    }
  }
  return {
    ...state,
    activeSelector: state.stableRS,
    pauseConditions: [],
    controllerPause: false,
    phase: 'Degraded',
    message: toAbortMessage(newSet, state.message),
  };
}
