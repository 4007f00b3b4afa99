import { toList, toNumber, toRecord, toRecords, toText } from '../../manifest/fields.ts';
import { toObjectRef } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import type { Finding } from '../finding.ts';
import { findNearest } from '../../lib/nearest.ts';

// Like a Rollout, an AnalysisTemplate has no schema in the model library. What is wrong in it shows only when the first canary
// stands at its analysis, which is the worst moment; so this is what the controller would refuse then, and what it would take.
const SPEC_FIELDS = ['args', 'dryRun', 'measurementRetention', 'metrics', 'templates'];
const LIMITS = ['failureLimit', 'inconclusiveLimit', 'consecutiveErrorLimit', 'consecutiveSuccessLimit'];
const METRIC_FIELDS = [
  ...LIMITS,
  'count',
  'failureCondition',
  'initialDelay',
  'interval',
  'name',
  'provider',
  'successCondition',
];
const PROVIDERS = [
  'cloudWatch',
  'datadog',
  'graphite',
  'influxdb',
  'job',
  'kayenta',
  'newRelic',
  'plugin',
  'prometheus',
  'skywalking',
  'wavefront',
  'web',
];
const PROMETHEUS_FIELDS = ['address', 'authentication', 'headers', 'insecure', 'query', 'rangeQuery', 'timeout'];
// What Go reads as a duration: `30s`, `1m30s`, `1.5h`.
const DURATION = /^(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+$/;
const ARGUMENT = /\{\{\s*(?:args\.)?([^{}]*?)\s*\}\}/g;

/** Whether an object is one of the kinds `inspectAnalysisTemplate` knows. */
export function isAnalysisTemplate({ group, kind }: { group: string; kind: string }): boolean {
  return group === 'argoproj.io' && (kind === 'AnalysisTemplate' || kind === 'ClusterAnalysisTemplate');
}

/** The structure of an AnalysisTemplate: its metrics, what measures them, their limits, the arguments they use. */
export function inspectAnalysisTemplate(object: ManifestObject): Finding[] {
  const spec = toRecord(object['spec']);
  if (spec === undefined) return [toFinding(object, 'spec', 'spec is missing.', 'Describe the metrics in spec.')];
  const findings = inspectNames(object, 'spec', spec, SPEC_FIELDS);
  const metrics = toList(spec['metrics']);
  if (metrics.length === 0 && toList(spec['templates']).length === 0)
    findings.push(toFinding(object, 'spec.metrics', 'An analysis without metrics measures nothing.', 'Add a metric.'));
  const args = new Set(toRecords(spec['args']).flatMap((entry) => toText(entry['name']) ?? []));
  const seen = new Set<string>();
  for (const [index, entry] of metrics.entries()) {
    const metric = toRecord(entry);
    const name = toText(metric?.['name']);
    const path = `spec.metrics[${name ?? index}]`;
    if (metric === undefined || name === undefined || name === '') {
      findings.push(toFinding(object, path, `${path} has no name.`, 'Name the metric.'));
      continue;
    }
    if (seen.has(name)) findings.push(toFinding(object, path, `There are two metrics ${name}.`, 'Rename one.'));
    seen.add(name);
    findings.push(...inspectMetric(object, path, metric), ...inspectArguments(object, path, metric, args));
  }
  return findings;
}

function inspectMetric(object: ManifestObject, path: string, metric: Record<string, unknown>): Finding[] {
  const findings = [...inspectNames(object, path, metric, METRIC_FIELDS), ...inspectProvider(object, path, metric)];
  const add = (field: string, message: string, fix: string) =>
    findings.push(toFinding(object, `${path}.${field}`, message, fix));
  for (const field of ['interval', 'initialDelay']) {
    const value = metric[field];
    if (value !== undefined && !(typeof value === 'string' && DURATION.test(value)))
      add(field, `${path}.${field} is no duration.`, 'Write it like 30s or 5m.');
  }
  for (const field of ['count', ...LIMITS]) {
    const lowest = field === 'failureLimit' ? -1 : 0;
    const value = metric[field];
    if (value === undefined || isArgument(value)) continue;
    const number = toCount(value);
    if (number === undefined || number < lowest)
      add(field, `${path}.${field} must be a whole number, ${lowest} or more.`, 'Correct the number.');
  }
  const count = toCount(metric['count']);
  if (count !== undefined && count > 1 && metric['interval'] === undefined)
    add('interval', `${path} is measured ${count} times, which needs an interval.`, 'Set an interval.');
  const [failures, inconclusive] = [toCount(metric['failureLimit']) ?? 0, toCount(metric['inconclusiveLimit']) ?? 0];
  if (count !== undefined && count > 0 && failures >= 0 && failures + inconclusive >= count)
    findings.push({
      ...toFinding(
        object,
        `${path}.count`,
        `${path} can succeed without one good measurement: its limits (${failures} failed, ${inconclusive} inconclusive) are never passed in ${count}.`,
        'Keep failureLimit and inconclusiveLimit together below count.',
      ),
      severity: 'warning',
    });
  if (metric['successCondition'] === undefined && metric['failureCondition'] === undefined && !isJob(metric))
    findings.push({
      ...toFinding(
        object,
        `${path}.successCondition`,
        `${path} has no condition, so whatever is measured is good.`,
        'Say in successCondition and failureCondition which values are good and which are bad.',
      ),
      severity: 'warning',
    });
  return findings;
}

// These decide by themselves, without a condition.
function isJob(metric: Record<string, unknown>): boolean {
  const provider = toRecord(metric['provider']) ?? {};
  return 'job' in provider || 'kayenta' in provider || 'plugin' in provider;
}

function inspectProvider(object: ManifestObject, path: string, metric: Record<string, unknown>): Finding[] {
  const provider = toRecord(metric['provider']) ?? {};
  const field = `${path}.provider`;
  const known = Object.keys(provider).filter((name) => PROVIDERS.includes(name));
  const findings = inspectNames(object, field, provider, PROVIDERS);
  if (findings.length === 0 && known.length !== 1)
    return [toFinding(object, field, `${field} must be exactly one provider.`, `Use one of ${PROVIDERS.join(', ')}.`)];
  const prometheus = toRecord(provider['prometheus']);
  if (prometheus === undefined) return findings;
  findings.push(...inspectNames(object, `${field}.prometheus`, prometheus, PROMETHEUS_FIELDS));
  const query = toText(prometheus['query']) ?? '';
  if (query.trim() === '')
    findings.push(
      toFinding(object, `${field}.prometheus.query`, 'There is nothing to ask Prometheus.', 'Write a query.'),
    );
  const address = toText(prometheus['address']);
  // Without one the controller's own setting counts.
  if (address !== undefined && !isArgument(address) && !/^https?:\/\/[^/]/.test(address))
    findings.push(
      toFinding(
        object,
        `${field}.prometheus.address`,
        'The address of Prometheus is no http or https address.',
        'Begin it with http:// or https://.',
      ),
    );
  return findings;
}

/** An argument nobody declares ends the analysis with an error, and the update with it. */
function inspectArguments(
  object: ManifestObject,
  path: string,
  metric: Record<string, unknown>,
  declared: ReadonlySet<string>,
): Finding[] {
  const used = new Set([...JSON.stringify(metric).matchAll(ARGUMENT)].map((match) => match[1] ?? ''));
  return [...used]
    .filter((name) => !declared.has(name))
    .map((name) => {
      const nearest = findNearest(name, declared);
      return toFinding(
        object,
        path,
        `${path} uses ${/^[-\w.]{1,63}$/.test(name) ? `the argument ${name}` : 'an argument'}, which spec.args does not declare.`,
        nearest === undefined
          ? 'Declare it in spec.args, and give it where the template is used.'
          : `Did you mean "${nearest}"?`,
      );
    });
}

function inspectNames(
  object: ManifestObject,
  path: string,
  value: Record<string, unknown>,
  known: readonly string[],
): Finding[] {
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const nearest = findNearest(name, known);
      const fix = nearest === undefined ? 'Remove it or correct its name.' : `Did you mean "${nearest}"?`;
      return toFinding(object, `${path}.${name}`, `${path}.${name} is not a field of ${object.kind}.`, fix);
    });
}

// Numbers may be written as text, and as an argument that is only known later.
function toCount(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : toNumber(value);
  return number !== undefined && Number.isInteger(number) ? number : undefined;
}

function isArgument(value: unknown): boolean {
  return typeof value === 'string' && value.includes('{{');
}

function toFinding(object: ManifestObject, field: string, message: string, fix: string): Finding {
  return { check: 'schema', severity: 'error', object: toObjectRef(object), field, message, fix };
}
