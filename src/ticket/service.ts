import type { Database } from '../database/open.ts';
import { inTransaction, type Transaction } from '../database/transaction.ts';
import { toIsoTime, type Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { IdSource } from '../lib/ids.ts';
import { decideApproval, findApproval, type Approval } from './approval-store.ts';
import { decide, toHoldApprovalId, toIllegalAction, toSentence } from './decide.ts';
import { findPushedCommits, type Journal } from './event-store.ts';
import { moveTicket, type Move } from './move.ts';
import { answerQuestion } from './question-store.ts';
import { isLegalAction, isResumable, isRunnable, type TicketAction, type TicketStatus } from './status.ts';
import { openTicket, type NewTicket } from './open-ticket.ts';
import { findTicket, lockTicket, updateTicket } from './ticket-store.ts';
import type { Priority, Target, Ticket } from './ticket.ts';

/** Everything a person can do to a ticket. Each call is one transaction; an action that is not legal now changes nothing. */
export interface TicketService {
  /** `also` runs in the same transaction: what it writes is there exactly when the ticket is. */
  create(input: NewTicket, actor: string, also?: (trx: Transaction, ticket: Ticket) => Promise<void>): Promise<Ticket>;
  get(id: string): Promise<Ticket>;
  edit(
    id: string,
    patch: { title?: string; description?: string; priority?: Priority; target?: Target },
    actor: string,
  ): Promise<Ticket>;
  start(id: string, actor: string): Promise<Ticket>;
  /** Throws `stale_change` when `changeHash` is not the one that waits: what was read is not what would be done. */
  approvePlan(id: string, changeHash: string, actor: string): Promise<Ticket>;
  /** `revise` sends the reason back to the planner; otherwise the ticket ends cancelled. */
  rejectPlan(id: string, input: { reason: string; revise: boolean }, actor: string): Promise<Ticket>;
  grant(id: string, approvalId: string, actor: string): Promise<Ticket>;
  deny(id: string, approvalId: string, reason: string, actor: string): Promise<Ticket>;
  answer(id: string, answer: string, actor: string): Promise<Ticket>;
  pause(id: string, actor: string): Promise<Ticket>;
  resume(id: string, actor: string): Promise<Ticket>;
  cancel(id: string, reason: string, actor: string): Promise<Ticket>;
  retry(id: string, actor: string): Promise<Ticket>;
}

interface TicketServiceDeps {
  db: Database;
  journal: Journal;
  clock: Clock;
  ids: IdSource;
  /** The Argo CD instance a target means; throws `unknown_target` where none is called so. */
  toInstance: (name: string | undefined) => string;
  /** Told after every change: the runner looks for work, or stops work that is no longer wanted. */
  changed: (ticket: Ticket) => void;
}

type Step = (trx: Transaction, ticket: Ticket, at: string) => Promise<Ticket>;

export function createTicketService(deps: TicketServiceDeps): TicketService {
  const { journal } = deps;

  const act = async (id: string, action: TicketAction, step: Step): Promise<Ticket> => {
    const at = toIsoTime(deps.clock.now());
    const ticket = await inTransaction(deps.db, async (trx) => {
      const current = await lockTicket(trx, id);
      if (!isLegalAction(action, current.status)) throw toIllegalAction(action, current.status);
      return await step(trx, current, at);
    });
    journal.published();
    deps.changed(ticket);
    return ticket;
  };

  const move = async (id: string, action: TicketAction, actor: string, to: (ticket: Ticket) => Move): Promise<Ticket> =>
    await act(id, action, async (trx, ticket, at) => await moveTicket(trx, journal, ticket, to(ticket), { actor, at }));

  /** The status a decided hold leads to: `executing` writes to git, a promotion goes on watching. */
  const afterGrant = (approval: Approval): TicketStatus => (approval.kind === 'promotion' ? 'observing' : 'executing');

  const grantStep =
    (approvalId: (ticket: Ticket) => string, actor: string): Step =>
    async (trx, ticket, at) => {
      const approval = await decide(trx, ticket, approvalId(ticket), 'granted', { actor, at });
      return await moveTicket(
        trx,
        journal,
        ticket,
        {
          to: afterGrant(approval),
          code: 'approved',
          reason: `approved by ${actor}`,
          also: [toApprovalEvent(approval)],
        },
        { actor, at },
      );
    };

  const denyStep =
    (approvalId: (ticket: Ticket) => string, reason: string, actor: string, revise: boolean): Step =>
    async (trx, ticket, at) => {
      const approval = await decide(trx, ticket, approvalId(ticket), 'denied', { actor, at, reason });
      return await moveTicket(trx, journal, ticket, toDenialMove(approval, reason, actor, revise), { actor, at });
    };

  return {
    create: async (input, actor, also) => {
      const instance = deps.toInstance(input.target.instance);
      const at = toIsoTime(deps.clock.now());
      const ticket = await inTransaction(deps.db, async (trx) => {
        const created = await openTicket(trx, deps, { ...input, instance }, { actor, at });
        await also?.(trx, created);
        return created;
      });
      journal.published();
      deps.changed(ticket);
      return ticket;
    },
    get: async (id) => {
      const ticket = await findTicket(deps.db.knex, id);
      if (ticket === undefined) throw new AppError('not_found', `there is no ticket ${id}`);
      return ticket;
    },
    edit: async (id, patch, actor) =>
      await act(id, 'edit', async (trx, ticket, at) => {
        const change =
          patch.target === undefined ? patch : { ...patch, ...toRetargeted(ticket, patch.target, deps.toInstance) };
        await updateTicket(trx, id, change, at);
        await journal.append(trx, id, actor, [
          { type: 'note', data: { node: 'ticket', text: `edited: ${Object.keys(patch).join(', ') || 'nothing'}` } },
        ]);
        return { ...ticket, ...change, updatedAt: at };
      }),
    start: async (id, actor) =>
      await move(id, 'start', actor, () => ({ to: 'planning', code: 'started', reason: 'waiting for the planner' })),
    approvePlan: async (id, changeHash, actor) =>
      await act(id, 'approve_plan', async (trx, ticket, at) => {
        const hold = ticket.hold;
        if (hold?.kind !== 'plan_approval') throw new AppError('conflict', 'no plan waits for approval');
        if (hold.changeHash !== changeHash) {
          throw new AppError('stale_change', 'the plan that waits is not the one you approve', {
            hint: 'Read GET /plan again: its changeHash is what would be done.',
            details: { expected: hold.changeHash },
          });
        }
        return await grantStep(() => hold.approvalId, actor)(trx, ticket, at);
      }),
    rejectPlan: async (id, input, actor) =>
      await act(id, 'reject_plan', denyStep(toHoldApprovalId, input.reason, actor, input.revise)),
    grant: async (id, approvalId, actor) =>
      await act(
        id,
        'grant',
        grantStep(() => approvalId, actor),
      ),
    deny: async (id, approvalId, reason, actor) =>
      await act(
        id,
        'deny',
        denyStep(() => approvalId, reason, actor, false),
      ),
    answer: async (id, answer, actor) =>
      await act(id, 'answer', async (trx, ticket, at) => {
        const hold = ticket.hold;
        if (hold?.kind !== 'question') throw new AppError('conflict', 'no question waits for an answer');
        if (!(await answerQuestion(trx, hold.questionId, { answer, at, by: actor }))) {
          throw new AppError('conflict', 'this question is already answered');
        }
        const { questionId, question, options, returnTo } = hold;
        return await moveTicket(
          trx,
          journal,
          ticket,
          {
            to: returnTo,
            code: 'answered',
            reason: `answered by ${actor}`,
            also: [{ type: 'question', data: { questionId, question, options, answer, by: actor } }],
          },
          { actor, at },
        );
      }),
    pause: async (id, actor) =>
      await move(id, 'pause', actor, () => ({ to: 'paused', code: 'paused', reason: `paused by ${actor}` })),
    resume: async (id, actor) =>
      await move(id, 'resume', actor, (ticket) => ({
        to: ticket.pausedFrom !== null && isResumable(ticket.pausedFrom) ? ticket.pausedFrom : 'planning',
        code: 'resumed',
        reason: `resumed by ${actor}`,
        hold: ticket.hold,
      })),
    cancel: async (id, reason, actor) =>
      await act(id, 'cancel', async (trx, ticket, at) => {
        const pushed = await findPushedCommits(trx, id);
        const withdrawn = await withdrawApproval(trx, ticket, { actor, at });
        const sentence = toSentence('cancelled', actor, reason);
        return await moveTicket(
          trx,
          journal,
          ticket,
          {
            to: 'cancelled',
            code: 'cancelled',
            reason: sentence,
            // What was pushed stays on the branch: cancelling stops the work, it does not take anything back.
            ending: { code: 'cancelled', sentence, ...pushed, reverted: pushed.revertCommits.length > 0 },
            also: withdrawn,
          },
          { actor, at },
        );
      }),
    retry: async (id, actor) =>
      await move(id, 'retry', actor, (ticket) => {
        const retried = { code: 'retried', reason: `tried again by ${actor}` };
        // Where our own machinery broke, the work goes on where it stopped: what was pushed is not planned again.
        if (ticket.status === 'errored') return { ...retried, to: toWorkStatus(ticket.pausedFrom) };
        return { ...retried, to: 'planning', attempt: ticket.attempt + 1 };
      }),
  };
}

/** What follows from another target. */
function toRetargeted(
  ticket: Ticket,
  target: Target,
  toInstance: TicketServiceDeps['toInstance'],
): Pick<Ticket, 'application' | 'instance'> {
  // Before it is planned, the ticket is about what its target names.
  const application = target.application ?? (ticket.status === 'draft' ? null : ticket.application);
  const instance = target.instance === undefined ? ticket.instance : toInstance(target.instance);
  // An errored ticket goes on where it stopped, perhaps with a change that is out already: elsewhere nobody watches for it.
  if (ticket.status === 'errored' && instance !== ticket.instance)
    throw new AppError('conflict', `this ticket's work has begun on ${ticket.instance} and goes on there`, {
      hint: `Cancel it and open another one for ${instance}.`,
    });
  return { application, instance };
}

function toWorkStatus(status: TicketStatus | null): TicketStatus {
  return status !== null && isRunnable(status) ? status : 'planning';
}

/** Nobody shall be asked any more about a ticket that is cancelled. */
async function withdrawApproval(
  trx: Transaction,
  ticket: Ticket,
  by: { actor: string; at: string },
): Promise<NonNullable<Move['also']>> {
  if (ticket.hold === null || ticket.hold.kind === 'question' || ticket.hold.kind === 'merge') return [];
  const approval = await findApproval(trx, ticket.hold.approvalId);
  if (approval === undefined) return [];
  const { actor, at } = by;
  const decided = await decideApproval(trx, approval.id, { state: 'superseded', at, by: actor });
  if (!decided) return [];
  return [toApprovalEvent({ ...approval, state: 'superseded', decidedAt: at, decidedBy: actor })];
}

export function toApprovalEvent(approval: Approval): NonNullable<Move['also']>[number] {
  return {
    type: 'approval',
    data: {
      approvalId: approval.id,
      kind: approval.kind,
      state: approval.state,
      changeHash: approval.changeHash,
      ...(approval.decidedBy === null ? {} : { by: approval.decidedBy }),
      ...(approval.reason === null ? {} : { reason: approval.reason }),
    },
  };
}

function toDenialMove(approval: Approval, reason: string, actor: string, revise: boolean): Move {
  const also = [toApprovalEvent(approval)];
  if (revise) return { to: 'planning', code: 'revise', reason: `sent back by ${actor}: ${reason}`, also };
  switch (approval.kind) {
    // Denying a promotion or a revert is a decision about a change that is already out: the resolver carries it on.
    case 'promotion':
    case 'revert':
      return { to: 'observing', code: 'denied', reason: toSentence(`${approval.kind} denied`, actor, reason), also };
    case 'plan':
    case 'changed_difference':
      return {
        to: 'cancelled',
        code: 'denied',
        reason: toSentence('denied', actor, reason),
        ending: {
          code: 'denied',
          sentence: toSentence('Denied', actor, reason),
          commits: [],
          reverted: false,
          revertCommits: [],
        },
        also,
      };
  }
}
