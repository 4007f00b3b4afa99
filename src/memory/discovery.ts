/** Share of false claims that is accepted among the claims. */
const FALSE_DISCOVERY_RATE = 0.12;
/** Nothing less surprising than this is ever claimed. */
export const LARGEST_P = 0.01;
/** Values below 2^-63 are counted as one. */
const POWERS = 64;

/** A partner of a service, with how surprising their failures together are. */
export interface TestedPair {
  other: number;
  p: number;
}

/** What the tests of all services said, each as of when it was made last. Plain data. */
export interface Discoveries {
  /** By service: the smallest p values its pairs could have reached, of those small enough to matter. */
  possible: Map<number, readonly number[]>;
  /** By service: the pairs surprising enough to be claimed at all; few have any. */
  surprising: Map<number, readonly TestedPair[]>;
  /** How many of all the possible values lie in each power of two, smaller ones later. */
  reach: number[];
}

export function createDiscoveries(): Discoveries {
  return { possible: new Map(), surprising: new Map(), reach: new Array<number>(POWERS).fill(0) };
}

/** Takes note of the test of one service, in place of its last one. */
export function noteTest(
  all: Discoveries,
  own: number,
  tested: readonly TestedPair[],
  possible: readonly number[],
): void {
  for (const value of all.possible.get(own) ?? []) all.reach[powerOf(value)]! -= 1;
  for (const value of possible) all.reach[powerOf(value)]! += 1;
  all.possible.set(own, possible);
  const surprising = tested.filter(({ p }) => p <= LARGEST_P);
  if (surprising.length > 0) all.surprising.set(own, surprising);
  else all.surprising.delete(own);
}

/**
 * The largest p value that is still believed, below 0 where none is: Benjamini and Hochberg's rule, over the pairs that
 * could have reached the value in question at all.
 */
export function discoveryLimit(all: Discoveries): number {
  const values = [...all.surprising.values()].flatMap((tested) => tested.map(({ p }) => p)).sort((a, b) => a - b);
  let reachable: number[] | undefined;
  for (let rank = values.length; rank > 0; rank -= 1) {
    const value = values[rank - 1] ?? 1;
    const isBelieved = (reached: number) => value <= (FALSE_DISCOVERY_RATE * rank) / Math.max(1, reached);
    // There are very many pairs, so they are counted only where there may be few enough: on most days nowhere.
    if (!isBelieved(leastReachable(all, value))) continue;
    reachable ??= countUpTo(all, values);
    if (isBelieved(reachable[rank - 1] ?? 1)) return value;
  }
  return -1;
}

/** At least this many pairs could have reached the value. */
function leastReachable({ reach }: Discoveries, value: number): number {
  let count = 0;
  for (let power = powerOf(value) + 1; power < POWERS; power += 1) count += reach[power] ?? 0;
  return count;
}

/** 0 for what lies above one half, 1 for what lies above a quarter, and so on. */
function powerOf(value: number): number {
  return Math.min(POWERS - 1, Math.floor(-Math.log2(value)));
}

/** For each of the ascending values, how many pairs could have reached it. There are few values and very many pairs. */
function countUpTo({ possible }: Discoveries, values: readonly number[]): number[] {
  const counts = values.map(() => 0);
  const largest = values.at(-1) ?? 0;
  for (const ofOne of possible.values())
    for (const smallest of ofOne) {
      if (smallest > largest) continue;
      let low = 0;
      let high = values.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((values[middle] ?? 0) < smallest) low = middle + 1;
        else high = middle;
      }
      counts[low] = (counts[low] ?? 0) + 1;
    }
  let sum = 0;
  return counts.map((count) => (sum += count));
}
