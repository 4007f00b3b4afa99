import { describe, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { listAudit } from '../audit/audit-store.ts';
import { inTransaction } from '../database/transaction.ts';
import { AppError, isAppError, type ErrorCode } from '../lib/errors.ts';
import { findApproval } from './approval-store.ts';
import { findQuestion } from './question-store.ts';
import { isLegalAction, legalActions, TICKET_ACTIONS, TICKET_STATUSES, type TicketAction } from './status.ts';
import { createTicketWorld, HOUR_MS, PERSON, SECRET, type TicketWorld } from './test-tickets.ts';
import type { Ticket } from './ticket.ts';

async function caught(work: Promise<unknown>): Promise<AppError> {
  try {
    await work;
  } catch (error) {
    if (isAppError(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** Does an action as a person would who has read the ticket just before. */
async function perform({ tickets }: TicketWorld, action: TicketAction, ticket: Ticket): Promise<Ticket> {
  const { id, hold } = ticket;
  const approvalId = hold !== null && 'approvalId' in hold ? hold.approvalId : 'apr_00000000000000000000000000';
  const changeHash = hold !== null && 'changeHash' in hold ? hold.changeHash : '0'.repeat(64);
  switch (action) {
    case 'start':
      return await tickets.start(id, PERSON);
    case 'edit':
      return await tickets.edit(id, { title: 'Other' }, PERSON);
    case 'approve_plan':
      return await tickets.approvePlan(id, changeHash, PERSON);
    case 'reject_plan':
      return await tickets.rejectPlan(id, { reason: 'no', revise: false }, PERSON);
    case 'grant':
      return await tickets.grant(id, approvalId, PERSON);
    case 'deny':
      return await tickets.deny(id, approvalId, 'no', PERSON);
    case 'answer':
      return await tickets.answer(id, 'a', PERSON);
    case 'pause':
      return await tickets.pause(id, PERSON);
    case 'resume':
      return await tickets.resume(id, PERSON);
    case 'cancel':
      return await tickets.cancel(id, '', PERSON);
    case 'retry':
      return await tickets.retry(id, PERSON);
  }
}

/** Where each action leads from the statuses that `place` makes. */
const LEADS_TO: Record<TicketAction, (ticket: Ticket) => string> = {
  start: () => 'planning',
  edit: (ticket) => ticket.status,
  approve_plan: () => 'executing',
  reject_plan: () => 'cancelled',
  grant: () => 'executing',
  deny: (ticket) => (ticket.status === 'pending_approval' ? 'observing' : 'cancelled'),
  answer: () => 'planning',
  pause: () => 'paused',
  resume: () => 'planning',
  cancel: () => 'cancelled',
  retry: () => 'planning',
};

describeOnDatabases('the ticket service', (database) => {
  const createWorld = () => createTicketWorld(database().db);

  describe('every action in every status', () => {
    for (const status of TICKET_STATUSES) {
      it(`is done or refused as the table says: ${status}`, async () => {
        const world = createWorld();
        for (const action of TICKET_ACTIONS) {
          const ticket = await world.place(status);
          if (isLegalAction(action, status)) {
            const after = await perform(world, action, ticket);
            expect([action, after.status]).toEqual([action, LEADS_TO[action](ticket)]);
            expect(await world.tickets.get(ticket.id)).toEqual(after);
            expect(world.changes.at(-1)).toEqual(after);
            continue;
          }
          const before = await world.events(ticket.id);
          const changes = world.changes.length;
          const error = await caught(perform(world, action, ticket));
          expect([action, error.code, error.httpStatus]).toEqual([action, 'illegal_transition', 409]);
          expect(error.details).toEqual({ status, action, legal: legalActions(status) });
          for (const legal of legalActions(status)) expect(error.hint).toContain(legal);
          expect(await world.tickets.get(ticket.id)).toEqual(ticket);
          expect(await world.events(ticket.id)).toEqual(before);
          expect(world.changes).toHaveLength(changes);
        }
      });
    }
  });

  describe('creating', () => {
    it('writes a draft, or starts it at once, with an event for each step', async () => {
      const world = createWorld();
      const draft = await world.create();
      expect(draft).toMatchObject({ status: 'draft', attempt: 1, startedAt: null, endedAt: null, actor: PERSON });
      expect(await world.events(draft.id)).toMatchObject([{ type: 'status', data: { from: null, to: 'draft' } }]);
      const started = await world.create({ start: true, priority: 'critical', target: { application: 'web' } });
      expect(started).toMatchObject({ status: 'planning', application: 'web', startedAt: world.now() });
      expect((await world.events(started.id)).map((event) => event.data)).toMatchObject([
        { from: null, to: 'draft' },
        { from: 'draft', to: 'planning' },
      ]);
    });

    it('is for the instance its target names, and for the default one where it names none', async () => {
      const world = createWorld();
      const named = await world.create({ target: { instance: 'east' } });
      expect([named.instance, (await world.create()).instance]).toEqual(['east', 'default']);
      expect((await world.tickets.get(named.id)).instance).toBe('east');
      expect(await caught(world.create({ target: { instance: 'nowhere' } }))).toMatchObject({
        code: 'unknown_target',
        httpStatus: 422,
      });
    });

    it('takes back ticket and events where what belongs to the same moment fails', async () => {
      const world = createWorld();
      let id = '';
      const input = { title: 'T', description: '', priority: 'low' as const, target: {}, start: true };
      const creating = world.tickets.create(input, PERSON, async (_trx, ticket) => {
        id = ticket.id;
        throw new AppError('conflict', 'no');
      });
      expect((await caught(creating)).code).toBe('conflict');
      expect((await caught(world.tickets.get(id))).code).toBe('not_found');
      expect(await world.events(id)).toEqual([]);
      expect(await listAudit(world.db.knex, { ticketId: id, limit: 10 })).toEqual([]);
      expect(world.changes).toEqual([]);
    });

    it('keeps odd words as they are, apart from NUL characters', async () => {
      const world = createWorld();
      const description = 'ünï 🚀 \'; drop table tickets; -- \\ "x"\n\ttab';
      const ticket = await world.create({ title: 'a\0b', description });
      expect(await world.tickets.get(ticket.id)).toMatchObject({ title: 'ab', description });
    });

    it('tells that there is no such ticket', async () => {
      expect((await caught(createWorld().tickets.get('tkt_00000000000000000000000000'))).code).toBe('not_found');
      expect((await caught(createWorld().tickets.pause('tkt_00000000000000000000000000', PERSON))).code).toBe(
        'not_found',
      );
    });
  });

  describe('approving', () => {
    it('is bound to the hash that waits', async () => {
      const world = createWorld();
      const ticket = await world.place('pending_plan_approval');
      const error = await caught(world.tickets.approvePlan(ticket.id, 'f'.repeat(64), PERSON));
      expect(error).toMatchObject({ code: 'stale_change', httpStatus: 409 });
      const hold = ticket.hold;
      if (hold?.kind !== 'plan_approval') throw new Error('it does not wait for its plan');
      expect(error.details).toEqual({ expected: hold.changeHash });
      expect(await findApproval(world.db.knex, hold.approvalId)).toMatchObject({ state: 'pending' });
      expect(await world.tickets.get(ticket.id)).toEqual(ticket);
    });

    it('is won by exactly one of many who decide at once', async () => {
      const world = createWorld();
      const ticket = await world.place('pending_plan_approval');
      const attempts = await Promise.allSettled([
        perform(world, 'approve_plan', ticket),
        perform(world, 'reject_plan', ticket),
        perform(world, 'grant', ticket),
        perform(world, 'deny', ticket),
        perform(world, 'approve_plan', ticket),
      ]);
      expect(attempts.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
      const codes = attempts.flatMap((one) => (one.status === 'rejected' ? [(one.reason as AppError).code] : []));
      expect(codes).toEqual(Array<ErrorCode>(4).fill('illegal_transition'));
      const events = await world.events(ticket.id);
      expect(events.filter((event) => event.type === 'approval')).toHaveLength(1);
    });

    it('refuses an approval whose time is over, and one of another ticket', async () => {
      const world = createWorld();
      const ticket = await world.place('pending_plan_approval');
      const other = await world.place('pending_plan_approval');
      const foreign = other.hold?.kind === 'plan_approval' ? other.hold.approvalId : '';
      expect((await caught(world.tickets.grant(ticket.id, foreign, PERSON))).code).toBe('not_found');
      expect((await caught(world.tickets.grant(ticket.id, 'nonsense', PERSON))).code).toBe('not_found');
      await world.clock.advance(HOUR_MS);
      expect((await caught(perform(world, 'grant', ticket))).code).toBe('stale_change');
      expect((await caught(perform(world, 'deny', ticket))).code).toBe('stale_change');
      expect(await world.tickets.get(ticket.id)).toEqual(ticket);
    });

    it('writes who decided, when and why into the row, the event and the reason', async () => {
      const world = createWorld();
      const ticket = await world.place('pending_plan_approval');
      await world.tickets.rejectPlan(ticket.id, { reason: 'too early', revise: true }, PERSON);
      const approvalId = ticket.hold?.kind === 'plan_approval' ? ticket.hold.approvalId : '';
      expect(await findApproval(world.db.knex, approvalId)).toMatchObject({
        state: 'denied',
        decidedBy: PERSON,
        decidedAt: world.now(),
        reason: 'too early',
      });
      expect(await world.tickets.get(ticket.id)).toMatchObject({ status: 'planning', hold: null, ending: null });
      expect((await world.events(ticket.id)).slice(-2)).toMatchObject([
        { type: 'approval', data: { approvalId, state: 'denied', by: PERSON, reason: 'too early' } },
        { type: 'status', data: { to: 'planning', code: 'revise' } },
      ]);
    });

    it('ends a denied plan as cancelled, and carries on after a denied or granted revert or promotion', async () => {
      const world = createWorld();
      const plan = await world.place('pending_plan_approval');
      expect(await perform(world, 'deny', plan)).toMatchObject({
        status: 'cancelled',
        ending: { code: 'denied', commits: [] },
        endedAt: world.now(),
      });
      const denied = await world.place('pending_approval');
      expect(await perform(world, 'deny', denied)).toMatchObject({ status: 'observing', ending: null });
      const granted = await world.place('pending_approval');
      expect(await perform(world, 'grant', granted)).toMatchObject({ status: 'executing' });
      const promoted = await world.place('pending_approval', {}, 'promotion');
      expect(await perform(world, 'grant', promoted)).toMatchObject({ status: 'observing' });
    });
  });

  describe('answering', () => {
    it('is done once, and by one', async () => {
      const world = createWorld();
      const ticket = await world.place('pending_input');
      const attempts = await Promise.allSettled([
        world.tickets.answer(ticket.id, 'first', PERSON),
        world.tickets.answer(ticket.id, 'second', 'person:bob'),
      ]);
      expect(attempts.map((one) => one.status).toSorted()).toEqual(['fulfilled', 'rejected']);
      const questionId = ticket.hold?.kind === 'question' ? ticket.hold.questionId : '';
      const question = await findQuestion(world.db.knex, questionId);
      expect(['first', 'second']).toContain(question?.answer);
      const told = (await world.events(ticket.id)).filter((event) => event.type === 'question');
      expect(told).toMatchObject([{ data: { questionId, answer: question?.answer } }]);
    });

    it('leads to where the question came from', async () => {
      const world = createWorld();
      const ticket = await world.place('pending_input');
      if (ticket.hold?.kind !== 'question') throw new Error('it asks nothing');
      const hold = JSON.stringify({ ...ticket.hold, returnTo: 'observing' });
      await world.db.knex('tickets').where({ id: ticket.id }).update({ hold_json: hold });
      expect((await world.tickets.answer(ticket.id, 'keep watching', PERSON)).status).toBe('observing');
    });
  });

  describe('pausing', () => {
    for (const status of [
      'planning',
      'pending_plan_approval',
      'executing',
      'pending_approval',
      'pending_input',
      'observing',
    ] as const) {
      it(`returns to ${status} with all that it waited for`, async () => {
        const world = createWorld();
        const ticket = await world.place(status);
        const paused = await world.tickets.pause(ticket.id, PERSON);
        expect(paused).toMatchObject({ status: 'paused', pausedFrom: status, hold: ticket.hold });
        const resumed = await world.tickets.resume(ticket.id, PERSON);
        expect(resumed).toMatchObject({ status, pausedFrom: null, hold: ticket.hold });
        expect(await world.tickets.get(ticket.id)).toEqual(resumed);
      });
    }

    it('does not lose the decision that can be made after resuming', async () => {
      const world = createWorld();
      const ticket = await world.place('pending_plan_approval');
      await world.tickets.pause(ticket.id, PERSON);
      expect((await caught(perform(world, 'approve_plan', ticket))).code).toBe('illegal_transition');
      await world.tickets.resume(ticket.id, PERSON);
      expect((await perform(world, 'approve_plan', ticket)).status).toBe('executing');
    });
  });

  describe('cancelling', () => {
    it('withdraws what waited for approval, also from a paused ticket', async () => {
      const world = createWorld();
      for (const paused of [false, true]) {
        const ticket = await world.place('pending_plan_approval');
        if (paused) await world.tickets.pause(ticket.id, PERSON);
        const approvalId = ticket.hold?.kind === 'plan_approval' ? ticket.hold.approvalId : '';
        const cancelled = await world.tickets.cancel(ticket.id, 'not needed', PERSON);
        expect(cancelled).toMatchObject({
          status: 'cancelled',
          hold: null,
          ending: { code: 'cancelled', commits: [] },
        });
        expect(cancelled.reason).toContain('not needed');
        expect(await findApproval(world.db.knex, approvalId)).toMatchObject({ state: 'superseded' });
        const told = (await world.events(ticket.id)).filter((event) => event.type === 'approval');
        expect(told).toMatchObject([{ data: { approvalId, state: 'superseded' } }]);
      }
    });

    it('says which commits stay on the branch', async () => {
      const world = createWorld();
      const ticket = await world.place('observing');
      const push = { branch: 'main', base: 'b', head: 'h', commits: ['c1', 'c2'], purpose: 'change' as const };
      await inTransaction(world.db, async (trx) => {
        await world.journal.append(trx, ticket.id, 'agent:pusher', [
          { type: 'push', data: { ...push, outcome: 'non_fast_forward', commits: ['lost'] } },
          { type: 'push', data: { ...push, outcome: 'pushed' } },
          { type: 'push', data: { ...push, outcome: 'already_pushed' } },
        ]);
      });
      const { ending } = await world.tickets.cancel(ticket.id, '', PERSON);
      expect(ending).toMatchObject({ commits: ['c1', 'c2'], revertCommits: [], reverted: false });
    });
  });

  describe('trying again', () => {
    it('plans a failed ticket anew as another attempt', async () => {
      const world = createWorld();
      const ticket = await world.place('failed');
      expect(await world.tickets.retry(ticket.id, PERSON)).toMatchObject({
        status: 'planning',
        attempt: 2,
        ending: null,
        endedAt: null,
      });
    });

    for (const [from, to] of [
      ['planning', 'planning'],
      ['executing', 'executing'],
      ['observing', 'observing'],
      [null, 'planning'],
    ] as const) {
      it(`carries an errored ticket on where it broke: ${from ?? 'nobody knows where'}`, async () => {
        const world = createWorld();
        const ticket = await world.place('errored');
        await world.db.knex('tickets').where({ id: ticket.id }).update({ status_before_pause: from });
        expect(await world.tickets.retry(ticket.id, PERSON)).toMatchObject({
          status: to,
          attempt: 1,
          pausedFrom: null,
        });
      });
    }
  });

  describe('editing', () => {
    it('writes exactly the fields given and notes which', async () => {
      const world = createWorld();
      const ticket = await world.create({ target: { application: 'web' } });
      const edited = await world.tickets.edit(
        ticket.id,
        { priority: 'critical', target: { application: 'api' } },
        PERSON,
      );
      expect(edited).toEqual({ ...ticket, priority: 'critical', target: { application: 'api' }, application: 'api' });
      expect(await world.tickets.get(ticket.id)).toEqual(edited);
      expect((await world.events(ticket.id)).at(-1)).toMatchObject({
        type: 'note',
        data: { text: 'edited: priority, target' },
      });
    });

    it('changes the instance of what has not begun, and of nothing that goes on where it stopped', async () => {
      const world = createWorld();
      const east = { target: { instance: 'east' } };
      const draft = await world.create();
      expect(draft.instance).toBe('default');
      expect(await world.tickets.edit(draft.id, east, PERSON)).toMatchObject({ instance: 'east', ...east });
      const kept = await world.tickets.edit(draft.id, { target: { application: 'web' } }, PERSON);
      expect([kept.instance, (await world.tickets.get(draft.id)).instance]).toEqual(['east', 'east']);
      const failed = await world.place('failed');
      expect((await world.tickets.edit(failed.id, east, PERSON)).instance).toBe('east');
      const errored = await world.place('errored');
      expect(await caught(world.tickets.edit(errored.id, east, PERSON))).toMatchObject({ code: 'conflict' });
      expect((await world.tickets.get(errored.id)).instance).toBe('default');
    });

    it('moves the ticket in the queue with its priority', async () => {
      const world = createWorld();
      const ticket = await world.create({ priority: 'low' });
      const rank = async () => await world.db.knex('tickets').where({ id: ticket.id }).first('priority_rank');
      expect(await rank()).toEqual({ priority_rank: 0 });
      await world.tickets.edit(ticket.id, { priority: 'critical' }, PERSON);
      expect(await rank()).toEqual({ priority_rank: 3 });
    });
  });

  it('writes no secret into the reason it keeps, the event or the audit', async () => {
    const world = createWorld();
    const ticket = await world.place('planning');
    const cancelled = await world.tickets.cancel(ticket.id, `the password is ${SECRET}`, PERSON);
    const stored: unknown[] = [cancelled, await world.tickets.get(ticket.id), await world.events(ticket.id)];
    stored.push(await listAudit(world.db.knex, { ticketId: ticket.id, limit: 10 }));
    expect(JSON.stringify(stored)).not.toContain(SECRET);
    expect(cancelled.reason).toContain('[redacted]');
  });
});
