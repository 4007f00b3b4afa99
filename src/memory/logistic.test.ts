import { describe, expect, it } from 'vitest';
import { averagedProbability, createLogistic, learnLogistic, scoreOf, varianceOf } from './logistic.ts';
import { createMixture, learnMixture, mix } from './mixture.ts';
import { toProbability } from './statistics.ts';

function createRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

describe('the online logistic model', () => {
  it('finds the coefficients outcomes were made with, and knows how sure it is', () => {
    const random = createRandom(7);
    const truth = [-2, 1.5, 0];
    const model = createLogistic(truth.map(() => ({ mean: 0, sd: 2 })));
    for (let step = 0; step < 8000; step += 1) {
      const features = [1, random() < 0.3 ? 1 : 0, random() - 0.5];
      const logit = truth.reduce((sum, weight, index) => sum + weight * (features[index] ?? 0), 0);
      learnLogistic(model, features, 0, random() < toProbability(logit), 1);
    }
    truth.forEach((weight, index) => {
      const sd = Math.sqrt(model.covariance[index * 4] ?? 0);
      expect(sd).toBeLessThan(0.2);
      expect(Math.abs((model.mean[index] ?? 0) - weight)).toBeLessThan(4 * sd);
    });
  });

  it('keeps to its prior where nothing was seen', () => {
    const model = createLogistic([
      { mean: 0, sd: 1 },
      { mean: 0.7, sd: 0.3 },
    ]);
    for (let step = 0; step < 500; step += 1) learnLogistic(model, [1, 0], -3, step % 20 === 0, 1);
    expect(model.mean[1]).toBe(0.7);
    expect(model.covariance[3]).toBeCloseTo(0.09, 12);
    expect(varianceOf(model, [0, 1])).toBeCloseTo(0.09, 12);
  });

  it('learns less from an outcome of less weight, and pulls an unsure score towards one half', () => {
    const heavy = createLogistic([{ mean: 0, sd: 1 }]);
    const light = createLogistic([{ mean: 0, sd: 1 }]);
    learnLogistic(heavy, [1], -2, true, 1);
    learnLogistic(light, [1], -2, true, 0.1);
    expect(scoreOf(light, [1])).toBeLessThan(scoreOf(heavy, [1]) / 4);
    expect(averagedProbability(-3, 2)).toBeGreaterThan(averagedProbability(-3, 0));
    expect(averagedProbability(3, 2)).toBeLessThan(averagedProbability(3, 0));
  });
});

describe('the mixture of opinions', () => {
  it('loses little more than its best opinion, and follows when another becomes best', () => {
    const random = createRandom(3);
    const mixture = createMixture([0.9, 0.1]);
    let loss = 0;
    let best = 0;
    for (let step = 0; step < 4000; step += 1) {
      const rate = step < 2000 ? 0.3 : 0.02;
      const opinions = [0.02, 0.3];
      const failed = random() < rate;
      const said = mix(mixture, opinions);
      loss -= Math.log(failed ? said : 1 - said);
      best -= Math.log(failed ? rate : 1 - rate);
      learnMixture(mixture, opinions, failed, 1);
    }
    expect(loss - best).toBeLessThan(25);
    expect(mixture.weights[0]).toBeGreaterThan(0.99);
    expect(mixture.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9);
  });
});
