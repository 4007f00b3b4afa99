import { describe, expect, it } from 'vitest';
import { betaCdf, betaQuantile, logGamma, toLogit, toProbability } from './statistics.ts';

describe('statistics', () => {
  it('knows the gamma function at whole and half numbers', () => {
    expect(logGamma(6)).toBeCloseTo(Math.log(120), 8);
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 8);
  });

  it('integrates the beta density: closed forms for whole shapes', () => {
    expect(betaCdf(0.3, 1, 1)).toBeCloseTo(0.3, 10);
    expect(betaCdf(0.4, 2, 1)).toBeCloseTo(0.16, 10);
    // I_x(2, 3) = P(Binomial(4, x) >= 2)
    const x = 0.35;
    const tail = 1 - (1 - x) ** 4 - 4 * x * (1 - x) ** 3;
    expect(betaCdf(x, 2, 3)).toBeCloseTo(tail, 9);
  });

  it.each([
    [0.1, 9.5, 3.5],
    [0.9, 0.5, 200.5],
    [0.5, 40, 60],
  ])('inverts itself at %f for shapes %f and %f', (q, a, b) => {
    expect(betaCdf(betaQuantile(q, a, b), a, b)).toBeCloseTo(q, 4);
  });

  it('goes from odds to probability and back without overflow', () => {
    for (const p of [1e-9, 0.2, 0.999]) expect(toProbability(toLogit(p))).toBeCloseTo(p, 12);
    expect(toProbability(-1000)).toBe(0);
    expect(toProbability(1000)).toBe(1);
  });
});
