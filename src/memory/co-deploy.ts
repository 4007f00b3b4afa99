import type { Stratum } from './exact-test.ts';
import { exactMidP, smallestMidP } from './exact-test.ts';
import { betaQuantile } from './statistics.ts';
import type { Suspicions } from './suspicion.ts';
import { STRENGTH, createSuspicions, suspicionOf } from './suspicion.ts';
import type { Timeline } from './timeline.ts';
import { rowFailed, servicesBeside, servicesFailingAround, servicesUnderWay } from './timeline.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Deploys together below which nothing can be told. */
const MIN_TOGETHER = 5;
/** Failures together below which a pair is not looked at. */
const MIN_FAILED_TOGETHER = 2;
/** Share of false claims that is accepted among the claims. */
const FALSE_DISCOVERY_RATE = 0.12;
/** Nothing less surprising than this is ever claimed. */
const LARGEST_P = 0.01;
/** Newest deploys of a service that are compared; what is older says little about today. */
const MAX_CASES = 1000;
/** A claim must raise the rate of failure by this much even at the low end of its interval. */
const MIN_EFFECT = 0.1;
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

/** What was seen and claimed about pairs of services of one environment. Plain data. */
export interface CoDeploys {
  /** By service: how often it failed with which other service under way. */
  failedTogether: Map<number, Map<number, number>>;
  /** By service: failures with anyone beside it. */
  failures: Map<number, number>;
  /** Services with a failure since the last test. */
  untested: Set<number>;
  testedAtMs: number;
  /** By service: the pairs that were tested, with their p values, the smallest p values that were possible at all, and how often it had failed. */
  tests: Map<number, { pairs: { other: number; p: number }[]; possible: number[]; failures: number }>;
  patterns: Map<number, ConfirmedPattern[]>;
  suspicions: Suspicions;
}

export function createCoDeploys(): CoDeploys {
  return {
    failedTogether: new Map(),
    failures: new Map(),
    untested: new Set(),
    testedAtMs: Number.NEGATIVE_INFINITY,
    tests: new Map(),
    patterns: new Map(),
    suspicions: createSuspicions(),
  };
}

/**
 * Takes note of an end. Only failures make pairs; how often two deployed together in peace is read off the timeline. A
 * success still counts against what is claimed already.
 */
export function addEnded(pairs: CoDeploys, line: Timeline, row: number, failed: boolean): void {
  const own = line.who[row] ?? 0;
  if (!failed) {
    if (pairs.patterns.has(own)) pairs.untested.add(own);
    return;
  }
  const beside = new Set<number>();
  servicesBeside(line, row, beside);
  if (beside.size === 0) return;
  const counts = pairs.failedTogether.get(own) ?? new Map<number, number>();
  pairs.failedTogether.set(own, counts);
  for (const other of beside) counts.set(other, (counts.get(other) ?? 0) + 1);
  pairs.failures.set(own, (pairs.failures.get(own) ?? 0) + 1);
  pairs.untested.add(own);
}

/** What is claimed about a service, with the counts of this moment. Changes nothing. */
export function claimsOf(pairs: CoDeploys, line: Timeline, service: string): ConfirmedPattern[] {
  const own = line.ids.get(service);
  const claimed = own === undefined ? undefined : pairs.patterns.get(own);
  if (own === undefined || claimed === undefined || claimed.length === 0) return [];
  const cases = toCases(line, own);
  const kept = claimed.map((pattern) => line.ids.get(pattern.with) ?? -1);
  return kept.map((other) => toPattern(line, cases, other, kept)).filter((pattern) => pattern !== undefined);
}

/** Tests again at most once a day; called when a deploy begins, so that it depends on the facts alone. */
export function testIfDue(pairs: CoDeploys, line: Timeline, atMs: number): void {
  if (pairs.untested.size === 0 || atMs - pairs.testedAtMs < DAY_MS) return;
  testPairs(pairs, line, atMs);
}

/** The services under way beside which this one may fail. */
export interface Company {
  /** Probability that one of them makes a deploy fail that would otherwise be well. */
  beside: number;
  /** The claims that say so. */
  patterns: ConfirmedPattern[];
  /** Those not sure enough to be claimed, most suspected first. */
  suspected: string[];
}

