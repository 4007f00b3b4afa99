import type { Knex } from 'knex';
import { forClaim } from '../database/dialect.ts';
import { inTransaction } from '../database/transaction.ts';
import type { Database } from '../database/open.ts';
import { isRunnable, TICKET_STATUSES } from '../ticket/status.ts';

// One lease per ticket. The token grows with every claim, and every write of a runner names its token, so a runner that
// was thought dead and comes back cannot write over the one that took the ticket from it.

export interface Lease {
  ticketId: string;
  token: number;
  /** How often the ticket was claimed since it last moved, this claim included. */
  claims: number;
}

interface Candidate {
  id: string;
  lease_token: number | string;
  claims: number;
}

const RUNNABLE = TICKET_STATUSES.filter(isRunnable);

/**
 * Claims up to `limit` tickets that have work to do and no live lease, most urgent first, then oldest first.
 * Two runners never claim the same ticket.
 */
export async function claimTickets(
  db: Database,
  claim: { owner: string; now: string; until: string; limit: number },
): Promise<Lease[]> {
  return await inTransaction(db, async (trx) => {
    const rows = await selectCandidates(trx, claim);
    const leases: Lease[] = [];
    for (const row of rows) {
      const token = Number(row.lease_token) + 1;
      await trx('tickets')
        .where({ id: row.id })
        .update({
          lease_owner: claim.owner,
          lease_token: token,
          lease_until: claim.until,
          wake_at: null,
          claims: trx.raw('claims + 1'),
        });
      leases.push({ ticketId: row.id, token, claims: Number(row.claims) + 1 });
    }
    return leases;
  });
}

async function selectCandidates(trx: Knex.Transaction, claim: { now: string; limit: number }): Promise<Candidate[]> {
  const query = trx('tickets')
    .select('id', 'lease_token', 'claims')
    .whereIn('status', RUNNABLE)
    .where((free) => void free.whereNull('lease_until').orWhere('lease_until', '<=', claim.now))
    .where((due) => void due.whereNull('wake_at').orWhere('wake_at', '<=', claim.now))
    .orderBy([
      { column: 'priority_rank', order: 'desc' },
      { column: 'created_at', order: 'asc' },
      { column: 'id', order: 'asc' },
    ])
    .limit(claim.limit);
  return await forClaim(trx, query);
}

/** Frees the tickets of owners that are gone for certain, so that nobody waits for their leases to run out. */
export async function releaseOwners(db: Database, isGone: (owner: string) => boolean): Promise<void> {
  const rows: { lease_owner: string }[] = await db.knex('tickets').distinct('lease_owner').whereNotNull('lease_owner');
  const gone = rows.map((row) => row.lease_owner).filter(isGone);
  if (gone.length > 0)
    await db.knex('tickets').whereIn('lease_owner', gone).update({ lease_owner: null, lease_until: null });
}

/** Keeps the lease; false when it is no longer ours. */
export async function renewLease(knex: Knex, lease: Lease, until: string): Promise<boolean> {
  const changed = await knex('tickets')
    .where({ id: lease.ticketId, lease_token: lease.token })
    .update({ lease_until: until });
  return changed > 0;
}

/**
 * Gives the ticket back, to be looked at again at `wakeAt` at the earliest. `uncounted` takes the claim back too: work
 * that was stopped on purpose is no sign that the ticket cannot be worked on. Does nothing when the lease is not ours.
 */
export async function releaseLease(
  knex: Knex,
  lease: Lease,
  { wakeAt, uncounted }: { wakeAt: string | null; uncounted: boolean },
): Promise<void> {
  const claims = uncounted ? { claims: knex.raw('case when claims > 0 then claims - 1 else 0 end') } : {};
  await knex('tickets')
    .where({ id: lease.ticketId, lease_token: lease.token })
    .update({ lease_owner: null, lease_until: null, wake_at: wakeAt, ...claims });
}

/** Notes that the ticket moves: earlier claims were not in vain. */
export async function markProgress(knex: Knex, lease: Lease): Promise<void> {
  await knex('tickets').where({ id: lease.ticketId, lease_token: lease.token }).update({ claims: 0 });
}

/** True while the lease is ours and has not run out, and the ticket has not been paused or ended meanwhile. */
export async function mayAct(knex: Knex, lease: Lease, now: string): Promise<boolean> {
  const row: unknown = await knex('tickets')
    .select('id')
    .where({ id: lease.ticketId, lease_token: lease.token })
    .where('lease_until', '>', now)
    .whereIn('status', RUNNABLE)
    .first();
  return row !== undefined;
}
