import type { DeployFact } from '../../src/memory/facts.ts';
import { createRandom, exponential } from './random.ts';
import type { WorldEvent } from './worlds.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2025, 0, 6);

export interface NullOptions {
  deploys: number;
  /** Every deploy fails with this probability, whatever it is. */
  rate: number;
  services?: number;
  /** Outcomes are told within minutes, or as late as two days. */
  late?: boolean;
}

/** A history in which nothing tells anything: releases pass through three environments and fail by the throw of a die. */
export function toNullEvents(seed: number, options: NullOptions): WorldEvent[] {
  const random = createRandom(seed);
  const services = options.services ?? 40;
  const environments = ['integration', 'staging', 'production'];
  const events: { atMs: number; event: WorldEvent }[] = [];
  const versions = Array.from({ length: services }, () => 0);
  let atMs = START_MS;
  for (let index = 0; index < options.deploys;) {
    atMs += exponential(random, HOUR_MS / 3);
    const service = Math.floor(random() * services);
    versions[service]! += 1;
    // Most releases pass all environments, some stop on the way.
    const reach = random() < 0.6 ? 3 : random() < 0.5 ? 2 : 1;
    for (let stage = 0; stage < reach && index < options.deploys; stage += 1, index += 1) {
      const startedAtMs = atMs + stage * 10 * 60_000;
      const failed = random() < options.rate;
      const wait = options.late === true ? exponential(random, 20 * HOUR_MS) : (2 + 8 * random()) * 60_000;
      const fact: DeployFact = {
        id: `n${index}`,
        cluster: 'world',
        environment: environments[stage] ?? '',
        namespace: 'default',
        service: `s${service}`,
        version: `v${versions[service]}`,
        changeKind: 'set_image',
        startedAtMs,
        strategy: 'direct',
      };
      events.push(
        { atMs: startedAtMs, event: { type: 'deploy', fact, truth: options.rate } },
        {
          atMs: startedAtMs + wait,
          event: {
            type: 'outcome',
            fact: { deployId: fact.id, atMs: startedAtMs + wait, outcome: failed ? 'failed' : 'healthy' },
          },
        },
      );
    }
  }
  return events.sort((a, b) => a.atMs - b.atMs).map(({ event }) => event);
}
