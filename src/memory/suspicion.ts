import type { Timeline } from './timeline.ts';
import { besideAmong, rowFailed, servicesBeside } from './timeline.ts';

/**
 * How strongly each pair is suspected: the log-odds that deploys of a service fail because another one deploys too. A
 * suspicion is enough to be careful, long before the pattern is sure enough to be claimed. By service; plain data.
 */
export type Suspicions = (Suspects | undefined)[];

/** Whom one service is suspected to fail beside. Few, and read twice for every deploy, so they stand in two arrays. */
export interface Suspects {
  others: number[];
  scores: number[];
}

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
  const known = suspicions[own];
  if (failed) hearFailure(suspicions, line, row, Math.max(LEAST_USUAL, usual), weight);
  else if (known !== undefined) hearPeace(known, besideAmong(line, row, known.others));
}

function hearPeace(known: Suspects, beside: readonly number[]): void {
  for (const other of beside) {
    const at = known.others.indexOf(other);
    const score = (known.scores[at] ?? PRIOR) + PEACE;
    if (score >= GIVEN_UP) {
      known.scores[at] = score;
      continue;
    }
    known.others.splice(at, 1);
    known.scores.splice(at, 1);
  }
}

function hearFailure(suspicions: Suspicions, line: Timeline, row: number, usual: number, weight: number): void {
  const beside = servicesBeside(line, row);
  if (beside.length === 0) return;
  const known = suspectsOf(suspicions, line.who[row] ?? 0);
  const gain = weight * Math.log((1 - (1 - usual) * (1 - STRENGTH)) / usual);
  const fresh = beside.filter((other) => !known.others.includes(other));
  const peaceful = countPeaceful(line, row, fresh);
  for (const other of beside) {
    const at = known.others.indexOf(other);
    const before = at < 0 ? PRIOR + (peaceful.get(other) ?? 0) * PEACE : (known.scores[at] ?? PRIOR);
    const score = before + gain;
    if (score < GIVEN_UP) continue;
    if (at >= 0) {
      known.scores[at] = score;
      continue;
    }
    known.others.push(other);
    known.scores.push(score);
  }
  if (known.others.length > MAX_PARTNERS) forgetLeast(known);
}

function suspectsOf(suspicions: Suspicions, own: number): Suspects {
  // Filled up in between, since an array with large holes is slow.
  while (suspicions.length <= own) suspicions.push(undefined);
  return (suspicions[own] ??= { others: [], scores: [] });
}

function forgetLeast(known: Suspects): void {
  const kept = known.others
    .map((other, at) => ({ other, score: known.scores[at] ?? 0 }))
    .sort((a, b) => b.score - a.score || a.other - b.other)
    .slice(0, MAX_PARTNERS / 2);
  known.others = kept.map(({ other }) => other);
  known.scores = kept.map(({ score }) => score);
}

/** Deploys beside each of the others that went well before this row; looks back a bounded way. */
function countPeaceful(line: Timeline, row: number, others: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  if (others.length === 0) return counts;
  let left = LOOK_BACK;
  for (
    let before = line.newest[line.who[row] ?? 0] ?? -1;
    before >= 0 && left > 0;
    before = line.before[before] ?? -1
  ) {
    left -= 1;
    if (before >= row || rowFailed(line, before) !== false) continue;
    for (const other of besideAmong(line, before, others)) counts.set(other, (counts.get(other) ?? 0) + 1);
  }
  return counts;
}

/** The probability that the pair is real. @param known whom the service is suspected to fail beside */
export function suspicionOf(known: Suspects, other: number): number {
  const at = known.others.indexOf(other);
  return at < 0 ? 0 : 1 / (1 + Math.exp(-(known.scores[at] ?? 0)));
}
