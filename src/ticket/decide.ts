import type { Transaction } from '../database/transaction.ts';
import { AppError } from '../lib/errors.ts';
import { isApprovalId } from '../lib/ids.ts';
import { decideApproval, findApproval, type Approval } from './approval-store.ts';
import { legalActions, type TicketAction, type TicketStatus } from './status.ts';
import type { Ticket } from './ticket.ts';

/**
 * Writes down what a person decided about an approval of this ticket.
 * @throws AppError `not_found` for an approval of another ticket, `stale_change` where its time is over, `conflict`
 * where somebody was first.
 */
export async function decide(
  trx: Transaction,
  ticket: Ticket,
  approvalId: string,
  state: 'granted' | 'denied',
  by: { actor: string; at: string; reason?: string },
): Promise<Approval> {
  const approval = isApprovalId(approvalId) ? await findApproval(trx, approvalId) : undefined;
  if (approval === undefined || approval.ticketId !== ticket.id) {
    throw new AppError('not_found', `ticket ${ticket.id} has no approval ${approvalId}`);
  }
  if (approval.state === 'pending' && approval.expiresAt <= by.at) {
    throw new AppError('stale_change', 'this approval has expired', {
      hint: 'Read the plan again and retry the ticket.',
    });
  }
  const decided = await decideApproval(trx, approval.id, {
    state,
    at: by.at,
    by: by.actor,
    ...(by.reason === undefined ? {} : { reason: by.reason }),
  });
  if (!decided) {
    throw new AppError('conflict', `this approval is already ${approval.state}`, {
      details: { state: approval.state },
    });
  }
  return { ...approval, state, decidedAt: by.at, decidedBy: by.actor, reason: by.reason ?? null };
}

/** The approval the ticket waits for; throws `conflict` where it waits for none. */
export function toHoldApprovalId(ticket: Ticket): string {
  if (ticket.hold === null || ticket.hold.kind === 'question' || ticket.hold.kind === 'merge')
    throw new AppError('conflict', 'nothing waits for approval');
  return ticket.hold.approvalId;
}

/** `denied by ann: too early`, or without the reason where none was given. */
export function toSentence(what: string, actor: string, reason: string): string {
  return reason === '' ? `${what} by ${actor}` : `${what} by ${actor}: ${reason}`;
}

/** Says what is legal instead. */
export function toIllegalAction(action: TicketAction, status: TicketStatus): AppError {
  const legal = legalActions(status);
  return new AppError('illegal_transition', `cannot ${action.replace('_', ' ')} a ticket that is ${status}`, {
    hint: legal.length === 0 ? 'It has ended; open a new ticket.' : `Now legal: ${legal.join(', ')}.`,
    details: { status, action, legal },
  });
}
