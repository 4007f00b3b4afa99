import { describe, expect, it } from 'vitest';
import type { DeployFact, DeployRecord } from './facts.ts';
import { tellFacts, toFactOrder } from './facts-order.ts';
import { createDeployMemory } from './memory.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const START_MS = Date.UTC(2026, 0, 5, 8);

function createRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

function toFact(id: string, service: string, environment: string, atMs: number, version?: string): DeployFact {
  return {
    id,
    cluster: 'main',
    environment,
    namespace: 'shop',
    service,
    changeKind: 'set_image',
    startedAtMs: atMs,
    strategy: 'direct',
    ...(version === undefined ? {} : { version }),
  };
}

/** A lively history: two environments, twelve services, failures of several kinds, one pattern, outcomes told late. */
function createHistory(seed: number, deploys: number): DeployRecord[] {
  const random = createRandom(seed);
  return Array.from({ length: deploys }, (_, index) => {
    const service = `s${Math.floor(random() * 12)}`;
    const environment = random() < 0.5 ? 'staging' : 'production';
    const startedAtMs = START_MS + index * 7 * MINUTE_MS;
    const roll = random();
    const outcome = roll < 0.08 ? 'failed' : roll < 0.1 ? 'rolled_back' : roll < 0.13 ? 'superseded' : 'healthy';
    const deploy = toFact(`d${index}`, service, environment, startedAtMs, `v${Math.floor(index / 5)}`);
    if (random() < 0.02) return { deploy };
    const atMs = startedAtMs + Math.floor(random() * 3 * HOUR_MS);
    const isBadLater = outcome === 'healthy' && random() < 0.06;
    return {
      deploy,
      ...(isBadLater
        ? {
            regression: {
              deployId: deploy.id,
              atMs: atMs + 9 * MINUTE_MS,
              fingerprint: { class: 'oom', signature: '' },
            },
          }
        : {}),
      outcome: {
        deployId: deploy.id,
        atMs,
        outcome,
        ...(outcome === 'failed'
          ? { fingerprint: { class: 'crash_loop', signature: `exit ${Math.floor(random() * 3)}` } }
          : {}),
      },
    };
  });
}

describe('the memory as a projection of the facts', () => {
  const records = createHistory(11, 1500);
  const facts = toFactOrder(records);
  const scopes = records.slice(-40).map(({ deploy }) => deploy);
  const atMs = START_MS + 1500 * 7 * MINUTE_MS;
  const picture = (memory: ReturnType<typeof createDeployMemory>) => ({
    contexts: scopes.map((scope) => memory.context(scope, atMs, { version: 'v299' })),
    histories: scopes.map((scope) => memory.history(scope, 100)),
    graph: memory.graph(),
  });

  it('is exactly the same when rebuilt, also from a snapshot in the middle', () => {
    const live = createDeployMemory();
    const middle = 1234;
    tellFacts(live, facts.slice(0, middle));
    const resumed = createDeployMemory({ snapshot: live.snapshot() });
    tellFacts(live, facts.slice(middle));
    tellFacts(resumed, facts.slice(middle));
    const rebuilt = createDeployMemory();
    tellFacts(rebuilt, toFactOrder([...records].reverse()));
    expect(picture(rebuilt)).toEqual(picture(live));
    expect(picture(resumed)).toEqual(picture(live));
  });

  it('is not changed by being asked, whatever about', () => {
    const asked = createDeployMemory();
    const quiet = createDeployMemory();
    for (const [index, fact] of facts.entries()) {
      if (index % 50 === 0)
        for (const scope of scopes.slice(0, 4)) asked.context(scope, atMs + index * HOUR_MS, { version: `q${index}` });
      tellFacts(asked, [fact]);
      tellFacts(quiet, [fact]);
    }
    expect(picture(asked)).toEqual(picture(quiet));
  });

  it('refuses a snapshot that it did not write', () => {
    expect(() => createDeployMemory({ snapshot: new TextEncoder().encode('hello') })).toThrow(/snapshot/);
  });
});

