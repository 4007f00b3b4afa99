import type { LiveObject } from '../cluster/live-object.ts';
import { toTemplateHash } from '../cluster/naming.ts';
import { booleanAt, isRecord, listAt, numberAt, recordAt, textAt, valueAt } from '../json.ts';

export type PauseReason = 'CanaryPauseStep' | 'BlueGreenPause' | 'InconclusiveAnalysisRun';

/** The four places an analysis can stand at, each with one current run at most. */
export type RunPlace = 'step' | 'background' | 'pre' | 'post';

export interface RunStatus {
  name: string;
  status: string;
  message?: string;
}

/** The part of a Rollout's status that steers it; it is read from the object each time, so that status patches count. */
export interface RolloutState {
  currentPodHash: string;
  stableRS: string;
  currentStepIndex: number;
  currentStepHash: string;
  pauseConditions: { reason: PauseReason; startTime: string }[];
  /** The controller paused; with no condition left, somebody has resumed. */
  controllerPause: boolean;
  abort: boolean;
  abortedAt?: string;
  promoteFull: boolean;
  activeSelector: string;
  previewSelector: string;
  /** A preview of fewer pods was good, and may grow to all of them. */
  scaledUpPreview: boolean;
  runs: Partial<Record<RunPlace, RunStatus>>;
  phase: 'Healthy' | 'Degraded' | 'Progressing' | 'Paused';
  message: string;
}

const RUN_FIELDS: Readonly<Record<RunPlace, readonly [string, string]>> = {
  step: ['canary', 'currentStepAnalysisRunStatus'],
  background: ['canary', 'currentBackgroundAnalysisRunStatus'],
  pre: ['blueGreen', 'prePromotionAnalysisRunStatus'],
  post: ['blueGreen', 'postPromotionAnalysisRunStatus'],
};
const PLACES = ['step', 'background', 'pre', 'post'] as const;

export function readState(rollout: LiveObject): RolloutState {
  const status = recordAt(rollout, 'status');
  const phase = textAt(status, 'phase');
  const abortedAt = textAt(status, 'abortedAt');
  return {
    currentPodHash: textAt(status, 'currentPodHash') ?? '',
    stableRS: textAt(status, 'stableRS') ?? '',
    currentStepIndex: numberAt(status, 'currentStepIndex') ?? 0,
    currentStepHash: textAt(status, 'currentStepHash') ?? '',
    pauseConditions: listAt(status, 'pauseConditions').map((condition) => ({
      reason: toPauseReason(textAt(condition, 'reason')),
      startTime: textAt(condition, 'startTime') ?? '',
    })),
    controllerPause: booleanAt(status, 'controllerPause') === true,
    abort: booleanAt(status, 'abort') === true,
    ...(abortedAt === undefined ? {} : { abortedAt }),
    promoteFull: booleanAt(status, 'promoteFull') === true,
    activeSelector: textAt(status, 'blueGreen', 'activeSelector') ?? '',
    previewSelector: textAt(status, 'blueGreen', 'previewSelector') ?? '',
    scaledUpPreview: booleanAt(status, 'blueGreen', 'scaleUpPreviewCheckPoint') === true,
    runs: readRuns(status),
    phase: phase === 'Healthy' || phase === 'Degraded' || phase === 'Paused' ? phase : 'Progressing',
    message: textAt(status, 'message') ?? '',
  };
}

function readRuns(status: unknown): RolloutState['runs'] {
  const found = PLACES.flatMap((place) => {
    const run = valueAt(status, ...RUN_FIELDS[place]);
    const name = textAt(run, 'name');
    if (!isRecord(run) || name === undefined) return [];
    const message = textAt(run, 'message');
    const state = { name, status: textAt(run, 'status') ?? '', ...(message === undefined ? {} : { message }) };
    return [[place, state] as const];
  });
  return Object.fromEntries(found);
}

function toPauseReason(text: string | undefined): PauseReason {
  return text === 'BlueGreenPause' || text === 'InconclusiveAnalysisRun' ? text : 'CanaryPauseStep';
}

/** A new template, or other steps, begin anew: nothing of the last update's pauses, promotion, analyses or abort stays. */
export function withTemplate(state: RolloutState, hash: string, steps: readonly unknown[] | undefined): RolloutState {
  const stepHash = steps === undefined ? '' : toTemplateHash(steps);
  if (state.currentPodHash === hash && state.currentStepHash === stepHash) return state;
  const { abortedAt: _over, ...rest } = state;
  return {
    ...rest,
    currentPodHash: hash,
    currentStepHash: stepHash,
    // Back to what is stable, there is nothing to step through.
    currentStepIndex: hash === state.stableRS ? (steps?.length ?? 0) : 0,
    pauseConditions: [],
    controllerPause: false,
    abort: false,
    promoteFull: false,
    scaledUpPreview: false,
    runs: {},
  };
}

/** As the controller writes it: empty fields are left out, and the generation is text. */
export function toStatusFields(
  state: RolloutState,
  generation: number | undefined,
  isCanary: boolean,
): Record<string, unknown> {
  const { currentPodHash, stableRS, currentStepHash, currentStepIndex, phase, message } = state;
  const runs = (group: string) =>
    Object.fromEntries(
      PLACES.filter((place) => RUN_FIELDS[place][0] === group && state.runs[place] !== undefined).map((place) => [
        RUN_FIELDS[place][1],
        state.runs[place],
      ]),
    );
  return {
    currentPodHash,
    stableRS,
    phase,
    message,
    observedGeneration: String(generation ?? 1),
    ...(isCanary ? { currentStepHash, currentStepIndex } : {}),
    ...(state.pauseConditions.length > 0 ? { pauseConditions: state.pauseConditions } : {}),
    ...(state.controllerPause ? { controllerPause: true } : {}),
    ...(state.abort ? { abort: true } : {}),
    ...(state.abortedAt === undefined ? {} : { abortedAt: state.abortedAt }),
    ...(state.promoteFull ? { promoteFull: true } : {}),
    canary: runs('canary'),
    blueGreen: {
      ...(state.activeSelector === '' ? {} : { activeSelector: state.activeSelector }),
      ...(state.previewSelector === '' ? {} : { previewSelector: state.previewSelector }),
      ...(state.scaledUpPreview ? { scaleUpPreviewCheckPoint: true } : {}),
      ...runs('blueGreen'),
    },
  };
}
