import type { Timeline } from './timeline.ts';
import { rowFailed, servicesBeside } from './timeline.ts';

/**
 * How strongly each pair is suspected: the log-odds that deploys of a service fail because another one deploys too. A
 * suspicion is enough to be careful, long before the pattern is sure enough to be claimed. Plain data.
 */
export type Suspicions = Map<number, Map<number, number>>;

/** Among the services one happens to deploy beside, about one in a hundred is a cause. */
const PRIOR = Math.log(1 / 100);
/** What a cause does to a deploy that would otherwise be well: it fails this often. */
export const STRENGTH = 0.5;
/** However safe a deploy looked, its failure is not taken for a wonder that only company can explain. */
const LEAST_USUAL = 0.02;
const PEACE = Math.log(1 - STRENGTH);
/** Below this the pair is forgotten; it would take several failures to matter again. */
const GIVEN_UP = PRIOR - 6;

/** Partners kept per service; the least suspected are forgotten. */
const MAX_PARTNERS = 60;
/** Deploys before a first failure together that are looked at for deploys together that went well. */
const LOOK_BACK = 200;

export function createSuspicions(): Suspicions {
  return new Map();
}

/**
 * Hears how a deploy ended. Only failures start a suspicion; deploys together that went well before it are then counted
 * from the timeline.
 * @param usual the probability with which it was to fail, what was suspected included: what is explained is no evidence
 * @param weight below 1 where the failure came with others and tells less
 */
export function hearPair(
  suspicions: Suspicions,
  line: Timeline,
  row: number,
  failed: boolean,
  usual: number,
  weight: number,
): void {
  const own = line.who[row] ?? 0;
  const known = suspicions.get(own);
  if (!failed && known === undefined) return;
  const beside = servicesBeside(line, row);
  if (beside.length === 0) return;
  const pairs = known ?? new Map<number, number>();
  if (known === undefined) suspicions.set(own, pairs);
  if (!failed) {
    for (const other of beside) {
      const score = pairs.get(other);
      if (score === undefined) continue;
      if (score + PEACE < GIVEN_UP) pairs.delete(other);
      else pairs.set(other, score + PEACE);
    }
    return;
  }
  const floor = Math.max(LEAST_USUAL, usual);
  const gain = weight * Math.log((1 - (1 - floor) * (1 - STRENGTH)) / floor);
  const fresh = beside.filter((other) => !pairs.has(other));
  const peaceful = fresh.length === 0 ? undefined : countPeaceful(line, row, new Set(fresh));
  for (const other of beside) {
    const score = (pairs.get(other) ?? PRIOR + (peaceful?.get(other) ?? 0) * PEACE) + gain;
    if (score >= GIVEN_UP) pairs.set(other, score);
  }
  if (pairs.size > MAX_PARTNERS) forgetLeast(pairs);
}

function forgetLeast(pairs: Map<number, number>): void {
  const kept = [...pairs].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, MAX_PARTNERS / 2);
  pairs.clear();
  for (const [other, score] of kept) pairs.set(other, score);
}

/** Deploys beside each of the others that went well before this row; looks back a bounded way. */
function countPeaceful(line: Timeline, row: number, others: Set<number>): Map<number, number> {
  const counts = new Map<number, number>();
  let left = LOOK_BACK;
  for (
    let before = line.newest[line.who[row] ?? 0] ?? -1;
    before >= 0 && left > 0;
    before = line.before[before] ?? -1
  ) {
    left -= 1;
    if (before >= row || rowFailed(line, before) !== false) continue;
    for (const other of servicesBeside(line, before))
      if (others.has(other)) counts.set(other, (counts.get(other) ?? 0) + 1);
  }
  return counts;
}

/** The probability that the pair is real. @param known what is suspected of one service */
export function suspicionOf(known: ReadonlyMap<number, number>, other: number): number {
  const score = known.get(other);
  return score === undefined ? 0 : 1 / (1 + Math.exp(-score));
}
