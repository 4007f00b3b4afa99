import { LARGEST_P } from './discovery.ts';
import type { Stratum } from './exact-test.ts';
import { exactMidP, smallestMidP } from './exact-test.ts';
import { betaQuantile } from './statistics.ts';
import type { Timeline } from './timeline.ts';
import { rowFailed, servicesBeside, servicesFailingAround } from './timeline.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Deploys together below which nothing can be told. */
export const MIN_TOGETHER = 5;
/** A claim must raise the rate of failure by this much even at the low end of its interval. */
export const MIN_EFFECT = 0.1;
/** Newest deploys of a service that are compared; what is older says little about today. */
const MAX_CASES = 1000;
/** Times change: deploys are only compared with others of the same three months of the service. */
const PERIOD_MS = 90 * DAY_MS;
/** This many other services failing around it make it a bad hour; bad hours are only compared with bad hours. */
const BAD_HOUR = 2;

/** A pattern that held up: deploys of a service fail when a certain other service deploys too. */
export interface ConfirmedPattern {
  with: string;
  failedTogether: number;
  deploysTogether: number;
  failedAlone: number;
  deploysAlone: number;
  /** 80 % interval of the probability of failure when both deploy. */
  low: number;
  high: number;
  /** What the company adds to the probability of failure. */
  excess: number;
}

interface KeyedStratum extends Stratum {
  key: number;
}

/** One ended deploy of a service: how it went, and who was around. */
export interface Case {
  failed: boolean;
  period: number;
  beside: number[];
  /** Others failing around it; no more than tell whether the hour was bad whoever is left out. */
  failing: number[];
}

/** The newest ended deploys of a service as cases to compare. */
export function toCases(line: Timeline, own: number): Case[] {
  const rows: number[] = [];
  for (let row = line.newest[own] ?? -1; row >= 0 && rows.length < MAX_CASES; row = line.before[row] ?? -1)
    rows.push(row);
  const firstMs = line.firstMs[own] ?? 0;
  const cases: Case[] = [];
  for (const row of rows.reverse()) {
    const failed = rowFailed(line, row);
    if (failed === undefined) continue;
    cases.push({
      failed,
      period: Math.floor(((line.startMs[row] ?? 0) - firstMs) / PERIOD_MS),
      beside: servicesBeside(line, row),
      failing: servicesFailingAround(line, row, HOUR_MS, BAD_HOUR + 1),
    });
  }
  return cases;
}

/** How often the service deployed with each other one under way, by service. */
export function countTogether(line: Timeline, cases: readonly Case[]): Uint32Array {
  const together = new Uint32Array(line.names.length);
  for (const { beside } of cases) for (const other of beside) together[other]! += 1;
  return together;
}

/**
 * For every pair that met often enough, the smallest p value it could have reached, of those small enough to matter. The
 * strata are those of the pair test but for one thing: a partner's own failures count towards a bad hour here.
 */
export function smallestPossible(cases: readonly Case[], together: Uint32Array): number[] {
  const totals: KeyedStratum[] = [];
  const met = new Map<number, { stratum: KeyedStratum; beside: number }[]>();
  for (const { failed, period, beside: others, failing } of cases) {
    const stratum = getStratum(totals, period * 2 + (failing.length >= BAD_HOUR ? 1 : 0));
    stratum.total += 1;
    if (failed) stratum.failed += 1;
    for (const other of others) {
      if (together[other]! < MIN_TOGETHER) continue;
      const known = met.get(other) ?? [];
      if (known.length === 0) met.set(other, known);
      const count = known.findLast((one) => one.stratum === stratum);
      if (count === undefined) known.push({ stratum, beside: 1 });
      else count.beside += 1;
    }
  }
  const result: number[] = [];
  for (const counts of met.values()) {
    const smallest = smallestMidP(counts.map(({ stratum, beside }) => ({ ...stratum, beside })));
    if (smallest <= LARGEST_P) result.push(smallest);
  }
  return result;
}

/**
 * How surprising the pair is: the p value of the stratified exact test.
 * @param kept partners already believed; only deploys with exactly the same ones of them are compared
 */
export function testPair(cases: readonly Case[], other: number, kept: readonly number[]): number {
  return exactMidP(toStrata(cases, other, kept));
}

/** The stratum of a key, a new one where there is none. There are few, and the cases come nearly in their order. */
function getStratum(strata: KeyedStratum[], key: number): KeyedStratum {
  for (let at = strata.length - 1; at >= 0; at -= 1) if (strata[at]!.key === key) return strata[at]!;
  const created = { key, total: 0, failed: 0, beside: 0, both: 0 };
  strata.push(created);
  return created;
}

function toStrata(cases: readonly Case[], other: number, kept: readonly number[]): Stratum[] {
  const strata: KeyedStratum[] = [];
  for (const { failed, period, beside, failing } of cases) {
    const bad = failing.length >= BAD_HOUR && failing.length - (failing.includes(other) ? 1 : 0) >= BAD_HOUR;
    let key = period * 2 + (bad ? 1 : 0);
    // The kept partners are few; beyond thirty the rest share one bit.
    kept.forEach((partner, index) => {
      if (beside.includes(partner)) key += 2 ** (20 + Math.min(30, index));
    });
    const stratum = getStratum(strata, key);
    stratum.total += 1;
    if (failed) stratum.failed += 1;
    if (!beside.includes(other)) continue;
    stratum.beside += 1;
    if (failed) stratum.both += 1;
  }
  return strata;
}

/** One partner after the other, each tested among deploys that are alike in those kept before; then the ones worth saying. */
export function selectPatterns(line: Timeline, cases: readonly Case[], pool: readonly number[]): ConfirmedPattern[] {
  const kept: number[] = [];
  let left = [...pool];
  while (left.length > 0) {
    const tested = left.map((other) => ({ other, p: testPair(cases, other, kept) })).sort((a, b) => a.p - b.p);
    const best = tested[0];
    if (best === undefined || (kept.length > 0 && best.p > 0.01 / pool.length)) break;
    kept.push(best.other);
    left = left.filter((other) => other !== best.other);
  }
  return kept.map((other) => toPattern(line, cases, other, kept)).filter((pattern) => pattern !== undefined);
}

/** The counts of one partner, leaving out deploys with another kept partner; undefined where the effect is too small. */
export function toPattern(
  line: Timeline,
  cases: readonly Case[],
  other: number,
  kept: readonly number[],
): ConfirmedPattern | undefined {
  let failedTogether = 0;
  let deploysTogether = 0;
  let failedAlone = 0;
  let deploysAlone = 0;
  for (const { failed, beside } of cases) {
    if (kept.some((partner) => partner !== other && beside.includes(partner))) continue;
    if (beside.includes(other)) {
      deploysTogether += 1;
      if (failed) failedTogether += 1;
    } else {
      deploysAlone += 1;
      if (failed) failedAlone += 1;
    }
  }
  const alone = (failedAlone + 0.5) / (deploysAlone + 1);
  const low = betaQuantile(0.1, failedTogether + 0.5, deploysTogether - failedTogether + 0.5);
  if (low <= alone + MIN_EFFECT) return undefined;
  const high = betaQuantile(0.9, failedTogether + 0.5, deploysTogether - failedTogether + 0.5);
  const together = (failedTogether + 0.5) / (deploysTogether + 1);
  const excess = 1 - (1 - together) / (1 - alone);
  return {
    with: line.names[other] ?? '',
    failedTogether,
    deploysTogether,
    failedAlone,
    deploysAlone,
    low,
    high,
    excess,
  };
}
