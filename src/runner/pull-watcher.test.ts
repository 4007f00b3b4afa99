import { afterEach, expect, it, vi } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { wakePulls } from '../ticket/pull-request-store.ts';
import { createPullWatcher, type PullWatcher } from './pull-watcher.ts';
import { createPullTestWorld, MERGE, POLL_MS } from './test-pulls.ts';

const running: PullWatcher[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(async (one) => await one.stop()));
});

const eventually = async (check: () => unknown) => await vi.waitFor(check, { timeout: 20_000, interval: 5 });

describeOnDatabases('the pull request watcher', (database) => {
  const createWorld = async () => {
    const world = await createPullTestWorld(database().db);
    const watcher = createPullWatcher({ ...world.deps, pollMs: POLL_MS });
    running.push(watcher);
    const nextLook = async () => {
      const row = (await world.db.knex('pull_requests').first()) as { next_look_at: string };
      return Date.parse(row.next_look_at) - world.clock.now();
    };
    /** Until the look that was due has come to its end: its lease is over, the next time stands. */
    const settled = async (asked: number, waitMs: number) =>
      await eventually(async () => {
        expect(world.host.asked).toBe(asked);
        expect(await nextLook()).toBe(waitMs);
      });
    /** Moves time on, and wakes the loop, which would see it by itself a little later. */
    const pass = async (ms: number) => {
      await world.clock.advance(ms);
      watcher.wake();
    };
    watcher.start();
    return { ...world, watcher, nextLook, settled, pass };
  };

  it('looks now and then by itself, less often the longer nothing happens', async () => {
    const world = await createWorld();
    await world.settled(1, POLL_MS);
    await world.pass(POLL_MS);
    await world.settled(2, POLL_MS);
    await world.db.knex('pull_requests').update({ changed_at: toIsoTime(world.clock.now() - 2 * 3_600_000) });
    await world.pass(POLL_MS);
    await world.settled(3, (2 * 3_600_000 + POLL_MS) / 30);
    await world.db.knex('pull_requests').update({ changed_at: toIsoTime(world.clock.now() - 90 * 24 * 3_600_000) });
    await world.pass(5 * POLL_MS);
    await world.settled(4, 10 * POLL_MS);
  });

  it('looks at once when it is woken, and acts on what it finds', async () => {
    const world = await createWorld();
    await world.settled(1, POLL_MS);
    Object.assign(world.host.seen, { state: 'merged', mergeCommit: MERGE, endedBy: 'ann', endedAtMs: 0 });
    await wakePulls(world.db.knex, { number: 7 }, world.now());
    world.watcher.wake();
    await eventually(async () => expect((await world.ticket()).status).toBe('executing'));
    expect(world.moved).toHaveLength(1);
  });

  it('is told of a ticket that was cancelled, and closes its pull request', async () => {
    const world = await createWorld();
    await world.settled(1, POLL_MS);
    world.watcher.changed(await world.tickets.cancel(world.ticketId, '', 'person:ann'));
    await eventually(() => expect(world.host.closed).toBe(1));
  });

  it('asks nothing before the time the host names, and goes on after it', async () => {
    const world = await createWorld();
    await world.settled(1, POLL_MS);
    world.host.failure = new AppError('git_unavailable', 'slow down', { details: { retryAfterMs: 900_000 } });
    await world.pass(POLL_MS);
    await world.settled(2, 900_000);
    await wakePulls(world.db.knex, { number: 7 }, world.now());
    await world.pass(600_000);
    await world.pass(1_000);
    // The loop has turned: it would have asked.
    await world.pass(1_000);
    expect(world.host.asked).toBe(2);
    world.host.failure = undefined;
    await world.pass(300_000);
    await eventually(async () => expect(await world.row()).toMatchObject({ failures: 0, lastError: null }));
    expect(world.host.asked).toBe(3);
  });

  it('waits longer and longer for a host that is down, tells the ticket once, and loses nothing', async () => {
    const world = await createWorld();
    world.host.failure = new AppError('git_unavailable', 'connection refused', { hint: 'Is it up?' });
    for (const [asked, waitMs] of [
      [1, POLL_MS],
      [2, 2 * POLL_MS],
      [3, 4 * POLL_MS],
      [4, 8 * POLL_MS],
      [5, 15 * POLL_MS],
      [6, 15 * POLL_MS],
    ] as const) {
      await eventually(async () => expect((await world.row()).failures).toBe(asked));
      await eventually(async () => expect(await world.nextLook()).toBe(waitMs));
      if (asked < 6) await world.pass(waitMs);
    }
    expect(await world.told()).toMatchObject([{ state: 'unreadable', detail: 'connection refused. Is it up?' }]);
    expect(await world.ticket()).toMatchObject({ status: 'pending_merge' });
    world.host.failure = undefined;
    Object.assign(world.host.seen, { state: 'merged', mergeCommit: MERGE, endedBy: 'ann', endedAtMs: 0 });
    await world.pass(15 * POLL_MS);
    await eventually(async () => expect((await world.ticket()).status).toBe('executing'));
  });
});
