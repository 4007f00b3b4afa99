import { describe, expect, it } from 'vitest';
import type { Stratum } from './exact-test.ts';
import { exactMidP, smallestMidP } from './exact-test.ts';

/** Every way in which the failures of every stratum can fall, counted one by one. */
function enumerate(strata: readonly Stratum[]): number {
  const observed = strata.reduce((sum, { both }) => sum + both, 0);
  let above = 0;
  let equal = 0;
  let all = 0;
  const walk = (index: number, sum: number) => {
    const stratum = strata[index];
    if (stratum === undefined) {
      all += 1;
      if (sum > observed) above += 1;
      if (sum === observed) equal += 1;
      return;
    }
    for (let set = 0; set < 2 ** stratum.total; set += 1) {
      const bits = [...set.toString(2)].filter((bit) => bit === '1').length;
      if (bits !== stratum.failed) continue;
      // The first `beside` deploys had company.
      const both = [...(set % 2 ** stratum.beside).toString(2)].filter((bit) => bit === '1').length;
      walk(index + 1, sum + both);
    }
  };
  walk(0, 0);
  return (above + equal / 2) / all;
}

describe('the stratified exact test', () => {
  it.each<[string, Stratum[]]>([
    ['one stratum', [{ total: 8, failed: 3, beside: 3, both: 3 }]],
    ['no effect', [{ total: 8, failed: 4, beside: 4, both: 2 }]],
    [
      'two strata',
      [
        { total: 6, failed: 2, beside: 2, both: 2 },
        { total: 7, failed: 3, beside: 4, both: 2 },
      ],
    ],
    [
      'a stratum in which everything failed',
      [
        { total: 3, failed: 3, beside: 2, both: 2 },
        { total: 6, failed: 2, beside: 3, both: 2 },
      ],
    ],
  ])('agrees with counting every case: %s', (_name, strata) => {
    expect(exactMidP(strata)).toBeCloseTo(enumerate(strata), 7);
    expect(smallestMidP(strata)).toBeLessThanOrEqual(exactMidP(strata) + 1e-12);
  });

  it('is not fooled by a bad period in which the company happened to be around', () => {
    const good = { total: 100, failed: 2, beside: 5, both: 0 };
    const bad = { total: 20, failed: 12, beside: 15, both: 9 };
    const merged = { total: 120, failed: 14, beside: 20, both: 9 };
    expect(exactMidP([merged])).toBeLessThan(0.001);
    expect(exactMidP([good, bad])).toBeGreaterThan(0.2);
  });
});
