import { describe, expect, it } from 'vitest';
import { parseManifests } from '../../manifest/parse.ts';
import { toChangeInput, toLines } from '../change.fixture.ts';
import { referencesCheck } from './references.ts';
import { schemaCheck } from './schema.ts';

const toTemplate = (spec: string, kind = 'AnalysisTemplate') =>
  `apiVersion: argoproj.io/v1alpha1\nkind: ${kind}\nmetadata: { name: a, namespace: shop }\nspec: ${spec}\n`;
const toMetric = (fields: string, query = 'query: up') =>
  toTemplate(
    `{ args: [{ name: hash }], metrics: [{ name: m, ${fields}provider: { prometheus: { address: "http://prom:9090", ${query} } } }] }`,
  );
const CONDITIONS = 'successCondition: "len(result) > 0 && result[0] > 1", failureCondition: "any(result, {# <= 1})", ';

async function inspect(text: string): Promise<string[]> {
  const findings = [];
  for (const object of parseManifests(text, 'x'))
    findings.push(...(await schemaCheck.inspect(object, { changes: [], after: [], sourceFiles: [] })));
  return toLines(findings);
}

describe('schema check of AnalysisTemplates', () => {
  it.each([
    ['measurements with an interval', toMetric(`${CONDITIONS}interval: 1m30s, count: 3, failureLimit: 1, `)],
    ['limits as text and without end', toMetric(`${CONDITIONS}interval: 1m, count: "5", failureLimit: -1, inconclusiveLimit: 1, `)],
    ['a declared argument', toMetric(`${CONDITIONS}count: "{{args.hash}}", `, 'query: "up{h=\\"{{ args.hash }}\\"}"')],
    ['an address only the controller knows', toMetric(CONDITIONS).replace('address: "http://prom:9090", ', '')],
    ['a Job, which decides by itself', toTemplate('{ metrics: [{ name: j, provider: { job: { spec: {} } } }] }', 'ClusterAnalysisTemplate')],
    ['a list of other templates', toTemplate('{ templates: [{ templateName: b }] }')],
  ])('accepts %s', async (_what, text) => {
    expect(await inspect(text)).toEqual([]);
  }); // prettier-ignore

  const metric = 'spec.metrics[m]';
  it.each([
    ['no specification', toTemplate('null'), 'error schema spec'],
    ['no metrics', toTemplate('{ args: [] }'), 'error schema spec.metrics'],
    ['a field that is none', toTemplate('{ metrics: [], templates: [{}], metricz: [] }'), 'error schema spec.metricz'],
    ['a typo in a metric', toMetric(`${CONDITIONS}intervall: 1m, `), `error schema ${metric}.intervall`],
    ['a metric without a name', toMetric(CONDITIONS).replace('name: m, ', ''), 'error schema spec.metrics[0]'],
    ['one name twice', toMetric(CONDITIONS).replace(/metrics: \[(.*)\]/, 'metrics: [$1, $1]'), `error schema ${metric}`],
    ['no provider', toTemplate('{ metrics: [{ name: m, successCondition: x }] }'), `error schema ${metric}.provider`],
    ['two providers', toMetric(CONDITIONS).replace('provider: { ', 'provider: { web: {}, '), `error schema ${metric}.provider`],
    ['an unknown provider', toMetric(CONDITIONS).replace('prometheus', 'promethius'), `error schema ${metric}.provider.promethius`],
    ['a field Prometheus does not take', toMetric(CONDITIONS, 'query: up, step: 1m'), `error schema ${metric}.provider.prometheus.step`],
    ['nothing to ask', toMetric(CONDITIONS, 'timeout: 3'), `error schema ${metric}.provider.prometheus.query`],
    ['an address without a scheme', toMetric(CONDITIONS).replace('http://', ''), `error schema ${metric}.provider.prometheus.address`],
    ['a number for a duration', toMetric(`${CONDITIONS}interval: 60, `), `error schema ${metric}.interval`],
    ['words for a duration', toMetric(`${CONDITIONS}initialDelay: a minute, `), `error schema ${metric}.initialDelay`],
    ['a repetition without an interval', toMetric(`${CONDITIONS}count: 3, `), `error schema ${metric}.interval`],
    ['half a failure', toMetric(`${CONDITIONS}failureLimit: 0.5, `), `error schema ${metric}.failureLimit`],
    ['less than no errors', toMetric(`${CONDITIONS}consecutiveErrorLimit: -1, `), `error schema ${metric}.consecutiveErrorLimit`],
    ['an argument nobody declares', toMetric(CONDITIONS, 'query: "up{{args.hahs}}"'), `error schema ${metric}`],
    ['success without data', toMetric(`${CONDITIONS}interval: 1m, count: 3, inconclusiveLimit: 3, `), `warning schema ${metric}.count`],
    ['no condition at all', toMetric(''), `warning schema ${metric}.successCondition`],
  ])('finds %s', async (_what, text, line) => {
    expect(await inspect(text)).toEqual([line]);
  }); // prettier-ignore

  it('never quotes an address, since it may hold a password', async () => {
    const findings = [];
    for (const object of parseManifests(toMetric(CONDITIONS).replace('http://prom', 'me:hunter2@prom'), 'x'))
      findings.push(...(await schemaCheck.inspect(object, { changes: [], after: [], sourceFiles: [] })));
    expect(findings).toHaveLength(1);
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });
});

describe('references of a Rollout to its templates', () => {
  const toRollout = (strategy: string) =>
    `apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: r, namespace: shop }\nspec: { template: {}, strategy: ${strategy} }\n`;
  const step = '{ analysis: { templates: [{ templateName: a }] } }';
  const inspectReferences = async (before: string, after: string) => {
    const input = toChangeInput(before, after);
    return toLines(await referencesCheck.inspect(input.after, input));
  };

  it.each([
    ['a step', `{ canary: { steps: [{ setWeight: 5 }, ${step}] } }`, 'canary.steps[1].analysis'],
    ['the background', '{ canary: { analysis: { templates: [{ templateName: a }] } } }', 'canary.analysis'],
    ['a preview', '{ blueGreen: { prePromotionAnalysis: { templates: [{ templateName: a }] } } }', 'blueGreen.prePromotionAnalysis'],
    ['a promotion', '{ blueGreen: { postPromotionAnalysis: { templates: [{ templateName: a }] } } }', 'blueGreen.postPromotionAnalysis'],
  ])('follows the one of %s', async (_what, strategy, path) => {
    const rollout = toRollout(strategy);
    const template = `---\n${toMetric(CONDITIONS)}`;
    const field = `references spec.strategy.${path}.templates[0]`;
    expect(await inspectReferences('', rollout + template)).toEqual([]);
    expect(await inspectReferences('', rollout)).toEqual([`warning ${field}`]);
    expect(await inspectReferences(rollout + template, rollout)).toEqual([`error ${field}`]);
  }); // prettier-ignore

  it('leaves templates of the whole cluster to whoever keeps them', async () => {
    const strategy = '{ canary: { analysis: { templates: [{ templateName: a, clusterScope: true }] } } }';
    expect(await inspectReferences('', toRollout(strategy))).toEqual([]);
  });
});
