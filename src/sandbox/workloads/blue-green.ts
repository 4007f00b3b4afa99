import { toObjectRef } from '../../manifest/object.ts';
import { booleanAt, numberAt, textAt, valueAt } from '../json.ts';
import { toReplicas } from './children.ts';
import { toCounts, toSetHash } from './replica-sets.ts';
import { followRuns, hasAnalysis } from './rollout-analysis.ts';
import type { WantedAnalysis } from './rollout-analysis.ts';
import { isSaturated, pointActive, pointPreview, toSelected } from './rollout-services.ts';
import type { RolloutState } from './rollout-state.ts';
import {
  applyMarks,
  hasPause,
  isAborted,
  isFullyPromoted,
  isHalted,
  isResumed,
  keep,
  promote,
  rescale,
  scaleWorkloadProgressively,
  toDelayMs,
  toPauseLeftMs,
  toRetiring,
} from './rollout-turn.ts';
import type { RolloutTurn } from './rollout-turn.ts';

/** One look at a blue-green update: the new pods beside the old, judged, switched to, and the old ones taken away later. */
export function stepBlueGreen(turn: RolloutTurn): RolloutState {
  pointPreview(turn);
  scale(turn);
  pause(turn);
  pointActive(turn, isFastTracked(turn) || (isPauseOver(turn) && isAnalysed(turn)));
  const runs = followRuns(turn, { pre: toPreAnalysis(turn), post: toPostAnalysis(turn) });
  const next = {
    ...turn.state,
    runs,
    activeSelector: toSelected(turn, 'activeService'),
    previewSelector: toSelected(turn, 'previewService'),
  };
  return conclude(turn, next);
}

function scale(turn: RolloutTurn): void {
  const { world, spec, newSet, stableSet } = turn;
  const isBack = isAborted(turn) && !isFullyPromoted(turn);
  keep(world, stableSet);
  if (stableSet !== undefined && stableSet !== newSet) rescale(turn, stableSet, spec.replicas);
  const delayMs = isBack ? toDelayMs(turn, 'abortScaleDownDelaySeconds', true) : undefined;
  if (delayMs === undefined) {
    keep(world, newSet);
    rescale(turn, newSet, toNewReplicas(turn));
    scaleWorkloadProgressively(turn, toNewReplicas(turn));
  } else if (stableSet !== undefined && toCounts(stableSet).available >= spec.replicas) {
    rescale(turn, newSet, toRetiring(turn, newSet, delayMs, toReplicas(newSet)));
  }
  retireOthers(turn);
}

/** The preview may be smaller, until it was found good. */
function toNewReplicas({ spec, state, newSet }: RolloutTurn): number {
  const preview = numberAt(spec.strategy.options, 'previewReplicaCount');
  const isChosen = state.activeSelector === '' || state.activeSelector === toSetHash(newSet) || state.promoteFull;
  if (preview === undefined || isChosen) return spec.replicas;
  const isFree = !spec.isPaused && state.pauseConditions.length === 0;
  return isFree && state.scaledUpPreview ? spec.replicas : preview;
}

function retireOthers(turn: RolloutTurn): void {
  const { spec, state, otherSets } = turn;
  const { options } = spec.strategy;
  const isJudged = isFullyPromoted(turn) || !hasAnalysis(valueAt(options, 'postPromotionAnalysis'));
  if (hasPause(turn, 'InconclusiveAnalysisRun')) return;
  // Without a delay of its own the old set waits for the last analysis.
  if (
    !isJudged &&
    numberAt(options, 'scaleDownDelaySeconds') === undefined &&
    state.activeSelector === state.currentPodHash
  )
    return;
  for (const set of otherSets) {
    const hash = toSetHash(set);
    const isSelected = ['activeService', 'previewService'].some((field) => toSelected(turn, field) === hash);
    if (toReplicas(set) === 0 || isSelected) continue;
    rescale(turn, set, toRetiring(turn, set, toDelayMs(turn, 'scaleDownDelaySeconds') ?? 0, spec.replicas));
  }
}

/** Nothing to wait for: back to what runs already, promoted in full, or a Service that selected everything so far. */
function isFastTracked(turn: RolloutTurn): boolean {
  const selected = toSelected(turn, 'activeService');
  return (
    isFullyPromoted(turn) ||
    turn.isFastRollback ||
    turn.state.promoteFull ||
    selected === '' ||
    selected === toSetHash(turn.newSet)
  );
}

function needsPause({ spec }: RolloutTurn): boolean {
  const { options } = spec.strategy;
  return booleanAt(options, 'autoPromotionEnabled') === false || toAutoMs(options) > 0;
}

function toAutoMs(options: unknown): number {
  return (numberAt(options, 'autoPromotionSeconds') ?? 0) * 1000;
}

