import type { Knex } from 'knex';
import { forClaim, fromJson, toJson, toText } from '../database/dialect.ts';
import type { Database } from '../database/open.ts';
import { inTransaction } from '../database/transaction.ts';
import type { ObjectRef } from '../manifest/object.ts';

export const SOAK_STATES = ['watching', 'quiet', 'regressed', 'superseded', 'lost', 'unseen'] as const;
export type SoakState = (typeof SOAK_STATES)[number];

/** What of the commit is watched on, as the plan said it. */
export interface SoakSubject {
  changed: ObjectRef[];
  services: string[];
  /** The deploys that are corrected when it goes bad. */
  deployIds: string[];
  /** Of the whole change, oldest first: what a follow-up takes back. */
  commits: string[];
}

interface SoakKey {
  ticketId: string;
  application: string;
  commit: string;
}

/** An Application that is watched on after a commit was found live there. */
export interface Soak extends SoakKey {
  state: SoakState;
  startedAt: string;
  until: string;
  endedAt: string | null;
  subject: SoakSubject;
  /** How it ended; null while it is watched. */
  sentence: string | null;
  /** The ticket that takes the change back. */
  followUp: string | null;
}

/** A soak that is ours to watch until its lease ends. The token grows with every claim. */
export interface LeasedSoak extends Soak {
  token: number;
}

interface SoakRow {
  ticket_id: string;
  application: string;
  commit_sha: string;
  state: string;
  started_at: string;
  until_at: string;
  ended_at: string | null;
  subject_json: string;
  sentence: string | null;
  follow_up: string | null;
  lease_token: number | string;
}

const where = (key: SoakKey) => ({
  ticket_id: key.ticketId,
  application: key.application,
  commit_sha: key.commit,
});

function toSoak(row: SoakRow): Soak {
  return {
    ticketId: row.ticket_id,
    application: row.application,
    commit: row.commit_sha,
    // Written below and nowhere else, as is the subject.
    state: row.state as SoakState,
    startedAt: row.started_at,
    until: row.until_at,
    endedAt: row.ended_at,
    subject: fromJson(row.subject_json) as SoakSubject,
    sentence: row.sentence,
    followUp: row.follow_up,
  };
}

/** Begins to watch on; false where it was begun before, as before a crash. */
export async function beginSoak(
  trx: Knex,
  soak: SoakKey & Pick<Soak, 'startedAt' | 'until' | 'subject'>,
): Promise<boolean> {
  if ((await trx('soaks').where(where(soak)).first()) !== undefined) return false;
  await trx('soaks')
    .insert({
      ...where(soak),
      state: 'watching',
      started_at: soak.startedAt,
      until_at: soak.until,
      subject_json: toJson(soak.subject),
    })
    .onConflict(['ticket_id', 'commit_sha', 'application'])
    .ignore();
  return true;
}

/** The soaks of a ticket, oldest first. */
export async function listSoaks(knex: Knex, ticketId: string): Promise<Soak[]> {
  const rows = await knex<SoakRow>('soaks').where({ ticket_id: ticketId }).orderBy(['started_at', 'application']);
  return rows.map(toSoak);
}

/** Claims soaks that nobody watches, those that end first before others. Two processes never claim the same one. */
export async function claimSoaks(
  db: Database,
  claim: { owner: string; now: string; until: string; limit: number },
): Promise<LeasedSoak[]> {
  return await inTransaction(db, async (trx) => {
    const due = trx<SoakRow>('soaks')
      .where({ state: 'watching' })
      .where((free) => void free.whereNull('lease_until').orWhere('lease_until', '<=', claim.now))
      .orderBy(['until_at', 'ticket_id', 'application'])
      .limit(claim.limit);
    const rows: SoakRow[] = await forClaim(trx, due);
    const leased: LeasedSoak[] = [];
    for (const row of rows) {
      const soak = toSoak(row);
      const token = Number(row.lease_token) + 1;
      await trx('soaks')
        .where(where(soak))
        .update({ lease_owner: claim.owner, lease_token: token, lease_until: claim.until });
      leased.push({ ...soak, token });
    }
    return leased;
  });
}

/** Keeps all leases of an owner that have not run out, in one statement. */
export async function renewSoaks(knex: Knex, lease: { owner: string; now: string; until: string }): Promise<void> {
  await knex('soaks')
    .where({ lease_owner: lease.owner, state: 'watching' })
    .where('lease_until', '>', lease.now)
    .update({ lease_until: lease.until });
}

/** Gives a soak back, to be claimed at `at` at the earliest. Does nothing when it is no longer ours. */
export async function releaseSoak(knex: Knex, soak: LeasedSoak, at: string): Promise<void> {
  await knex('soaks')
    .where({ ...where(soak), lease_token: soak.token, state: 'watching' })
    .update({ lease_owner: null, lease_until: at });
}

/** Frees the soaks of owners that are gone for certain, so that nobody waits for their leases to run out. */
export async function releaseSoakOwners(knex: Knex, isGone: (owner: string) => boolean): Promise<void> {
  const rows: { lease_owner: string }[] = await knex('soaks')
    .distinct('lease_owner')
    .where({ state: 'watching' })
    .whereNotNull('lease_owner');
  const gone = rows.map((row) => row.lease_owner).filter(isGone);
  if (gone.length > 0)
    await knex('soaks').whereIn('lease_owner', gone).update({ lease_owner: null, lease_until: null });
}

/** Ends a soak; false, and nothing is written, where another process has taken it over or it has ended. */
export async function endSoak(
  trx: Knex,
  soak: LeasedSoak,
  end: { state: Exclude<SoakState, 'watching'>; at: string; sentence: string; followUp?: string },
): Promise<boolean> {
  const changed = await trx('soaks')
    .where({ ...where(soak), lease_token: soak.token, state: 'watching' })
    .update({
      state: end.state,
      ended_at: end.at,
      sentence: toText(end.sentence),
      follow_up: end.followUp ?? null,
      lease_owner: null,
      lease_until: null,
    });
  return changed > 0;
}
