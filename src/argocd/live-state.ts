import { z } from 'zod';
import type { ObjectRef } from '../manifest/object.ts';
import { isSameObject, toResourceRef } from './application.ts';
import type { ManagedResource } from './schema.ts';

const count = z
  .number()
  .nullish()
  .transform((value) => value ?? undefined);

const stepSchema = z.looseObject({
  pause: z.looseObject({ duration: z.unknown().optional() }).nullish(),
  analysis: z.unknown().optional(),
});
const runSchema = z.looseObject({ status: z.string().nullish() });

const liveSchema = z.looseObject({
  spec: z
    .looseObject({
      paused: z.boolean().nullish(),
      progressDeadlineSeconds: count,
      strategy: z
        .looseObject({
          canary: z.looseObject({ steps: stepSchema.array().nullish() }).nullish(),
          blueGreen: z
            .looseObject({ autoPromotionEnabled: z.boolean().nullish(), autoPromotionSeconds: count })
            .nullish(),
        })
        .nullish(),
    })
    .nullish(),
  status: z
    .looseObject({
      currentPodHash: z.string().nullish(),
      stableRS: z.string().nullish(),
      currentStepIndex: count,
      pauseConditions: z
        .looseObject({ reason: z.string().nullish(), startTime: z.string().nullish() })
        .array()
        .nullish(),
      abort: z.boolean().nullish(),
      controllerPause: z.boolean().nullish(),
      phase: z.string().nullish(),
      canary: z.looseObject({ currentStepAnalysisRunStatus: runSchema.nullish() }).nullish(),
    })
    .nullish(),
});

type LiveState = z.output<typeof liveSchema>;

function parseState(text: string): LiveState | undefined {
  if (text === '' || text === 'null') return undefined;
  try {
    return liveSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Why a rollout stands still, and whether it goes on by itself. */
export interface RolloutPause {
  /** Their word; empty when none is given. */
  reason: string;
  /** When it began, in their words; tells this pause from a later one of the same step. */
  since: string;
  /** True when a timer ends the pause. */
  timed: boolean;
  stepIndex?: number;
  stepCount?: number;
  /** Which analysis was inconclusive, where that is the reason. */
  analysis?: 'step' | 'background' | 'blue_green';
}

/** Undefined when the rollout's live state is not among the managed resources. */
export function findRolloutPause(managed: readonly ManagedResource[], ref: ObjectRef): RolloutPause | undefined {
  const live = findLive(managed, ref);
  return live === undefined ? undefined : toPause(live);
}

function toPause(live: LiveState): RolloutPause {
  const conditions = live.status?.pauseConditions ?? [];
  // Several may hold at once. The one somebody has to read goes before the one a timer ends.
  const condition = conditions.find((one) => one.reason === INCONCLUSIVE) ?? conditions[0];
  const reason = condition?.reason ?? '';
  const steps = live.spec?.strategy?.canary?.steps ?? [];
  const stepIndex = live.status?.currentStepIndex;
  const duration = stepIndex === undefined ? undefined : steps[stepIndex]?.pause?.duration;
  const blueGreen = live.spec?.strategy?.blueGreen;
  const timed =
    (reason === 'CanaryPauseStep' && duration !== undefined && duration !== null) ||
    (reason === 'BlueGreenPause' &&
      blueGreen?.autoPromotionEnabled !== false &&
      (blueGreen?.autoPromotionSeconds ?? 0) > 0);
  // A pause a person put into the spec is not ended by the step's timer.
  return {
    reason,
    since: condition?.startTime ?? '',
    timed: timed && live.spec?.paused !== true,
    ...(stepIndex === undefined ? {} : { stepIndex }),
    ...(steps.length === 0 ? {} : { stepCount: steps.length }),
    ...(reason === INCONCLUSIVE ? { analysis: toInconclusive(live) } : {}),
  };
}

const INCONCLUSIVE = 'InconclusiveAnalysisRun';

function toInconclusive(live: LiveState): 'step' | 'background' | 'blue_green' {
  const strategy = live.spec?.strategy;
  if (strategy?.blueGreen !== undefined && strategy.blueGreen !== null) return 'blue_green';
  const step = strategy?.canary?.steps?.[live.status?.currentStepIndex ?? -1];
  const isStep =
    step?.analysis !== undefined && live.status?.canary?.currentStepAnalysisRunStatus?.status === 'Inconclusive';
  return isStep ? 'step' : 'background';
}

/** Where a rollout stands, as whoever acts on it has to know before and after. */
export interface RolloutStanding {
  /** Undefined while nothing pauses it. */
  pause?: RolloutPause;
  stepIndex: number;
  /** Somebody took the pause away, and the controller has not seen it yet. */
  isUnpausing: boolean;
  isAborted: boolean;
  /** Their word: Healthy, Degraded, Progressing, Paused. */
  phase: string;
  /** The new version is the stable one: there is nothing left to resume or abort. */
  isPromoted: boolean;
}

/** From the live object itself; undefined when it is no Rollout's. */
export function parseStanding(live: unknown): RolloutStanding | undefined {
  const { data } = liveSchema.safeParse(live);
  if (data?.status === undefined || data.status === null) return undefined;
  const { status, spec } = data;
  const isPaused = (status.pauseConditions ?? []).length > 0 || spec?.paused === true;
  return {
    ...(isPaused ? { pause: toPause(data) } : {}),
    stepIndex: status.currentStepIndex ?? 0,
    isUnpausing: status.controllerPause === true && !isPaused,
    isAborted: status.abort === true,
    phase: status.phase ?? '',
    isPromoted: (status.currentPodHash ?? '') === (status.stableRS ?? ''),
  };
}

/** Rollouts whose stable version is not yet the one the spec asks for. */
export function listUnpromoted(managed: readonly ManagedResource[]): ObjectRef[] {
  return managed
    .filter((resource) => {
      if (!isRollout(resource)) return false;
      const status = parseState(resource.liveState)?.status;
      return status?.currentPodHash !== status?.stableRS;
    })
    .map(toResourceRef);
}

const DEFAULT_PROGRESS_SECONDS = 600;

/** The longest progress deadline among Deployments and Rollouts, in seconds. */
export function toProgressDeadlineSeconds(managed: readonly ManagedResource[] | undefined): number {
  const deadlines = (managed ?? [])
    .filter((resource) => isRollout(resource) || (resource.group === 'apps' && resource.kind === 'Deployment'))
    .map((resource) => {
      const state = parseState(resource.liveState) ?? parseState(resource.targetState);
      return state?.spec?.progressDeadlineSeconds ?? DEFAULT_PROGRESS_SECONDS;
    });
  return deadlines.length === 0 ? DEFAULT_PROGRESS_SECONDS : Math.max(...deadlines);
}

export function isRollout(resource: { group: string; kind: string }): boolean {
  return resource.group === 'argoproj.io' && resource.kind === 'Rollout';
}

function findLive(managed: readonly ManagedResource[], ref: ObjectRef): LiveState | undefined {
  const resource = managed.find((candidate) => isSameObject(toResourceRef(candidate), ref));
  return resource === undefined ? undefined : parseState(resource.liveState);
}
