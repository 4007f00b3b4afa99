import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { createBudgets } from '../argocd/observation.ts';
import { toSnapshot } from '../argocd/snapshot.ts';
import { OURS, toApp, toTree, WEB } from '../argocd/test-facts.ts';
import type { SoakOutcome } from '../argocd/verdict-soak.ts';
import { toIsoTime } from '../lib/clock.ts';
import { createRedactor } from '../lib/redact.ts';
import { listDeploys } from '../memory/fact-store.ts';
import { createMemoryKeeper } from '../memory/memory-store.ts';
import { beginSoak, claimSoaks, listSoaks, type LeasedSoak } from '../ticket/soak-store.ts';
import { createTicketWorld, SECRET } from '../ticket/test-tickets.ts';
import { concludeRegression } from './regression.ts';
import { toDeps, toSettings } from './test-agent.ts';

const REASON = `the pods crash with ${SECRET}`;
const OUTCOME: Extract<SoakOutcome, { kind: 'regressed' }> = {
  kind: 'regressed',
  reason: 'degraded',
  object: WEB,
  message: 'crashed',
  sentence: `Deployment prod/web is degraded: ${REASON}.`,
  evidence: [{ object: 'Deployment prod/web', field: 'health.status', value: 'Degraded' }],
};
const never = new AbortController().signal;

