import type { LiveObject } from '../cluster/live-object.ts';
import { isRecord, numberAt, valueAt } from '../json.ts';
import { scaleCanary, toWanted } from './canary-scale.ts';
import { toReplicas } from './children.ts';
import { toPauseMs } from './duration.ts';
import { toCounts } from './replica-sets.ts';
import { followRuns, hasAnalysis } from './rollout-analysis.ts';
import type { WantedAnalysis } from './rollout-analysis.ts';
import { pointCanary } from './rollout-services.ts';
import type { RolloutState } from './rollout-state.ts';
import { applyMarks, hasPause, isAborted, isFullyPromoted, isResumed, promote, toPauseLeftMs } from './rollout-turn.ts';
import type { RolloutTurn } from './rollout-turn.ts';
import { toObjectRef } from '../../manifest/object.ts';

/** One look at a canary: Services, analyses, pods, pause; then whether the step, or the whole update, is done. */
export function stepCanary(turn: RolloutTurn): RolloutState {
  pointCanary(turn);
  const runs = followRuns(turn, { step: toStepAnalysis(turn), background: toBackgroundAnalysis(turn) });
  // An analysis that was inconclusive just now stops everything else of this look.
  if (turn.marks.pauses.length === 0 && !scaleCanary(turn)) pauseAtStep(turn);
  return conclude(turn, { ...turn.state, runs });
}

function findStep({ spec, state }: RolloutTurn): unknown {
  return spec.steps[state.currentStepIndex];
}

function toStepAnalysis(turn: RolloutTurn): WantedAnalysis {
  const { state } = turn;
  const analysis = valueAt(findStep(turn), 'analysis');
  if (state.pauseConditions.length > 0) return 'keep';
  if (!hasAnalysis(analysis)) return undefined;
  const suffix = `-${state.currentStepIndex}`;
  const name = state.runs.step?.name;
  // The run of an analysis step before this one; a new one begins at the next look.
  if (name !== undefined && !name.replace(/\.\d+$/, '').endsWith(suffix)) return undefined;
  return { analysis, suffix };
}

function toBackgroundAnalysis({ spec, state }: RolloutTurn): WantedAnalysis {
  const analysis = valueAt(spec.strategy.options, 'analysis');
  if (!hasAnalysis(analysis)) return undefined;
  const from = numberAt(analysis, 'startingStep') ?? 0;
  const isBefore = state.currentStepIndex < from && state.currentStepIndex < spec.steps.length;
  return isBefore ? undefined : { analysis, suffix: '' };
}

/** Begins the pause of a step; one that was begun and taken away by somebody is not begun again. */
function pauseAtStep(turn: RolloutTurn): void {
  const { world, rollout, spec, state, marks } = turn;
  const step = findStep(turn);
  if (spec.isPaused || state.promoteFull || !isRecord(step) || !('pause' in step) || isAborted(turn)) return;
  const pauseMs = toPauseMs(valueAt(step, 'pause', 'duration'));
  if (hasPause(turn, 'CanaryPauseStep')) {
    if (pauseMs === undefined) return;
    const leftMs = toPauseLeftMs(turn, 'CanaryPauseStep', pauseMs);
    if (leftMs > 0) world.requeue(toObjectRef(rollout), leftMs);
    return;
  }
  if (state.controllerPause) return;
  marks.pauses.push('CanaryPauseStep');
  if (pauseMs !== undefined) world.requeue(toObjectRef(rollout), pauseMs);
}

function conclude(turn: RolloutTurn, next: RolloutState): RolloutState {
  const { spec, state, marks } = turn;
  if (state.promoteFull) {
    marks.clears = true;
    marks.unaborts = true;
    next = { ...next, currentStepIndex: spec.steps.length };
  }
  const why = toPromotion(turn);
  if (why !== undefined) return applyMarks(turn, promote(turn, next, why));
  if (isAborted(turn)) return applyMarks(turn, { ...next, currentStepIndex: 0 });
  if (!isStepDone(turn)) return applyMarks(turn, next);
  marks.resumes.push('CanaryPauseStep');
  const { step: _done, ...runs } = next.runs;
  return applyMarks(turn, { ...next, runs, currentStepIndex: state.currentStepIndex + 1 });
}

/** Why the new template is the stable one from now on, where it is. */
function toPromotion(turn: RolloutTurn): string | undefined {
  const { spec, state, newSet, stableSet } = turn;
  if (stableSet === undefined) return 'Initial deploy';
  if (isAborted(turn) || toCounts(newSet).available < spec.replicas) return undefined;
  if (state.promoteFull) return 'Full promotion requested';
  if (isFullyPromoted(turn)) return 'Fast rollback';
  return state.currentStepIndex >= spec.steps.length ? `Completed all ${spec.steps.length} canary steps` : undefined;
}

function isStepDone(turn: RolloutTurn): boolean {
  const { spec, state } = turn;
  const step = findStep(turn);
  if (spec.isPaused || !isRecord(step)) return false;
  if ('pause' in step) {
    if (isResumed(turn, 'CanaryPauseStep')) return true;
    const pauseMs = toPauseMs(valueAt(step, 'pause', 'duration'));
    return (
      pauseMs !== undefined && hasPause(turn, 'CanaryPauseStep') && toPauseLeftMs(turn, 'CanaryPauseStep', pauseMs) <= 0
    );
  }
  if ('setWeight' in step || 'setCanaryScale' in step) return isAtWeight(turn);
  if ('analysis' in step) return !hasAnalysis(step['analysis']) || isRunSuccessful(turn, state);
  return true;
}

function isRunSuccessful({ world, rollout }: RolloutTurn, state: RolloutState): boolean {
  const name = state.runs.step?.name;
  const namespace = rollout.metadata.namespace ?? '';
  const run =
    name === undefined ? undefined : world.cluster.find({ group: 'argoproj.io', kind: 'AnalysisRun', namespace, name });
  return valueAt(run, 'status', 'phase') === 'Successful';
}

/** Both sides as many as the weight asks for: the new ones available, the stable ones made, the others gone. */
function isAtWeight(turn: RolloutTurn): boolean {
  const { newSet, stableSet, otherSets } = turn;
  const wanted = toWanted(turn);
  const made = (set: LiveObject | undefined) => numberAt(set, 'status', 'replicas') ?? 0;
  return (
    toReplicas(newSet) === wanted.canary &&
    (numberAt(newSet, 'status', 'availableReplicas') ?? 0) === wanted.canary &&
    (stableSet === undefined || (toReplicas(stableSet) === wanted.stable && made(stableSet) === wanted.stable)) &&
    otherSets.every((set) => toCounts(set).available === 0)
  );
}
