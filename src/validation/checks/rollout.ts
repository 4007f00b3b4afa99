import { findField, toList, toRecord, toRecords, toText } from '../../manifest/fields.ts';
import { toObjectRef } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import type { Finding } from '../finding.ts';
import { findModel } from '../models.ts';
import { findNearest } from '../../lib/nearest.ts';
import { inspectBySchema, toDottedPath } from './schema-findings.ts';

// Argo Rollouts' resource has no schema in the model library; this is the part of it people get wrong.
const SPEC_FIELDS = [
  'analysis',
  'minReadySeconds',
  'paused',
  'progressDeadlineAbort',
  'progressDeadlineSeconds',
  'replicas',
  'restartAt',
  'revisionHistoryLimit',
  'rollbackWindow',
  'selector',
  'strategy',
  'template',
  'workloadRef',
];
const STEP_KINDS = [
  'setWeight',
  'pause',
  'analysis',
  'experiment',
  'setCanaryScale',
  'setHeaderRoute',
  'setMirrorRoute',
  'plugin',
  'replicaProgressThreshold',
];

/** The structure of an Argo Rollouts `Rollout`: pods or a workload reference, one strategy, its services and steps. */
export async function inspectRollout(object: ManifestObject): Promise<Finding[]> {
  const spec = toRecord(object['spec']);
  if (spec === undefined) return [toFinding(object, 'spec', 'spec is missing.', 'Describe the rollout in spec.')];
  return [
    ...inspectFields(object, spec),
    ...(await inspectPods(object, spec)),
    ...inspectStrategy(object, toRecord(spec['strategy'])),
  ];
}

/** A template that an analysis of a Rollout names, and where it does. */
interface NamedTemplate {
  kind: 'AnalysisTemplate' | 'ClusterAnalysisTemplate';
  name: string;
  field: string;
}

/** The templates by which the analyses of a Rollout measure. */
export function listNamedTemplates(rollout: ManifestObject): NamedTemplate[] {
  const canary = toRecord(findField(rollout, 'spec', 'strategy', 'canary'));
  const blueGreen = toRecord(findField(rollout, 'spec', 'strategy', 'blueGreen'));
  const analyses: [string, unknown][] = [
    ['canary.analysis', canary?.['analysis']],
    ...toList(canary?.['steps']).map((step, index): [string, unknown] => [
      `canary.steps[${index}].analysis`,
      findField(step, 'analysis'),
    ]),
    ...['prePromotionAnalysis', 'postPromotionAnalysis'].map((name): [string, unknown] => [
      `blueGreen.${name}`,
      blueGreen?.[name],
    ]),
  ];
  return analyses.flatMap(([path, analysis]) =>
    toRecords(findField(analysis, 'templates')).flatMap((entry, index) => {
      const name = toText(entry['templateName']);
      const kind = entry['clusterScope'] === true ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate';
      return name === undefined ? [] : [{ kind, name, field: `spec.strategy.${path}.templates[${index}]` } as const];
    }),
  );
}

function inspectFields(object: ManifestObject, spec: Record<string, unknown>): Finding[] {
  return Object.keys(spec)
    .filter((name) => !SPEC_FIELDS.includes(name))
    .map((name) => {
      const nearest = findNearest(name, SPEC_FIELDS);
      const fix = nearest === undefined ? 'Remove it or correct its name.' : `Did you mean "${nearest}"?`;
      return toFinding(object, `spec.${name}`, `spec.${name} is not a field of Rollout.`, fix);
    });
}

async function inspectPods(object: ManifestObject, spec: Record<string, unknown>): Promise<Finding[]> {
  const template = toRecord(spec['template']);
  const reference = toRecord(spec['workloadRef']);
  if ((template === undefined) === (reference === undefined))
    return [
      toFinding(
        object,
        'spec.template',
        'A Rollout needs either a pod template or a workloadRef, not both and not neither.',
        'Keep spec.template, or point spec.workloadRef at the Deployment that holds it.',
      ),
    ];
  if (reference !== undefined) {
    const missing = ['apiVersion', 'kind', 'name'].filter((name) => toText(reference[name]) === undefined);
    return missing.map((name) =>
      toFinding(
        object,
        `spec.workloadRef.${name}`,
        `spec.workloadRef.${name} is missing.`,
        'Name the workload in full.',
      ),
    );
  }
  const findings: Finding[] = [];
  if (toRecord(spec['selector']) === undefined)
    findings.push(
      toFinding(object, 'spec.selector', 'spec.selector is missing.', 'Select the labels of the template.'),
    );
  // A PodTemplate is a template with a name around it, which gives pods of a Rollout the same scrutiny as any other.
  const model = await findModel('v1', 'PodTemplate');
  if (model.kind !== 'known') return findings;
  const holder = { apiVersion: 'v1', kind: 'PodTemplate', metadata: { name: object.metadata.name }, template };
  return [
    ...findings,
    ...inspectBySchema(object, holder, model.validate, (pointer) =>
      toDottedPath(holder, pointer).replace(/^/, 'spec.'),
    ),
  ];
}

function inspectStrategy(object: ManifestObject, strategy: Record<string, unknown> | undefined): Finding[] {
  const canary = toRecord(strategy?.['canary']);
  const blueGreen = toRecord(strategy?.['blueGreen']);
  if ((canary === undefined) === (blueGreen === undefined))
    return [
      toFinding(
        object,
        'spec.strategy',
        'A Rollout needs exactly one strategy, canary or blueGreen; otherwise its controller rejects it.',
        'Set spec.strategy.canary or spec.strategy.blueGreen.',
      ),
    ];
  if (blueGreen !== undefined && toText(blueGreen['activeService']) === undefined)
    return [
      toFinding(
        object,
        'spec.strategy.blueGreen.activeService',
        'A blue-green Rollout without an active service has nothing to switch.',
        'Name the Service that carries the traffic.',
      ),
    ];
  return canary === undefined ? [] : inspectCanary(object, canary);
}

function inspectCanary(object: ManifestObject, canary: Record<string, unknown>): Finding[] {
  const findings: Finding[] = [];
  const base = 'spec.strategy.canary';
  if (toRecord(canary['trafficRouting']) !== undefined)
    for (const name of ['stableService', 'canaryService'])
      if (toText(canary[name]) === undefined)
        findings.push(
          toFinding(
            object,
            `${base}.${name}`,
            `Traffic routing needs ${name}; without it no traffic can be split.`,
            `Name the Service in ${base}.${name}.`,
          ),
        );
  for (const [index, step] of toRecords(canary['steps']).entries()) {
    const kinds = Object.keys(step);
    const kind = kinds[0];
    const path = `${base}.steps[${index}]`;
    if (kinds.length !== 1 || kind === undefined || !STEP_KINDS.includes(kind))
      findings.push(
        toFinding(object, path, `${path} must be exactly one known step.`, `Use one of ${STEP_KINDS.join(', ')}.`),
      );
    const weight = findField(step, 'setWeight');
    if (kind === 'setWeight' && !(typeof weight === 'number' && weight >= 0 && weight <= 100))
      findings.push(
        toFinding(object, `${path}.setWeight`, 'A weight is a number from 0 to 100.', 'Correct the weight.'),
      );
  }
  return findings;
}

function toFinding(object: ManifestObject, field: string, message: string, fix: string): Finding {
  return { check: 'schema', severity: 'error', object: toObjectRef(object), field, message, fix };
}