describeOnDatabases('a regression', (database) => {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tiphys-regression-'));
  });
  afterAll(async () => await rm(dir, { recursive: true, force: true }));
  beforeEach(async () => {
    for (const table of ['soaks', 'occurrences', 'deploy_regressions', 'deploy_outcomes', 'deploys', 'tickets'])
      await database().db.knex(table).delete();
  });

  const createWorld = (onRegression: 'report' | 'revert' | 'ask' = 'revert') => {
    const world = createTicketWorld(database().db);
    const { db, clock, journal, ids } = world;
    const { knex } = db;
    const redactor = createRedactor([SECRET]);
    const memory = createMemoryKeeper(db);
    const argo = { getApplication: async () => await Promise.reject(new Error('it does not answer')) };
    const deps = toDeps({
      ...{ db, clock, journal, ids, redactor, memory },
      argo: argo as never,
      kubernetes: null,
      settings: toSettings({ soak: { minutes: 10, environments: {}, onRegression }, occurrencesDir: dir }),
    });
    const soakOf = async (ticketId: string, application = 'argocd/web') => {
      const deployId = `dep_${application.split('/')[1] ?? ''}${ticketId.slice(-8)}`;
      const scope = { cluster: 'main', environment: 'prod', namespace: 'prod', service: 'web' };
      await memory.recordDeploy({
        ...{ id: deployId, ...scope, changeKind: 'set_image', startedAtMs: clock.now(), strategy: 'direct' },
        ...{ ticket: ticketId, commit: OURS },
      });
      await memory.recordOutcome({ deployId, atMs: clock.now() + 1, outcome: 'healthy', verdict: 'live' });
      const commits = ['a'.repeat(40), OURS];
      const subject = { changed: [WEB], services: ['web'], deployIds: [deployId], commits };
      const until = toIsoTime(clock.now() + 600_000);
      await beginSoak(knex, { ticketId, application, commit: OURS, startedAt: world.now(), until, subject });
    };
    const claim = async (): Promise<LeasedSoak[]> => {
      await clock.advance(60_000);
      const until = toIsoTime(clock.now() + 30_000);
      return await claimSoaks(db, { owner: 'one', now: world.now(), until, limit: 10 });
    };
    const conclude = async (soak: LeasedSoak) => {
      const snapshot = toSnapshot({ name: 'web', namespace: 'argocd' }, toApp(), toTree([]));
      const watched = { application: snapshot.application, snapshot, commit: OURS, changed: [WEB], untilMs: 0 };
      const input = { ...watched, pushedAtMs: clock.now(), budgets: createBudgets() };
      await concludeRegression(deps, soak, { input, outcome: OUTCOME }, never);
    };
    const counts = async () => {
      const rows = async (table: string) => ((await knex(table).select()) as unknown[]).length;
      return { tickets: await rows('tickets'), regressions: await rows('deploy_regressions') };
    };
    return { ...world, knex, soakOf, claim, conclude, counts };
  };

  it('is told on the resolved ticket, taught to memory, and taken back by a ticket of its own', async () => {
    const world = createWorld();
    const { id } = await world.create({ title: 'Update web', target: { application: 'web' } });
    await world.soakOf(id);
    const [soak] = await world.claim();
    if (soak === undefined) throw new Error('nothing to watch');
    await world.conclude(soak);
    const [ended] = await listSoaks(world.knex, id);
    const followUp = ended?.followUp ?? '';
    expect(ended).toMatchObject({ state: 'regressed', endedAt: world.now() });
    expect(await world.tickets.get(followUp)).toMatchObject({
      title: 'Take back "Update web": web went bad',
      status: 'planning',
      priority: 'high',
      actor: 'agent',
      target: { application: 'web' },
      follows: { ticketId: id, commits: ['a'.repeat(40), OURS], services: ['web'], needsPerson: false },
    });
    const events = await world.events(id);
    // Argo CD could not be asked why, which is said; the verdict alone tells.
    expect(events.slice(-2)).toMatchObject([
      { type: 'note', data: { text: expect.stringContaining('it does not answer') } },
      {
        type: 'regressed',
        data: { reason: 'degraded', failureClass: 'degraded', followUp, evidence: OUTCOME.evidence },
      },
    ]);
    expect(JSON.stringify([events, ended, await world.tickets.get(followUp)])).not.toContain(SECRET);
    const deploys = await listDeploys(world.knex, { ticketId: id, limit: 5 });
    expect(JSON.stringify(deploys)).not.toContain(SECRET);
    expect(deploys).toMatchObject([
      { outcome: { outcome: 'healthy' }, regression: { verdict: 'regressed', fingerprint: { class: 'degraded' } } },
    ]);
    expect(await world.counts()).toEqual({ tickets: 2, regressions: 1 });
  });

  it('writes nothing at all where another process watches by now', async () => {
    const world = createWorld();
    const { id } = await world.create();
    await world.soakOf(id);
    const [mine] = await world.claim();
    const [theirs] = await world.claim();
    if (mine === undefined || theirs === undefined) throw new Error('nothing to watch');
    const before = [await world.counts(), await world.events(id)];
    await expect(world.conclude(mine)).rejects.toMatchObject({ code: 'lease_lost' });
    expect([await world.counts(), await world.events(id)]).toEqual(before);
    await world.conclude(theirs);
    await expect(world.conclude(theirs)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await world.counts()).toEqual({ tickets: 2, regressions: 1 });
  });

  it('of several Applications is taken back once', async () => {
    const world = createWorld('ask');
    const { id } = await world.create({ priority: 'critical' });
    await world.soakOf(id, 'argocd/web');
    await world.soakOf(id, 'argocd/api');
    for (const soak of await world.claim()) await world.conclude(soak);
    const ended = await listSoaks(world.knex, id);
    expect(ended.map(({ state }) => state)).toEqual(['regressed', 'regressed']);
    const opened = ended.flatMap(({ followUp }) => followUp ?? []);
    expect(opened).toHaveLength(1);
    expect(await world.tickets.get(opened[0] ?? '')).toMatchObject({
      priority: 'critical',
      follows: { needsPerson: true },
    });
    expect(await world.counts()).toEqual({ tickets: 2, regressions: 2 });
  });

  it('is only reported where the settings say so, and where the change itself took something back', async () => {
    const report = createWorld('report');
    const { id } = await report.create();
    await report.soakOf(id);
    for (const soak of await report.claim()) await report.conclude(soak);
    expect(await report.counts()).toEqual({ tickets: 1, regressions: 1 });

    const revert = createWorld('revert');
    const follows = { ticketId: id, commits: [OURS], services: ['web'], sentence: 'It crashed.', needsPerson: false };
    const followUp = await revert.create({ follows });
    await revert.soakOf(followUp.id);
    for (const soak of await revert.claim()) await revert.conclude(soak);
    expect(await revert.counts()).toEqual({ tickets: 2, regressions: 2 });
    expect((await listSoaks(revert.knex, followUp.id))[0]).toMatchObject({ state: 'regressed', followUp: null });
  });
});
