import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { booleanAt, isRecord, listAt, numberAt, textAt, valueAt } from '../json.ts';
import { ANALYSIS_ANNOTATION } from './behaviour.ts';
import { isActive } from './children.ts';
import { toPauseMs } from './duration.ts';
import { takeMeasurement } from './measurement.ts';
import type { Sync, World } from './world.ts';

type Phase = 'Pending' | 'Running' | 'Successful' | 'Failed' | 'Error' | 'Inconclusive';

const COUNTERS = { Successful: 'successful', Failed: 'failed', Inconclusive: 'inconclusive', Error: 'error' } as const;
// From the best to the worst a run can end with.
const ENDS: readonly Phase[] = ['Successful', 'Inconclusive', 'Error', 'Failed'];
/** A measurement that went wrong is repeated after this long, whatever the metric's own interval. */
const ERROR_RETRY_MS = 10_000;
const KEPT = 10;

export function isEnded(run: LiveObject): boolean {
  return ENDS.some((phase) => phase === textAt(run, 'status', 'phase'));
}

interface MetricResult {
  name: string;
  phase: Phase;
  message?: string;
  dryRun: boolean;
  count: number;
  successful: number;
  failed: number;
  inconclusive: number;
  error: number;
  consecutiveError: number;
  consecutiveSuccess: number;
  measurements: Record<string, unknown>[];
}

/** Takes the measurements of an AnalysisRun as they fall due, and ends it as the limits of its metrics ask for. */
export const syncAnalysisRun: Sync = (world, run) => {
  if (!isActive(run) || isEnded(run)) return;
  const metrics = listAt(run, 'spec', 'metrics');
  const startedAt = textAt(run, 'status', 'startedAt') ?? world.timeline.stamp();
  if (textAt(run, 'status', 'startedAt') === undefined) note(world, `${run.metadata.uid} started`);
  const isTerminated = booleanAt(run, 'spec', 'terminate') === true;
  let results = metrics.map((metric) => readResult(run, metric));
  // One metric that has failed ends the others, which are judged by what they have measured so far.
  const isEnding = () => isTerminated || results.some((result) => !result.dryRun && ENDS.indexOf(result.phase) > 0);
  if (!isEnding()) results = results.map((result, index) => measure(world, run, metrics[index], result));
  // Twice: what this measurement ended may end the rest.
  for (let round = 0; round < 2; round += 1) {
    const ending = isEnding();
    results = results.map((result, index) => ({ ...result, phase: toMetricPhase(metrics[index], result, ending) }));
  }
  const phase = toRunPhase(results, isEnding());
  const bad = results.find((result) => !result.dryRun && result.phase === phase);
  const message = bad === undefined || phase === 'Successful' ? '' : toReason(bad, metrics);
  world.cluster.setStatus(toObjectRef(run), {
    phase,
    ...(message !== '' ? { message } : isTerminated && phase !== 'Running' ? { message: 'Run Terminated' } : {}),
    startedAt,
    ...(phase === 'Running' ? {} : { completedAt: world.timeline.stamp() }),
    metricResults: results.filter(({ measurements }) => measurements.length > 0).map(toReported),
    runSummary: toSummary(results, false),
    dryRunSummary: toSummary(results, true),
  });
};

/** Any metric still at work keeps the run going; then the worst of them counts. A run ended before it measured is a success. */
function toRunPhase(results: readonly MetricResult[], isEnding: boolean): Phase {
  const counted = results.filter(({ dryRun }) => !dryRun);
  if (!isEnding && results.some(({ phase }) => !ENDS.includes(phase))) return 'Running';
  const worst = Math.max(0, ...counted.map(({ phase }) => ENDS.indexOf(phase)));
  return ENDS[worst] ?? 'Successful';
}

function measure(world: World, run: LiveObject, metric: unknown, result: MetricResult): MetricResult {
  if (ENDS.includes(result.phase)) return result;
  const wanted = toCount(metric);
  if (wanted !== undefined && result.count >= wanted) return result;
  const last = result.measurements.at(-1);
  const intervalMs = toPauseMs(valueAt(metric, 'interval'));
  const [key, delayMs] =
    last === undefined
      ? [`${run.metadata.uid} started`, toPauseMs(valueAt(metric, 'initialDelay')) ?? 0]
      : [toKey(run, result), last['phase'] === 'Error' ? ERROR_RETRY_MS : (intervalMs ?? ERROR_RETRY_MS)];
  const leftMs = delayMs - world.timeline.toSimulated(world.timeline.now() - readNote(world, key));
  if (leftMs > 0) {
    world.requeue(toObjectRef(run), leftMs);
    return result;
  }
  note(world, toKey(run, result));
  const script = world.measurements() ?? run.metadata.annotations?.[ANALYSIS_ANNOTATION] ?? 'successful';
  const { phase, value, message } = takeMeasurement(script, metric, result.count + result.error);
  const stamp = world.timeline.stamp();
  const taken = {
    phase,
    ...(value === '' ? {} : { value }),
    ...(message === undefined ? {} : { message }),
    startedAt: stamp,
    finishedAt: stamp,
  };
  const counter = COUNTERS[phase];
  world.requeue(toObjectRef(run), phase === 'Error' ? ERROR_RETRY_MS : (intervalMs ?? ERROR_RETRY_MS));
  return {
    ...result,
    phase: 'Running',
    [counter]: result[counter] + 1,
    count: phase === 'Error' ? result.count : result.count + 1,
    consecutiveError: phase === 'Error' ? result.consecutiveError + 1 : 0,
    consecutiveSuccess: phase === 'Successful' ? result.consecutiveSuccess + 1 : 0,
    measurements: [...result.measurements, taken].slice(-KEPT),
  };
}

