import { expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { inTransaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import type { CommitSha } from '../lib/ids.ts';
import {
  claimPulls,
  findPull,
  findPullAt,
  noteRemarks,
  savePull,
  scheduleLook,
  updatePull,
  wakePulls,
} from './pull-request-store.ts';
import { createTicketWorld } from './test-tickets.ts';
import { noteDelivery } from './webhook-store.ts';

const SHA = (digit: string) => digit.repeat(40) as CommitSha;

describeOnDatabases('the pull request store', (database) => {
  const createWorld = async () => {
    const world = createTicketWorld(database().db);
    await world.db.knex('pull_requests').delete();
    const { id: ticketId } = await world.create();
    const save = async (more: Partial<Parameters<typeof savePull>[1]> = {}) =>
      await savePull(world.db.knex, {
        ...{ id: world.ids.next('pull'), ticketId, attempt: 1, slot: '1.0.change', purpose: 'change' },
        ...{ changeKey: 'k', branch: `tiphys/${world.ids.next('pull')}`, baseBranch: 'main', number: 7 },
        ...{ url: 'https://host/7', head: SHA('a'), base: SHA('b'), at: world.now(), nextLookAt: world.now() },
        ...more,
      });
    const claim = async () => await claimPulls(world.db, { nowMs: world.clock.now(), limit: 10, leaseMs: 60_000 });
    return { ...world, ticketId, save, claim, knex: world.db.knex };
  };

  it('keeps one row for each change of a ticket, and begins to wait anew for what was made anew', async () => {
    const world = await createWorld();
    const first = await world.save();
    expect(first).toMatchObject({ state: 'open', isWatched: true, baseSeen: SHA('b'), editedSha: null, failures: 0 });
    await updatePull(world.knex, first.id, { state: 'conflict', isConflicting: true, failures: 2 });
    const again = await world.save({ head: SHA('c'), base: SHA('d'), changeKey: 'k2', branch: 'tiphys/other' });
    expect(again).toMatchObject({ id: first.id, branch: first.branch, head: SHA('c'), baseSeen: SHA('d') });
    expect(again).toMatchObject({ state: 'open', isConflicting: false, failures: 0, changeKey: 'k2' });
    const revert = await world.save({ slot: '1.0.revert', purpose: 'revert' });
    expect(revert.id).not.toBe(first.id);
    expect(await findPullAt(world.knex, world.ticketId, '1.0.change')).toEqual(again);
    expect(await findPull(world.knex, 'pul_nobody')).toBeUndefined();
  });

  it('gives each that is due to one caller, and leaves it alone until the lease is over', async () => {
    const world = await createWorld();
    const due = await world.save();
    await world.save({ slot: '2', nextLookAt: toIsoTime(world.clock.now() + 1_000) });
    const over = await world.save({ slot: '3' });
    await updatePull(world.knex, over.id, { isWatched: false });
    const claims = await Promise.all([world.claim(), world.claim(), world.claim()]);
    expect(claims.flat().map(({ pull }) => pull.id)).toEqual([due.id]);
    await world.clock.advance(60_000);
    expect(await world.claim()).toHaveLength(2);
  });

  it('does not lose a call for a look that comes during one', async () => {
    const world = await createWorld();
    const { id } = await world.save();
    const [claimed] = await world.claim();
    if (claimed === undefined) throw new Error('nothing was due');
    expect(await wakePulls(world.knex, { number: 7 }, world.now())).toBe(1);
    const later = toIsoTime(world.clock.now() + 3_600_000);
    await scheduleLook(world.knex, claimed, { next: later, now: world.now() });
    const [again] = await world.claim();
    expect(again?.pull.id).toBe(id);
    if (again !== undefined) await scheduleLook(world.knex, again, { next: later, now: world.now() });
    expect(await world.claim()).toEqual([]);
  });

  it('wakes by number, by ticket, and by either branch', async () => {
    const world = await createWorld();
    const { branch } = await world.save();
    const wake = async (which: Parameters<typeof wakePulls>[1]) => await wakePulls(world.knex, which, world.now());
    expect(await wake({ number: 8 })).toBe(0);
    expect(await wake({ ticketId: world.ticketId })).toBe(1);
    expect([await wake({ anyBranch: 'main' }), await wake({ anyBranch: branch })]).toEqual([1, 1]);
    expect(await wake({ anyBranch: 'elsewhere' })).toBe(0);
  });

  it('tells what was said before from what is new', async () => {
    const world = await createWorld();
    const { id } = await world.save();
    const note = async (...remarks: string[]) =>
      [...(await inTransaction(world.db, async (trx) => await noteRemarks(trx, id, remarks, world.now())))].sort();
    expect(await note('a', 'b')).toEqual(['a', 'b']);
    expect(await note('b', 'c')).toEqual(['c']);
    expect(await note()).toEqual([]);
  });

  it('stores what a host sends as it is, NUL characters left out', async () => {
    const world = await createWorld();
    const { id } = await world.save({ url: 'https://host/7\0' });
    await updatePull(world.knex, id, { state: 'closed', endedBy: 'a\0nn', endedAt: world.now(), lastError: 'x\0' });
    expect(await findPull(world.knex, id)).toMatchObject({ url: 'https://host/7', endedBy: 'ann', lastError: 'x' });
  });
});

describeOnDatabases('the webhook store', (database) => {
  it('knows a delivery by any of its names, for a week', async () => {
    const { knex } = database().db;
    const nowMs = Date.UTC(2026, 0, 1);
    let receipts = 0;
    const note = async (names: string[], atMs = nowMs) =>
      await noteDelivery(knex, names, { receipt: `r${(receipts += 1)}`, nowMs: atMs });
    expect(await note(['body:1', 'id:1'])).toBe(true);
    expect(await note(['body:1', 'id:1'])).toBe(false);
    expect(await note(['body:1', 'id:2'])).toBe(false);
    expect(await note(['body:2', 'id:1'])).toBe(false);
    expect(await note(['body:3', 'id:3'])).toBe(true);
    const both = await Promise.all([note(['body:4', 'id:4']), note(['body:4', 'id:4'])]);
    expect(both.filter(Boolean)).toHaveLength(1);
    expect(await note(['body:1', 'id:1'], nowMs + 8 * 24 * 3_600_000)).toBe(true);
  });
});
