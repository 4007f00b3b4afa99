import type { Knex } from 'knex';
import { forClaim, fromJson, toJson, toText } from '../database/dialect.ts';
import type { Database } from '../database/open.ts';
import { inTransaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { toCdEvent, type CdEvent } from './cd-event.ts';
import { toScopeColumns } from './fact-rows.ts';
import type { DeployFact, OutcomeFact } from './facts.ts';

/** An event that is being sent: nobody else sends it until its lease is over. */
export interface ClaimedEvent {
  id: string;
  event: CdEvent;
  /** Counts this attempt; also fences the outcome, should somebody else have taken it over. */
  attempts: number;
}

/**
 * Writes the event of an ended deploy in the transaction that writes the outcome, so that neither is there without the other.
 * Writing it again changes nothing.
 */
export async function bookEvent(
  trx: Knex.Transaction,
  ended: { deploy: DeployFact; outcome: OutcomeFact },
  options: { source: string; nowMs: number },
): Promise<void> {
  const before = await trx('deploys')
    .join('deploy_outcomes', 'deploy_outcomes.deploy_id', 'deploys.id')
    .where(toScopeColumns(ended.deploy))
    .where('deploy_outcomes.outcome', 'healthy')
    .whereNot('deploys.id', ended.deploy.id)
    .select('deploys.id')
    .first();
  const event = toCdEvent(ended, { source: options.source, isFirst: before === undefined });
  if (event === undefined) return;
  const now = toIsoTime(options.nowMs);
  await trx('event_outbox')
    .insert({
      id: event.context.id,
      deploy_id: ended.deploy.id,
      type: event.context.type,
      body_json: toJson(event),
      state: 'pending',
      created_at: now,
      next_at: now,
    })
    .onConflict('id')
    .ignore();
}

/** Takes up to `limit` events that are due; each is left to the caller for `leaseMs`. A crash while sending counts as an attempt. */
export async function claimEvents(
  db: Database,
  input: { nowMs: number; limit: number; leaseMs: number },
): Promise<ClaimedEvent[]> {
  const now = toIsoTime(input.nowMs);
  // Looked up first without a transaction: on SQLite every transaction takes the one write lock.
  const due = await db
    .knex('event_outbox')
    .where({ state: 'pending' })
    .where('next_at', '<=', now)
    .select('id')
    .first();
  if (due === undefined) return [];
  return await inTransaction(db, async (trx) => {
    const query = trx('event_outbox').where({ state: 'pending' }).where('next_at', '<=', now);
    const rows: { id: string; body_json: string; attempts: number }[] = await forClaim(
      trx,
      query.orderBy('next_at').limit(input.limit).select('id', 'body_json', 'attempts'),
    );
    const ids = rows.map((row) => row.id);
    await trx('event_outbox')
      .whereIn('id', ids)
      .update({ next_at: toIsoTime(input.nowMs + input.leaseMs), attempts: trx.raw('attempts + 1') });
    return rows.map((row) => ({
      id: row.id,
      event: fromJson(row.body_json) as CdEvent,
      attempts: Number(row.attempts) + 1,
    }));
  });
}

export type SendResult =
  | { kind: 'delivered'; atMs: number }
  /** Tried again at `nextAtMs`. */
  | { kind: 'failed'; error: string; nextAtMs: number }
  /** Never tried again. */
  | { kind: 'dead'; error: string; atMs: number }
  /** Stopped before an answer came; the attempt does not count. */
  | { kind: 'released'; nextAtMs: number };

/** Writes what came of an attempt, unless somebody else has taken the event over. */
export async function settleEvent(knex: Knex, claimed: ClaimedEvent, result: SendResult): Promise<void> {
  await knex('event_outbox')
    .where({ id: claimed.id, state: 'pending', attempts: claimed.attempts })
    .update(toColumns(claimed, result));
}

function toColumns(claimed: ClaimedEvent, result: SendResult): Record<string, unknown> {
  switch (result.kind) {
    case 'delivered':
      return { state: 'delivered', ended_at: toIsoTime(result.atMs), last_error: null };
    case 'failed':
      return { next_at: toIsoTime(result.nextAtMs), last_error: toText(result.error) };
    case 'dead':
      return { state: 'dead', ended_at: toIsoTime(result.atMs), last_error: toText(result.error) };
    case 'released':
      return { next_at: toIsoTime(result.nextAtMs), attempts: claimed.attempts - 1 };
  }
}

/** When the next event is due; undefined where none is waiting. */
export async function nextDueMs(knex: Knex): Promise<number | undefined> {
  const row: { at?: string | null } | undefined = await knex('event_outbox')
    .where({ state: 'pending' })
    .min({ at: 'next_at' })
    .first();
  return row?.at === null || row?.at === undefined ? undefined : Date.parse(row.at);
}

/** Deletes what was delivered before a time; what could not be delivered is kept for people to see. */
export async function deleteDelivered(knex: Knex, beforeMs: number): Promise<void> {
  await knex('event_outbox').where({ state: 'delivered' }).where('ended_at', '<', toIsoTime(beforeMs)).delete();
}

export interface OutboxCounts {
  pending: number;
  delivered: number;
  dead: number;
  /** Why the newest event that failed did so. */
  lastError: string | null;
}

export async function countOutbox(knex: Knex): Promise<OutboxCounts> {
  const rows: { state: string; n: number | string }[] = await knex('event_outbox')
    .select('state')
    .count({ n: '*' })
    .groupBy('state');
  const failed: { last_error: string } | undefined = await knex('event_outbox')
    .whereNotNull('last_error')
    .orderBy('created_at', 'desc')
    .select('last_error')
    .first();
  const of = (state: string) => Number(rows.find((row) => row.state === state)?.n ?? 0);
  return {
    pending: of('pending'),
    delivered: of('delivered'),
    dead: of('dead'),
    lastError: failed?.last_error ?? null,
  };
}
