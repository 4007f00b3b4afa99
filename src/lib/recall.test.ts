import { expect, it } from 'vitest';
import { createRecall } from './recall.ts';

it('asks once, also where many want to know at the same time', async () => {
  let asked = 0;
  const recall = createRecall<number>(10);
  const ask = () => Promise.resolve((asked += 1));
  expect(await Promise.all([recall.get('a', ask), recall.get('a', ask)])).toEqual([1, 1]);
  expect(await recall.get('a', ask)).toBe(1);
  expect(await recall.get('b', ask)).toBe(2);
});

it('asks again after a failure', async () => {
  const recall = createRecall<boolean>(10);
  await expect(recall.get('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await recall.get('a', () => Promise.resolve(true))).toBe(true);
  expect(await recall.get('a', () => Promise.resolve(false))).toBe(true);
});

it('forgets the oldest where there are too many', async () => {
  const recall = createRecall<number>(2);
  for (const [key, value] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ] as const)
    await recall.get(key, () => Promise.resolve(value));
  expect(await recall.get('b', () => Promise.resolve(0))).toBe(2);
  expect(await recall.get('a', () => Promise.resolve(0))).toBe(0);
});
