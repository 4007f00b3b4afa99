import { describe, expect, it } from 'vitest';
import { addVersionMs, createVersionTimes, findVersionMs, hashVersion } from './version-times.ts';

describe('the versions of a scope', () => {
  it('keeps the newest 128 with their times, whatever came before', () => {
    const times = createVersionTimes();
    const name = (index: number) => `v1.${index}`;
    const find = (index: number) => findVersionMs(times, name(index), hashVersion(name(index)));
    for (let index = 0; index < 1000; index += 1) {
      expect(find(index)).toBeUndefined();
      addVersionMs(times, name(index), hashVersion(name(index)), index * 10);
      const kept = Math.max(0, index - 127);
      expect([find(index), find(kept), find(kept - 1)]).toEqual([index * 10, kept * 10, undefined]);
    }
  });

  it('tells versions of one hash apart', () => {
    const times = createVersionTimes();
    const hash = hashVersion('one');
    addVersionMs(times, 'one', hash, 1);
    addVersionMs(times, 'other', hash, 2);
    expect(['one', 'other', 'third'].map((name) => findVersionMs(times, name, hash))).toEqual([1, 2, undefined]);
  });

  it('hashes to whole numbers of 32 bits that differ', () => {
    const hashes = Array.from({ length: 5000 }, (_, index) => hashVersion(`v${index}`));
    expect(new Set(hashes).size).toBe(5000);
    expect(hashes.every((hash) => (hash | 0) === hash)).toBe(true);
    expect(hashVersion('')).not.toBe(hashVersion('é日'));
  });
});