describe('what the memory makes of the world', () => {
  it('does not take the cure for the disease when a mass rollback becomes known all at once', () => {
    const memory = createDeployMemory();
    let atMs = START_MS;
    const services = Array.from({ length: 30 }, (_, index) => `s${index}`);
    for (let round = 1; round <= 20; round += 1) {
      for (const service of services) {
        memory.recordDeploy(toFact(`${round}-${service}`, service, 'production', (atMs += MINUTE_MS), `v${round}`));
        if (round < 20)
          memory.recordOutcome({ deployId: `${round}-${service}`, atMs: atMs + 30_000, outcome: 'healthy' });
      }
      atMs += 5 * HOUR_MS;
    }
    // Everything goes back to v19 within the minute; each rollback is known by the move back that follows it.
    const predictions = services.map((service) => {
      atMs += 2000;
      memory.recordOutcome({ deployId: `20-${service}`, atMs, outcome: 'rolled_back' });
      return memory.recordDeploy(toFact(`21-${service}`, service, 'production', atMs, 'v19')).probability;
    });
    const bystander = memory.assess({
      scope: { cluster: 'main', environment: 'production', namespace: 'shop', service: 's0' },
      atMs: atMs + MINUTE_MS,
      version: 'v21',
    }).probability;
    const last = predictions.at(-1) ?? 1;
    expect(last).toBeLessThan(0.3);
    expect(bystander).toBeGreaterThan(last);
  });

  it('claims that a service fails beside another one, with counts, and warns while that one deploys', () => {
    const memory = createDeployMemory();
    const random = createRandom(5);
    let atMs = START_MS;
    const end = (id: string, failed: boolean) =>
      memory.recordOutcome({ deployId: id, atMs: (atMs += MINUTE_MS), outcome: failed ? 'failed' : 'healthy' });
    for (let round = 0; round < 150; round += 1) {
      atMs += (3 + 3 * random()) * HOUR_MS;
      const beside = round % 5 === 0;
      const other = beside ? 'redis' : `quiet${round % 7}`;
      memory.recordDeploy(toFact(`o${round}`, other, 'production', atMs));
      memory.recordDeploy(toFact(`w${round}`, 'web', 'production', (atMs += MINUTE_MS)));
      end(`w${round}`, beside ? random() < 0.8 : random() < 0.02);
      end(`o${round}`, false);
    }
    const scope = { cluster: 'main', environment: 'production', namespace: 'shop', service: 'web' };
    // Claims are drawn once a day, by the facts' own clock.
    memory.recordDeploy(toFact('later', 'redis', 'production', (atMs += 30 * HOUR_MS)));
    const { coDeploys, recommendations } = memory.context(scope, atMs + MINUTE_MS);
    expect(coDeploys).toHaveLength(1);
    expect(coDeploys[0]).toMatchObject({ with: 'redis', deploysTogether: 30, deploysAlone: 120 });
    expect(coDeploys[0]?.detail).toMatch(
      /^Failed \d+ of 30 with redis, \d+ of 120 without; 80 % interval 0\.\d\d to 0\.\d\d\.$/,
    );
    expect(recommendations).toContain(coDeploys[0]?.detail);
    const risky = memory.assess({ scope, atMs: atMs + MINUTE_MS });
    expect(risky.signals[0]?.name).toBe('deploying_beside');
    memory.recordOutcome({ deployId: 'later', atMs: atMs + 2 * MINUTE_MS, outcome: 'healthy' });
    const calm = memory.assess({ scope, atMs: atMs + 3 * HOUR_MS });
    expect(risky.probability).toBeGreaterThan(3 * calm.probability);
  });

  it('sees an incident: many services failing raise the risk of one that never failed, for a while', () => {
    const memory = createDeployMemory();
    let atMs = START_MS;
    let id = 0;
    const deploy = (service: string, failed: boolean) => {
      atMs += 6 * MINUTE_MS;
      memory.recordDeploy(toFact(`d${id}`, service, 'production', atMs));
      memory.recordOutcome({ deployId: `d${id}`, atMs: atMs + 2 * MINUTE_MS, outcome: failed ? 'failed' : 'healthy' });
      id += 1;
    };
    for (let index = 0; index < 400; index += 1) deploy(`s${index % 20}`, false);
    const scope = { cluster: 'main', environment: 'production', namespace: 'shop', service: 's19' };
    const before = memory.assess({ scope, atMs }).probability;
    for (let index = 0; index < 6; index += 1) deploy(`s${index}`, true);
    const during = memory.assess({ scope, atMs: atMs + 3 * MINUTE_MS });
    expect(during.probability).toBeGreaterThan(5 * before);
    expect(during.signals[0]?.detail).toContain('6 other services in production failed within the last day');
    const after = memory.assess({ scope, atMs: atMs + 24 * HOUR_MS }).probability;
    expect(after).toBeLessThan(during.probability / 3);
  });
});
