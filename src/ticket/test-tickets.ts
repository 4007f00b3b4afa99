import { inTransaction } from '../database/transaction.ts';
import type { Database } from '../database/open.ts';
import { AppError } from '../lib/errors.ts';
import { createManualClock, toIsoTime } from '../lib/clock.ts';
import { createIdSource, sha256Hex, type ChangeHash } from '../lib/ids.ts';
import { createRedactor } from '../lib/redact.ts';
import { requestApproval, type Approval, type ApprovalKind } from './approval-store.ts';
import { createJournal, listEvents } from './event-store.ts';
import { askQuestion } from './question-store.ts';
import type { NewTicket } from './open-ticket.ts';
import { createTicketService } from './service.ts';
import type { TicketStatus } from './status.ts';
import { updateTicket } from './ticket-store.ts';
import type { Hold, Ticket } from './ticket.ts';

export const SECRET = 'hunter2-hunter2';
export const HOUR_MS = 3_600_000;
export const PERSON = 'person:ann';

/** The Argo CDs of the test world. */
const INSTANCES = ['default', 'east'];

const START_MS = Date.UTC(2026, 0, 1);

/** The ticket service and its stores over a database, with a clock that stands still. */
export function createTicketWorld(db: Database) {
  const clock = createManualClock(START_MS);
  const journal = createJournal({ clock, redactor: createRedactor([SECRET]) });
  const ids = createIdSource(() => clock.now());
  const changes: Ticket[] = [];
  const toInstance = (name = 'default') => {
    if (INSTANCES.includes(name)) return name;
    throw new AppError('unknown_target', `there is no Argo CD instance ${name}`);
  };
  const changed = (ticket: Ticket) => void changes.push(ticket);
  const tickets = createTicketService({ db, journal, clock, ids, toInstance, changed });
  const now = () => toIsoTime(clock.now());

  const create = async (input: Partial<NewTicket> = {}) =>
    await tickets.create(
      { title: 'Scale web', description: '', priority: 'medium', target: {}, start: false, ...input },
      PERSON,
    );

  const askApproval = async (
    ticketId: string,
    kind: ApprovalKind = 'plan',
    changeHash = sha256Hex(`${ticketId} ${kind}`),
  ): Promise<Approval> => {
    const request = {
      id: ids.approvalId(),
      ticketId,
      kind,
      changeHash: changeHash as ChangeHash,
      baseCommit: 'a'.repeat(40),
      policyVersion: 'p1',
      requestedAt: now(),
      expiresAt: toIsoTime(clock.now() + HOUR_MS),
    };
    return (await inTransaction(db, async (trx) => await requestApproval(trx, request))).approval;
  };

  const ask = async (ticketId: string, question = 'Which image?') => {
    const asked = { id: ids.next('request'), ticketId, attempt: 1, question, options: ['a', 'b'], field: 'image' };
    return (await inTransaction(db, async (trx) => await askQuestion(trx, { ...asked, askedAt: now() }))).question;
  };

  const toHold = async (
    ticketId: string,
    status: TicketStatus,
    purpose: 'revert' | 'promotion',
  ): Promise<Hold | null> => {
    if (status === 'pending_plan_approval') {
      const { id: approvalId, changeHash, expiresAt } = await askApproval(ticketId);
      return { kind: 'plan_approval', approvalId, changeHash, expiresAt };
    }
    if (status === 'pending_approval') {
      const { id: approvalId, changeHash, expiresAt } = await askApproval(ticketId, purpose);
      return { kind: 'approval', approvalId, purpose, changeHash, expiresAt, sentence: 'It crashes.' };
    }
    if (status !== 'pending_input') return null;
    const { id: questionId, question, options } = await ask(ticketId);
    return { kind: 'question', questionId, question, options, returnTo: 'planning' };
  };

  return {
    db,
    clock,
    journal,
    ids,
    tickets,
    changes,
    now,
    create,
    ask,
    askApproval,
    /** A ticket that stands in the given status, with what it would wait for there. */
    place: async (
      status: TicketStatus,
      input: Partial<NewTicket> = {},
      purpose: 'revert' | 'promotion' = 'revert',
    ): Promise<Ticket> => {
      const ticket = await create(input);
      const hold = await toHold(ticket.id, status, purpose);
      const pausedFrom = status === 'paused' || status === 'errored' ? 'planning' : null;
      await updateTicket(db.knex, ticket.id, { status, hold, pausedFrom }, ticket.updatedAt);
      return await tickets.get(ticket.id);
    },
    events: async (ticketId: string) => await listEvents(db.knex, { ticketId }, { afterId: 0, limit: 1_000 }),
  };
}

export type TicketWorld = ReturnType<typeof createTicketWorld>;
