import type { Case, ConfirmedPattern } from './pair-evidence.ts';
import {
  MIN_EFFECT,
  MIN_TOGETHER,
  countTogether,
  selectPatterns,
  smallestPossible,
  testPair,
  toCases,
  toPattern,
} from './pair-evidence.ts';
import type { Discoveries } from './discovery.ts';
import { createDiscoveries, discoveryLimit, noteTest } from './discovery.ts';
import type { Suspicions } from './suspicion.ts';
import { STRENGTH, suspicionOf } from './suspicion.ts';
import type { Timeline } from './timeline.ts';
import { servicesBeside, underWayAmong } from './timeline.ts';

const DAY_MS = 86_400_000;
/** Failures together below which a pair is not looked at. */
const MIN_FAILED_TOGETHER = 2;

/** What was seen and claimed about pairs of services of one environment. Plain data. */
export interface CoDeploys {
  /** By service: how often it failed with which other service under way. */
  failedTogether: Map<number, Map<number, number>>;
  /** By service: failures with anyone beside it. */
  failures: Map<number, number>;
  /** Services with a failure since the last test. */
  untested: Set<number>;
  testedAtMs: number;
  /** By service: how often it had failed when it was tested last. */
  tested: Map<number, number>;
  discoveries: Discoveries;
  patterns: Map<number, ConfirmedPattern[]>;
  suspicions: Suspicions;
}

export function createCoDeploys(): CoDeploys {
  return {
    failedTogether: new Map(),
    failures: new Map(),
    untested: new Set(),
    testedAtMs: Number.NEGATIVE_INFINITY,
    tested: new Map(),
    discoveries: createDiscoveries(),
    patterns: new Map(),
    suspicions: [],
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
  const beside = servicesBeside(line, row);
  if (beside.length === 0) return;
  const counts = pairs.failedTogether.get(own) ?? new Map<number, number>();
  pairs.failedTogether.set(own, counts);
  for (const other of beside) counts.set(other, (counts.get(other) ?? 0) + 1);
  pairs.failures.set(own, (pairs.failures.get(own) ?? 0) + 1);
  pairs.untested.add(own);
}

/** What is claimed about a service, with the counts of this moment. Changes nothing. */
export function claimsOf(pairs: CoDeploys, line: Timeline, own: number): ConfirmedPattern[] {
  const claimed = pairs.patterns.get(own);
  if (claimed === undefined || claimed.length === 0) return [];
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
  patterns: readonly ConfirmedPattern[];
  /** Those not sure enough to be claimed, most suspected first. */
  suspected: readonly string[];
}

const SUSPECTED = 0.05;

/** The company of most deploys. */
const ALONE: Company = { beside: 0, patterns: [], suspected: [] };

/** Who is under way at a time that this service may fail beside: what is claimed counts by its counts, the rest by suspicion. */
export function companyOf(pairs: CoDeploys, line: Timeline, own: number | undefined, atMs: number): Company {
  const suspects = own === undefined ? undefined : pairs.suspicions[own];
  if (own === undefined || suspects === undefined) return ALONE;
  const claimed = pairs.patterns.get(own);
  const others =
    claimed === undefined
      ? suspects.others
      : [...suspects.others, ...claimed.flatMap((pattern) => line.ids.get(pattern.with) ?? [])];
  const patterns: ConfirmedPattern[] = [];
  const suspected: { name: string; probability: number }[] = [];
  let sound = 1;
  for (const other of underWayAmong(line, atMs, others)) {
    const name = line.names[other] ?? '';
    const pattern = claimed?.find((known) => known.with === name);
    if (pattern !== undefined) {
      patterns.push(pattern);
      sound *= 1 - pattern.excess;
      continue;
    }
    const probability = suspicionOf(suspects, other);
    if (probability < SUSPECTED) continue;
    suspected.push({ name, probability });
    sound *= 1 - STRENGTH * probability;
  }
  if (patterns.length === 0 && suspected.length === 0) return ALONE;
  suspected.sort((a, b) => b.probability - a.probability || (a.name < b.name ? -1 : 1));
  return { beside: 1 - sound, patterns, suspected: suspected.map(({ name }) => name) };
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
    const together = countTogether(line, all);
    const rate = all.filter(({ failed }) => failed).length / all.length;
    const tested = [];
    for (const [other, count] of candidates) {
      const met = together[other] ?? 0;
      // Where the effect is too small to be claimed the test need not be made.
      if (met >= MIN_TOGETHER && count / met > rate + MIN_EFFECT) tested.push({ other, p: testPair(all, other, []) });
    }
    noteTest(pairs.discoveries, own, tested, smallestPossible(all, together));
    pairs.tested.set(own, pairs.failures.get(own) ?? 0);
  }
  const { surprising } = pairs.discoveries;
  const limit = discoveryLimit(pairs.discoveries);
  for (const own of pairs.patterns.keys()) if (!surprising.has(own)) pairs.patterns.delete(own);
  for (const [own, tested] of surprising) {
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
  const before = pairs.tested.get(own) ?? 0;
  return (pairs.failures.get(own) ?? 0) >= before * 1.15;
}
