import { toProbability } from './statistics.ts';

/**
 * Logistic regression learned one outcome at a time, with a normal belief about its coefficients. It starts from the
 * prior it is given, needs no training step, and knows how sure it is: a coefficient about which little has been seen
 * stays near its prior.
 */
export interface OnlineLogistic {
  mean: Float64Array;
  /** Row by row, symmetric. */
  covariance: Float64Array;
  /** Scratch of one step, kept since a step is taken for every deploy. */
  pull: Float64Array;
}

export function createLogistic(prior: readonly { mean: number; sd: number }[]): OnlineLogistic {
  const size = prior.length;
  const covariance = new Float64Array(size * size);
  prior.forEach(({ sd }, index) => {
    covariance[index * size + index] = sd * sd;
  });
  return { mean: Float64Array.from(prior, ({ mean }) => mean), covariance, pull: new Float64Array(size) };
}

/** The log-odds the coefficients add for these features. */
export function scoreOf(model: OnlineLogistic, features: readonly number[]): number {
  const { mean } = model;
  let sum = 0;
  for (let index = 0; index < mean.length; index += 1) sum += (mean[index] ?? 0) * (features[index] ?? 0);
  return sum;
}

/** How unsure that score is: its variance under the belief. Most features are zero, so only the others are multiplied. */
export function varianceOf(model: OnlineLogistic, features: readonly number[]): number {
  const { covariance } = model;
  const size = features.length;
  let variance = 0;
  for (let row = 0; row < size; row += 1) {
    // These loops run for every deploy; indices are in range by construction.
    const left = features[row]!;
    if (left === 0) continue;
    const start = row * size;
    variance += left * left * covariance[start + row]!;
    for (let column = row + 1; column < size; column += 1)
      if (features[column]! !== 0) variance += 2 * left * features[column]! * covariance[start + column]!;
  }
  return variance;
}

/** The probability averaged over the belief: an unsure score pulls towards one half. */
export function averagedProbability(logit: number, variance: number): number {
  return toProbability(logit / Math.sqrt(1 + (Math.PI * variance) / 8));
}

/**
 * One step of Bayes' rule with the likelihood replaced by a normal of the same slope and curvature.
 * @param weight below 1 where the outcome tells less than a whole independent observation
 */
export function learnLogistic(
  model: OnlineLogistic,
  features: readonly number[],
  offset: number,
  failed: boolean,
  weight: number,
): void {
  const { mean, covariance, pull } = model;
  const size = mean.length;
  pull.fill(0);
  for (let row = 0; row < size; row += 1) {
    const feature = features[row]!;
    if (feature === 0) continue;
    const start = row * size;
    for (let column = 0; column < size; column += 1) pull[column]! += covariance[start + column]! * feature;
  }
  let variance = 0;
  for (let row = 0; row < size; row += 1) variance += pull[row]! * features[row]!;
  const probability = toProbability(offset + scoreOf(model, features));
  const curvature = weight * Math.max(probability * (1 - probability), 1e-4);
  const shrink = 1 / (1 + curvature * variance);
  const step = weight * ((failed ? 1 : 0) - probability) * shrink;
  const cut = curvature * shrink;
  for (let row = 0; row < size; row += 1) {
    // Coefficients that none of these features was ever seen with are left alone.
    if (pull[row] === 0) continue;
    mean[row]! += pull[row]! * step;
    const scaled = cut * pull[row]!;
    const start = row * size;
    for (let column = 0; column < size; column += 1) covariance[start + column]! -= scaled * pull[column]!;
  }
}
