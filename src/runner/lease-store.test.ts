import { afterAll, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { openDatabase, type Database } from '../database/open.ts';
import { toIsoTime } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { TICKET_STATUSES } from '../ticket/status.ts';
import { createTicketWorld, PERSON } from '../ticket/test-tickets.ts';
import { claimTickets, markProgress, mayAct, releaseLease, renewLease, type Lease } from './lease-store.ts';

const LEASE_MS = 30_000;

describeOnDatabases('leases', (database) => {
  const others: Database[] = [];
  afterAll(async () => {
    await Promise.all(others.map(async (db) => await db.close()));
  });

  const createWorld = async () => {
    const world = createTicketWorld(database().db);
    await world.db.knex('tickets').delete();
    const claim = async (limit = 10, db: Database = world.db, owner = 'one') =>
      await claimTickets(db, { owner, now: world.now(), until: toIsoTime(world.clock.now() + LEASE_MS), limit });
    const only = async (): Promise<Lease> => {
      const [lease, ...rest] = await claim();
      if (lease === undefined || rest.length > 0) throw new Error('not exactly one ticket was claimed');
      return lease;
    };
    const ids = async (limit = 10) => (await claim(limit)).map((lease) => lease.ticketId);
    const holds = async (lease: Lease) => await mayAct(world.db.knex, lease, world.now());
    return { ...world, claim, only, claimIds: ids, holds };
  };

  it('go to the most urgent first, then to the oldest', async () => {
    const world = await createWorld();
    const open = async (priority: 'low' | 'medium' | 'high' | 'critical') => {
      await world.clock.advance(1);
      return (await world.create({ priority, start: true })).id;
    };
    const medium = await open('medium');
    const low = await open('low');
    const high = await open('high');
    const critical = await open('critical');
    const laterHigh = await open('high');
    expect(await world.claimIds(2)).toEqual([critical, high]);
    expect(await world.claimIds()).toEqual([laterHigh, medium, low]);
    expect(await world.claimIds()).toEqual([]);
  });

  it('are given for tickets that have work to do, and for no others', async () => {
    const world = await createWorld();
    for (const status of TICKET_STATUSES) await world.place(status);
    const claimed = await world.claimIds(100);
    const statuses = await Promise.all(claimed.map(async (id) => (await world.tickets.get(id)).status));
    expect(statuses.toSorted()).toEqual(['executing', 'observing', 'planning']);
  });

  it('never give one ticket to two who claim at the same time', async () => {
    const world = await createWorld();
    const { client, connection } = database();
    while (others.length < 3) others.push(await openDatabase({ client, connection, logger: silentLogger }));
    const opened = new Set<string>();
    for (let index = 0; index < 30; index += 1) opened.add((await world.create({ start: true })).id);
    const claimed: string[] = [];
    const work = async (db: Database, owner: string) => {
      for (let empty = 0; empty < 3;) {
        const leases = await world.claim(2, db, owner);
        claimed.push(...leases.map((lease) => lease.ticketId));
        empty = leases.length === 0 ? empty + 1 : 0;
      }
    };
    await Promise.all([world.db, ...others].map(async (db, index) => await work(db, `owner ${index}`)));
    expect(claimed.toSorted()).toEqual([...opened].toSorted());
  });

  it('run out, and the one who had it can do nothing any more', async () => {
    const world = await createWorld();
    const { id } = await world.create({ start: true });
    const first = await world.only();
    expect(first).toEqual({ ticketId: id, token: 1, claims: 1 });
    expect(await world.holds(first)).toBe(true);
    await world.clock.advance(LEASE_MS - 1);
    expect(await world.claimIds()).toEqual([]);
    expect(await world.holds(first)).toBe(true);
    await world.clock.advance(1);
    expect(await world.holds(first)).toBe(false);
    const second = await world.only();
    expect(second).toEqual({ ticketId: id, token: 2, claims: 2 });
    const row = async () => await world.db.knex('tickets').where({ id }).first();
    const before: unknown = await row();
    expect(await renewLease(world.db.knex, first, '2100-01-01T00:00:00.000Z')).toBe(false);
    await releaseLease(world.db.knex, first, { wakeAt: null, uncounted: true });
    await markProgress(world.db.knex, first);
    expect(await row()).toEqual(before);
    expect([await world.holds(first), await world.holds(second)]).toEqual([false, true]);
  });

  it('are kept by renewing', async () => {
    const world = await createWorld();
    await world.create({ start: true });
    const lease = await world.only();
    await world.clock.advance(LEASE_MS - 1);
    expect(await renewLease(world.db.knex, lease, toIsoTime(world.clock.now() + LEASE_MS))).toBe(true);
    await world.clock.advance(LEASE_MS - 1);
    expect(await world.holds(lease)).toBe(true);
    expect(await world.claimIds()).toEqual([]);
  });

  it('let nobody act for a ticket that a person has paused or ended', async () => {
    const world = await createWorld();
    const { id } = await world.create({ start: true });
    const lease = await world.only();
    await world.tickets.pause(id, PERSON);
    expect(await world.holds(lease)).toBe(false);
    await world.tickets.resume(id, PERSON);
    expect(await world.holds(lease)).toBe(true);
    await world.tickets.cancel(id, '', PERSON);
    expect(await world.holds(lease)).toBe(false);
  });

  it('are given back at once, or to be looked at again later', async () => {
    const world = await createWorld();
    const { id } = await world.create({ start: true });
    await releaseLease(world.db.knex, await world.only(), { wakeAt: null, uncounted: false });
    const again = await world.only();
    expect(again).toMatchObject({ token: 2, claims: 2 });
    const wakeAt = toIsoTime(world.clock.now() + 500);
    await releaseLease(world.db.knex, again, { wakeAt, uncounted: false });
    expect(await world.claimIds()).toEqual([]);
    await world.clock.advance(500);
    expect(await world.claimIds()).toEqual([id]);
  });

  it('count claims until the ticket moves, those that were stopped on purpose excepted', async () => {
    const world = await createWorld();
    await world.create({ start: true });
    const release = async (lease: Lease, uncounted: boolean) =>
      await releaseLease(world.db.knex, lease, { wakeAt: null, uncounted });
    await release(await world.only(), false);
    const second = await world.only();
    expect(second.claims).toBe(2);
    await release(second, true);
    const third = await world.only();
    expect(third.claims).toBe(2);
    await markProgress(world.db.knex, third);
    await release(third, true);
    expect((await world.only()).claims).toBe(1);
  });
});
