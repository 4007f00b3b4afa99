/**
 * Several opinions as one probability. Each is trusted by how well it foretold what came; a small share of the trust is
 * always given back, so that an opinion that was wrong for years can be heard again.
 */
export interface Mixture {
  prior: readonly number[];
  weights: number[];
  /** Share of the trust given back at each outcome. */
  share: number;
}

export function createMixture(prior: readonly number[], share = 0.0005): Mixture {
  return { prior, weights: [...prior], share };
}

export function mix(mixture: Mixture, opinions: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < mixture.weights.length; index += 1)
    sum += (mixture.weights[index] ?? 0) * (opinions[index] ?? 0);
  return sum;
}

/** @param weight below 1 where the outcome tells less than a whole independent observation */
export function learnMixture(mixture: Mixture, opinions: ArrayLike<number>, failed: boolean, weight: number): void {
  const { weights, prior, share } = mixture;
  let total = 0;
  for (let index = 0; index < weights.length; index += 1) {
    const opinion = opinions[index] ?? 0;
    const likelihood = failed ? opinion : 1 - opinion;
    const updated = (weights[index] ?? 0) * (weight === 1 ? likelihood : likelihood ** weight);
    weights[index] = updated;
    total += updated;
  }
  for (let index = 0; index < weights.length; index += 1)
    weights[index] = ((1 - share) * (weights[index] ?? 0)) / total + share * (prior[index] ?? 0);
}
