import type { Knex } from 'knex';
import { fromJson, toJson } from '../database/dialect.ts';

/** One Application being watched for one commit. With the commit and the time, the snapshot is all a restart needs. */
export interface Observation {
  ticketId: string;
  application: string;
  commit: string;
  /** The Application as it was before the push, as the watcher took it. */
  snapshot: unknown;
  pushedAt: string | null;
  /** What was concluded; null while it is being watched. */
  outcome: unknown;
}

interface ObservationRow {
  ticket_id: string;
  application: string;
  commit_sha: string;
  snapshot_json: string;
  pushed_at: string | null;
  outcome_json: string | null;
}

const where = (key: Pick<Observation, 'ticketId' | 'application' | 'commit'>) => ({
  ticket_id: key.ticketId,
  application: key.application,
  commit_sha: key.commit,
});

/** Keeps the first snapshot: one taken again after the push would hide what the push did. */
export async function saveSnapshot(knex: Knex, observation: Omit<Observation, 'outcome'>): Promise<void> {
  await knex('observations')
    .insert({
      ...where(observation),
      snapshot_json: toJson(observation.snapshot),
      pushed_at: observation.pushedAt,
    })
    .onConflict(['ticket_id', 'commit_sha', 'application'])
    .ignore();
}

/** Takes the place of an older snapshot. Only while what is to be watched cannot have happened yet. */
export async function replaceSnapshot(knex: Knex, observation: Omit<Observation, 'outcome'>): Promise<void> {
  const snapshot = { snapshot_json: toJson(observation.snapshot), pushed_at: observation.pushedAt };
  await knex('observations')
    .insert({ ...where(observation), ...snapshot })
    .onConflict(['ticket_id', 'commit_sha', 'application'])
    .merge(snapshot);
}

/** Gives a commit the snapshots of another: a change was watched for under one and has landed as the other. */
export async function copySnapshots(
  knex: Knex,
  copy: { ticketId: string; from: string; to: string; pushedAt: string },
): Promise<void> {
  for (const { application, snapshot } of await listObservations(knex, copy.ticketId, copy.from))
    await saveSnapshot(knex, {
      ticketId: copy.ticketId,
      application,
      commit: copy.to,
      snapshot,
      pushedAt: copy.pushedAt,
    });
}

export async function saveObservationOutcome(
  knex: Knex,
  key: Pick<Observation, 'ticketId' | 'application' | 'commit'>,
  outcome: unknown,
): Promise<void> {
  await knex('observations')
    .where(where(key))
    .update({ outcome_json: toJson(outcome) });
}

export async function listObservations(knex: Knex, ticketId: string, commit: string): Promise<Observation[]> {
  const rows = await knex<ObservationRow>('observations')
    .where({ ticket_id: ticketId, commit_sha: commit })
    .orderBy('application');
  return rows.map((row) => ({
    ticketId: row.ticket_id,
    application: row.application,
    commit: row.commit_sha,
    snapshot: fromJson(row.snapshot_json),
    pushedAt: row.pushed_at,
    outcome: fromJson(row.outcome_json),
  }));
}
