import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { listAudit, verifyAudit } from '../audit/audit-store.ts';
import { openDatabase, type Database } from '../database/open.ts';
import { inTransaction } from '../database/transaction.ts';
import { silentLogger } from '../lib/logger.ts';
import type { TicketEvent, TicketEventBody } from './event.ts';
import { followEvents, lastEventId, listEvents } from './event-store.ts';
import { lockTicket } from './ticket-store.ts';
import { createTicketWorld, PERSON, SECRET, type TicketWorld } from './test-tickets.ts';

const note = (text: string): TicketEventBody => ({ type: 'note', data: { node: 'test', text } });

async function write(world: TicketWorld, ticketId: string, bodies: readonly TicketEventBody[], actor = PERSON) {
  await inTransaction(world.db, async (trx) => await world.journal.append(trx, ticketId, actor, bodies));
  world.journal.published();
}

const toReader = ({ db, journal }: TicketWorld) => ({ knex: db.knex, journal });

describeOnDatabases('the journal', (database) => {
  const createWorld = () => createTicketWorld(database().db);
  const others: Database[] = [];
  const openOther = async () => {
    const { client, connection } = database();
    const db = await openDatabase({ client, connection, logger: silentLogger });
    others.push(db);
    return createTicketWorld(db);
  };
  afterAll(async () => {
    await Promise.all(others.map(async (db) => await db.close()));
  });

  it('gives every event a growing id and one audit entry, in the order written', async () => {
    const world = createWorld();
    const ticket = await world.create();
    await write(world, ticket.id, [note('one'), note('two')], 'agent:planner');
    await write(world, ticket.id, [note('three')]);
    const events = await world.events(ticket.id);
    expect(events.slice(1).map((event) => event.data)).toMatchObject([
      { text: 'one' },
      { text: 'two' },
      { text: 'three' },
    ]);
    const ids = events.map((event) => event.id);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(await lastEventId(world.db.knex)).toBe(ids.at(-1));
    const audit = await listAudit(world.db.knex, { ticketId: ticket.id, limit: 10 });
    expect(audit.map(({ actor, action, detail }) => [actor, action, detail])).toEqual(
      events.map((event, index) => [index === 1 || index === 2 ? 'agent:planner' : PERSON, event.type, event.data]),
    );
  });

  it('leaves neither event nor audit entry of a transaction that fails', async () => {
    const world = createWorld();
    const ticket = await world.create();
    const before = await listAudit(world.db.knex, { limit: 1_000 });
    const failing = inTransaction(world.db, async (trx) => {
      await world.journal.append(trx, ticket.id, PERSON, [note('never')]);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await world.events(ticket.id)).toHaveLength(1);
    expect(await listAudit(world.db.knex, { limit: 1_000 })).toEqual(before);
  });

  it('masks secrets before anything is written', async () => {
    const world = createWorld();
    const ticket = await world.create();
    const bearer = 'Bearer abcdefghijklmnop';
    await write(world, ticket.id, [
      { type: 'tool_call', data: { tool: 't', input: bearer, output: `x ${SECRET} y`, durationMs: 1, ok: true } },
    ]);
    const rows: unknown[] = [
      await world.db.knex('events').where({ ticket_id: ticket.id }),
      await world.db.knex('audit').where({ ticket_id: ticket.id }),
    ];
    expect(JSON.stringify(rows)).not.toContain(SECRET);
    expect(JSON.stringify(rows)).not.toContain('abcdefghijklmnop');
    expect((await world.events(ticket.id)).at(-1)?.data).toMatchObject({ output: 'x [redacted] y', durationMs: 1 });
  });

  it('finds events by ticket, type and place', async () => {
    const world = createWorld();
    const ticket = await world.create();
    const { id: other } = await world.create();
    await write(world, ticket.id, [note('a'), note('b'), note('c')]);
    await write(world, other, [note('other')]);
    const filter = { ticketId: ticket.id, types: ['note'] as const };
    const first = await listEvents(world.db.knex, filter, { afterId: 0, limit: 2 });
    expect(first.map((event) => event.data)).toMatchObject([{ text: 'a' }, { text: 'b' }]);
    const rest = await listEvents(world.db.knex, filter, { afterId: first[1]?.id ?? 0, limit: 10 });
    expect(rest.map((event) => event.data)).toMatchObject([{ text: 'c' }]);
  });

  it('does not let a person and a runner who write about one ticket wait for each other in a circle', async () => {
    const person = createWorld();
    const runner = await openOther();
    const ticket = await person.create();
    let tries = 0;
    const writeBoth = async () => {
      await Promise.all([
        // As every action does: the ticket first, then the journal.
        inTransaction(person.db, async (trx) => {
          tries += 1;
          await lockTicket(trx, ticket.id);
          await trx.raw('select 1');
          await person.journal.append(trx, ticket.id, PERSON, [note('person')]);
        }),
        // As a node does: the journal first, whose rows refer to the ticket.
        inTransaction(runner.db, async (trx) => {
          tries += 1;
          await runner.journal.append(trx, ticket.id, 'agent:node', [note('runner')]);
        }),
      ]);
    };
    const rounds = 15;
    for (let round = 0; round < rounds; round += 1) await writeBoth();
    expect(tries).toBe(rounds * 2);
  });

  it('is followed without gap or repeat while several write, from wherever a reader begins again', async () => {
    const world = createWorld();
    const writers = await Promise.all([openOther(), openOther()]);
    const { id: ticketId } = await world.create();
    const start = await lastEventId(world.db.knex);
    const perWriter = 40;
    const total = 3 * perWriter;
    const writing = [world, ...writers].map(async (writer, name) => {
      for (let index = 0; index < perWriter; index += 2)
        await write(writer, ticketId, [note(`${name}/${index}`), note(`${name}/${index + 1}`)]);
    });
    const follow = async (restartAfter: (round: number) => number): Promise<TicketEvent[]> => {
      const seen: TicketEvent[] = [];
      for (let round = 0; seen.length < total; round += 1) {
        const controller = new AbortController();
        const from = seen.at(-1)?.id ?? start;
        let left = restartAfter(round);
        for await (const page of followEvents(toReader(world), { ticketId }, from, controller.signal, 20)) {
          // A client may be cut in the middle of a page: it comes back with the last id it got.
          const taken = page.slice(0, left);
          seen.push(...taken);
          left -= taken.length;
          if (left <= 0 || seen.length >= total) controller.abort();
        }
      }
      return seen;
    };
    const readers = [
      follow(() => Infinity),
      follow((round) => (round % 3) + 1),
      follow((round) => ((round * 7) % 11) + 1),
    ];
    await Promise.all(writing);
    const stored = await listEvents(world.db.knex, { ticketId }, { afterId: start, limit: 1_000 });
    expect(stored).toHaveLength(total);
    for (const seen of await Promise.all(readers)) expect(seen).toEqual(stored);
    for (const name of [0, 1, 2]) {
      const own = stored.flatMap((event) => (event.type === 'note' ? [event.data.text] : []));
      expect(own.filter((text) => text.startsWith(`${name}/`))).toEqual(
        Array.from({ length: perWriter }, (_, index) => `${name}/${index}`),
      );
    }
    expect((await verifyAudit(world.db.knex)).kind).toBe('intact');
  });

  it('stops following when it is told to, also while nothing happens', async () => {
    const world = createWorld();
    const controller = new AbortController();
    const seen: TicketEvent[] = [];
    const following = (async () => {
      for await (const page of followEvents(
        toReader(world),
        {},
        await lastEventId(world.db.knex),
        controller.signal,
        3_600_000,
      ))
        seen.push(...page);
    })();
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await following;
    expect(seen).toEqual([]);
  });

  it('wakes a follower at once, however long it would sleep', async () => {
    const world = createWorld();
    const ticket = await world.create();
    const controller = new AbortController();
    const from = await lastEventId(world.db.knex);
    const following = (async () => {
      for await (const page of followEvents(toReader(world), {}, from, controller.signal, 3_600_000)) return page;
      return [];
    })();
    await write(world, ticket.id, [note('wake up')]);
    expect(await following).toMatchObject([{ data: { text: 'wake up' } }]);
  });
});

describeOnDatabases('the audit chain', (database) => {
  let world: TicketWorld;
  beforeAll(async () => {
    world = createTicketWorld(database().db);
    for (let index = 0; index < 5; index += 1) await world.tickets.cancel((await world.create()).id, '', PERSON);
  });
  const audit = () => world.db.knex('audit');
  const rows = async (): Promise<{ seq: number; hash: string }[]> => await audit().orderBy('seq');

  it('is intact as written', async () => {
    const all = await rows();
    expect(await verifyAudit(world.db.knex)).toEqual({ kind: 'intact', entries: 10, head: all.at(-1)?.hash });
  });

  describe('tells', () => {
    const changes: Record<string, Record<string, unknown>> = {
      'a changed detail': { detail_json: '{"to":"resolved"}' },
      'another actor': { actor: 'person:eve' },
      'another time': { at: '2020-01-01T00:00:00.000Z' },
      'another ticket': { ticket_id: 'tkt_00000000000000000000000000' },
      'another action': { action: 'note' },
      'another hash': { hash: 'f'.repeat(64) },
    };
    for (const [what, change] of Object.entries(changes)) {
      it(what, async () => {
        const [, , third] = await rows();
        const seq = third?.seq ?? 0;
        const before: Record<string, unknown> | undefined = await audit().where({ seq }).first();
        await audit().where({ seq }).update(change);
        expect(await verifyAudit(world.db.knex)).toMatchObject({ kind: 'broken', seq });
        await audit()
          .where({ seq })
          .update(before ?? {});
        expect((await verifyAudit(world.db.knex)).kind).toBe('intact');
      });
    }

    it('an entry taken out', async () => {
      const all = await rows();
      await audit().where({ seq: all[4]?.seq }).delete();
      expect(await verifyAudit(world.db.knex)).toMatchObject({ kind: 'broken', seq: all[5]?.seq });
    });
  });
});
