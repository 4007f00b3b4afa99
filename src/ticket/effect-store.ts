import type { Knex } from 'knex';
import { fromJson, toJson } from '../database/dialect.ts';
import { AppError } from '../lib/errors.ts';

/** Something done, or about to be done, to the world outside our database. */
export type EffectKind =
  'push' | 'branch_push' | 'pull_request' | 'review_branch' | 'review_branch_removal' | 'sync' | 'rollout_action';

export interface Effect {
  id: string;
  ticketId: string;
  kind: EffectKind;
  /** Finds the effect again in the world: the change hash in a commit trailer, an operation's info. */
  naturalKey: string;
  state: 'intended' | 'done' | 'failed' | 'unknown';
  intent: Record<string, unknown>;
  outcome: Record<string, unknown> | null;
}

interface EffectRow {
  id: string;
  ticket_id: string;
  kind: string;
  natural_key: string;
  state: string;
  intent_json: unknown;
  outcome_json: unknown;
}

function toRecord(column: unknown): Record<string, unknown> | null {
  const value = fromJson(column);
  return value !== null && typeof value === 'object' ? { ...value } : null;
}

function toEffect(row: EffectRow): Effect {
  return {
    id: row.id,
    ticketId: row.ticket_id,
    kind: row.kind as EffectKind,
    naturalKey: row.natural_key,
    state: row.state as Effect['state'],
    intent: toRecord(row.intent_json) ?? {},
    outcome: toRecord(row.outcome_json),
  };
}

/**
 * Books the intent, or returns the booking made before a crash: the caller sees from `isNew` and `state` that it must
 * look at the world first.
 */
export async function bookEffect(
  knex: Knex,
  intent: {
    id: string;
    ticketId: string;
    kind: EffectKind;
    naturalKey: string;
    intent: Record<string, unknown>;
    at: string;
  },
): Promise<{ effect: Effect; isNew: boolean }> {
  const key = { kind: intent.kind, natural_key: intent.naturalKey };
  await knex('effects')
    .insert({
      ...key,
      id: intent.id,
      ticket_id: intent.ticketId,
      state: 'intended',
      intent_json: toJson(intent.intent),
      created_at: intent.at,
      updated_at: intent.at,
    })
    .onConflict(['kind', 'natural_key'])
    .ignore();
  const row = await knex<EffectRow>('effects').where(key).first();
  if (row === undefined) throw new AppError('internal', `effect ${intent.naturalKey} was booked and is gone`);
  return { effect: toEffect(row), isNew: row.id === intent.id };
}

/** What is booked under this name, if anything is. */
export async function findEffect(knex: Knex, kind: EffectKind, naturalKey: string): Promise<Effect | undefined> {
  const row = await knex<EffectRow>('effects').where({ kind, natural_key: naturalKey }).first();
  return row === undefined ? undefined : toEffect(row);
}

export async function settleEffect(
  knex: Knex,
  id: string,
  outcome: { state: 'done' | 'failed' | 'unknown'; outcome: Record<string, unknown>; at: string },
): Promise<void> {
  await knex('effects')
    .where({ id })
    .update({ state: outcome.state, outcome_json: toJson(outcome.outcome), updated_at: outcome.at });
}

/**
 * What was booked and not done to an end, of one kind, oldest first: of one ticket, or of all that nobody works on at `now`.
 */
export async function listUnsettled(
  knex: Knex,
  kind: EffectKind,
  of: { ticketId: string } | { idleAt: string },
): Promise<Effect[]> {
  const query = knex<EffectRow>('effects')
    .where({ kind })
    .whereIn('state', ['intended', 'unknown'])
    .orderBy('created_at', 'asc');
  if ('ticketId' in of) return (await query.where({ ticket_id: of.ticketId })).map(toEffect);
  const busy = knex('tickets').select('id').where('lease_until', '>', of.idleAt);
  return (await query.whereNotIn('ticket_id', busy)).map(toEffect);
}

export async function listEffects(knex: Knex, ticketId: string): Promise<Effect[]> {
  return (await knex<EffectRow>('effects').where({ ticket_id: ticketId }).orderBy('created_at', 'asc')).map(toEffect);
}
