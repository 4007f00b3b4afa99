import type { Knex } from 'knex';
import { fromJson, toJson } from '../database/dialect.ts';
import type { PlanDraft, PlanIntent, PlanReview, StoredPlan } from './plan.ts';

interface PlanRow {
  ticket_id: string;
  attempt: number;
  revision: number;
  base_commit: string;
  plan_json: string;
  changes_json: string | null;
  review_json: string | null;
  created_at: string;
}

// The three JSON columns are written below and nowhere else, so they are read back as what was written.
function toStoredPlan(row: PlanRow): StoredPlan {
  return {
    ticketId: row.ticket_id,
    attempt: Number(row.attempt),
    revision: Number(row.revision),
    baseCommit: row.base_commit,
    intent: fromJson(row.plan_json) as PlanIntent,
    draft: fromJson(row.changes_json) as PlanDraft | null,
    review: fromJson(row.review_json) as PlanReview | null,
    createdAt: row.created_at,
  };
}

interface PlanKey {
  ticketId: string;
  attempt: number;
  revision: number;
}

const where = (key: PlanKey) => ({ ticket_id: key.ticketId, attempt: key.attempt, revision: key.revision });

/** Writes the plan as far as it has come. Writing it again, as after a crash, replaces it. */
export async function savePlan(knex: Knex, plan: StoredPlan): Promise<void> {
  const columns = {
    base_commit: plan.baseCommit,
    plan_json: toJson(plan.intent),
    changes_json: plan.draft === null ? null : toJson(plan.draft),
    review_json: plan.review === null ? null : toJson(plan.review),
    difference_hash: plan.draft?.differenceHash ?? null,
    change_hash: plan.review?.changeHash ?? null,
    created_at: plan.createdAt,
  };
  await knex('plans')
    .insert({ ...where(plan), ...columns })
    .onConflict(['ticket_id', 'attempt', 'revision'])
    .merge();
}

export async function findPlan(knex: Knex, key: PlanKey): Promise<StoredPlan | undefined> {
  const row = await knex<PlanRow>('plans').where(where(key)).first();
  return row === undefined ? undefined : toStoredPlan(row);
}

/** Of the newest attempt that has a plan: the newest that has come as far as its rendered difference, else the newest. */
export async function findLatestPlan(knex: Knex, ticketId: string): Promise<StoredPlan | undefined> {
  const newest = knex('plans').where({ ticket_id: ticketId }).max('attempt');
  const ofAttempt = () =>
    knex<PlanRow>('plans').where({ ticket_id: ticketId }).where('attempt', newest).orderBy('revision', 'desc');
  const row = (await ofAttempt().whereNotNull('changes_json').first()) ?? (await ofAttempt().first());
  return row === undefined ? undefined : toStoredPlan(row);
}

/** The number the next plan of the attempt gets. */
export async function nextRevision(knex: Knex, ticketId: string, attempt: number): Promise<number> {
  const row: { revision?: number | null } | undefined = await knex('plans')
    .where({ ticket_id: ticketId, attempt })
    .max({ revision: 'revision' })
    .first();
  return Number(row?.revision ?? 0) + 1;
}
