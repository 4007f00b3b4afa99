import type { Knex } from 'knex';
import { forClaim, forUpdate, toBoolean, toText } from '../database/dialect.ts';
import type { Database } from '../database/open.ts';
import { inTransaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import type { CommitSha } from '../lib/ids.ts';

/** A pull request of ours and where it stands, as last seen. The row is what waits: no runner does. */
export interface TrackedPull {
  id: string;
  ticketId: string;
  attempt: number;
  /** Which of the ticket's changes it is; with the ticket its identity. */
  slot: string;
  purpose: 'change' | 'revert';
  /** Value of the `Tiphys-Change` trailer on its commits. */
  changeKey: string;
  branch: string;
  baseBranch: string;
  number: number;
  url: string;
  /** What we put on the branch, and the commit it was made from. */
  head: CommitSha;
  base: CommitSha;
  /** Where the base was when the pull request was last seen open. */
  baseSeen: CommitSha;
  state: 'open' | 'conflict' | 'merged' | 'closed';
  mergeCommit: string | null;
  endedBy: string | null;
  endedAt: string | null;
  /** The first head that was not ours. */
  editedSha: string | null;
  isWatched: boolean;
  /** The host called it unmergeable when it was last looked at. */
  isConflicting: boolean;
  createdAt: string;
  changedAt: string;
  lookedAt: string | null;
  snapshotAt: string | null;
  failures: number;
  lastError: string | null;
}

interface PullRow {
  id: string;
  ticket_id: string;
  attempt: number;
  slot: string;
  purpose: string;
  change_key: string;
  branch: string;
  base_branch: string;
  number: number;
  url: string;
  head_sha: string;
  base_sha: string;
  base_seen: string;
  state: string;
  merge_commit: string | null;
  ended_by: string | null;
  ended_at: string | null;
  edited_sha: string | null;
  is_watched: unknown;
  is_conflicting: unknown;
  created_at: string;
  changed_at: string;
  looked_at: string | null;
  snapshot_at: string | null;
  wakes: number;
  failures: number;
  last_error: string | null;
}

function toPull(row: PullRow): TrackedPull {
  return {
    id: row.id,
    ticketId: row.ticket_id,
    attempt: Number(row.attempt),
    slot: row.slot,
    purpose: row.purpose as TrackedPull['purpose'],
    changeKey: row.change_key,
    branch: row.branch,
    baseBranch: row.base_branch,
    number: Number(row.number),
    url: row.url,
    head: row.head_sha as CommitSha,
    base: row.base_sha as CommitSha,
    baseSeen: row.base_seen as CommitSha,
    state: row.state as TrackedPull['state'],
    mergeCommit: row.merge_commit,
    endedBy: row.ended_by,
    endedAt: row.ended_at,
    editedSha: row.edited_sha,
    isWatched: toBoolean(row.is_watched),
    isConflicting: toBoolean(row.is_conflicting),
    createdAt: row.created_at,
    changedAt: row.changed_at,
    lookedAt: row.looked_at,
    snapshotAt: row.snapshot_at,
    failures: Number(row.failures),
    lastError: row.last_error,
  };
}

/** Begins, or begins again, to wait for a pull request: ticket and slot say which. It is looked at next at `nextLookAt`. */
export async function savePull(
  knex: Knex,
  pull: Pick<
    TrackedPull,
    | 'id'
    | 'ticketId'
    | 'attempt'
    | 'slot'
    | 'purpose'
    | 'changeKey'
    | 'branch'
    | 'baseBranch'
    | 'number'
    | 'url'
    | 'head'
    | 'base'
  > & { at: string; nextLookAt: string },
): Promise<TrackedPull> {
  const now = {
    change_key: pull.changeKey,
    number: pull.number,
    url: toText(pull.url),
    head_sha: pull.head,
    base_sha: pull.base,
    base_seen: pull.base,
    state: 'open',
    merge_commit: null,
    ended_by: null,
    ended_at: null,
    is_watched: true,
    is_conflicting: false,
    changed_at: pull.at,
    next_look_at: pull.nextLookAt,
    failures: 0,
  };
  const { id, attempt, purpose, branch } = pull;
  const key = { ticket_id: pull.ticketId, slot: pull.slot };
  await knex('pull_requests')
    .insert({ id, ...key, attempt, purpose, branch, base_branch: pull.baseBranch, created_at: pull.at, ...now })
    .onConflict(['ticket_id', 'slot'])
    .merge(now);
  const row = await knex<PullRow>('pull_requests').where(key).first();
  return toPull(row as PullRow);
}

export async function findPull(knex: Knex, id: string): Promise<TrackedPull | undefined> {
  const row = await knex<PullRow>('pull_requests').where({ id }).first();
  return row === undefined ? undefined : toPull(row);
}

export async function findPullAt(knex: Knex, ticketId: string, slot: string): Promise<TrackedPull | undefined> {
  const row = await knex<PullRow>('pull_requests').where({ ticket_id: ticketId, slot }).first();
  return row === undefined ? undefined : toPull(row);
}

/** Like `findPull`, for change: the row is locked until the transaction ends. */
export async function lockPull(trx: Knex.Transaction, id: string): Promise<TrackedPull | undefined> {
  const row = await forUpdate(trx, trx<PullRow>('pull_requests').where({ id })).first();
  return row === undefined ? undefined : toPull(row as PullRow);
}

export interface ClaimedPull {
  pull: TrackedPull;
  /** How often a look had been asked for by then. */
  wakes: number;
}

/** Takes up to `limit` pull requests that are due for a look, the longest due first; each is left to the caller for `leaseMs`. */
export async function claimPulls(
  db: Database,
  { nowMs, limit, leaseMs }: { nowMs: number; limit: number; leaseMs: number },
): Promise<ClaimedPull[]> {
  const due = (knex: Knex) =>
    knex<PullRow>('pull_requests').where({ is_watched: true }).where('next_look_at', '<=', toIsoTime(nowMs));
  // Looked up first without a transaction: on SQLite every transaction takes the one write lock.
  if ((await due(db.knex).select('id').first()) === undefined) return [];
  return await inTransaction(db, async (trx) => {
    const rows: PullRow[] = await forClaim(trx, due(trx).orderBy('next_look_at').limit(limit).select());
    const ids = rows.map(({ id }) => id);
    await trx('pull_requests')
      .whereIn('id', ids)
      .update({ next_look_at: toIsoTime(nowMs + leaseMs) });
    return rows.map((row) => ({ pull: toPull(row), wakes: Number(row.wakes) }));
  });
}

type PullPatch = Partial<
  Pick<
    TrackedPull,
    | 'state'
    | 'mergeCommit'
    | 'endedBy'
    | 'endedAt'
    | 'editedSha'
    | 'baseSeen'
    | 'isWatched'
    | 'isConflicting'
    | 'changedAt'
    | 'lookedAt'
    | 'snapshotAt'
    | 'failures'
    | 'lastError'
  >
>;

export async function updatePull(knex: Knex, id: string, patch: PullPatch): Promise<void> {
  const columns: Record<string, unknown> = {};
  if (patch.state !== undefined) columns['state'] = patch.state;
  if (patch.mergeCommit !== undefined) columns['merge_commit'] = patch.mergeCommit;
  if (patch.endedBy !== undefined) columns['ended_by'] = patch.endedBy === null ? null : toText(patch.endedBy);
  if (patch.endedAt !== undefined) columns['ended_at'] = patch.endedAt;
  if (patch.editedSha !== undefined) columns['edited_sha'] = patch.editedSha;
  if (patch.baseSeen !== undefined) columns['base_seen'] = patch.baseSeen;
  if (patch.isWatched !== undefined) columns['is_watched'] = patch.isWatched;
  if (patch.isConflicting !== undefined) columns['is_conflicting'] = patch.isConflicting;
  if (patch.changedAt !== undefined) columns['changed_at'] = patch.changedAt;
  if (patch.lookedAt !== undefined) columns['looked_at'] = patch.lookedAt;
  if (patch.snapshotAt !== undefined) columns['snapshot_at'] = patch.snapshotAt;
  if (patch.failures !== undefined) columns['failures'] = patch.failures;
  if (patch.lastError !== undefined) columns['last_error'] = patch.lastError === null ? null : toText(patch.lastError);
  if (Object.keys(columns).length > 0) await knex('pull_requests').where({ id }).update(columns);
}

/** Sets the time of the next look, or the moment itself where one was asked for since the claim. */
export async function scheduleLook(knex: Knex, claimed: ClaimedPull, at: { next: string; now: string }): Promise<void> {
  await knex('pull_requests')
    .where({ id: claimed.pull.id })
    .update({ next_look_at: knex.raw('case when wakes = ? then ? else ? end', [claimed.wakes, at.next, at.now]) });
}

/** Asks for a look now; gives how many are looked at then. */
export async function wakePulls(
  knex: Knex,
  which: { number: number } | { ticketId: string } | { anyBranch: string },
  now: string,
): Promise<number> {
  const query = knex('pull_requests').where({ is_watched: true });
  if ('number' in which) void query.where({ number: which.number });
  else if ('ticketId' in which) void query.where({ ticket_id: which.ticketId });
  else
    void query.where((either) => void either.where('base_branch', which.anyBranch).orWhere('branch', which.anyBranch));
  return await query.update({ next_look_at: now, wakes: knex.raw('wakes + 1') });
}

/** Notes what was said; gives those that are new. */
export async function noteRemarks(
  trx: Knex.Transaction,
  pullId: string,
  remarks: readonly string[],
  at: string,
): Promise<Set<string>> {
  if (remarks.length === 0) return new Set();
  const key = { pull_request_id: pullId };
  const known: { remark: string }[] = await trx('pull_request_remarks').where(key).whereIn('remark', remarks).select();
  const fresh = new Set(remarks.filter((remark) => !known.some((one) => one.remark === remark)));
  const rows = [...fresh].map((remark) => ({ ...key, remark, seen_at: at }));
  if (rows.length > 0)
    await trx('pull_request_remarks').insert(rows).onConflict(['pull_request_id', 'remark']).ignore();
  return fresh;
}
