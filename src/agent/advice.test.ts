import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toServiceFacts, toShopFacts } from '../../test/support/planning-facts.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { createBudgets } from '../argocd/observation.ts';
import type { RolloutStrategy } from '../cdk8s/edit-kinds.ts';
import { createManualClock, type ManualClock } from '../lib/clock.ts';
import type { DeployOutcome } from '../memory/facts.ts';
import { createMemoryKeeper, type MemoryKeeper } from '../memory/memory-store.ts';
import type { Plan } from '../model/planning.ts';
import { parseFreezeWindows } from '../policy/freeze-window.ts';
import { parsePolicySettings } from '../policy/settings.ts';
import { adviseOn } from './advice.ts';
import { createTestContext, toDeps, toSettings } from './test-agent.ts';

const SETTLE_SECONDS = 4;

let database: TestDatabase;
let memory: MemoryKeeper;
let clock: ManualClock;
let deploys = 0;
let cluster: string;

beforeAll(async () => {
  database = await createTestDatabase('sqlite3');
});
afterAll(async () => {
  await database.drop();
});
beforeEach(() => {
  clock = createManualClock();
  memory = createMemoryKeeper(database.db);
  // What is remembered is never taken back, so each test has a cluster of its own.
  deploys += 1;
  cluster = `cluster-${deploys}`;
});

async function remember(service: string, outcome: DeployOutcome, version: string): Promise<void> {
  deploys += 1;
  const deployId = `dep_${String(deploys)}`;
  await memory.recordDeploy({
    id: deployId,
    cluster,
    environment: 'production',
    namespace: 'production',
    service,
    changeKind: 'set_image',
    version,
    startedAtMs: clock.now(),
    strategy: 'direct',
  });
  await clock.advance(60_000);
  const fingerprint = { class: 'crash_loop', signature: 'exit code 1' };
  await memory.recordOutcome({
    deployId,
    atMs: clock.now(),
    outcome,
    ...(outcome === 'failed' ? { fingerprint } : {}),
  });
  await clock.advance(3_600_000);
}

async function advise(
  services: readonly string[],
  options: { strategy?: RolloutStrategy; freeze?: boolean; rolloutsAvailable?: boolean } = {},
) {
  const context = createTestContext();
  const freezeWindows = options.freeze
    ? parseFreezeWindows([{ kind: 'daily', name: 'night', timeZone: 'UTC', from: '00:00', to: '23:59' }])
    : [];
  const plan: Plan = {
    kind: 'plan',
    version: 1,
    summary: 'Update',
    steps: services.map((service) => ({
      kind: 'edit',
      edit: { kind: 'set_image', service, image: `${service}:9.9.9` },
      title: 't',
      why: 'w',
    })),
    wishes: options.strategy === undefined ? {} : { strategy: options.strategy },
    assumptions: [],
  };
  const deps = toDeps({
    memory,
    clock,
    rollouts: { isAvailable: async () => options.rolloutsAvailable ?? false },
    policy: { settings: parsePolicySettings({}), freezeWindows },
    settings: toSettings({ cluster, budgets: createBudgets({ settleMs: SETTLE_SECONDS * 1000 }) }),
  });
  const facts = toShopFacts([
    toServiceFacts('redis', { kind: 'StatefulSet', image: 'redis:7' }),
    toServiceFacts('node-logs', { kind: 'DaemonSet', image: 'logs:1' }),
  ]);
  return { advice: await adviseOn(deps, context, { plan, facts, services }), events: context.events };
}

describe('advice', () => {
  it('of a service nobody remembers is to go on as usual, without a number', async () => {
    const { advice, events } = await advise(['web']);
    expect(advice).toMatchObject({
      probability: null,
      low: null,
      high: null,
      strategy: 'direct',
      careReasons: [],
      settleSeconds: SETTLE_SECONDS,
    });
    expect(events).toMatchObject([{ type: 'memory', data: { service: 'web', what: 'consulted' } }]);
    expect(events[0]?.data).not.toHaveProperty('probability');
  });

  it.each([
    ['canary', 'canary'],
    ['blue_green', 'blue_green'],
    ['recreate', 'direct'],
  ] as const)('of a service nobody remembers follows a wish for %s', async (strategy, advised) => {
    expect((await advise(['web'], { strategy })).advice.strategy).toBe(advised);
  });

  it('after deploys that went well gives a probability and no reason for care', async () => {
    for (const version of ['1', '2', '3']) await remember('web', 'healthy', version);
    const { advice } = await advise(['web']);
    expect(advice.probability).toBeGreaterThan(0);
    expect(advice.low).toBeLessThanOrEqual(advice.probability ?? 0);
    expect(advice.high).toBeGreaterThanOrEqual(advice.probability ?? 1);
    expect(advice).toMatchObject({ careReasons: [], settleSeconds: SETTLE_SECONDS });
    expect(advice.remembered.join(' ')).toContain('0 of 3 remembered deploys of web');
  });

  it('after a failure says why it is careful, and lets a healthy state hold longer', async () => {
    await remember('web', 'healthy', '1');
    await remember('web', 'failed', '2-crash');
    const { advice, events } = await advise(['web']);
    expect(advice.settleSeconds).toBe(SETTLE_SECONDS * 3);
    expect(advice.careReasons[0]).toBe(
      '1 of 2 remembered deploys of web failed, the last one with 2-crash (crash_loop): a healthy state must hold for ' +
        '12 s instead of 4 s before it counts.',
    );
    expect(events[0]?.data).toMatchObject({ probability: advice.probability });
  });

  it('is about the service that failed, in its own environment, and no other', async () => {
    await remember('web', 'failed', '2-crash');
    expect((await advise(['api'])).advice).toMatchObject({ careReasons: [], settleSeconds: SETTLE_SECONDS });
    const both = (await advise(['api', 'web'])).advice;
    expect(both.careReasons.join(' ')).toContain('deploys of web failed');
    expect(both.probability).not.toBeNull();
  });

  it('asks a person where the same kind of change keeps failing, and says so first', async () => {
    for (const version of ['1', '2', '3', '4']) await remember('web', 'failed', version);
    const { advice, events } = await advise(['web']);
    expect(advice.strategy).toBe('hold');
    expect(advice.careReasons[0]).not.toContain('a healthy state must hold');
    expect(events[0]?.data).toMatchObject({ strategy: 'hold' });
  });

  it('never is to shift traffic of what no Deployment runs, whatever was asked for', async () => {
    for (const version of ['1', '2']) await remember('node-logs', 'healthy', version);
    const { advice, events } = await advise(['node-logs'], { strategy: 'canary', rolloutsAvailable: true });
    expect(advice.strategy).toBe('direct');
    expect(JSON.stringify(events)).toContain('No Deployment runs this service');
  });

  it('asks a person while a freeze window is open', async () => {
    for (const version of ['1', '2', '3']) await remember('web', 'healthy', version);
    expect((await advise(['web'])).advice.strategy).toBe('direct');
    expect((await advise(['web'], { freeze: true })).advice.strategy).toBe('hold');
  });

  it('is to let the new version take over by and by after failures, where something can carry that out', async () => {
    for (const outcome of ['healthy', 'failed', 'healthy', 'failed'] as const) await remember('web', outcome, outcome);
    const careful = ['canary', 'blue_green'];
    expect(careful).toContain((await advise(['web'], { rolloutsAvailable: true })).advice.strategy);
    expect(careful).not.toContain((await advise(['web'])).advice.strategy);
  });
});
