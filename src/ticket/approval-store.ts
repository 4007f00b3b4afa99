import type { Knex } from 'knex';
import { toText } from '../database/dialect.ts';
import type { ApprovalId, ChangeHash } from '../lib/ids.ts';

export type ApprovalKind = 'plan' | 'revert' | 'promotion' | 'changed_difference';
export type ApprovalState = 'pending' | 'granted' | 'denied' | 'expired' | 'superseded';

/** A decision asked of a person, bound to the hash of what they decide about. */
export interface Approval {
  id: ApprovalId;
  ticketId: string;
  kind: ApprovalKind;
  changeHash: string;
  baseCommit: string;
  policyVersion: string;
  state: ApprovalState;
  requestedAt: string;
  expiresAt: string;
  decidedAt: string | null;
  decidedBy: string | null;
  reason: string | null;
}

interface ApprovalRow {
  id: string;
  ticket_id: string;
  kind: string;
  change_hash: string;
  base_commit: string;
  policy_version: string;
  state: string;
  requested_at: string;
  expires_at: string;
  decided_at: string | null;
  decided_by: string | null;
  reason: string | null;
}

function toApproval(row: ApprovalRow): Approval {
  return {
    id: row.id as ApprovalId,
    ticketId: row.ticket_id,
    kind: row.kind as ApprovalKind,
    changeHash: row.change_hash,
    baseCommit: row.base_commit,
    policyVersion: row.policy_version,
    state: row.state as ApprovalState,
    requestedAt: row.requested_at,
    expiresAt: row.expires_at,
    decidedAt: row.decided_at,
    decidedBy: row.decided_by,
    reason: row.reason,
  };
}

export interface ApprovalRequest {
  id: ApprovalId;
  ticketId: string;
  kind: ApprovalKind;
  changeHash: ChangeHash;
  baseCommit: string;
  policyVersion: string;
  requestedAt: string;
  expiresAt: string;
}

/**
 * The pending approval of this kind and hash, made if there is none: asking twice, as after a crash, asks once.
 * Pending approvals of the ticket for anything else are superseded.
 */
export async function requestApproval(
  trx: Knex.Transaction,
  request: ApprovalRequest,
): Promise<{ approval: Approval; isNew: boolean; superseded: Approval[] }> {
  const pending = (
    await trx<ApprovalRow>('approvals').where({ ticket_id: request.ticketId, state: 'pending' }).select()
  ).map(toApproval);
  const same = pending.find((one) => one.kind === request.kind && one.changeHash === request.changeHash);
  const superseded = pending.filter((one) => one !== same);
  for (const one of superseded) {
    await trx('approvals')
      .where({ id: one.id, state: 'pending' })
      .update({ state: 'superseded', decided_at: request.requestedAt });
  }
  if (same !== undefined) return { approval: same, isNew: false, superseded };
  await trx('approvals').insert({
    id: request.id,
    ticket_id: request.ticketId,
    kind: request.kind,
    change_hash: request.changeHash,
    base_commit: request.baseCommit,
    policy_version: request.policyVersion,
    state: 'pending',
    requested_at: request.requestedAt,
    expires_at: request.expiresAt,
  });
  const approval: Approval = { ...request, state: 'pending', decidedAt: null, decidedBy: null, reason: null };
  return { approval, isNew: true, superseded };
}

export async function findApproval(knex: Knex, id: string): Promise<Approval | undefined> {
  const row = await knex<ApprovalRow>('approvals').where({ id }).first();
  return row === undefined ? undefined : toApproval(row);
}

export async function listApprovals(knex: Knex, ticketId: string): Promise<Approval[]> {
  const rows = await knex<ApprovalRow>('approvals')
    .where({ ticket_id: ticketId })
    .orderBy('requested_at', 'asc')
    .orderBy('id', 'asc');
  return rows.map(toApproval);
}

/** Compare and set: true for the one caller whose decision stands. */
export async function decideApproval(
  trx: Knex.Transaction,
  id: string,
  decision: { state: 'granted' | 'denied' | 'expired' | 'superseded'; at: string; by: string; reason?: string },
): Promise<boolean> {
  const changed = await trx('approvals')
    .where({ id, state: 'pending' })
    .update({
      state: decision.state,
      decided_at: decision.at,
      decided_by: decision.by,
      reason: decision.reason === undefined ? null : toText(decision.reason),
    });
  return changed > 0;
}

/**
 * Pending approvals whose time is over, longest over first, a page of them. Only those whose ticket waits for them now:
 * the others, such as those of paused tickets, would fill the page and hold up the rest.
 */
export async function listOverdueApprovals(knex: Knex, now: string): Promise<Approval[]> {
  const waiting = knex('tickets').select('id').whereIn('status', ['pending_plan_approval', 'pending_approval']);
  const rows = await knex<ApprovalRow>('approvals')
    .where({ state: 'pending' })
    .where('expires_at', '<=', now)
    .whereIn('ticket_id', waiting)
    .orderBy('expires_at', 'asc')
    .limit(100);
  return rows.map(toApproval);
}
