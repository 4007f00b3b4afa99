import type { LiveObject } from '../cluster/live-object.ts';
import { toTemplateHash } from '../cluster/naming.ts';
import { booleanAt, isRecord, listAt, numberAt, recordAt, textAt, valueAt } from '../json.ts';
import { toReplicas } from './children.ts';
import type { World } from './world.ts';

/** The part of a Rollout's status that steers it; it is read from the object each time, so that status patches count. */
export interface RolloutState {
  currentPodHash: string;
  stableRS: string;
  currentStepIndex: number;
  currentStepHash: string;
  pauseConditions: { reason: PauseReason; startTime: string }[];
  controllerPause: boolean;
  abort: boolean;
  abortedAt?: string;
  promoteFull: boolean;
  activeSelector: string;
  previewSelector: string;
  phase: 'Healthy' | 'Degraded' | 'Progressing' | 'Paused';
  message: string;
}

export type PauseReason = 'CanaryPauseStep' | 'BlueGreenPause' | 'InconclusiveAnalysisRun';

/** The specification, with the template found where it is kept. */
export interface RolloutSpec {
  replicas: number;
  template: unknown;
  /** The workload the template is borrowed from, and what becomes of its own pods. */
  workload?: { name: string; scaleDown: string };
  strategy: { kind: 'canary' | 'blue_green'; options: unknown };
  steps: unknown[];
  isPaused: boolean;
  progressDeadlineSeconds: number;
  abortsAtDeadline: boolean;
}

/** The specification, or the reason the controller gives when it cannot be used. */
export function readSpec(world: World, rollout: LiveObject): RolloutSpec | { invalid: string } {
  const invalid = (field: string, value: string, why: string) => ({
    invalid: `The Rollout "${rollout.metadata.name}" is invalid: ${field}: Invalid value: "${value}": ${why}`,
  });
  const canary = valueAt(rollout, 'spec', 'strategy', 'canary');
  const blueGreen = valueAt(rollout, 'spec', 'strategy', 'blueGreen');
  if (isRecord(canary) === isRecord(blueGreen)) {
    return invalid('spec.strategy', '', 'Rollout has one of the strategies canary and blueGreen');
  }
  const namespace = rollout.metadata.namespace ?? '';
  const options = canary ?? blueGreen;
  for (const field of ['activeService', 'previewService', 'canaryService', 'stableService']) {
    const name = textAt(options, field);
    if (name === undefined || world.cluster.find({ group: '', kind: 'Service', namespace, name }) !== undefined)
      continue;
    const strategy = isRecord(canary) ? 'canary' : 'blueGreen';
    return invalid(`spec.strategy.${strategy}.${field}`, name, `service "${name}" not found`);
  }
  const borrowed = textAt(rollout, 'spec', 'workloadRef', 'name');
  const workload =
    borrowed === undefined
      ? undefined
      : world.cluster.find({ group: 'apps', kind: 'Deployment', namespace, name: borrowed });
  if (borrowed !== undefined && workload === undefined) {
    return invalid('spec.workloadRef.name', borrowed, `deployments.apps "${borrowed}" not found`);
  }
  return {
    replicas: toReplicas(rollout),
    template: valueAt(workload ?? rollout, 'spec', 'template'),
    ...(borrowed === undefined
      ? {}
      : { workload: { name: borrowed, scaleDown: textAt(rollout, 'spec', 'workloadRef', 'scaleDown') ?? 'never' } }),
    strategy: { kind: isRecord(canary) ? 'canary' : 'blue_green', options },
    steps: listAt(canary, 'steps'),
    isPaused: booleanAt(rollout, 'spec', 'paused') === true,
    progressDeadlineSeconds:
      numberAt(rollout, 'spec', 'progressDeadlineSeconds') ?? world.settings.progressDeadlineSeconds,
    abortsAtDeadline: booleanAt(rollout, 'spec', 'progressDeadlineAbort') === true,
  };
}

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
    phase: phase === 'Healthy' || phase === 'Degraded' || phase === 'Paused' ? phase : 'Progressing',
    message: textAt(status, 'message') ?? '',
  };
}

function toPauseReason(text: string | undefined): PauseReason {
  return text === 'BlueGreenPause' || text === 'InconclusiveAnalysisRun' ? text : 'CanaryPauseStep';
}

/** A new template begins anew: nothing of the last update's pauses, promotion or abort stays. */
export function withTemplate(state: RolloutState, hash: string, steps: readonly unknown[]): RolloutState {
  const stepHash = toTemplateHash(steps);
  if (state.currentPodHash === hash && state.currentStepHash === stepHash) return state;
  const { abortedAt: _over, ...rest } = state;
  return {
    ...rest,
    currentPodHash: hash,
    currentStepHash: stepHash,
    // Back to what is stable, there is nothing to step through.
    currentStepIndex: hash === state.stableRS ? steps.length : 0,
    pauseConditions: [],
    controllerPause: false,
    abort: false,
    promoteFull: false,
  };
}

/** As the controller writes it: empty fields are left out, and the generation is text. */
export function toStatusFields(
  state: RolloutState,
  generation: number | undefined,
  isCanary: boolean,
): Record<string, unknown> {
  const { activeSelector, previewSelector, pauseConditions, controllerPause, abort, abortedAt, promoteFull, ...rest } =
    state;
  const { currentStepIndex, ...plain } = rest;
  return {
    ...plain,
    observedGeneration: String(generation ?? 1),
    ...(isCanary ? { currentStepIndex } : {}),
    ...(pauseConditions.length > 0 ? { pauseConditions } : {}),
    ...(controllerPause ? { controllerPause } : {}),
    ...(abort ? { abort, abortedAt } : {}),
    ...(promoteFull ? { promoteFull } : {}),
    blueGreen: activeSelector === '' ? {} : { activeSelector, ...(previewSelector === '' ? {} : { previewSelector }) },
  };
}

/** Seconds as a number or `10m`; undefined waits for a person. */
export function toPauseMs(duration: unknown): number | undefined {
  if (typeof duration === 'number') return duration * 1000;
  const match = typeof duration === 'string' ? /^(\d+)(s|m|h)?$/.exec(duration) : null;
  if (match === null) return undefined;
  return Number(match[1]) * { s: 1000, m: 60_000, h: 3_600_000 }[(match[2] ?? 's') as 's' | 'm' | 'h'];
}
