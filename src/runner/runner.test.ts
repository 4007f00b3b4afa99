import { afterEach, describe, expect, it, vi } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import type { RunContext } from '../agent/deps.ts';
import { checkWanted } from '../agent/run-context.ts';
import { inTransaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { silentLogger } from '../lib/logger.ts';
import { createTicketService, type TicketService } from '../ticket/service.ts';
import { moveTicket } from '../ticket/move.ts';
import type { TicketStatus } from '../ticket/status.ts';
import { createTicketWorld, HOUR_MS, PERSON, SECRET, type TicketWorld } from '../ticket/test-tickets.ts';
import { lockTicket, updateTicket } from '../ticket/ticket-store.ts';
import type { Hold } from '../ticket/ticket.ts';
import { claimTickets } from './lease-store.ts';
import { runTicket, toThreadId } from './run-ticket.ts';
import { createRunner, type Runner, type RunnerOptions } from './runner.ts';
import { createScriptedGraph, ending, PUSHED, type Scripts } from './test-graph.ts';

const PATIENCE = { timeout: 20_000, interval: 5 };
const eventually = async (check: () => unknown) => await vi.waitFor(check, PATIENCE);

/** A promise and the handle that fulfils it. */
function createGate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Work that goes on until it is told to stop, as watching does. */
async function untilUnwanted({ signal }: RunContext): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  checkWanted({ signal } as RunContext);
  throw new Error('it was not unwanted after all');
}

async function toPlanHold(world: TicketWorld, ticketId: string): Promise<Hold> {
  const { id: approvalId, changeHash, expiresAt } = await world.askApproval(ticketId);
  return { kind: 'plan_approval', approvalId, changeHash, expiresAt };
}

async function toRevertHold(world: TicketWorld, ticketId: string): Promise<Hold> {
  const { id: approvalId, changeHash, expiresAt } = await world.askApproval(ticketId, 'revert');
  return { kind: 'approval', approvalId, purpose: 'revert', changeHash, expiresAt, sentence: 'It crashes.' };
}

async function toPromotionHold(world: TicketWorld, ticketId: string): Promise<Hold> {
  const { id: approvalId, changeHash, expiresAt } = await world.askApproval(ticketId, 'promotion');
  return { kind: 'approval', approvalId, purpose: 'promotion', changeHash, expiresAt, sentence: 'It waits.' };
}

const WAITING = { kind: 'promotion', reason: '', application: 'argocd/web', sentence: 'It waits.' } as const;

const started: Runner[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map(async (runner) => await runner.stop()));
});

