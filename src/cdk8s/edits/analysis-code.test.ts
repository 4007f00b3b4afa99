import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { toConditions } from './analysis-code.ts';

/** Reads a condition as Argo Rollouts' expression language does, as far as ours use it. */
function evaluate(condition: string, result: number[]): boolean {
  const script = condition
    .replace(
      /(all|any)\(result, \{(.*)\}\)/,
      (_, method: string, body: string) => `${method}(result, (item) => ${body})`,
    )
    .replaceAll('#', 'item');
  const value: unknown = runInNewContext(script, {
    result,
    len: (list: number[]) => list.length,
    all: (list: number[], test: (item: number) => boolean) => list.every(test),
    any: (list: number[], test: (item: number) => boolean) => list.some(test),
    isNaN: (item: number) => Number.isNaN(item),
    isInf: (item: number) => Math.abs(item) === Infinity,
  });
  if (typeof value !== 'boolean') throw new Error(`${condition} gave ${String(value)}`);
  return value;
}

/** What Argo Rollouts makes of two conditions. */
function judge(bounds: { min?: number; max?: number }, result: number[]): string {
  const { success, failure } = toConditions(bounds);
  if (evaluate(failure, result)) return 'failed';
  return evaluate(success, result) ? 'successful' : 'inconclusive';
}

describe('a measurement', () => {
  test.each([
    ['of a rate above its bound', { min: 0.95 }, [0.99], 'successful'],
    ['on the bound', { min: 0.95 }, [0.95], 'successful'],
    ['below it', { min: 0.95 }, [0.9499], 'failed'],
    ['of a latency below its bound', { max: 0.5 }, [0.2], 'successful'],
    ['above it', { max: 0.5 }, [0.51], 'failed'],
    ['between two bounds', { min: 0.1, max: 0.9 }, [0.5], 'successful'],
    ['under both bounds', { min: 0.1, max: 0.9 }, [0.05], 'failed'],
    ['over both bounds', { min: 0.1, max: 0.9 }, [0.95], 'failed'],
    ['without data', { min: 0.95 }, [], 'inconclusive'],
    ['without data where little is good', { max: 0 }, [], 'inconclusive'],
    ['of no requests, divided by none', { min: 0.95 }, [Number.NaN], 'inconclusive'],
    ['of a latency of no requests', { max: 0.5 }, [Number.NaN], 'inconclusive'],
    ['of something divided by nothing', { min: 0.95 }, [Infinity], 'inconclusive'],
    ['of a latency beyond every bucket', { max: 0.5 }, [Infinity], 'failed'],
    ['where one of two series is bad', { min: 0.95 }, [0.99, 0.4], 'failed'],
    ['where one of two series has no data', { min: 0.95 }, [0.99, Number.NaN], 'inconclusive'],
    ['where one has no data and another is bad', { min: 0.95 }, [Number.NaN, 0.4], 'failed'],
  ])('%s', (_case, bounds, result, wanted) => {
    expect(judge(bounds, result)).toBe(wanted);
  });
});
