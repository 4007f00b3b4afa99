import type { DeployFact, OutcomeFact } from '../../src/memory/facts.ts';
import { createRandom, exponential, normal, shuffled } from './random.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.UTC(2025, 0, 6);

/** A deploy of an invented world, with the truth about it. */
export interface WorldDeploy {
  service: number;
  startMs: number;
  endMs: number;
  /** The probability it failed with, everything considered. */
  truth: number;
  failed: boolean;
}

export interface World {
  deploys: WorldDeploy[];
  /** `service|other`: deploys of the service fail while the other one deploys. */
  edges: Set<string>;
  services: number;
}

export interface WorldOptions {
  services?: number;
  days?: number;
  edges?: number;
}

/**
 * A world with planted patterns and everything that imitates them: teams that deploy in trains, incidents in which
 * everything fails (more often at train time), bad weeks of single services, services that deploy all day, and hitch-hikers
 * that deploy whenever a true cause does.
 */
export function createWorld(seed: number, options: WorldOptions = {}): World {
  const random = createRandom(seed);
  const services = options.services ?? 120;
  const days = options.days ?? 180;
  const slots = toSlots(random, services, days);
  slots.sort((a, b) => a.startMs - b.startMs || a.service - b.service);
  const beside = toBeside(slots);
  const edges = plantEdges(random, slots, beside, options.edges ?? 25);
  const base = Array.from({ length: services }, () => Math.min(0.25, 0.03 * Math.exp(normal(random))));
  const bad = Array.from({ length: services }, () =>
    random() < 0.25 ? { fromMs: START_MS + random() * (days - 21) * DAY_MS, rate: 0.25 + 0.25 * random() } : undefined,
  );
  const incidents = Array.from({ length: Math.round((14 * days) / 180) }, () => {
    // Half of them begin at the hour of the trains.
    const fromMs =
      START_MS + Math.floor(random() * days) * DAY_MS + (random() < 0.5 ? 9.5 + random() : 24 * random()) * HOUR_MS;
    return { fromMs, toMs: fromMs + (1 + 3 * random()) * HOUR_MS };
  });
  const deploys = slots.map((slot, index) => {
    const regime = bad[slot.service];
    let sound = 1 - (base[slot.service] ?? 0);
    if (regime !== undefined && slot.startMs >= regime.fromMs && slot.startMs < regime.fromMs + 21 * DAY_MS)
      sound *= 1 - regime.rate;
    if (incidents.some(({ fromMs, toMs }) => slot.startMs >= fromMs && slot.startMs < toMs)) sound *= 0.5;
    for (const other of beside[index] ?? []) sound *= 1 - (edges.get(`${slot.service}|${other}`) ?? 0);
    const truth = 1 - sound;
    return { ...slot, truth, failed: random() < truth };
  });
  return { deploys, edges: new Set(edges.keys()), services };
}

interface Slot {
  service: number;
  startMs: number;
  endMs: number;
}

function toSlots(random: () => number, services: number, days: number): Slot[] {
  const slots: Slot[] = [];
  const add = (service: number, startMs: number) =>
    slots.push({ service, startMs, endMs: startMs + (4 + exponential(random, 6)) * MINUTE_MS });
  const order = shuffled(
    random,
    Array.from({ length: services }, (_, index) => index),
  );
  const teams = Array.from({ length: Math.ceil(services / 10) }, (_, team) => order.slice(team * 10, team * 10 + 10));
  const busy = new Set(order.slice(0, Math.ceil(services / 25)));
  // A hitch-hiker deploys within minutes of its host, nearly always.
  const hosts = new Map<number, number>();
  for (let index = 0; index < services / 10; index += 1) {
    const host = order[Math.floor(random() * services)] ?? 0;
    const rider = order[Math.floor(random() * services)] ?? 0;
    if (host !== rider && !hosts.has(host) && !busy.has(host)) hosts.set(host, rider);
  }
  const perDay = Array.from({ length: services }, () => 0.35 * Math.exp(0.5 * normal(random)));
  for (let day = 0; day < days; day += 1) {
    const dayMs = START_MS + day * DAY_MS;
    if (new Date(dayMs).getUTCDay() % 6 === 0) continue;
    for (const team of teams) {
      if (random() > 0.35) continue;
      const trainMs = dayMs + (9 + 1.5 * random()) * HOUR_MS;
      for (const service of team) if (random() < 0.5) add(service, trainMs + random() * 10 * MINUTE_MS);
    }
    for (let service = 0; service < services; service += 1) {
      const expected = (perDay[service] ?? 0) * (busy.has(service) ? 15 : 1);
      for (let at = exponential(random, 9 / expected); at < 9; at += exponential(random, 9 / expected)) {
        const startMs = dayMs + (8.5 + at) * HOUR_MS;
        add(service, startMs);
        const rider = hosts.get(service);
        if (rider !== undefined && random() < 0.85) add(rider, startMs + random() * 3 * MINUTE_MS);
      }
    }
  }
  return slots;
}

/** For every deploy, which other services were under way at any moment of it. */
function toBeside(slots: readonly Slot[]): Set<number>[] {
  const beside = slots.map(() => new Set<number>());
  let active: number[] = [];
  slots.forEach((slot, index) => {
    active = active.filter((other) => (slots[other]?.endMs ?? 0) >= slot.startMs);
    for (const other of active) {
      const { service } = slots[other] ?? slot;
      if (service === slot.service) continue;
      beside[index]?.add(service);
      beside[other]?.add(slot.service);
    }
    active.push(index);
  });
  return beside;
}

/** Edges between services that meet often enough for a pattern to exist at all: 8 to 60 times. */
function plantEdges(
  random: () => number,
  slots: readonly Slot[],
  beside: readonly Set<number>[],
  wanted: number,
): Map<string, number> {
  const meetings = new Map<string, number>();
  slots.forEach(({ service }, index) => {
    for (const other of beside[index] ?? []) {
      const key = `${service}|${other}`;
      meetings.set(key, (meetings.get(key) ?? 0) + 1);
    }
  });
  const possible = [...meetings].filter(([, count]) => count >= 8 && count <= 60).map(([key]) => key);
  const strength = () => 0.35 + 0.5 * random();
  return new Map(
    shuffled(random, possible.sort())
      .slice(0, wanted)
      .map((key) => [key, strength()] as const),
  );
}

export type WorldEvent = { type: 'deploy'; fact: DeployFact; truth: number } | { type: 'outcome'; fact: OutcomeFact };

/** The world as it is told: a deploy when it begins, its outcome when it ends. */
export function* toEvents(world: World): Generator<WorldEvent> {
  const events: { atMs: number; end: boolean; index: number }[] = [];
  world.deploys.forEach((deploy, index) => {
    events.push({ atMs: deploy.startMs, end: false, index }, { atMs: deploy.endMs, end: true, index });
  });
  events.sort((a, b) => a.atMs - b.atMs || Number(b.end) - Number(a.end) || a.index - b.index);
  for (const { end, index, atMs } of events) {
    const deploy = world.deploys[index];
    if (deploy === undefined) continue;
    const id = `w${index}`;
    if (end) yield { type: 'outcome', fact: { deployId: id, atMs, outcome: deploy.failed ? 'failed' : 'healthy' } };
    else
      yield {
        type: 'deploy',
        truth: deploy.truth,
        fact: {
          id,
          cluster: 'world',
          environment: 'production',
          namespace: 'default',
          service: `s${deploy.service}`,
          changeKind: 'set_image',
          startedAtMs: atMs,
          strategy: 'direct',
        },
      };
  }
}