const SUSPECTED = 0.05;

/** Who is under way at a time that this service may fail beside: what is claimed counts by its counts, the rest by suspicion. */
export function companyOf(pairs: CoDeploys, line: Timeline, service: string, atMs: number): Company {
  const company: Company = { beside: 0, patterns: [], suspected: [] };
  const own = line.ids.get(service);
  if (own === undefined || !pairs.suspicions.has(own)) return company;
  const underWay = new Set<number>();
  servicesUnderWay(line, atMs, own, underWay);
  let sound = 1;
  const suspected: { name: string; probability: number }[] = [];
  for (const other of underWay) {
    const name = line.names[other] ?? '';
    const pattern = pairs.patterns.get(own)?.find((known) => known.with === name);
    if (pattern !== undefined) {
      company.patterns.push(pattern);
      sound *= 1 - pattern.excess;
      continue;
    }
    const probability = suspicionOf(pairs.suspicions, own, other);
    if (probability < SUSPECTED) continue;
    suspected.push({ name, probability });
    sound *= 1 - STRENGTH * probability;
  }
  suspected.sort((a, b) => b.probability - a.probability || (a.name < b.name ? -1 : 1));
  return { ...company, beside: 1 - sound, suspected: suspected.map(({ name }) => name) };
}

/**
 * Tests the pairs of every service that failed since, and draws the claims anew: an exact test stratified by period and bad
 * hours, control of the false discovery rate over all pairs, then per service one partner after the other, each tested among
 * deploys that are alike in the partners kept before; last, the effect must be worth saying.
 */
export function testPairs(pairs: CoDeploys, line: Timeline, atMs: number): void {
  pairs.testedAtMs = atMs;
  const cases = new Map<number, Case[]>();
  const getCases = (own: number) => {
    const known = cases.get(own) ?? toCases(line, own);
    cases.set(own, known);
    return known;
  };
  for (const own of pairs.untested) {
    const counts = pairs.failedTogether.get(own);
    if (counts === undefined || !isDue(pairs, own)) continue;
    const candidates = [...counts].filter(([, count]) => count >= MIN_FAILED_TOGETHER);
    if (candidates.length === 0) continue;
    const all = getCases(own);
    const together = countTogether(all);
    const rate = all.filter(({ failed }) => failed).length / all.length;
    const tested = [];
    for (const [other, count] of candidates) {
      const met = together.get(other) ?? 0;
      // Where the effect is too small to be claimed the test need not be made.
      if (met >= MIN_TOGETHER && count / met > rate + MIN_EFFECT) tested.push({ other, p: testPair(all, other, []) });
    }
    const possible = smallestPossible(all, together);
    pairs.tests.set(own, { pairs: tested, possible, failures: pairs.failures.get(own) ?? 0 });
  }
  const limit = discoveryLimit(pairs);
  for (const [own, { pairs: tested }] of pairs.tests) {
    const pool = tested.filter(({ p }) => p <= limit).map(({ other }) => other);
    if (pool.length === 0) pairs.patterns.delete(own);
    else if (pairs.untested.has(own) || !pairs.patterns.has(own))
      pairs.patterns.set(own, selectPatterns(line, getCases(own), pool));
  }
  pairs.untested.clear();
}

/**
 * A test is made again when the failures have grown by a seventh, so that a service that fails often is not tested for ever;
 * where something is claimed it is made again whenever something ended.
 */
function isDue(pairs: CoDeploys, own: number): boolean {
  if (pairs.patterns.has(own)) return true;
  const before = pairs.tests.get(own)?.failures ?? 0;
  return (pairs.failures.get(own) ?? 0) >= before * 1.15;
}

/** One ended deploy of a service: how it went, and who was around. */
interface Case {
  failed: boolean;
  period: number;
  beside: Set<number>;
  failing: Set<number>;
}

function toCases(line: Timeline, own: number): Case[] {
  const rows = (line.rows[own] ?? []).slice(-MAX_CASES);
  const firstMs = line.startMs[line.rows[own]?.[0] ?? 0] ?? 0;
  const cases: Case[] = [];
  for (const row of rows) {
    const failed = rowFailed(line, row);
    if (failed === undefined) continue;
    const beside = new Set<number>();
    const failing = new Set<number>();
    servicesBeside(line, row, beside);
    servicesFailingAround(line, row, HOUR_MS, failing);
    cases.push({ failed, period: Math.floor(((line.startMs[row] ?? 0) - firstMs) / PERIOD_MS), beside, failing });
  }
  return cases;
}

