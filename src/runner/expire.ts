import { inTransaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { decideApproval, listOverdueApprovals, type Approval } from '../ticket/approval-store.ts';
import { findPushedCommits } from '../ticket/event-store.ts';
import { moveTicket, type Move } from '../ticket/move.ts';
import { toApprovalEvent } from '../ticket/service.ts';
import { lockTicket } from '../ticket/ticket-store.ts';
import type { RunDeps } from './run-ticket.ts';

/** Ends the waiting of approvals whose time is over. A paused ticket keeps its time until it is resumed. */
export async function expireApprovals(deps: Pick<RunDeps, 'db' | 'journal' | 'clock'>): Promise<void> {
  const at = toIsoTime(deps.clock.now());
  const overdue = await listOverdueApprovals(deps.db.knex, at);
  for (const approval of overdue) {
    await inTransaction(deps.db, async (trx) => {
      const ticket = await lockTicket(trx, approval.ticketId);
      if (ticket.status !== 'pending_plan_approval' && ticket.status !== 'pending_approval') return;
      if (!(await decideApproval(trx, approval.id, { state: 'expired', at, by: 'system' }))) return;
      const expired: Approval = { ...approval, state: 'expired', decidedAt: at, decidedBy: 'system' };
      const move = toMove(expired, await findPushedCommits(trx, ticket.id));
      await moveTicket(trx, deps.journal, ticket, move, { actor: 'system', at });
    });
  }
  if (overdue.length > 0) deps.journal.published();
}

function toMove(approval: Approval, pushed: { commits: string[]; revertCommits: string[] }): Move {
  const also = [toApprovalEvent(approval)];
  if (approval.kind === 'plan' || approval.kind === 'changed_difference') {
    const sentence = 'Nobody decided in time; the approval has expired. Nothing was pushed.';
    const ending = { code: 'approval_expired', sentence, commits: [], reverted: false, revertCommits: [] };
    return { to: 'cancelled', code: 'approval_expired', reason: sentence, ending, also };
  }
  // A rollout that nobody promotes must not stand half way for ever: the resolver aborts it and takes the change back.
  if (approval.kind === 'promotion') {
    const reason = 'nobody decided about the promotion in time; the change is taken back';
    return { to: 'observing', code: 'approval_expired', reason, also };
  }
  const sentence = `Nobody decided about the ${approval.kind} in time. The change is still on the branch; a person has to look.`;
  const ending = { code: 'approval_expired', sentence, ...pushed, reverted: pushed.revertCommits.length > 0 };
  return { to: 'failed', code: 'approval_expired', reason: sentence, ending, also };
}
