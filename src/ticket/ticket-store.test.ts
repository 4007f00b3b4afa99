import { expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { countTickets, listTickets, updateTicket, type TicketFilter } from './ticket-store.ts';
import { createTicketWorld } from './test-tickets.ts';
import type { Ticket } from './ticket.ts';

describeOnDatabases('the ticket store', (database) => {
  const createWorld = async () => {
    const world = createTicketWorld(database().db);
    await world.db.knex('tickets').delete();
    const find = async (filter: TicketFilter, limit = 100) =>
      (await listTickets(world.db.knex, filter, { limit })).map((ticket) => ticket.title);
    return { ...world, find };
  };

  it('reads back exactly what was written', async () => {
    const world = await createWorld();
    const target = { application: 'web', environment: 'production', instance: 'default' as const };
    for (const status of ['pending_plan_approval', 'pending_approval', 'pending_input', 'resolved'] as const) {
      const ticket = await world.place(status, { target });
      expect((await listTickets(world.db.knex, {}, { limit: 1 }))[0]).toEqual(ticket);
    }
  });

  it('filters by status, priority, application and text, together', async () => {
    const world = await createWorld();
    await world.create({ title: 'Scale WEB to 50%', priority: 'high', target: { application: 'web' } });
    await world.create({ title: 'redis', description: 'a_b needs\nMORE memory', start: true });
    await world.create({ title: 'axb', priority: 'high' });
    expect(await world.find({ text: 'web' })).toEqual(['Scale WEB to 50%']);
    expect(await world.find({ text: '0%' })).toEqual(['Scale WEB to 50%']);
    expect(await world.find({ text: '%' })).toEqual(['Scale WEB to 50%']);
    expect(await world.find({ text: 'A_B' })).toEqual(['redis']);
    expect(await world.find({ text: 'more MEMORY' })).toEqual(['redis']);
    expect(await world.find({ text: '\\' })).toEqual([]);
    expect(await world.find({ text: "' or 1=1 --" })).toEqual([]);
    expect(await world.find({ status: ['planning'] })).toEqual(['redis']);
    expect(await world.find({ status: ['planning', 'draft'], priority: ['high'] })).toEqual([
      'axb',
      'Scale WEB to 50%',
    ]);
    expect(await world.find({ application: 'web' })).toEqual(['Scale WEB to 50%']);
    expect(await world.find({ application: 'web', text: 'redis' })).toEqual([]);
  });

  it('pages through every ticket once, whatever is opened meanwhile and however many share a time', async () => {
    const world = await createWorld();
    for (let index = 0; index < 12; index += 1) {
      if (index % 4 === 0) await world.clock.advance(1);
      await world.create({ title: `t${index}` });
    }
    const seen: string[] = [];
    let before: Ticket | undefined;
    for (;;) {
      const page = await listTickets(world.db.knex, {}, { limit: 5, ...(before === undefined ? {} : { before }) });
      seen.push(...page.map((ticket) => ticket.title));
      before = page.at(-1);
      if (before === undefined) break;
      await world.create({ title: 'opened meanwhile' });
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => `t${11 - index}`));
  });

  it('counts tickets by status', async () => {
    const world = await createWorld();
    for (const status of ['draft', 'failed', 'failed'] as const) await world.place(status);
    expect(await countTickets(world.db.knex)).toEqual({ draft: 1, failed: 2 });
  });

  it('writes under a lease only while it is held', async () => {
    const world = await createWorld();
    const { id, updatedAt } = await world.create();
    await world.db.knex('tickets').where({ id }).update({ lease_token: 3 });
    expect(await updateTicket(world.db.knex, id, { title: 'stale' }, updatedAt, 2)).toBe(false);
    expect(await updateTicket(world.db.knex, id, { title: 'held' }, updatedAt, 3)).toBe(true);
    expect(await world.tickets.get(id)).toMatchObject({ title: 'held' });
  });
});
