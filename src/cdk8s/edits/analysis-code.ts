import type { Metric, TemplatePurpose } from '../analysis.ts';
import { printCode, toCode, toStringCode } from '../source/code.ts';
import type { Code, Style } from '../source/code.ts';

/** The name of a workload's AnalysisTemplate. */
export function toTemplateName(workload: string, purpose: TemplatePurpose): string {
  return `${workload}-${purpose}`;
}

interface TemplateInput {
  service: string;
  workload: string;
  purpose: TemplatePurpose;
  address: string;
  metrics: readonly Metric[];
}

/** The AnalysisTemplate as an object for the source, with comments for whoever tunes it there. */
function toTemplateCode(input: TemplateInput, style: Style): Code {
  const { workload, purpose, metrics } = input;
  const args = listArgs(metrics).map(({ name }) => ({ name }));
  return {
    object: [
      ['apiVersion', toCode('argoproj.io/v1alpha1', style)],
      ['kind', toCode('AnalysisTemplate', style)],
      ['metadata', toCode({ name: toTemplateName(workload, purpose) }, style)],
      [
        'spec',
        {
          object: [
            ...(args.length === 0 ? [] : ([['args', toCode(args, style)]] as const)),
            [
              '// Each has two conditions: without data, or with NaN, neither holds, and the Rollout waits for a person.',
              '',
            ],
            ['metrics', { array: metrics.map((metric) => toMetricCode(input, metric, style)) }],
          ],
        },
      ],
    ],
  };
}

function toMetricCode({ service, workload, address }: TemplateInput, metric: Metric, style: Style): Code {
  const { initialDelay, interval, count, failureLimit, inconclusiveLimit, consecutiveErrorLimit } = metric;
  const query = metric.query
    .replaceAll('{{service}}', () => service)
    .replaceAll('{{workload}}', () => workload)
    .replaceAll('{{window}}', toWindow(interval))
    .replaceAll('{{namespace}}', '{{args.namespace}}')
    .replaceAll('{{pod_hash}}', '{{args.pod-hash}}');
  const { success, failure } = toConditions(metric);
  return {
    object: [
      ...toEntries({ name: metric.name, initialDelay, interval, count, failureLimit, inconclusiveLimit }, style),
      ...toEntries({ consecutiveErrorLimit }, style),
      ...toEntries({ successCondition: success, failureCondition: failure }, style),
      ['provider', { object: [['prometheus', { object: toEntries({ address, query }, style) }]] }],
    ],
  };
}

function toEntries(value: Record<string, string | number>, style: Style): (readonly [string, Code])[] {
  return Object.entries(value).map(([key, field]) => [key, toCode(field, style)] as const);
}

/**
 * When a measurement is good, and when it is bad, in the words of Argo Rollouts. Every series of the answer counts. The
 * single condition people write instead takes everything that is not good for bad; and an infinite rate, which a division
 * by no requests gives, is not good.
 */
export function toConditions({ min, max }: Pick<Metric, 'min' | 'max'>): { success: string; failure: string } {
  const good = [...(min === undefined ? [] : [`# >= ${min}`]), ...(max === undefined ? [] : [`# <= ${max}`])];
  const bad = [...(min === undefined ? [] : [`# < ${min}`]), ...(max === undefined ? [] : [`# > ${max}`])];
  const outside = bad.length > 1 ? `(${bad.join(' || ')})` : bad.join('');
  return {
    success: `len(result) > 0 && all(result, {!isNaN(#) && !isInf(#) && ${good.join(' && ')}})`,
    failure: `any(result, {!isNaN(#) && ${outside}})`,
  };
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** How far back a rate looks: over two intervals, and never over less than the two scrapes a rate needs. */
function toWindow(interval: string): string {
  const seconds = Number(interval.slice(0, -1)) * (SECONDS[interval.slice(-1)] ?? 1);
  const wanted = Math.max(60, seconds * 2);
  return wanted % 60 === 0 ? `${wanted / 60}m` : `${wanted}s`;
}

interface Argument {
  name: string;
  valueFrom: Record<string, unknown>;
}

/** What only the Rollout knows: its namespace, and which of the pods are new. */
function listArgs(metrics: readonly Metric[]): Argument[] {
  const isUsed = (name: string) => metrics.some(({ query }) => query.includes(`{{${name}}}`));
  return [
    ...(isUsed('namespace')
      ? [{ name: 'namespace', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }]
      : []),
    ...(isUsed('pod_hash') ? [{ name: 'pod-hash', valueFrom: { podTemplateHashValue: 'Latest' } }] : []),
  ];
}

/** How a Rollout asks for an analysis. */
export function toReferenceCode(
  workload: string,
  purpose: TemplatePurpose,
  metrics: readonly Metric[],
  style: Style,
): Code {
  const args = listArgs(metrics);
  return {
    object: [
      ['templates', toCode([{ templateName: toTemplateName(workload, purpose) }], style)],
      ...(args.length === 0 ? [] : ([['args', toCode(args, style)]] as const)),
    ],
  };
}

const PURPOSES: Readonly<Record<TemplatePurpose, string>> = {
  analysis: '// What a new version has to show once requests reach it.',
  'preview-analysis': '// What a new version has to show before requests reach it.',
};

/** The statement that makes a template. */
export function printTemplate(
  input: TemplateInput,
  { type, scope, id, indent, style }: { type: string; scope: string; id: string; indent: string; style: Style },
): string {
  const object = printCode(toTemplateCode(input, style), style, indent, 120);
  return `${PURPOSES[input.purpose]}\n${indent}new ${type}(${scope}, ${toStringCode(id, style)}, ${object});`;
}