describeOnDatabases('the runner', (database) => {
  const createWorld = async (toScripts: (world: TicketWorld) => Scripts = () => ({})) => {
    const world = createTicketWorld(database().db);
    await world.db.knex('tickets').delete();
    const { graph, runs } = createScriptedGraph(world.db, toScripts(world));
    const { db, journal, clock, ids } = world;
    const deps = { db, journal, clock, graph, recursionLimit: 60 };
    const start = (options: Partial<RunnerOptions> = {}) => {
      const runner = createRunner({
        ...deps,
        logger: silentLogger,
        owner: 'test',
        isGone: () => false,
        concurrency: 4,
        leaseMs: 30_000,
        pollMs: 10,
        maxClaims: 3,
        ...options,
      });
      started.push(runner);
      const toInstance = (name = 'default') => name;
      const tickets: TicketService = createTicketService({
        ...{ db, journal, clock, ids, toInstance },
        changed: runner.changed,
      });
      runner.start();
      return { runner, tickets };
    };
    const open = async () => (await world.create({ start: true })).id;
    const reach = async (id: string, status: TicketStatus) =>
      await vi.waitFor(async () => {
        const ticket = await world.tickets.get(id);
        if (ticket.status !== status) throw new Error(`it is ${ticket.status}: ${ticket.reason}`);
        return ticket;
      }, PATIENCE);
    const row = async (id: string): Promise<Record<string, unknown>> =>
      await world.db.knex('tickets').where({ id }).first();
    const statuses = async (id: string) =>
      (await world.events(id)).flatMap((event) => (event.type === 'status' ? [event.data.to] : []));
    const errors = async (id: string) =>
      (await world.events(id)).flatMap((event) => (event.type === 'error' ? [event.data.code] : []));
    const released = async (id: string) =>
      await eventually(async () => expect(await row(id)).toMatchObject({ lease_owner: null, lease_until: null }));
    return { ...world, deps, runs, start, open, reach, row, statuses, errors, released };
  };

  describe('carries a ticket on', () => {
    it('to its approval, and after that to its end, in the statuses its nodes stand for', async () => {
      const world = await createWorld((inner) => ({
        validator: async (state) => ({ hold: await toPlanHold(inner, state.ticketId) }),
      }));
      const { tickets } = world.start();
      const id = await world.open();
      const waiting = await world.reach(id, 'pending_plan_approval');
      if (waiting.hold?.kind !== 'plan_approval') throw new Error('it waits for something else');
      await world.released(id);
      await tickets.approvePlan(id, waiting.hold.changeHash, PERSON);
      const done = await world.reach(id, 'resolved');
      expect(done.ending).toMatchObject({ code: 'live', sentence: 'It is live.' });
      expect(world.runs).toEqual(['planner', 'executor', 'validator', 'pusher', 'observer', 'resolver', 'recorder']);
      expect(await world.statuses(id)).toEqual([
        'draft',
        'planning',
        'pending_plan_approval',
        'executing',
        'observing',
        'resolved',
      ]);
      await world.released(id);
    });

    it('without a stop where policy approves by itself', async () => {
      const world = await createWorld();
      world.start();
      const id = await world.open();
      await world.reach(id, 'resolved');
      expect(await world.statuses(id)).toEqual(['draft', 'planning', 'executing', 'observing', 'resolved']);
      const codes = (await world.events(id)).flatMap((event) => (event.type === 'status' ? [event.data.code] : []));
      expect(codes).toEqual(['created', 'started', 'after_validator', 'after_pusher', 'live']);
    });

    it('through a question, with the answer in hand', async () => {
      let answered: unknown;
      const world = await createWorld((inner) => ({
        planner: async (state) => {
          answered = state.decision;
          if (state.decision !== null) return {};
          const { id: questionId, question, options } = await inner.ask(state.ticketId);
          return { hold: { kind: 'question', questionId, question, options, returnTo: 'planning' } };
        },
      }));
      const { tickets } = world.start();
      const id = await world.open();
      expect((await world.reach(id, 'pending_input')).reason).toBe('Which image?');
      await tickets.answer(id, 'redis:7', PERSON);
      await world.reach(id, 'resolved');
      expect(answered).toMatchObject({ kind: 'answered', answer: 'redis:7' });
    });

    it('back to planning when the plan is sent back, with the reason', async () => {
      const feedback: string[][] = [];
      const world = await createWorld((inner) => ({
        planner: (state) => {
          feedback.push(state.feedback);
          return { feedback: [] };
        },
        validator: async (state) => ({ hold: await toPlanHold(inner, state.ticketId) }),
      }));
      const { tickets } = world.start();
      const id = await world.open();
      await world.reach(id, 'pending_plan_approval');
      await tickets.rejectPlan(id, { reason: 'use two replicas', revise: true }, PERSON);
      await eventually(() => expect(feedback).toHaveLength(2));
      await world.reach(id, 'pending_plan_approval');
      expect(feedback[1]?.join()).toContain('use two replicas');
    });

    it('where a decision was made while nobody ran', async () => {
      const world = await createWorld((inner) => ({
        validator: async (state) => ({ hold: await toPlanHold(inner, state.ticketId) }),
      }));
      const first = world.start();
      const id = await world.open();
      const waiting = await world.reach(id, 'pending_plan_approval');
      await first.runner.stop();
      if (waiting.hold?.kind !== 'plan_approval') throw new Error('it waits for something else');
      await world.tickets.approvePlan(id, waiting.hold.changeHash, PERSON);
      world.start();
      await world.reach(id, 'resolved');
      expect(world.runs.filter((node) => node === 'planner')).toHaveLength(1);
    });

    it('whose status fell two moves behind the graph in a crash', async () => {
      const world = await createWorld((inner) => ({
        resolver: async (state) =>
          state.decision === null ? { hold: await toRevertHold(inner, state.ticketId) } : ending('failed', 'left'),
      }));
      const first = world.start();
      const id = await world.open();
      await world.reach(id, 'pending_approval');
      await first.runner.stop();
      // As if none of the moves after the planner had been written.
      await updateTicket(world.db.knex, id, { status: 'planning', hold: null }, world.now());
      world.start();
      const caughtUp = await world.reach(id, 'pending_approval');
      expect(caughtUp.hold).toMatchObject({ purpose: 'revert' });
      expect(await world.errors(id)).toEqual([]);
      expect((await world.statuses(id)).slice(-2)).toEqual(['executing', 'pending_approval']);
    });
  });

  describe('faults', () => {
    it('that may pass are tried again after a growing wait', async () => {
      let fails = 2;
      const world = await createWorld(() => ({
        planner: () => {
          if (fails-- > 0) throw new AppError('git_unavailable', `no route for ${SECRET}`);
          return {};
        },
      }));
      const { runner } = world.start();
      const id = await world.open();
      for (const [round, waitMs] of [
        [1, 2_000],
        [2, 4_000],
      ] as const) {
        await eventually(async () => expect(await world.errors(id)).toHaveLength(round));
        await eventually(() => expect(runner.active()).toBe(0));
        expect(await world.row(id)).toMatchObject({
          status: 'planning',
          wake_at: toIsoTime(world.clock.now() + waitMs),
          claims: round === 1 ? 1 : 2,
        });
        await world.clock.advance(waitMs);
      }
      await world.reach(id, 'resolved');
      expect(world.runs.filter((node) => node === 'planner')).toHaveLength(3);
      expect(JSON.stringify(await world.events(id))).not.toContain(SECRET);
    });

    it('that do not pass end the ticket errored when the tries are used up, and a retry goes on there', async () => {
      let works = false;
      const world = await createWorld(() => ({
        pusher: () => {
          if (!works) throw new AppError('git_unavailable', 'no route');
          return { pushed: PUSHED };
        },
      }));
      const { runner, tickets } = world.start();
      const id = await world.open();
      for (let round = 1; round <= 3; round += 1) {
        await eventually(async () => expect(await world.errors(id)).toHaveLength(round));
        await eventually(() => expect(runner.active()).toBe(0));
        await world.clock.advance(60_000);
      }
      expect(await world.reach(id, 'errored')).toMatchObject({ pausedFrom: 'executing', reason: 'no route' });
      works = true;
      expect((await tickets.retry(id, PERSON)).status).toBe('executing');
      await world.reach(id, 'resolved');
      expect(world.runs.filter((node) => node === 'planner')).toHaveLength(1);
    });

    it('of our own making end it at once, told without secrets', async () => {
      const world = await createWorld(() => ({
        planner: () => {
          throw new TypeError(`cannot read x of ${SECRET}`);
        },
      }));
      world.start();
      const id = await world.open();
      const ticket = await world.reach(id, 'errored');
      expect(ticket.reason).toBe('cannot read x of [redacted]');
      expect(await world.errors(id)).toEqual(['internal']);
      expect(JSON.stringify(await world.row(id))).not.toContain(SECRET);
    });

    it('end a ticket whose agent goes in circles', async () => {
      const world = await createWorld(() => ({ validator: () => ({ feedback: ['again'] }) }));
      world.start({ recursionLimit: 12 });
      const id = await world.open();
      expect((await world.reach(id, 'errored')).reason).toContain('circles');
    });

    it('that take the process down set the ticket aside after a few claims', async () => {
      const world = await createWorld();
      const id = await world.open();
      await world.db.knex('tickets').where({ id }).update({ claims: 3 });
      const { tickets } = world.start();
      expect((await world.reach(id, 'errored')).reason).toContain('set aside');
      expect(world.runs).toEqual([]);
      await world.released(id);
      await tickets.retry(id, PERSON);
      await world.reach(id, 'resolved');
    });
  });

  describe('a person can', () => {
    it('pause work in the middle and let it go on there, as often as they like', async () => {
      let wanted = false;
      const world = await createWorld(() => ({
        observer: async (_state, context) => (wanted ? {} : await untilUnwanted(context)),
      }));
      const { runner, tickets } = world.start();
      const id = await world.open();
      for (let round = 1; round <= 6; round += 1) {
        await eventually(() => expect(world.runs.filter((node) => node === 'observer')).toHaveLength(round));
        await world.reach(id, 'observing');
        await tickets.pause(id, PERSON);
        await eventually(() => expect(runner.active()).toBe(0));
        expect(await world.tickets.get(id)).toMatchObject({ status: 'paused', pausedFrom: 'observing' });
        if (round === 6) wanted = true;
        await tickets.resume(id, PERSON);
      }
      await world.reach(id, 'resolved');
      expect(world.runs.filter((node) => node === 'pusher')).toHaveLength(1);
      expect(await world.errors(id)).toEqual([]);
    });

    it('cancel work in the middle, and nothing more is done', async () => {
      const world = await createWorld(() => ({ observer: async (_state, context) => await untilUnwanted(context) }));
      const { runner, tickets } = world.start();
      const id = await world.open();
      await world.reach(id, 'observing');
      await eventually(() => expect(world.runs).toContain('observer'));
      await tickets.cancel(id, 'wrong service', PERSON);
      await eventually(() => expect(runner.active()).toBe(0));
      expect(await world.tickets.get(id)).toMatchObject({ status: 'cancelled' });
      expect(world.runs).not.toContain('resolver');
    });

    it('stop, from another process, also the node that began before the runner knew', async () => {
      const stopped = createGate();
      const world = await createWorld((inner) => ({
        pusher: async (state) => {
          await inner.tickets.pause(state.ticketId, PERSON);
          return { pushed: PUSHED };
        },
        observer: async (_state, context) => await untilUnwanted(context).finally(stopped.open),
      }));
      const { runner } = world.start();
      const id = await world.open();
      await stopped.opened;
      await eventually(() => expect(runner.active()).toBe(0));
      expect(await world.tickets.get(id)).toMatchObject({ status: 'paused' });
      expect(await world.errors(id)).toEqual([]);
    });

    it('stop a push that another process is about to make', async () => {
      const reached = createGate();
      const go = createGate();
      const fences: string[] = [];
      const world = await createWorld(() => ({
        pusher: async (_state, context) => {
          reached.open();
          await go.opened;
          await context.fence().catch((error: AppError) => {
            fences.push(error.code);
            throw error;
          });
          return { pushed: PUSHED };
        },
      }));
      const { runner } = world.start();
      const id = await world.open();
      await reached.opened;
      // This service does not know the runner, as one in another process does not.
      await world.tickets.pause(id, PERSON);
      go.open();
      await eventually(() => expect(runner.active()).toBe(0));
      expect(fences).toEqual(['lease_lost']);
      expect((await world.tickets.get(id)).status).toBe('paused');
    });
  });

  describe('several at work', () => {
    it('take no more tickets at once than they may', async () => {
      const gate = createGate();
      const world = await createWorld(() => ({
        planner: async () => {
          await gate.opened;
          return {};
        },
      }));
      const { runner } = world.start({ concurrency: 2 });
      const ids = [await world.open(), await world.open(), await world.open()];
      await eventually(() => expect(runner.active()).toBe(2));
      runner.changed(await world.tickets.get(ids[2] ?? ''));
      await eventually(() => expect(world.runs).toEqual(['planner', 'planner']));
      // Time enough for a third to be taken, if it were.
      await new Promise((resolve) => setTimeout(resolve, 50));
      const runs = [...world.runs];
      gate.open();
      expect(runs).toEqual(['planner', 'planner']);
      for (const id of ids) await world.reach(id, 'resolved');
    });

    it('do every node of every ticket once between two runners', async () => {
      const world = await createWorld();
      world.start({ owner: 'one', concurrency: 2 });
      world.start({ owner: 'two', concurrency: 2 });
      const ids = await Promise.all(Array.from({ length: 6 }, async () => await world.open()));
      for (const id of ids) await world.reach(id, 'resolved');
      expect(world.runs).toHaveLength(6 * 7);
      expect(world.runs.filter((node) => node === 'pusher')).toHaveLength(6);
    });

    it('leave a ticket to the one who took it over', async () => {
      const world = await createWorld(() => ({
        pusher: async (_state, context) => {
          await context.fence();
          return { pushed: PUSHED };
        },
      }));
      const id = await world.open();
      const claim = async (owner: string) => {
        const until = toIsoTime(world.clock.now() + 1_000);
        const [lease] = await claimTickets(world.db, { owner, now: world.now(), until, limit: 1 });
        if (lease === undefined) throw new Error('there was nothing to claim');
        return lease;
      };
      const stale = await claim('asleep');
      await world.clock.advance(1_000);
      const fresh = await claim('awake');
      const signal = new AbortController().signal;
      const ticket = await world.tickets.get(id);
      await expect(runTicket(world.deps, ticket, stale, signal)).rejects.toMatchObject({ code: 'lease_lost' });
      expect((await world.tickets.get(id)).status).toBe('planning');
      await runTicket(world.deps, ticket, fresh, signal);
      expect((await world.tickets.get(id)).status).toBe('resolved');
    });

    it('take over at once what a process that is gone has left behind', async () => {
      const world = await createWorld();
      const ids = [await world.open(), await world.open()];
      for (const owner of ['dead', 'alive'])
        await claimTickets(world.db, {
          owner,
          now: world.now(),
          until: toIsoTime(world.clock.now() + 30_000),
          limit: 1,
        });
      world.start({ isGone: (owner) => owner === 'dead' });
      await world.reach(ids[0] ?? '', 'resolved');
      expect(await world.row(ids[1] ?? '')).toMatchObject({ status: 'planning', lease_owner: 'alive' });
    });

    it('cannot move a ticket under a lease that is not theirs', async () => {
      const world = await createWorld();
      const id = await world.open();
      const moving = inTransaction(world.db, async (trx) => {
        const ticket = await lockTicket(trx, id);
        const move = { to: 'executing' as const, code: 'x', reason: 'x' };
        return await moveTicket(trx, world.journal, ticket, move, { actor: 'agent', at: world.now(), leaseToken: 9 });
      });
      await expect(moving).rejects.toMatchObject({ code: 'lease_lost' });
      expect(await world.statuses(id)).toEqual(['draft', 'planning']);
    });
  });

  it('stops in the middle of work without losing it or counting against it, and can be stopped twice', async () => {
    let wanted = false;
    const world = await createWorld(() => ({
      observer: async (_state, context) => (wanted ? {} : await untilUnwanted(context)),
    }));
    const id = await world.open();
    for (let round = 1; round <= 5; round += 1) {
      const { runner } = world.start();
      await eventually(() => expect(world.runs.filter((node) => node === 'observer')).toHaveLength(round));
      await world.reach(id, 'observing');
      await Promise.all([runner.stop(), runner.stop()]);
      expect(runner.active()).toBe(0);
      expect(await world.row(id)).toMatchObject({ status: 'observing', lease_owner: null, wake_at: null, claims: 0 });
    }
    wanted = true;
    world.start();
    await world.reach(id, 'resolved');
    expect(world.runs.filter((node) => node === 'pusher')).toHaveLength(1);
  });

  it('waits for work that cannot be stopped', async () => {
    const began = createGate();
    const go = createGate();
    const world = await createWorld(() => ({
      pusher: async () => {
        began.open();
        await go.opened;
        return { pushed: PUSHED };
      },
    }));
    const { runner } = world.start();
    const id = await world.open();
    await began.opened;
    const stopping = runner.stop();
    go.open();
    await stopping;
    const { values } = await world.deps.graph.getState({
      configurable: { thread_id: toThreadId(await world.tickets.get(id)) },
    });
    expect(values).toMatchObject({ pushed: PUSHED });
    expect(await world.row(id)).toMatchObject({ lease_owner: null });
  });

  describe('approvals that nobody decides', () => {
    it('end a plan as cancelled and say that nothing was pushed', async () => {
      const world = await createWorld((inner) => ({
        validator: async (state) => ({ hold: await toPlanHold(inner, state.ticketId) }),
      }));
      world.start();
      const id = await world.open();
      await world.reach(id, 'pending_plan_approval');
      await world.clock.advance(HOUR_MS);
      expect(await world.reach(id, 'cancelled')).toMatchObject({
        hold: null,
        ending: { code: 'approval_expired', commits: [] },
      });
      const approvals = (await world.events(id)).filter((event) => event.type === 'approval');
      expect(approvals).toMatchObject([{ data: { state: 'expired', by: 'system' } }]);
    });

    it('end a revert as failed and name the commits that stay on the branch', async () => {
      const world = await createWorld((inner) => ({
        pusher: async (_state, context) => {
          await context.emit('pusher', [
            {
              type: 'push',
              data: { branch: 'm', base: 'b', head: 'h', commits: ['c1'], outcome: 'pushed', purpose: 'change' },
            },
          ]);
          return { pushed: PUSHED };
        },
        resolver: async (state) => ({ hold: await toRevertHold(inner, state.ticketId) }),
      }));
      world.start();
      const id = await world.open();
      await world.reach(id, 'pending_approval');
      await world.clock.advance(HOUR_MS);
      expect(await world.reach(id, 'failed')).toMatchObject({
        ending: { code: 'approval_expired', commits: ['c1'], reverted: false },
      });
    });

    it('have a rollout that nobody promoted taken back, rather than left half way', async () => {
      const world = await createWorld((inner) => ({
        pusher: () => ({ pushed: PUSHED }),
        observer: () => ({ observed: WAITING }),
        resolver: async ({ ticketId, decision }) =>
          decision?.kind === 'expired'
            ? ending('failed', 'reverted')
            : { hold: await toPromotionHold(inner, ticketId) },
      }));
      world.start();
      const id = await world.open();
      await world.reach(id, 'pending_approval');
      await world.clock.advance(HOUR_MS);
      expect(await world.reach(id, 'failed')).toMatchObject({ ending: { code: 'reverted' } });
      expect((await world.events(id)).flatMap((event) => (event.type === 'status' ? [event.data.code] : []))).toContain(
        'approval_expired',
      );
    });

    it('wait while the ticket is paused', async () => {
      const world = await createWorld((inner) => ({
        validator: async (state) => ({ hold: await toPlanHold(inner, state.ticketId) }),
      }));
      const { tickets } = world.start();
      const paused = await world.open();
      await world.reach(paused, 'pending_plan_approval');
      await tickets.pause(paused, PERSON);
      const witness = await world.open();
      await world.reach(witness, 'pending_plan_approval');
      await world.clock.advance(HOUR_MS);
      await world.reach(witness, 'cancelled');
      expect((await world.tickets.get(paused)).status).toBe('paused');
      await tickets.resume(paused, PERSON);
      await world.clock.advance(5_000);
      await world.reach(paused, 'cancelled');
    });
  });
});
