import type { Transaction } from '../database/transaction.ts';
import type { IdSource } from '../lib/ids.ts';
import type { Journal } from './event-store.ts';
import { moveTicket } from './move.ts';
import { insertTicket } from './ticket-store.ts';
import type { Follows, Priority, Target, Ticket } from './ticket.ts';

export interface NewTicket {
  title: string;
  description: string;
  priority: Priority;
  target: Target;
  start: boolean;
  /** Set by the agent alone, on a ticket that takes another's change back. */
  follows?: Follows;
}

/** Writes a new ticket and its first events into the caller's transaction. */
export async function openTicket(
  trx: Transaction,
  { ids, journal }: { ids: IdSource; journal: Journal },
  input: NewTicket & { instance: string },
  by: { actor: string; at: string },
): Promise<Ticket> {
  const { actor, at } = by;
  const draft: Ticket = {
    id: ids.ticketId(),
    title: input.title,
    description: input.description,
    priority: input.priority,
    status: 'draft',
    pausedFrom: null,
    target: input.target,
    instance: input.instance,
    attempt: 1,
    hold: null,
    ending: null,
    reason: 'written down, not started',
    application: input.target.application ?? null,
    follows: input.follows ?? null,
    actor,
    createdAt: at,
    updatedAt: at,
    startedAt: null,
    endedAt: null,
  };
  await insertTicket(trx, draft);
  await journal.append(trx, draft.id, actor, [
    { type: 'status', data: { from: null, to: 'draft', code: 'created', reason: `opened by ${actor}` } },
  ]);
  if (!input.start) return draft;
  return await moveTicket(
    trx,
    journal,
    draft,
    { to: 'planning', code: 'started', reason: 'waiting for the planner' },
    by,
  );
}
