/**
 * Who did something within a span of time before now, counted as distinct keys. Entries arrive in order of time; each is
 * added and dropped once, so the cost per event does not grow with the span.
 */
export interface EventWindow {
  spanMs: number;
  times: number[];
  keys: string[];
  /** Everything before this index has left the window. */
  head: number;
  counts: Map<string, number>;
}

export function createWindow(spanMs: number): EventWindow {
  return { spanMs, times: [], keys: [], head: 0, counts: new Map() };
}

/** Drops what has left the window by `atMs`; later calls must not go back in time. */
export function advanceWindow(window: EventWindow, atMs: number): void {
  const { times, keys, counts } = window;
  while (window.head < times.length && (times[window.head] ?? 0) <= atMs - window.spanMs) {
    const key = keys[window.head] ?? '';
    const left = (counts.get(key) ?? 1) - 1;
    if (left === 0) counts.delete(key);
    else counts.set(key, left);
    window.head += 1;
  }
  if (window.head > 512 && window.head * 2 > times.length) {
    times.splice(0, window.head);
    keys.splice(0, window.head);
    window.head = 0;
  }
}

export function addToWindow(window: EventWindow, atMs: number, key: string): void {
  advanceWindow(window, atMs);
  window.times.push(atMs);
  window.keys.push(key);
  window.counts.set(key, (window.counts.get(key) ?? 0) + 1);
}

/** Distinct keys other than `except` within the span before `atMs`. Changes nothing, so `atMs` may lie in the future. */
export function countOthers(window: EventWindow, atMs: number, except: string): number {
  const { times, keys, counts } = window;
  let distinct = counts.size;
  let gone: Map<string, number> | undefined;
  for (let index = window.head; index < times.length && (times[index] ?? 0) <= atMs - window.spanMs; index += 1) {
    const key = keys[index] ?? '';
    gone ??= new Map();
    const dropped = (gone.get(key) ?? 0) + 1;
    gone.set(key, dropped);
    if (dropped === counts.get(key)) distinct -= 1;
  }
  const own = counts.get(except);
  return own !== undefined && own > (gone?.get(except) ?? 0) ? distinct - 1 : distinct;
}

/** Entries, not keys, within the span. Call after `advanceWindow`. */
export function countEntries(window: EventWindow): number {
  return window.times.length - window.head;
}
