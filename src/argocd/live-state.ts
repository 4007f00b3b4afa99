import { z } from 'zod';
import type { ObjectRef } from '../manifest/object.ts';
import { isSameObject, toResourceRef } from './application.ts';
import type { ManagedResource } from './schema.ts';

const count = z
  .number()
  .nullish()
  .transform((value) => value ?? undefined);

const stepSchema = z.looseObject({ pause: z.looseObject({ duration: z.unknown().optional() }).nullish() });

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
      pauseConditions: z.looseObject({ reason: z.string().nullish() }).array().nullish(),
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
  reason: string;
  /** True when a timer ends the pause. */
  timed: boolean;
  stepIndex?: number;
  stepCount?: number;
}

/** Undefined when the rollout's live state is not among the managed resources. */
export function findRolloutPause(managed: readonly ManagedResource[], ref: ObjectRef): RolloutPause | undefined {
  const live = findLive(managed, ref);
  if (live === undefined) return undefined;
  const reasons = (live.status?.pauseConditions ?? []).map((condition) => condition.reason ?? '');
  const reason = reasons.includes('InconclusiveAnalysisRun') ? 'InconclusiveAnalysisRun' : (reasons[0] ?? '');
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
    timed: timed && live.spec?.paused !== true,
    ...(stepIndex === undefined ? {} : { stepIndex }),
    ...(steps.length === 0 ? {} : { stepCount: steps.length }),
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