/** The pause begins when the pods are there and the first analysis was good. */
function pause(turn: RolloutTurn): void {
  const { world, rollout, spec, state, newSet, marks } = turn;
  if (state.abort || isHalted(turn) || !isSaturated(newSet, toNewReplicas(turn))) return;
  if (isFastTracked(turn) || state.scaledUpPreview || !needsPause(turn)) {
    marks.resumes.push('BlueGreenPause');
    return;
  }
  if (!isAnalysed(turn)) return;
  const autoMs = toAutoMs(spec.strategy.options);
  if (!hasPause(turn, 'BlueGreenPause')) {
    if (state.controllerPause) return;
    marks.pauses.push('BlueGreenPause');
    if (autoMs > 0) world.requeue(toObjectRef(rollout), autoMs);
  } else if (isPauseOver(turn)) {
    marks.resumes.push('BlueGreenPause');
  } else if (autoMs > 0) {
    world.requeue(toObjectRef(rollout), toPauseLeftMs(turn, 'BlueGreenPause', autoMs));
  }
}

function isPauseOver(turn: RolloutTurn): boolean {
  const { spec, state, marks } = turn;
  const { options } = spec.strategy;
  if (marks.pauses.length > 0) return false;
  if (state.scaledUpPreview) return true;
  if (booleanAt(options, 'autoPromotionEnabled') === false) return isResumed(turn, 'BlueGreenPause');
  const autoMs = toAutoMs(options);
  if (autoMs === 0) return true;
  return hasPause(turn, 'BlueGreenPause') && toPauseLeftMs(turn, 'BlueGreenPause', autoMs) <= 0;
}

/** The first analysis, where there is one, was good. */
function isAnalysed(turn: RolloutTurn): boolean {
  const analysis = valueAt(turn.spec.strategy.options, 'prePromotionAnalysis');
  return analysis === undefined || isRunSuccessful(turn, 'pre');
}

function isRunSuccessful({ world, rollout, state }: RolloutTurn, place: 'pre' | 'post'): boolean {
  const name = state.runs[place]?.name;
  const namespace = rollout.metadata.namespace ?? '';
  if (name === undefined) return false;
  const run = world.cluster.find({ group: 'argoproj.io', kind: 'AnalysisRun', namespace, name });
  return textAt(run, 'status', 'phase') === 'Successful';
}

/** Once it is started it goes on, even when a pod is lost meanwhile. */
function toPreAnalysis(turn: RolloutTurn): WantedAnalysis {
  const { spec, state, newSet } = turn;
  const analysis = valueAt(spec.strategy.options, 'prePromotionAnalysis');
  if (!hasAnalysis(analysis)) return undefined;
  if (isFullyPromoted(turn) || state.activeSelector === '' || state.activeSelector === state.currentPodHash)
    return 'keep';
  if (state.runs.pre === undefined && !isSaturated(newSet, toNewReplicas(turn))) return undefined;
  return { analysis, suffix: '-pre' };
}

function toPostAnalysis(turn: RolloutTurn): WantedAnalysis {
  const { spec, state, newSet } = turn;
  const analysis = valueAt(spec.strategy.options, 'postPromotionAnalysis');
  if (!hasAnalysis(analysis)) return undefined;
  if (isFullyPromoted(turn) || state.activeSelector !== state.currentPodHash) return 'keep';
  if (state.runs.post === undefined && !isSaturated(newSet, spec.replicas)) return undefined;
  return { analysis, suffix: '-post' };
}

function conclude(turn: RolloutTurn, next: RolloutState): RolloutState {
  const { state, marks } = turn;
  if (state.promoteFull) {
    marks.clears = true;
    marks.unaborts = true;
  }
  const why = toPromotion(turn, next);
  if (why !== undefined) return applyMarks(turn, promote(turn, next, why));
  return applyMarks(turn, { ...next, scaledUpPreview: isPreviewGood(turn) });
}

function isPreviewGood(turn: RolloutTurn): boolean {
  const { spec, state, newSet } = turn;
  const preview = numberAt(spec.strategy.options, 'previewReplicaCount');
  if (preview === undefined) return false;
  if (state.scaledUpPreview) return true;
  return isAnalysed(turn) && isPauseOver(turn) && toCounts(newSet).available === preview;
}

function toPromotion(turn: RolloutTurn, next: RolloutState): string | undefined {
  const { spec, state, stableSet } = turn;
  if (stableSet === undefined || next.activeSelector === '') return 'Initial deploy';
  if (next.activeSelector !== state.currentPodHash) return undefined;
  if (state.promoteFull) return 'Full promotion requested';
  if (isFullyPromoted(turn) || turn.isFastRollback) return 'Fast rollback';
  if (isAborted(turn)) return undefined;
  const needsAnalysis = valueAt(spec.strategy.options, 'postPromotionAnalysis') !== undefined;
  return !needsAnalysis || isRunSuccessful(turn, 'post') ? 'Completed blue-green update' : undefined;
}
