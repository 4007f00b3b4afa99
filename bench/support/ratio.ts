/** Pairs of times measured one after the other in one run, compared pair by pair. */
export interface RatioReport {
  n: number;
  median: number;
  min: number;
  max: number;
  /** Slowest over fastest of the peer: how noisy the machine was. */
  peerSpread: number;
}

/** The first pair warms up and is left out. */
export function toRatioReport(pairs: readonly { product: number; peer: number }[]): RatioReport {
  const kept = pairs.slice(1);
  const ratios = kept.map(({ product, peer }) => product / peer).sort((a, b) => a - b);
  const peers = kept.map(({ peer }) => peer);
  return {
    n: kept.length,
    median: toMedian(ratios),
    min: ratios[0] ?? Number.NaN,
    max: ratios.at(-1) ?? Number.NaN,
    peerSpread: Math.max(...peers) / Math.min(...peers),
  };
}

export function toMedian(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
