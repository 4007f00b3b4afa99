import type { Transaction } from '../database/transaction.ts';
import { AppError } from '../lib/errors.ts';
import type { TicketEventBody } from './event.ts';
import type { Journal } from './event-store.ts';
import { isEnded, isLegalMove, nextStatuses, type TicketStatus } from './status.ts';
import { updateTicket } from './ticket-store.ts';
import type { Ending, Hold, Ticket } from './ticket.ts';

/** A change of status and what goes with it. `code` is stable, `reason` is the sentence a person reads. */
export interface Move {
  to: TicketStatus;
  code: string;
  reason: string;
  hold?: Hold | null;
  ending?: Ending | null;
  application?: string | null;
  attempt?: number;
  /** Events that belong to the same moment. */
  also?: TicketEventBody[];
}

/**
 * The one place that writes a status: the table decides, row and event go together in the caller's transaction.
 * Throws `illegal_transition` naming the legal moves; `lease_lost` when `leaseToken` is given and no longer held.
 */
export async function moveTicket(
  trx: Transaction,
  journal: Journal,
  ticket: Ticket,
  move: Move,
  by: { actor: string; at: string; leaseToken?: number },
): Promise<Ticket> {
  if (!isLegalMove(ticket.status, move.to)) {
    throw new AppError('illegal_transition', `a ticket that is ${ticket.status} cannot become ${move.to}`, {
      hint: `From ${ticket.status} it can become: ${nextStatuses(ticket.status).join(', ') || 'nothing, it has ended'}.`,
      details: { status: ticket.status, legal: nextStatuses(ticket.status) },
    });
  }
  const reason = journal.redact(move.reason);
  const ending = move.ending === undefined ? (isEnded(move.to) ? ticket.ending : null) : move.ending;
  const next: Ticket = {
    ...ticket,
    status: move.to,
    pausedFrom: move.to === 'paused' || move.to === 'errored' ? ticket.status : null,
    hold: move.hold === undefined ? (move.to === 'paused' ? ticket.hold : null) : move.hold,
    ending: ending === null ? null : { ...ending, sentence: journal.redact(ending.sentence) },
    reason,
    application: move.application === undefined ? ticket.application : move.application,
    attempt: move.attempt ?? ticket.attempt,
    startedAt: ticket.startedAt ?? (move.to === 'planning' ? by.at : null),
    endedAt: isEnded(move.to) ? by.at : null,
    updatedAt: by.at,
  };
  const written = await updateTicket(
    trx,
    ticket.id,
    {
      status: next.status,
      pausedFrom: next.pausedFrom,
      hold: next.hold,
      ending: next.ending,
      reason: next.reason,
      application: next.application,
      attempt: next.attempt,
      startedAt: next.startedAt,
      endedAt: next.endedAt,
    },
    by.at,
    by.leaseToken,
  );
  if (!written) throw new AppError('lease_lost', `another runner works on ticket ${ticket.id}`);
  await journal.append(trx, ticket.id, by.actor, [
    ...(move.also ?? []),
    { type: 'status', data: { from: ticket.status, to: move.to, code: move.code, reason } },
  ]);
  return next;
}
