import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { booleanAt, isRecord, listAt, numberAt, recordAt, textAt, valueAt } from '../json.ts';
import { ANALYSIS_ANNOTATION, toBehaviour } from './behaviour.ts';
import { isActive } from './children.ts';
import { toPodSpec } from './pod-spec.ts';
import { toRevision } from './replica-sets.ts';
import type { RolloutTurn } from './rollout-turn.ts';
import { toPauseMs } from './rollout-state.ts';
import type { Sync, World } from './world.ts';

export type AnalysisOutcome =
  | { kind: 'running' }
  | { kind: 'successful' }
  | { kind: 'inconclusive' }
  | { kind: 'failed'; message: string }
  /** The templates it names are not there. */
  | { kind: 'invalid'; message: string };

const RUN = { group: 'argoproj.io', kind: 'AnalysisRun' };

/** The analysis of this step, started when it is not there yet. */
export function runAnalysis(turn: RolloutTurn, analysis: unknown, step: string): AnalysisOutcome {
  const { world, rollout, state, newSet } = turn;
  const namespace = rollout.metadata.namespace ?? '';
  const suffix = step === 'background' ? '' : `-${step}`;
  const name = `${rollout.metadata.name}-${state.currentPodHash}-${toRevision(newSet)}${suffix}`;
  const existing = world.cluster.find({ ...RUN, namespace, name });
  if (existing !== undefined) return toOutcome(existing);
  const metrics: unknown[] = [];
  for (const entry of listAt(analysis, 'templates')) {
    const template = textAt(entry, 'templateName') ?? '';
    const isWide = booleanAt(entry, 'clusterScope') === true;
    const kind = isWide ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate';
    const found = world.cluster.find({ group: RUN.group, kind, namespace: isWide ? '' : namespace, name: template });
    if (found === undefined) return { kind: 'invalid', message: `${kind} '${template}' not found` };
    metrics.push(...listAt(found, 'spec', 'metrics'));
  }
  world.cluster.create(
    {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'AnalysisRun',
      metadata: {
        name,
        namespace,
        annotations: {
          'rollout.argoproj.io/revision': String(toRevision(newSet)),
          [ANALYSIS_ANNOTATION]: toExpected(newSet),
        },
      },
      spec: { metrics, args: listAt(analysis, 'args') },
      status: { phase: 'Pending' },
    },
    rollout,
  );
  return { kind: 'running' };
}

/** Ends what still measures, when the update it belongs to is over. */
export function stopAnalyses(world: World, rollout: LiveObject): void {
  for (const run of world.cluster.childrenOf(rollout.metadata.uid)) {
    if (run.kind !== 'AnalysisRun' || isEnded(run)) continue;
    world.cluster.update(toObjectRef(run), (live) => ({
      ...live,
      spec: { ...recordAt(live, 'spec'), terminate: true },
    }));
  }
}

/** What its pods do is what the measurements see, unless the template says otherwise. */
function toExpected(newSet: LiveObject): string {
  const spec = toPodSpec(valueAt(newSet, 'spec', 'template'));
  const given = spec.annotations[ANALYSIS_ANNOTATION];
  if (given !== undefined) return given;
  return spec.containers.every((container) => ['healthy', 'slow'].includes(toBehaviour(container, spec.annotations)))
    ? 'successful'
    : 'failed';
}

function toOutcome(run: LiveObject): AnalysisOutcome {
  const message = textAt(run, 'status', 'message') ?? '';
  switch (textAt(run, 'status', 'phase')) {
    case 'Successful':
      return { kind: 'successful' };
    case 'Inconclusive':
      return { kind: 'inconclusive' };
    case 'Failed':
    case 'Error':
      return { kind: 'failed', message };
    default:
      return { kind: 'running' };
  }
}

function isEnded(run: LiveObject): boolean {
  return ['Successful', 'Failed', 'Error', 'Inconclusive'].includes(textAt(run, 'status', 'phase') ?? '');
}

interface MetricResult {
  name: string;
  phase: string;
  successful: number;
  failed: number;
  inconclusive: number;
  error: number;
  count: number;
  consecutiveError: number;
  measurements: { phase: string; value: string; startedAt: string; finishedAt: string }[];
}

/** Takes the measurements of an AnalysisRun one after another and draws the conclusion its limits ask for. */
export const syncAnalysisRun: Sync = (world, run) => {
  if (!isActive(run) || isEnded(run)) return;
  const metrics = listAt(run, 'spec', 'metrics');
  const isTerminated = booleanAt(run, 'spec', 'terminate') === true;
  const before = listAt(run, 'status', 'metricResults');
  const results = metrics.map((metric) => {
    const last = before.find((result) => textAt(result, 'name') === textAt(metric, 'name'));
    return measure(world, run, metric, toResult(metric, last), isTerminated);
  });
  const worst = ['Failed', 'Error', 'Inconclusive'].find((phase) => results.some((result) => result.phase === phase));
  const isDone = results.every((result) => result.phase === 'Successful');
  const bad = results.find((result) => result.phase === worst);
  const phase = worst ?? (isDone ? 'Successful' : 'Running');
  world.cluster.setStatus(toObjectRef(run), {
    phase,
    ...(bad === undefined ? {} : { message: toReason(bad, metrics) }),
    startedAt: textAt(run, 'status', 'startedAt') ?? world.timeline.stamp(),
    ...(phase === 'Running' ? {} : { completedAt: world.timeline.stamp() }),
    metricResults: results.map(({ consecutiveError, ...result }) => ({
      ...result,
      ...(consecutiveError > 0 ? { consecutiveError } : {}),
    })),
  });
};

