import { describe, expect, it } from 'vitest';
import { createBudget, emptyCounters, estimateTokens, toCost } from './budget.ts';

const limits = { maxTokens: 1000, maxCalls: 3, maxWallMs: 10_000 };

describe('a budget', () => {
  it('allows what is inside all limits and counts it', () => {
    const budget = createBudget(limits, emptyCounters, () => 0);
    budget.check(100);
    budget.book({ promptTokens: 100, completionTokens: 50 });
    budget.check(100);
    expect(budget.spent()).toEqual({ promptTokens: 100, completionTokens: 50, calls: 1, wallMs: 0 });
  });

  it.each([
    ['calls', { ...emptyCounters, calls: 3 }, 0, 0],
    ['tokens', { ...emptyCounters, promptTokens: 600, completionTokens: 300 }, 100, 0],
    ['milliseconds', { ...emptyCounters, wallMs: 4000 }, 0, 6000],
  ])('refuses when the %s are used up', (what, spent, estimate, elapsed) => {
    let now = 1_000_000;
    const budget = createBudget(limits, spent, () => now);
    now += elapsed;
    expect(() => budget.check(estimate)).toThrowError(
      expect.objectContaining({ code: 'budget_exhausted', message: expect.stringContaining(what) }),
    );
  });

  it('does not gain time when the clock goes back', () => {
    let now = 5000;
    const budget = createBudget(limits, { ...emptyCounters, wallMs: 9000 }, () => now);
    now = 1000;
    expect(budget.remainingMs()).toBe(1000);
    now = 90_000;
    expect(budget.remainingMs()).toBe(0);
  });

  it('survives being stored', () => {
    const budget = createBudget(limits, emptyCounters, () => 0);
    budget.book({ promptTokens: 1, completionTokens: 2 });
    const stored: unknown = JSON.parse(JSON.stringify(budget.spent()));
    expect(stored).toEqual(budget.spent());
  });
});

describe('cost', () => {
  it('is known only where a price is', () => {
    const usage = { promptTokens: 1000, completionTokens: 1000 };
    expect(toCost('m', usage, { m: { prompt: 2, completion: 10 } })).toBe(0.012);
    expect(toCost('other', usage, { m: { prompt: 2, completion: 10 } })).toBeNull();
    expect(toCost('constructor', usage, {})).toBeNull();
    expect(toCost('m', usage, undefined)).toBeNull();
  });

  it('estimates tokens from characters, never none', () => {
    expect([estimateTokens(''), estimateTokens('a'.repeat(400))]).toEqual([1, 100]);
  });
});
