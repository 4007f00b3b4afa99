import { expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { inTransaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { decideApproval, findApproval, listApprovals, listOverdueApprovals } from './approval-store.ts';
import { createTicketWorld, HOUR_MS, PERSON } from './test-tickets.ts';

describeOnDatabases('the approval store', (database) => {
  const createWorld = () => createTicketWorld(database().db);

  it('asks once for the same thing, and supersedes what was asked before it', async () => {
    const world = createWorld();
    const { id } = await world.create();
    const first = await world.askApproval(id, 'plan', 'a'.repeat(64));
    await world.clock.advance(10);
    expect(await world.askApproval(id, 'plan', 'a'.repeat(64))).toEqual(first);
    const second = await world.askApproval(id, 'plan', 'b'.repeat(64));
    expect(second.id).not.toBe(first.id);
    const revert = await world.askApproval(id, 'revert', 'b'.repeat(64));
    expect((await listApprovals(world.db.knex, id)).map((one) => [one.id, one.state])).toEqual([
      [first.id, 'superseded'],
      [second.id, 'superseded'],
      [revert.id, 'pending'],
    ]);
  });

  it('leaves approvals of other tickets alone', async () => {
    const world = createWorld();
    const other = await world.askApproval((await world.create()).id);
    await world.askApproval((await world.create()).id);
    expect(await findApproval(world.db.knex, other.id)).toEqual(other);
  });

  it('asks anew after a denial of the same thing', async () => {
    const world = createWorld();
    const { id } = await world.create();
    const first = await world.askApproval(id);
    const denial = { state: 'denied' as const, at: world.now(), by: PERSON, reason: 'no\0' };
    await inTransaction(world.db, async (trx) => await decideApproval(trx, first.id, denial));
    expect(await findApproval(world.db.knex, first.id)).toMatchObject({ state: 'denied', reason: 'no' });
    const second = await world.askApproval(id);
    expect(second).toMatchObject({ state: 'pending', changeHash: first.changeHash });
    expect(second.id).not.toBe(first.id);
  });

  it('lets one decision stand', async () => {
    const world = createWorld();
    const { id } = await world.askApproval((await world.create()).id);
    const decisions = await Promise.all(
      (['granted', 'denied', 'expired', 'granted'] as const).map(
        async (state) =>
          await inTransaction(
            world.db,
            async (trx) => await decideApproval(trx, id, { state, at: world.now(), by: state }),
          ),
      ),
    );
    expect(decisions.filter(Boolean)).toHaveLength(1);
    const decided = await findApproval(world.db.knex, id);
    expect(decided?.decidedBy).toBe(decided?.state);
  });

  it('lists as overdue only what a ticket waits for, longest first, and is not held up by the rest', async () => {
    const world = createWorld();
    await world.db.knex('approvals').delete();
    const parked = await world.place('paused');
    const waiting = await world.place('pending_plan_approval');
    // More than a page of approvals whose tickets do not wait.
    await world.db.knex('approvals').insert(
      Array.from({ length: 120 }, (_, index) => ({
        id: `old_${index}`,
        ticket_id: parked.id,
        kind: 'plan',
        change_hash: 'c',
        state: 'pending',
        requested_at: world.now(),
        expires_at: world.now(),
      })),
    );
    const later = toIsoTime(world.clock.now() + HOUR_MS);
    await world.clock.advance(1);
    const second = await world.place('pending_plan_approval');
    expect(await listOverdueApprovals(world.db.knex, world.now())).toEqual([]);
    const tickets = async (at: string) => (await listOverdueApprovals(world.db.knex, at)).map((one) => one.ticketId);
    expect(await tickets(later)).toEqual([waiting.id]);
    expect(await tickets(toIsoTime(world.clock.now() + HOUR_MS))).toEqual([waiting.id, second.id]);
  });
});