function countTogether(cases: readonly Case[]): Map<number, number> {
  const together = new Map<number, number>();
  for (const { beside } of cases) for (const other of beside) together.set(other, (together.get(other) ?? 0) + 1);
  return together;
}

/**
 * For every pair that met often enough, the smallest p value it could have reached, of those small enough to matter. The
 * strata are those of the pair test but for one thing: a partner's own failures count towards a bad hour here.
 */
function smallestPossible(cases: readonly Case[], together: ReadonlyMap<number, number>): number[] {
  const totals = new Map<number, { total: number; failed: number }>();
  const beside = new Map<number, Map<number, number>>();
  for (const { failed, period, beside: others, failing } of cases) {
    const key = period * 2 + (failing.size >= BAD_HOUR ? 1 : 0);
    const stratum = totals.get(key) ?? { total: 0, failed: 0 };
    totals.set(key, stratum);
    stratum.total += 1;
    if (failed) stratum.failed += 1;
    for (const other of others) {
      if ((together.get(other) ?? 0) < MIN_TOGETHER) continue;
      const met = beside.get(other) ?? new Map<number, number>();
      beside.set(other, met);
      met.set(key, (met.get(key) ?? 0) + 1);
    }
  }
  const result: number[] = [];
  for (const met of beside.values()) {
    const strata = [...met].map(([key, count]) => {
      const { total, failed } = totals.get(key) ?? { total: 0, failed: 0 };
      return { total, failed, beside: count, both: 0 };
    });
    const smallest = smallestMidP(strata);
    if (smallest <= LARGEST_P) result.push(smallest);
  }
  return result;
}

/** @param kept partners already believed; only deploys with exactly the same ones of them are compared */
function testPair(cases: readonly Case[], other: number, kept: readonly number[]): number {
  return exactMidP(toStrata(cases, other, kept));
}

function toStrata(cases: readonly Case[], other: number, kept: readonly number[]): Stratum[] {
  const strata = new Map<number, Stratum>();
  for (const { failed, period, beside, failing } of cases) {
    const bad = failing.size >= BAD_HOUR && failing.size - (failing.has(other) ? 1 : 0) >= BAD_HOUR;
    let key = period * 2 + (bad ? 1 : 0);
    // The kept partners are few; beyond thirty the rest share one bit.
    kept.forEach((partner, index) => {
      if (beside.has(partner)) key += 2 ** (20 + Math.min(30, index));
    });
    let stratum = strata.get(key);
    if (stratum === undefined) strata.set(key, (stratum = { total: 0, failed: 0, beside: 0, both: 0 }));
    stratum.total += 1;
    if (failed) stratum.failed += 1;
    if (!beside.has(other)) continue;
    stratum.beside += 1;
    if (failed) stratum.both += 1;
  }
  return [...strata.values()];
}

/**
 * The largest p value that is still believed: Benjamini and Hochberg's rule, over the pairs that could have reached the
 * value in question at all.
 */
function discoveryLimit(pairs: CoDeploys): number {
  const values: number[] = [];
  const possible: number[] = [];
  for (const test of pairs.tests.values()) {
    for (const smallest of test.possible) possible.push(smallest);
    for (const { p } of test.pairs) if (p <= LARGEST_P) values.push(p);
  }
  values.sort((a, b) => a - b);
  possible.sort((a, b) => a - b);
  let reachable = possible.length;
  for (let rank = values.length; rank > 0; rank -= 1) {
    const value = values[rank - 1] ?? 1;
    while (reachable > 0 && (possible[reachable - 1] ?? 0) > value) reachable -= 1;
    if (value <= (FALSE_DISCOVERY_RATE * rank) / Math.max(1, reachable)) return value;
  }
  return 0;
}

function selectPatterns(line: Timeline, cases: readonly Case[], pool: readonly number[]): ConfirmedPattern[] {
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
function toPattern(
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
    if (kept.some((partner) => partner !== other && beside.has(partner))) continue;
    if (beside.has(other)) {
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
