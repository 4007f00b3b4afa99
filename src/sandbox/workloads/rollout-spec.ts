import type { LiveObject } from '../cluster/live-object.ts';
import { booleanAt, isRecord, listAt, numberAt, recordAt, textAt, valueAt } from '../json.ts';
import { toReplicas } from './children.ts';
import type { World } from './world.ts';

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

/** The specification, or the reason the controller gives when it cannot be used: then nothing moves. */
export function readSpec(world: World, rollout: LiveObject): RolloutSpec | { invalid: string } {
  const canary = valueAt(rollout, 'spec', 'strategy', 'canary');
  const blueGreen = valueAt(rollout, 'spec', 'strategy', 'blueGreen');
  if (isRecord(canary) === isRecord(blueGreen))
    return toInvalid(rollout, 'spec.strategy', '', 'Rollout has one of the strategies canary and blueGreen');
  const borrowed = textAt(rollout, 'spec', 'workloadRef', 'name');
  const namespace = rollout.metadata.namespace ?? '';
  const workload =
    borrowed === undefined
      ? undefined
      : world.cluster.find({ group: 'apps', kind: 'Deployment', namespace, name: borrowed });
  if (borrowed !== undefined && workload === undefined)
    return toInvalid(rollout, 'spec.workloadRef.name', borrowed, `deployments.apps "${borrowed}" not found`);
  const options = canary ?? blueGreen;
  const missing = findMissingService(world, rollout) ?? findMissingTemplate(world, rollout);
  if (missing !== undefined) return missing;
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

function toInvalid(rollout: LiveObject, field: string, value: string, why: string): { invalid: string } {
  return {
    invalid: `The Rollout "${rollout.metadata.name}" is invalid: ${field}: Invalid value: "${value}": ${why}`,
  };
}

function findMissingService(world: World, rollout: LiveObject): { invalid: string } | undefined {
  const namespace = rollout.metadata.namespace ?? '';
  for (const [kind, options] of Object.entries(recordAt(rollout, 'spec', 'strategy')))
    for (const field of ['activeService', 'previewService', 'canaryService', 'stableService']) {
      const name = textAt(options, field);
      if (name === undefined || world.cluster.find({ group: '', kind: 'Service', namespace, name }) !== undefined)
        continue;
      return toInvalid(rollout, `spec.strategy.${kind}.${field}`, name, `service "${name}" not found`);
    }
  return undefined;
}

/** Every analysis counts, also one whose step is far away. */
function findMissingTemplate(world: World, rollout: LiveObject): { invalid: string } | undefined {
  const canary = recordAt(rollout, 'spec', 'strategy', 'canary');
  const blueGreen = recordAt(rollout, 'spec', 'strategy', 'blueGreen');
  const analyses: [string, unknown][] = [
    ['canary.analysis', canary['analysis']],
    ...listAt(canary, 'steps').map((step, index): [string, unknown] => [
      `canary.steps[${index}].analysis`,
      valueAt(step, 'analysis'),
    ]),
    ['blueGreen.prePromotionAnalysis', blueGreen['prePromotionAnalysis']],
    ['blueGreen.postPromotionAnalysis', blueGreen['postPromotionAnalysis']],
  ];
  for (const [field, analysis] of analyses)
    for (const entry of listAt(analysis, 'templates')) {
      if (findTemplate(world, rollout, entry) !== undefined) continue;
      const name = textAt(entry, 'templateName') ?? '';
      return toInvalid(
        rollout,
        `spec.strategy.${field}.templates`,
        name,
        `${toTemplateKind(entry)} '${name}' not found`,
      );
    }
  return undefined;
}

export function findTemplate(world: World, rollout: LiveObject, entry: unknown): LiveObject | undefined {
  const kind = toTemplateKind(entry);
  const namespace = kind === 'AnalysisTemplate' ? (rollout.metadata.namespace ?? '') : '';
  return world.cluster.find({ group: 'argoproj.io', kind, namespace, name: textAt(entry, 'templateName') ?? '' });
}

function toTemplateKind(entry: unknown): string {
  return booleanAt(entry, 'clusterScope') === true ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate';
}
