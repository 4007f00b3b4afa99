import { logGamma } from './statistics.ts';

/** Logarithms of the factorials of the counts that come. */
const LOG_FACTORIALS = Float64Array.from({ length: 1024 }, (_, n) => logGamma(n + 1));

/** One stratum of a two-by-two table: of `total` deploys `failed` failed, `beside` had company, `both` had both. */
export interface Stratum {
  total: number;
  failed: number;
  beside: number;
  both: number;
}

/**
 * How surprising it is that so many failures had company, were company without effect in every stratum: the mid-p value of
 * the sum of the hypergeometric counts. Exact, by convolution, since the counts that matter are 2 to 20 and no normal
 * approximation holds there. Small means surprising.
 */
export function exactMidP(strata: Iterable<Stratum>): number {
  let distribution = Float64Array.of(1);
  let observed = 0;
  for (const stratum of strata) {
    const low = Math.max(0, stratum.failed + stratum.beside - stratum.total);
    const high = Math.min(stratum.failed, stratum.beside);
    // A count that can only be what it is shifts both sides alike.
    observed += stratum.both - low;
    if (high > low) distribution = convolve(distribution, hypergeometric(stratum, low, high));
  }
  let above = 0;
  for (let count = observed + 1; count < distribution.length; count += 1) above += distribution[count] ?? 0;
  return Math.min(1, above + (distribution[observed] ?? 0) / 2);
}

/**
 * The smallest value `exactMidP` could give with these margins, however the outcomes had fallen. A pair that could never
 * have been claimed need not be counted among those that were tested (Tarone's observation).
 */
export function smallestMidP(strata: Iterable<Stratum>): number {
  let log = 0;
  for (const { total, failed, beside } of strata) {
    const high = Math.min(failed, beside);
    log += logChoose(beside, high) + logChoose(total - beside, failed - high) - logChoose(total, failed);
  }
  return Math.exp(log) / 2;
}

function hypergeometric({ total, failed, beside }: Stratum, low: number, high: number): Float64Array {
  const result = new Float64Array(high - low + 1);
  const all = logChoose(total, failed);
  for (let both = low; both <= high; both += 1)
    result[both - low] = Math.exp(logChoose(beside, both) + logChoose(total - beside, failed - both) - all);
  return result;
}

function convolve(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  const result = new Float64Array(a.length + b.length - 1);
  for (let i = 0; i < a.length; i += 1) for (let j = 0; j < b.length; j += 1) result[i + j]! += a[i]! * b[j]!;
  return result;
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

function logFactorial(n: number): number {
  return LOG_FACTORIALS[n] ?? logGamma(n + 1);
}
