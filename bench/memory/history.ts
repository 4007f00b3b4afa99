import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import type { DeployFact } from '../../src/memory/facts.ts';
import { isFailure } from '../../src/memory/facts.ts';
import { createDeployMemory } from '../../src/memory/memory.ts';
import { CANARY_RESIDUAL, COST_REGIMES } from '../../src/memory/scoring.ts';
import type { HistoryEvent } from '../../src/memory/replay.ts';
import { createRandom } from './random.ts';
import { createPeers } from './peers.ts';

/** One scored deploy: what every rule said, and how it came out. */
export interface ScoredDeploy {
  environment: string;
  day: number;
  failed: boolean;
  /** Memory first, then the peers in their order. */
  said: number[];
}

export interface HistoryRun {
  /** Names in the order of `said`. */
  names: string[];
  thresholds: (number | undefined)[];
  deploys: ScoredDeploy[];
}

const DAY_MS = 86_400_000;

export async function readHistory(path: string): Promise<HistoryEvent[]> {
  const file = createReadStream(path);
  const events: HistoryEvent[] = [];
  const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  for await (const line of createInterface({ input })) if (line !== '') events.push(JSON.parse(line) as HistoryEvent);
  return events;
}

/** Tells the history to the memory and to every peer, each asked before the outcome is read. */
export function runHistory(events: readonly HistoryEvent[], ignoredSignals: readonly string[] = []): HistoryRun {
  const memory = createDeployMemory({ ignoredSignals });
  const peers = createPeers();
  const open = new Map<string, { fact: DeployFact; said: number[] }>();
  const deploys: ScoredDeploy[] = [];
  for (const event of events) {
    const atMs = Date.parse(event.at);
    if (event.type === 'deploy') {
      const fact: DeployFact = {
        id: event.id,
        cluster: 'default',
        environment: event.environment,
        namespace: 'default',
        service: event.service,
        changeKind: 'set_image',
        startedAtMs: atMs,
        strategy: 'direct',
        ...(event.version === undefined ? {} : { version: event.version }),
      };
      const said = [memory.recordDeploy(fact).probability, ...peers.map((peer) => peer.predict(fact))];
      open.set(event.id, { fact, said });
      continue;
    }
    const asked = open.get(event.id);
    if (asked === undefined) continue;
    open.delete(event.id);
    memory.recordOutcome({ deployId: event.id, atMs, outcome: event.outcome });
    const failed = isFailure(event.outcome);
    if (failed === undefined) continue;
    for (const peer of peers) peer.learn(asked.fact, atMs, failed);
    const { environment, startedAtMs } = asked.fact;
    deploys.push({ environment, day: Math.floor(startedAtMs / DAY_MS), failed, said: asked.said });
  }
  return {
    names: ['memory', ...peers.map(({ name }) => name)],
    thresholds: [undefined, ...peers.map(({ threshold }) => threshold)],
    deploys,
  };
}

/** A figure with the middle nine tenths of what resampled histories give. */
export interface Figure {
  value: number;
  low: number;
  high: number;
}

/**
 * Resamples whole days, since failures come in bursts and a day's deploys are not independent of each other.
 * @param measure a figure of a weighted set of deploys
 */
export function bootstrap(
  deploys: readonly ScoredDeploy[],
  measure: (deploys: readonly ScoredDeploy[]) => number,
  rounds = 200,
): Figure {
  const byDay = Map.groupBy(deploys, ({ day }) => day);
  const days = [...byDay.values()];
  const random = createRandom(7);
  const values: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const sample: ScoredDeploy[] = [];
    for (let index = 0; index < days.length; index += 1)
      for (const deploy of days[Math.floor(random() * days.length)] ?? []) sample.push(deploy);
    values.push(measure(sample));
  }
  values.sort((a, b) => a - b);
  return {
    value: measure(deploys),
    low: values[Math.floor(rounds * 0.05)] ?? Number.NaN,
    high: values[Math.floor(rounds * 0.95)] ?? Number.NaN,
  };
}

/** What a rule says as a probability that can be scored: kept off 0 and 1, as any honest reading of it would be. */
function readable(said: number | undefined): number {
  return Math.min(0.999, Math.max(0.001, said ?? 0));
}

/** Sum of log losses of one rule against that of another. */
export function lossRatio(deploys: readonly ScoredDeploy[], rule: number, against: number): number {
  let ours = 0;
  let theirs = 0;
  for (const { said, failed } of deploys) {
    const p = rule === 0 ? (said[0] ?? 0) : readable(said[rule]);
    const q = isBase(against) ? (said[against] ?? 0) : readable(said[against]);
    ours -= Math.log(failed ? p : 1 - p);
    theirs -= Math.log(failed ? q : 1 - q);
  }
  return ours / theirs;
}

/** The base rates stand second and third and are never 0 or 1. */
function isBase(rule: number): boolean {
  return rule === 1 || rule === 2;
}

/** Cost of a rule against the better of always direct and always canary. */
export function costRatio(
  deploys: readonly ScoredDeploy[],
  rule: number,
  threshold: number | undefined,
  regime: number,
) {
  const canaryCost = COST_REGIMES[regime] ?? 0;
  let cost = 0;
  let failures = 0;
  for (const { said, failed } of deploys) {
    const fails = failed ? 1 : 0;
    failures += fails;
    const careful = (said[rule] ?? 0) > (threshold ?? canaryCost / (1 - CANARY_RESIDUAL));
    cost += careful ? canaryCost + CANARY_RESIDUAL * fails : fails;
  }
  return cost / Math.min(failures, deploys.length * canaryCost + CANARY_RESIDUAL * failures);
}

/** Share of the failures within the twentieth of the deploys a rule finds riskiest. */
export function topShare(deploys: readonly ScoredDeploy[], rule: number): number {
  const failures = deploys.filter(({ failed }) => failed).length;
  const order = [...deploys].sort((a, b) => (b.said[rule] ?? 0) - (a.said[rule] ?? 0));
  const top = order.slice(0, Math.ceil(order.length * 0.05)).filter(({ failed }) => failed).length;
  return failures === 0 ? 0 : top / failures;
}
