import { describe, expect, it } from 'vitest';
import { addToWindow, advanceWindow, countEntries, countOthers, createWindow } from './window.ts';

describe('a window of events', () => {
  it('counts what a plain scan counts, at every time', () => {
    const window = createWindow(100);
    const all: { atMs: number; key: string }[] = [];
    let state = 1;
    const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
    let atMs = 0;
    for (let step = 0; step < 3000; step += 1) {
      atMs += Math.floor(random() * 20);
      const key = `k${Math.floor(random() * 8)}`;
      addToWindow(window, atMs, key);
      all.push({ atMs, key });
      const later = atMs + Math.floor(random() * 150);
      const plain = new Set(all.filter((one) => one.atMs > later - 100 && one.key !== 'k3').map((one) => one.key));
      expect(countOthers(window, later, 'k3')).toBe(plain.size);
    }
    advanceWindow(window, atMs);
    expect(countEntries(window)).toBe(all.filter((one) => one.atMs > atMs - 100).length);
    expect(window.times.length).toBeLessThan(1200);
  });

  it('can be asked about the future without forgetting the present', () => {
    const window = createWindow(100);
    addToWindow(window, 10, 'a');
    addToWindow(window, 20, 'b');
    expect(countOthers(window, 500, '')).toBe(0);
    expect(countOthers(window, 20, '')).toBe(2);
    expect(countOthers(window, 115, '')).toBe(1);
  });
});
