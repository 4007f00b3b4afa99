import type { Change } from './protocol.ts';
import type { World } from './world.ts';

export interface Pace {
  /** Changes a second of Applications somebody observes, and of others. */
  own: number;
  others: number;
  seconds: number;
}

export interface Measured {
  changes: Change[];
  /** Of this process, over the whole time. */
  cpuMs: number;
}

/** How long is measured on after the last change, so that what it caused is counted too. */
export const AFTER_MS = 6_000;

/** Lets changes come in at an even pace and counts what this process spends meanwhile. */
export async function measure(world: World, observed: readonly string[], pace: Pace): Promise<Measured> {
  const all = Array.from({ length: world.applications }, (_, index) => `app-${index}`);
  const watched = new Set(observed);
  const others = all.filter((name) => !watched.has(name));
  const perSecond = pace.own + pace.others;
  const names = Array.from({ length: perSecond * pace.seconds }, (_, index) => {
    // Spread evenly: an own change each time enough others have been.
    const own = Math.floor(((index + 1) * pace.own) / perSecond);
    const isOwn = own > Math.floor((index * pace.own) / perSecond);
    const from = isOwn ? observed : others;
    return from[(isOwn ? own - 1 : index - own) % from.length] ?? 'app-0';
  });
  globalThis.gc?.();
  const before = process.cpuUsage();
  const changes = await world.change(names, perSecond);
  await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
  const { user, system } = process.cpuUsage(before);
  return { changes, cpuMs: (user + system) / 1000 };
}

export function toPercentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
