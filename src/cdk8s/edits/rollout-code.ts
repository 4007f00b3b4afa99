import { listMetrics } from '../analysis.ts';
import type { TemplatePurpose } from '../analysis.ts';
import type { Service } from '../project.ts';
import { printCode, toCode, toStringCode } from '../source/code.ts';
import type { Code, Style } from '../source/code.ts';
import { listNodes } from '../source/module.ts';
import { listConstructs } from '../tree.ts';
import type { ConstructNode } from '../tree.ts';
import { findActiveService } from './active-service.ts';
import type { ActiveService } from './active-service.ts';
import { printTemplate, toReferenceCode, toTemplateName } from './analysis-code.ts';
import type { EditContext } from './context.ts';

/** What only the way a Rollout takes over a Deployment decides. */
export interface TakeOver {
  /** The expression for its replicas. */
  replicas: string;
  /** `never` leaves the Deployment's own pods where they are. */
  scaleDown: 'progressively' | 'never';
}

interface RolloutCode {
  strategy: Code;
  /** The Service that shows the new version of a blue-green rollout before it is promoted. */
  preview: string | undefined;
  /** Statements the strategy refers to, to stand before the Rollout. */
  measures: string[];
  /** Names of the AnalysisTemplates it refers to. */
  templates: string[];
  /** What the new version is measured by, or that nothing does; for the edit's summary. */
  measured: string;
  /** The statement that adds the Rollout. */
  rollout(takeOver: TakeOver): string;
}

export interface At {
  scope: string;
  indent: string;
}

export function toRolloutCode(
  context: EditContext,
  service: Service,
  workload: ConstructNode,
  strategy: 'canary' | 'blue_green',
  at: At,
): RolloutCode {
  const { editor } = context;
  const { module, name } = workload;
  const style = editor.style(module);
  const type = editor.refer(module, 'cdk8s', 'ApiObject');
  const parts =
    strategy === 'canary'
      ? toCanary(context, service, workload, at)
      : toBlueGreen(context, service, workload, { ...at, type });
  return {
    ...parts,
    rollout: ({ replicas, scaleDown }) => {
      const pods =
        scaleDown === 'never'
          ? '// The pods are described by the Deployment; its own stay beside these until it is given none.'
          : '// The pods are described by the Deployment, whose own are taken down as these become ready.';
      const rollout: Code = {
        object: [
          ['apiVersion', toCode('argoproj.io/v1alpha1', style)],
          ['kind', toCode('Rollout', style)],
          [
            'metadata',
            {
              object: [
                ['name', toCode(name, style)],
                ['// Should the Rollout ever be removed: only after the Deployment has its own pods back.', ''],
                ['annotations', toCode({ 'argocd.argoproj.io/sync-options': 'PruneLast=true' }, style)],
              ],
            },
          ],
          [
            'spec',
            {
              object: [
                ['replicas', replicas],
                [pods, ''],
                ['workloadRef', toCode({ apiVersion: 'apps/v1', kind: 'Deployment', name, scaleDown }, style)],
                ['strategy', parts.strategy],
              ],
            },
          ],
        ],
      };
      const id = findFreeId(workload, 'rollout');
      return `new ${type}(${at.scope}, ${toStringCode(id, style)}, ${printCode(rollout, style, at.indent, 120)});`;
    },
  };
}

type Parts = Omit<RolloutCode, 'rollout'>;

function toCanary(context: EditContext, service: Service, workload: ConstructNode, at: At): Parts {
  const style = context.editor.style(workload.module);
  const { canarySteps, analysis } = context.project.config;
  const metrics = listMetrics(analysis, 'analysis');
  const variable = findFreeName(workload, ['analysis', 'rolloutAnalysis']);
  const steps = canarySteps.flatMap(({ weight, pause }): Code[] => [
    toCode({ setWeight: weight }, style),
    ...(pause === undefined ? [] : [toCode({ pause: pause === 'until_promoted' ? {} : { duration: pause } }, style)]),
    ...(metrics.length === 0 ? [] : [{ object: [['analysis', variable] as const] }]),
  ]);
  const reference = printCode(toReferenceCode(workload.name, 'analysis', metrics, style), style, at.indent, 20);
  const weights = canarySteps.map(({ weight }) => `${weight} %`).join(', ');
  return {
    strategy: { object: [['canary', { object: [['steps', { array: steps }]] }]] },
    preview: undefined,
    measures:
      metrics.length === 0
        ? []
        : [...printTemplates(context, service, workload, ['analysis'], at), `const ${variable} = ${reference};`],
    templates: metrics.length === 0 ? [] : [toTemplateName(workload.name, 'analysis')],
    measured:
      metrics.length === 0
        ? `${weights}; nothing measures the new version, so it goes on after each pause unless someone aborts it`
        : `${weights}, each measured by ${toMetricList(metrics)}`,
  };
}

