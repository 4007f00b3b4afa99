import { z } from 'zod';
import { AppError } from '../lib/errors.ts';
import type { DeployFact, Strategy } from './facts.ts';
import { DEPLOY_OUTCOMES, isFailure } from './facts.ts';
import type { DeployMemory } from './memory.ts';
import { createDeployMemory } from './memory.ts';
import type { Score, Scorer } from './scoring.ts';
import { createScorer } from './scoring.ts';
import type { CostTable } from './strategy.ts';

const time = z.iso.datetime({ offset: true });
const name = z.string().min(1).max(256);

// Loose: histories come from many tools and carry more than is needed here.
const eventSchema = z.discriminatedUnion('type', [
  // The first line of an export; it holds no event.
  z.object({ type: z.literal('header') }),
  z.object({
    type: z.literal('deploy'),
    id: name,
    at: time,
    service: name,
    environment: name,
    cluster: name.optional(),
    namespace: name.optional(),
    version: name.optional(),
    changeKind: name.optional(),
    size: z.number().nonnegative().optional(),
    strategy: z.enum(['direct', 'canary', 'blue_green']).optional(),
  }),
  z.object({
    type: z.literal('outcome'),
    id: name,
    at: time,
    outcome: z.enum(DEPLOY_OUTCOMES),
    fingerprint: z.object({ class: z.string(), signature: z.string() }).optional(),
    durationMs: z.number().nonnegative().optional(),
  }),
  z.object({
    type: z.literal('regression'),
    id: name,
    at: time,
    fingerprint: z.object({ class: z.string(), signature: z.string() }).optional(),
  }),
]);

type ReplayEvent = Exclude<z.infer<typeof eventSchema>, { type: 'header' }>;
/** What histories of other tools are made of. */
export type HistoryEvent = Exclude<ReplayEvent, { type: 'regression' }>;

/** What was said about one deploy, from the lines before it. */
export interface ReplayPrediction {
  id: string;
  probability: number;
  low: number;
  high: number;
  strategy: Strategy | 'hold';
}

export interface ReplaySummary {
  deploys: number;
  outcomes: number;
  /** Failures that became known after a healthy outcome; the memory learns from them, the scores are as of the outcome. */
  regressions: number;
  /** Deploys without an outcome by the end. */
  open: number;
  /** Outcomes of deploys the history does not hold, or that had ended. */
  orphanOutcomes: number;
  /** Lines whose time lies before an earlier line's; they are taken at the later time. */
  outOfOrder: number;
  from?: string;
  to?: string;
  all: Score;
  environments: Record<string, Score>;
}

export interface ReplayOptions {
  onPrediction?: (prediction: ReplayPrediction) => void;
  costs?: CostTable;
  /** Told from the history instead of a fresh memory. */
  memory?: DeployMemory;
}

/**
 * Tells a history to a memory line by line and asks about every deploy before anything later is read. Nothing is ever read
 * ahead: the lines may come from a pipe.
 * @throws AppError `invalid_input` with the line number where a line is malformed or a deploy id comes twice
 */
export async function replayHistory(
  lines: AsyncIterable<string> | Iterable<string>,
  options: ReplayOptions = {},
): Promise<ReplaySummary> {
  const memory = options.memory ?? createDeployMemory(options.costs === undefined ? {} : { costs: options.costs });
  const all = createTally();
  const tallies = new Map<string, Tally>();
  const asked = new Map<string, Asked>();
  const seen = new Set<string>();
  const summary = { deploys: 0, outcomes: 0, regressions: 0, orphanOutcomes: 0, outOfOrder: 0 };
  let nowMs = Number.NEGATIVE_INFINITY;
  let fromMs: number | undefined;
  let lineNumber = 0;
  for await (const line of lines) {
    lineNumber += 1;
    if (line.trim() === '') continue;
    const event = parseEvent(line, lineNumber);
    if (event === undefined) continue;
    const toldMs = Date.parse(event.at);
    if (toldMs < nowMs) summary.outOfOrder += 1;
    nowMs = Math.max(nowMs, toldMs);
    fromMs ??= nowMs;
    if (event.type === 'deploy') {
      if (seen.has(event.id)) throw malformed(lineNumber, `the deploy id ${event.id} was used before`);
      seen.add(event.id);
      summary.deploys += 1;
      const fact = toDeployFact(event, nowMs);
      const prediction = predict(memory, fact, options.onPrediction !== undefined);
      options.onPrediction?.(prediction);
      const tally = tallies.get(fact.environment) ?? createTally();
      tallies.set(fact.environment, tally);
      asked.set(event.id, {
        tally,
        probability: prediction.probability,
        base: tally.rate(),
        baseOfAll: all.rate(),
      });
      continue;
    }
    if (event.type === 'regression') {
      const { id: deployId, fingerprint } = event;
      const known = memory.recordRegression({
        deployId,
        atMs: nowMs,
        ...(fingerprint === undefined ? {} : { fingerprint }),
      });
      if (known) summary.regressions += 1;
      continue;
    }
    const question = asked.get(event.id);
    if (question === undefined) {
      summary.orphanOutcomes += 1;
      continue;
    }
    asked.delete(event.id);
    summary.outcomes += 1;
    memory.recordOutcome({
      deployId: event.id,
      atMs: nowMs,
      outcome: event.outcome,
      ...(event.fingerprint === undefined ? {} : { fingerprint: event.fingerprint }),
      ...(event.durationMs === undefined ? {} : { durationMs: event.durationMs }),
    });
    const failed = isFailure(event.outcome);
    if (failed === undefined) continue;
    question.tally.add(question.probability, question.base, failed);
    all.add(question.probability, question.baseOfAll, failed);
  }
  return {
    ...summary,
    open: asked.size,
    ...(fromMs === undefined ? {} : { from: new Date(fromMs).toISOString(), to: new Date(nowMs).toISOString() }),
    all: all.scorer.score(),
    environments: Object.fromEntries([...tallies].map(([key, tally]) => [key, tally.scorer.score()])),
  };
}

