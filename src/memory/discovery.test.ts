import { describe, expect, it } from 'vitest';
import { createDiscoveries, discoveryLimit, noteTest } from './discovery.ts';
import type { TestedPair } from './discovery.ts';

/** The rule as it is written in books, counting everything every time. */
function plainLimit(tests: ReadonlyMap<number, { tested: TestedPair[]; possible: number[] }>): number {
  const possible = [...tests.values()].flatMap((test) => test.possible);
  const values = [...tests.values()].flatMap((test) => test.tested.map(({ p }) => p)).filter((p) => p <= 0.01);
  const believed = values.filter((value) => {
    const rank = values.filter((other) => other <= value).length;
    const reachable = possible.filter((smallest) => smallest <= value).length;
    return value <= (0.12 * rank) / Math.max(1, reachable);
  });
  return Math.max(-1, ...believed);
}

describe('how much of what was tested is believed', () => {
  it('is what the plain rule says, however often services are tested again', () => {
    let state = 7;
    const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
    const all = createDiscoveries();
    const tests = new Map<number, { tested: TestedPair[]; possible: number[] }>();
    let believed = 0;
    for (let step = 0; step < 1000; step += 1) {
      const own = Math.floor(random() * 60);
      // Now and then a real finding among values that come by chance.
      const draw = () => (random() < 0.005 ? 1e-7 : 1) * random() ** 2;
      const tested = Array.from({ length: Math.floor(random() * 4) }, (_, other) => ({ other, p: draw() }));
      const possible = Array.from({ length: Math.floor(random() * 30) }, () => 0.01 * random() ** 3);
      tests.set(own, { tested, possible });
      noteTest(all, own, tested, possible);
      const limit = discoveryLimit(all);
      expect(limit).toBe(plainLimit(tests));
      if (limit >= 0) believed += 1;
      if (step % 250 === 249) tests.forEach((_, service) => noteTest(all, service, [], []));
      if (step % 250 === 249) tests.clear();
    }
    expect(believed).toBeGreaterThan(50);
    expect(believed).toBeLessThan(950);
  });

  it('is nothing where nothing was tested', () => {
    expect(discoveryLimit(createDiscoveries())).toBe(-1);
  });
});