/** Errors do not count as measurements. Whatever passed no limit is good once enough was measured, or when it is ended. */
function toMetricPhase(metric: unknown, result: MetricResult, isEnding: boolean): Phase {
  if (ENDS.includes(result.phase)) return result.phase;
  if (result.measurements.length === 0) return isEnding ? 'Successful' : 'Pending';
  const broken = findBrokenLimit(metric, result);
  if (broken !== undefined) return broken.phase;
  const inARow = toLimit(metric, 'consecutiveSuccessLimit', 0);
  if (inARow > 0 && result.consecutiveSuccess >= inARow) return 'Successful';
  const wanted = toCount(metric);
  if (wanted !== undefined && result.count >= wanted) {
    if (inARow <= 0) return 'Successful';
    return toLimit(metric, 'failureLimit', 0) >= 0 ? 'Inconclusive' : 'Failed';
  }
  return isEnding ? 'Successful' : 'Running';
}

/** The limit that was passed; where several are, errors say more than what was measured between them. */
function findBrokenLimit(metric: unknown, result: MetricResult): { phase: Phase; because: string } | undefined {
  const limits = [
    ['Error', 'consecutiveErrors', result.consecutiveError, 'consecutiveErrorLimit', 4],
    ['Inconclusive', 'inconclusive', result.inconclusive, 'inconclusiveLimit', 0],
    ['Failed', 'failed', result.failed, 'failureLimit', 0],
  ] as const;
  for (const [phase, word, count, field, fallback] of limits) {
    const limit = toLimit(metric, field, fallback);
    if (count <= limit || (field === 'failureLimit' && limit < 0)) continue;
    return { phase, because: `${word} (${count}) > ${field} (${limit})` };
  }
  return undefined;
}

/** Without an interval one measurement decides; with one but no count it goes on until it is ended from outside. */
function toCount(metric: unknown): number | undefined {
  const count = toLimit(metric, 'count', 0);
  if (count > 0) return count;
  return valueAt(metric, 'interval') === undefined ? 1 : undefined;
}

/** Limits may be written as numbers or as text. */
function toLimit(metric: unknown, field: string, fallback: number): number {
  const value = valueAt(metric, field);
  const limit = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof limit === 'number' && !Number.isNaN(limit) ? limit : fallback;
}

function toReason(result: MetricResult, metrics: readonly unknown[]): string {
  const metric = metrics.find((entry) => textAt(entry, 'name') === result.name);
  const because = findBrokenLimit(metric, result)?.because;
  if (because === undefined) return '';
  const said = textAt(result.measurements.at(-1), 'message');
  const error = said === undefined ? '' : `: "Error Message: ${said}"`;
  return `Metric "${result.name}" assessed ${result.phase} due to ${because}${error}`;
}

function readResult(run: LiveObject, metric: unknown): MetricResult {
  const name = textAt(metric, 'name') ?? '';
  const last = listAt(run, 'status', 'metricResults').find((result) => textAt(result, 'name') === name);
  const count = (field: string) => numberAt(last, field) ?? 0;
  const phase = textAt(last, 'phase');
  const dryRun = listAt(run, 'spec', 'dryRun').some((entry) => textAt(entry, 'metricName') === name);
  return {
    name,
    phase: ENDS.find((end) => end === phase) ?? (last === undefined ? 'Pending' : 'Running'),
    dryRun,
    count: count('count'),
    successful: count('successful'),
    failed: count('failed'),
    inconclusive: count('inconclusive'),
    error: count('error'),
    consecutiveError: count('consecutiveError'),
    consecutiveSuccess: count('consecutiveSuccess'),
    measurements: listAt(last, 'measurements').filter(isRecord),
  };
}

/** Fields without a value are left out, as the API server does. */
function toReported(result: MetricResult): Record<string, unknown> {
  const entries = Object.entries(result).filter(([, value]) => value !== 0 && value !== false);
  return Object.fromEntries(entries);
}

function toSummary(results: readonly MetricResult[], dryRun: boolean): Record<string, number> {
  const some = results.filter((result) => result.dryRun === dryRun);
  const entries = Object.entries(COUNTERS).map(([phase, field]) => [
    field,
    some.filter((result) => result.phase === phase).length,
  ]);
  return Object.fromEntries([['count', some.length], ...entries].filter(([, value]) => value !== 0));
}

function toKey(run: LiveObject, { name }: { name: string }): string {
  return `${run.metadata.uid} ${name}`;
}

function note(world: World, key: string): void {
  world.headway.set(key, { key: '', atMs: world.timeline.now() });
}

function readNote(world: World, key: string): number {
  const noted = world.headway.get(key);
  if (noted !== undefined) return noted.atMs;
  note(world, key);
  return world.timeline.now();
}