interface Asked {
  tally: Tally;
  probability: number;
  base: number;
  baseOfAll: number;
}

/** A scorer beside the plain rate of failure known so far, which is what every prediction is held against. */
interface Tally {
  scorer: Scorer;
  rate(): number;
  add(probability: number, base: number, failed: boolean): void;
}

function createTally(): Tally {
  const scorer = createScorer();
  let deploys = 0;
  let failures = 0;
  return {
    scorer,
    rate: () => (failures + 1) / (deploys + 2),
    add: (probability, base, failed) => {
      deploys += 1;
      if (failed) failures += 1;
      scorer.add(probability, base, failed);
    },
  };
}

/** The strategy takes a full assessment with its sentences; without a listener the bare numbers are enough. */
function predict(memory: DeployMemory, fact: DeployFact, withStrategy: boolean): ReplayPrediction {
  if (!withStrategy) return { id: fact.id, strategy: 'direct', ...memory.recordDeploy(fact) };
  const { environment } = fact;
  const assessment = memory.assess({
    scope: fact,
    atMs: fact.startedAtMs,
    changeKind: fact.changeKind,
    ...(fact.version === undefined ? {} : { version: fact.version }),
    ...(fact.size === undefined ? {} : { size: fact.size }),
  });
  const { strategy } = memory.choose(assessment, { environment, stateful: false, rolloutsAvailable: true });
  return { id: fact.id, strategy, ...memory.recordDeploy(fact) };
}

function toDeployFact(event: Extract<HistoryEvent, { type: 'deploy' }>, startedAtMs: number): DeployFact {
  return {
    id: event.id,
    cluster: event.cluster ?? 'default',
    environment: event.environment,
    namespace: event.namespace ?? 'default',
    service: event.service,
    changeKind: event.changeKind ?? 'set_image',
    startedAtMs,
    strategy: event.strategy ?? 'direct',
    ...(event.version === undefined ? {} : { version: event.version }),
    ...(event.size === undefined ? {} : { size: event.size }),
  };
}

function parseEvent(line: string, lineNumber: number): ReplayEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw malformed(lineNumber, 'it is not JSON');
  }
  const parsed = eventSchema.safeParse(value);
  if (parsed.success) return parsed.data.type === 'header' ? undefined : parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw malformed(lineNumber, `${where}${issue?.message ?? 'not an event'}`);
}

function malformed(lineNumber: number, why: string): AppError {
  return new AppError('invalid_input', `line ${lineNumber} of the history cannot be read: ${why}`, {
    hint:
      'Every line is one JSON object: {"type":"deploy","id","at","service","environment"} with an optional "version", or ' +
      `{"type":"outcome","id","at","outcome"} with one of ${DEPLOY_OUTCOMES.join(', ')}.`,
    details: { lineNumber },
  });
}

/** The first line of a predictions file. */
export const PREDICTIONS_HEADER = 'id,probability,low,high,strategy';

/** One line of a predictions file; ids with commas, quotes or line breaks are quoted. */
export function toPredictionLine({ id, probability, low, high, strategy }: ReplayPrediction): string {
  const shown = /[",\r\n]/.test(id) ? `"${id.replaceAll('"', '""')}"` : id;
  return [shown, probability.toFixed(6), low.toFixed(6), high.toFixed(6), strategy].join(',');
}
