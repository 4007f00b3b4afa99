import { afterAll, beforeEach, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { openDatabase, type Database } from '../database/open.ts';
import { toIsoTime } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import {
  beginSoak,
  claimSoaks,
  endSoak,
  listSoaks,
  releaseSoak,
  releaseSoakOwners,
  renewSoaks,
  type LeasedSoak,
  type SoakSubject,
} from './soak-store.ts';
import { createTicketWorld } from './test-tickets.ts';

const LEASE_MS = 60_000;
const SUBJECT: SoakSubject = {
  changed: [{ group: 'apps', kind: 'Deployment', namespace: 'prod', name: 'web' }],
  services: ['web'],
  deployIds: ['dep_1'],
  commits: ['a'.repeat(40)],
};

describeOnDatabases('soaks', (database) => {
  const others: Database[] = [];
  afterAll(async () => {
    await Promise.all(others.map(async (db) => await db.close()));
  });
  beforeEach(async () => {
    await database().db.knex('soaks').delete();
  });

  const createWorld = () => {
    const world = createTicketWorld(database().db);
    const { knex } = world.db;
    const lease = () => ({ now: world.now(), until: toIsoTime(world.clock.now() + LEASE_MS) });
    const begin = async (minutes = 10, application = 'argocd/web') => {
      const { id: ticketId } = await world.create();
      const key = { ticketId, application, commit: 'c'.repeat(40) };
      const until = toIsoTime(world.clock.now() + minutes * 60_000);
      await beginSoak(knex, { ...key, startedAt: world.now(), until, subject: SUBJECT });
      return key;
    };
    const claim = async (owner = 'one', limit = 10, db = world.db) =>
      await claimSoaks(db, { owner, ...lease(), limit });
    const only = async (owner = 'one'): Promise<LeasedSoak> => {
      const [soak, ...rest] = await claim(owner);
      if (soak === undefined || rest.length > 0) throw new Error('not exactly one was claimed');
      return soak;
    };
    const end = async (soak: LeasedSoak, state: 'quiet' | 'regressed' = 'quiet') =>
      await endSoak(knex, soak, { state, at: world.now(), sentence: 'It stayed healthy.' });
    return { ...world, knex, lease, begin, claim, only, end };
  };

  it('are begun once, and keep what they were begun with', async () => {
    const world = createWorld();
    const key = await world.begin();
    const first = await listSoaks(world.knex, key.ticketId);
    await world.clock.advance(1_000);
    const again = { ...key, startedAt: world.now(), until: world.now(), subject: { ...SUBJECT, services: [] } };
    expect(await beginSoak(world.knex, again)).toBe(false);
    expect(await listSoaks(world.knex, key.ticketId)).toEqual(first);
    expect(first).toMatchObject([
      { state: 'watching', subject: SUBJECT, endedAt: null, sentence: null, followUp: null },
    ]);
  });

  it('are claimed by one process each, those that end first before the others', async () => {
    const world = createWorld();
    const [late, soon] = [await world.begin(30), await world.begin(5)];
    expect((await world.claim('one', 1)).map(({ ticketId }) => ticketId)).toEqual([soon.ticketId]);
    expect((await world.claim('two')).map(({ ticketId }) => ticketId)).toEqual([late.ticketId]);
    expect(await world.claim('three')).toEqual([]);
  });

  it('are never given to two who claim at the same time', async () => {
    const world = createWorld();
    const { client, connection } = database();
    while (others.length < 3) others.push(await openDatabase({ client, connection, logger: silentLogger }));
    const begun: string[] = [];
    for (let index = 0; index < 20; index += 1) begun.push((await world.begin()).ticketId);
    const claimed: string[] = [];
    const work = async (db: Database, owner: string) => {
      for (let empty = 0; empty < 3;) {
        const soaks = await world.claim(owner, 2, db);
        claimed.push(...soaks.map(({ ticketId }) => ticketId));
        empty = soaks.length === 0 ? empty + 1 : 0;
      }
    };
    await Promise.all([world.db, ...others].map(async (db, index) => await work(db, `owner ${index}`)));
    expect(claimed.toSorted()).toEqual(begun.toSorted());
  });

  it('pass on when a lease runs out, and the one who had it can write nothing any more', async () => {
    const world = createWorld();
    const { ticketId } = await world.begin();
    const first = await world.only('one');
    await world.clock.advance(LEASE_MS - 1);
    expect(await world.claim('two')).toEqual([]);
    await world.clock.advance(1);
    const second = await world.only('two');
    expect(second.token).toBe(first.token + 1);
    expect(await world.end(first)).toBe(false);
    await releaseSoak(world.knex, first, world.now());
    expect(await listSoaks(world.knex, ticketId)).toMatchObject([{ state: 'watching' }]);
    expect(await world.claim('three')).toEqual([]);
    expect(await world.end(second, 'regressed')).toBe(true);
    expect(await world.end(second)).toBe(false);
    expect(await listSoaks(world.knex, ticketId)).toMatchObject([{ state: 'regressed', endedAt: world.now() }]);
    await world.clock.advance(10 * LEASE_MS);
    expect(await world.claim('three')).toEqual([]);
  });

  it('are kept by renewing all of an owner at once, but not after they ran out', async () => {
    const world = createWorld();
    await world.begin();
    await world.begin();
    expect(await world.claim('one')).toHaveLength(2);
    await world.clock.advance(LEASE_MS - 1);
    await renewSoaks(world.knex, { owner: 'one', ...world.lease() });
    await world.clock.advance(LEASE_MS - 1);
    expect(await world.claim('two')).toEqual([]);
    await world.clock.advance(1);
    await renewSoaks(world.knex, { owner: 'one', ...world.lease() });
    expect(await world.claim('two')).toHaveLength(2);
  });

  it('are given back at once, or for later, and freed where their owner is gone', async () => {
    const world = createWorld();
    await world.begin();
    await releaseSoak(world.knex, await world.only('one'), toIsoTime(world.clock.now() + 5_000));
    expect(await world.claim('two')).toEqual([]);
    await world.clock.advance(5_000);
    await world.only('two');
    await releaseSoakOwners(world.knex, (owner) => owner === 'one');
    expect(await world.claim('three')).toEqual([]);
    await releaseSoakOwners(world.knex, (owner) => owner === 'two');
    expect(await world.claim('three')).toHaveLength(1);
  });
});