const FIRST_MS = 1000;
const MEASUREMENTS: Readonly<Record<string, { phase: keyof typeof COUNTERS; value: string }>> = {
  successful: { phase: 'Successful', value: '[0.99]' },
  failed: { phase: 'Failed', value: '[0.42]' },
  inconclusive: { phase: 'Inconclusive', value: '[0.9]' },
  error: { phase: 'Error', value: '' },
};
const COUNTERS = { Successful: 'successful', Failed: 'failed', Inconclusive: 'inconclusive', Error: 'error' } as const;

function measure(
  world: World,
  run: LiveObject,
  metric: unknown,
  result: MetricResult,
  isTerminated: boolean,
): MetricResult {
  if (result.phase !== 'Running') return result;
  if (isTerminated) return { ...result, phase: 'Successful' };
  const intervalMs = toPauseMs(valueAt(metric, 'interval'));
  const delayMs =
    result.measurements.length === 0
      ? (toPauseMs(valueAt(metric, 'initialDelay')) ?? FIRST_MS)
      : (intervalMs ?? FIRST_MS);
  const key = `${run.metadata.uid} ${result.name}`;
  const last = world.headway.get(key);
  if (last === undefined) world.headway.set(key, { key: '', atMs: world.timeline.now() });
  const leftMs = delayMs - world.timeline.toSimulated(world.timeline.now() - (last?.atMs ?? world.timeline.now()));
  if (leftMs > 0) {
    world.requeue(toObjectRef(run), leftMs);
    return result;
  }
  world.headway.set(key, { key: '', atMs: world.timeline.now() });
  const expected = run.metadata.annotations?.[ANALYSIS_ANNOTATION] ?? 'successful';
  const { phase, value } = MEASUREMENTS[expected] ?? { phase: 'Successful' as const, value: '[0.99]' };
  const stamp = world.timeline.stamp();
  const counter = COUNTERS[phase];
  const next = {
    ...result,
    [counter]: result[counter] + 1,
    count: phase === 'Error' ? result.count : result.count + 1,
    consecutiveError: phase === 'Error' ? result.consecutiveError + 1 : 0,
    measurements: [...result.measurements, { phase, value, startedAt: stamp, finishedAt: stamp }].slice(-10),
  };
  const concluded = { ...next, phase: toMetricPhase(metric, next, intervalMs) };
  if (concluded.phase === 'Running') world.requeue(toObjectRef(run), intervalMs ?? FIRST_MS);
  return concluded;
}

/** Without an interval one measurement decides; with one but no count it goes on until it is ended from outside. */
function toMetricPhase(metric: unknown, result: MetricResult, intervalMs: number | undefined): string {
  const isOver = (limit: number, count: number) => limit >= 0 && count > limit;
  if (isOver(toLimit(metric, 'failureLimit', 0), result.failed)) return 'Failed';
  if (isOver(toLimit(metric, 'consecutiveErrorLimit', 4), result.consecutiveError)) return 'Error';
  if (isOver(toLimit(metric, 'inconclusiveLimit', 0), result.inconclusive)) return 'Inconclusive';
  const wanted = toLimit(metric, 'count', intervalMs === undefined ? 1 : Infinity);
  return result.count >= wanted ? 'Successful' : 'Running';
}

/** Limits may be written as numbers or as text. */
function toLimit(metric: unknown, field: string, fallback: number): number {
  const value = valueAt(metric, field);
  const limit = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof limit === 'number' && !Number.isNaN(limit) ? limit : fallback;
}

function toResult(metric: unknown, last: unknown): MetricResult {
  const count = (field: string) => numberAt(last, field) ?? 0;
  return {
    name: textAt(metric, 'name') ?? '',
    phase: textAt(last, 'phase') ?? 'Running',
    successful: count('successful'),
    failed: count('failed'),
    inconclusive: count('inconclusive'),
    error: count('error'),
    count: count('count'),
    consecutiveError: count('consecutiveError'),
    measurements: listAt(last, 'measurements')
      .filter(isRecord)
      .map((entry) => ({
        phase: textAt(entry, 'phase') ?? '',
        value: textAt(entry, 'value') ?? '',
        startedAt: textAt(entry, 'startedAt') ?? '',
        finishedAt: textAt(entry, 'finishedAt') ?? '',
      })),
  };
}

function toReason(result: MetricResult, metrics: readonly unknown[]): string {
  const metric = metrics.find((entry) => textAt(entry, 'name') === result.name);
  switch (result.phase) {
    case 'Failed':
      return `Metric "${result.name}" assessed Failed due to failed (${result.failed}) > failureLimit (${toLimit(metric, 'failureLimit', 0)})`;
    case 'Error':
      return `Metric "${result.name}" assessed Error due to consecutiveErrors (${result.consecutiveError}) > consecutiveErrorLimit (${toLimit(metric, 'consecutiveErrorLimit', 4)}): "Error Message: no data"`;
    default:
      return `Metric "${result.name}" assessed Inconclusive due to inconclusive (${result.inconclusive}) > inconclusiveLimit (${toLimit(metric, 'inconclusiveLimit', 0)})`;
  }
}