function toBlueGreen(
  context: EditContext,
  service: Service,
  workload: ConstructNode,
  at: At & { type: string },
): Parts {
  const style = context.editor.style(workload.module);
  const { analysis } = context.project.config;
  const before = listMetrics(analysis, 'preview-analysis');
  const after = listMetrics(analysis, 'analysis');
  const active = findActiveService(context, service, workload);
  const { name } = workload;
  const purposes = [
    ...(before.length === 0 ? [] : ['preview-analysis' as const]),
    ...(after.length === 0 ? [] : ['analysis' as const]),
  ];
  const fields: (readonly [string, Code])[] = [
    ['activeService', toCode(active.name, style)],
    ['previewService', toCode(`${active.name}-preview`, style)],
    // Promoted by whoever watches it, after the preview has been looked at.
    ['autoPromotionEnabled', 'false'],
    ...(before.length === 0
      ? []
      : ([['prePromotionAnalysis', toReferenceCode(name, 'preview-analysis', before, style)]] as const)),
    ...(after.length === 0
      ? []
      : ([['postPromotionAnalysis', toReferenceCode(name, 'analysis', after, style)]] as const)),
  ];
  return {
    strategy: { object: [['blueGreen', { object: fields }]] },
    preview: printPreview(active, style, { ...at, id: findFreeId(workload, 'preview') }),
    measures: printTemplates(context, service, workload, purposes, at),
    templates: purposes.map((purpose) => toTemplateName(name, purpose)),
    measured: [
      before.length === 0 ? 'nothing measures the preview' : `the preview is measured by ${toMetricList(before)}`,
      after.length === 0
        ? 'nothing measures the new version once it is promoted'
        : `after its promotion by ${toMetricList(after)}`,
    ].join(', '),
  };
}

function toMetricList(metrics: readonly { name: string }[]): string {
  return metrics.map(({ name }) => name).join(' and ');
}

/** The templates that are not there yet; one that is may have been tuned by hand, and stays. */
function printTemplates(
  context: EditContext,
  service: Service,
  workload: ConstructNode,
  purposes: readonly TemplatePurpose[],
  at: At,
): string[] {
  const { editor, project } = context;
  const { analysis } = project.config;
  if (analysis === undefined) return [];
  const style = editor.style(workload.module);
  const type = editor.refer(workload.module, 'cdk8s', 'ApiObject');
  const present = listTemplates(context, service, workload).map(({ name }) => name);
  return purposes
    .filter((purpose) => !present.includes(toTemplateName(workload.name, purpose)))
    .map((purpose) =>
      printTemplate(
        {
          service: service.name,
          workload: workload.name,
          purpose,
          address: analysis.address,
          metrics: listMetrics(analysis, purpose),
        },
        { ...at, type, id: findFreeId(workload, purpose), style },
      ),
    );
}

/** The AnalysisTemplates of the chart that carry the names ours have. */
export function listTemplates({ project }: EditContext, service: Service, workload: ConstructNode): ConstructNode[] {
  const names = [toTemplateName(workload.name, 'analysis'), toTemplateName(workload.name, 'preview-analysis')];
  return listConstructs(project, service).filter(
    (item) => item.kind === 'AnalysisTemplate' && item.module === workload.module && names.includes(item.name),
  );
}

/** Two constructs of one scope cannot share an id. */
function findFreeId({ module, frame, name }: ConstructNode, wanted: string): string {
  const { compiler } = module;
  const taken = listNodes(compiler, frame.owner ?? module.file).some((node) => {
    const id = compiler.isNewExpression(node) ? node.arguments?.[1] : undefined;
    return id !== undefined && compiler.isStringLiteralLike(id) && id.text === wanted;
  });
  return taken ? `${name}-${wanted}` : wanted;
}

function findFreeName({ module }: ConstructNode, wanted: readonly string[]): string {
  const { compiler } = module;
  const nodes = listNodes(compiler, module.file);
  const taken = new Set(nodes.flatMap((node) => (compiler.isIdentifier(node) ? [node.text] : [])));
  const [first = 'analysis'] = wanted;
  for (let count = 2; ; count += 1) {
    const free = [...wanted, `${first}${count}`].find((name) => !taken.has(name));
    if (free !== undefined) return free;
  }
}

function printPreview(active: ActiveService, style: Style, at: At & { type: string; id: string }): string {
  const identity: (readonly [string, Code])[] =
    active.type === undefined
      ? [
          ['apiVersion', toCode('v1', style)],
          ['kind', toCode('Service', style)],
        ]
      : [];
  const spec: Code = {
    object: [
      ['selector', active.selector],
      ['ports', active.ports],
    ],
  };
  const object: Code = {
    object: [...identity, ['metadata', toCode({ name: `${active.name}-preview` }, style)], ['spec', spec]],
  };
  return `new ${active.type ?? at.type}(${at.scope}, ${toStringCode(at.id, style)}, ${printCode(object, style, at.indent, 120)});`;
}
