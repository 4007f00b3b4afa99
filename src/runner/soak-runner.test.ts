import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { createSystemClock, toIsoTime } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { beginSoak, claimSoaks, endSoak, listSoaks, type LeasedSoak } from '../ticket/soak-store.ts';
import { createTicketWorld } from '../ticket/test-tickets.ts';
import { createSoakRunner, type SoakRunner, type SoakRunnerOptions } from './soak-runner.ts';

const PATIENCE = { timeout: 20_000, interval: 5 };
const started: SoakRunner[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map(async (runner) => await runner.stop()));
});

const untilStopped = async (signal: AbortSignal): Promise<void> =>
  await new Promise<void>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

describeOnDatabases('watching on', (database) => {
  const clock = createSystemClock();
  beforeEach(async () => {
    await database().db.knex('soaks').delete();
  });
  const createWorld = () => {
    const world = createTicketWorld(database().db);
    const { db } = world;
    const start = (owner: string, run: SoakRunnerOptions['run'], options: Partial<SoakRunnerOptions> = {}) => {
      const runner = createSoakRunner({
        ...{ db, clock, logger: silentLogger, run, owner, isGone: () => false },
        ...{ concurrency: 10, leaseMs: 60_000, pollMs: 5 },
        ...options,
      });
      started.push(runner);
      runner.start();
      return runner;
    };
    const begin = async () => {
      const { id: ticketId } = await world.create();
      const subject = { changed: [], services: ['web'], deployIds: [], commits: [] };
      const key = { ticketId, application: 'argocd/web', commit: 'c'.repeat(40) };
      const until = toIsoTime(clock.now() + 600_000);
      await beginSoak(db.knex, { ...key, startedAt: toIsoTime(clock.now()), until, subject });
      return ticketId;
    };
    const end = async (soak: LeasedSoak) => {
      const at = toIsoTime(clock.now());
      expect(await endSoak(db.knex, soak, { state: 'quiet', at, sentence: 'It stayed healthy.' })).toBe(true);
    };
    const stateOf = async (ticketId: string) => (await listSoaks(db.knex, ticketId)).map(({ state }) => state);
    const ended = async (ticketIds: string[]) =>
      await vi.waitFor(async () => {
        for (const id of ticketIds) expect(await stateOf(id)).toEqual(['quiet']);
      }, PATIENCE);
    return { ...world, start, begin, end, ended };
  };

  it('is done by one of several processes for each', async () => {
    const world = createWorld();
    const ids: string[] = [];
    for (let index = 0; index < 12; index += 1) ids.push(await world.begin());
    const watched: string[] = [];
    const run = async (soak: LeasedSoak) => {
      watched.push(soak.ticketId);
      await world.end(soak);
    };
    for (const owner of ['one', 'two', 'three']) world.start(owner, run, { concurrency: 2 });
    await world.ended(ids);
    expect(watched.toSorted()).toEqual(ids.toSorted());
  });

  it('goes on in another process when one stops, and at once when one was killed', async () => {
    const world = createWorld();
    const id = await world.begin();
    const first = world.start('one', async (_, signal) => await untilStopped(signal));
    await vi.waitFor(() => expect(first.active()).toBe(1), PATIENCE);
    await first.stop();
    // A process that dies gives nothing back.
    const lease = { owner: 'dead', now: toIsoTime(clock.now()), until: toIsoTime(clock.now() + 3_600_000) };
    expect(await claimSoaks(world.db, { ...lease, limit: 1 })).toHaveLength(1);
    world.start('three', world.end, { isGone: (owner) => owner === 'dead' });
    await world.ended([id]);
  });

  it('keeps its leases while it watches, however long that takes', async () => {
    const world = createWorld();
    const id = await world.begin();
    let isOver: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (isOver = resolve));
    const takers: string[] = [];
    world.start(
      'one',
      async (soak) => {
        await over;
        await world.end(soak);
      },
      { leaseMs: 6_000 },
    );
    await vi.waitFor(async () => {
      const row: { lease_owner: string | null } = await world.db.knex('soaks').where({ ticket_id: id }).first();
      expect(row.lease_owner).toBe('one');
    }, PATIENCE);
    world.start('two', async ({ ticketId }) => void takers.push(ticketId));
    const before: { lease_until: string } = await world.db.knex('soaks').where({ ticket_id: id }).first();
    await vi.waitFor(async () => {
      const now: { lease_until: string } = await world.db.knex('soaks').where({ ticket_id: id }).first();
      expect(Date.parse(now.lease_until)).toBeGreaterThan(Date.parse(before.lease_until) + 1_000);
    }, PATIENCE);
    isOver();
    await world.ended([id]);
    expect(takers).toEqual([]);
  });

  it('leaves what breaks for later, and the rest goes on', async () => {
    const world = createWorld();
    const [bad, good] = [await world.begin(), await world.begin()];
    world.start('one', async (soak) => {
      if (soak.ticketId === bad) throw new Error('git is gone');
      await world.end(soak);
    });
    await world.ended([good]);
    await vi.waitFor(async () => {
      const row: { lease_owner: string | null; lease_until: string } = await world.db
        .knex('soaks')
        .where({ ticket_id: bad })
        .first();
      expect(row.lease_owner).toBeNull();
      expect(Date.parse(row.lease_until)).toBeGreaterThan(clock.now());
    }, PATIENCE);
  });
});
