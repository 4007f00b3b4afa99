import type { Knex } from 'knex';
import { fromJson, toDatabaseClient, toText, whereContains } from '../database/dialect.ts';
import { AppError } from '../lib/errors.ts';
import { isTicketId, type TicketId } from '../lib/ids.ts';
import { TICKET_STATUSES, type TicketStatus } from './status.ts';
import {
  endingSchema,
  followsSchema,
  holdSchema,
  PRIORITIES,
  targetSchema,
  type Priority,
  type Ticket,
} from './ticket.ts';

export interface TicketRow {
  id: string;
  title: string;
  description: string;
  priority: string;
  status: string;
  status_before_pause: string | null;
  target_json: unknown;
  instance: string;
  outcome_json: unknown;
  hold_json: unknown;
  reason: string | null;
  attempt: number;
  application: string | null;
  follows_json: unknown;
  actor: string;
  created_at: string;
  updated_at: string;
  started_at: string | null;
  ended_at: string | null;
}

export interface TicketFilter {
  status?: readonly TicketStatus[];
  priority?: readonly Priority[];
  application?: string;
  /** The Argo CD instance. */
  instance?: string;
  /** Matched anywhere in title or description, letter case ignored. */
  text?: string;
}

function toTicket(row: TicketRow): Ticket {
  return {
    id: toTicketId(row.id),
    title: row.title,
    description: row.description,
    priority: toPriority(row.priority),
    status: toStatus(row.status),
    pausedFrom: row.status_before_pause === null ? null : toStatus(row.status_before_pause),
    target: targetSchema.parse(fromJson(row.target_json) ?? {}),
    instance: row.instance,
    attempt: Number(row.attempt),
    hold: holdSchema.nullable().parse(fromJson(row.hold_json)),
    ending: endingSchema.nullable().parse(fromJson(row.outcome_json)),
    reason: row.reason ?? '',
    application: row.application,
    follows: followsSchema.nullable().parse(fromJson(row.follows_json)),
    actor: row.actor,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  };
}

function toTicketId(text: string): TicketId {
  if (!isTicketId(text)) throw new AppError('internal', `the database holds a ticket id of another form: ${text}`);
  return text;
}

function toStatus(text: string): TicketStatus {
  const status = TICKET_STATUSES.find((candidate) => candidate === text);
  if (status === undefined) throw new AppError('internal', `the database holds an unknown ticket status: ${text}`);
  return status;
}

function toPriority(text: string): Priority {
  const priority = PRIORITIES.find((candidate) => candidate === text);
  if (priority === undefined) throw new AppError('internal', `the database holds an unknown priority: ${text}`);
  return priority;
}

/** Inserts a ticket; the id must be new. */
export async function insertTicket(trx: Knex, ticket: Ticket): Promise<void> {
  await trx('tickets').insert({
    id: ticket.id,
    title: toText(ticket.title),
    description: toText(ticket.description),
    priority: ticket.priority,
    priority_rank: PRIORITIES.indexOf(ticket.priority),
    status: ticket.status,
    status_before_pause: ticket.pausedFrom,
    target_json: JSON.stringify(ticket.target),
    instance: ticket.instance,
    hold_json: ticket.hold === null ? null : JSON.stringify(ticket.hold),
    outcome_json: ticket.ending === null ? null : JSON.stringify(ticket.ending),
    reason: toText(ticket.reason),
    attempt: ticket.attempt,
    application: ticket.application,
    follows_json: ticket.follows === null ? null : JSON.stringify(ticket.follows),
    actor: ticket.actor,
    created_at: ticket.createdAt,
    updated_at: ticket.updatedAt,
    started_at: ticket.startedAt,
    ended_at: ticket.endedAt,
  });
}

export async function findTicket(knex: Knex, id: string): Promise<Ticket | undefined> {
  const row = await knex<TicketRow>('tickets').where({ id }).first();
  return row === undefined ? undefined : toTicket(row);
}

/**
 * Like `findTicket`, for change: on PostgreSQL the row is locked until the transaction ends. The lock leaves the key
 * alone (NO KEY UPDATE): every event refers to its ticket, which takes a share of the key, so under a full lock a
 * writer that holds the journal and one that holds the ticket would wait for each other.
 */
export async function lockTicket(trx: Knex.Transaction, id: string): Promise<Ticket> {
  const query = trx<TicketRow>('tickets').where({ id }).first();
  const row = await (toDatabaseClient(trx) === 'pg' ? query.forNoKeyUpdate() : query);
  if (row === undefined) throw new AppError('not_found', `there is no ticket ${id}`);
  return toTicket(row);
}

type TicketPatch = Partial<
  Pick<
    Ticket,
    | 'title'
    | 'description'
    | 'priority'
    | 'status'
    | 'pausedFrom'
    | 'target'
    | 'instance'
    | 'attempt'
    | 'hold'
    | 'ending'
    | 'reason'
    | 'application'
    | 'startedAt'
    | 'endedAt'
  >
>;

/**
 * Writes the given fields. With `lease`, only while that lease is held: returns false when another runner has taken
 * the ticket over, and nothing is written.
 */
export async function updateTicket(
  trx: Knex,
  id: string,
  patch: TicketPatch,
  updatedAt: string,
  leaseToken?: number,
): Promise<boolean> {
  const json = (value: unknown) => (value === null ? null : JSON.stringify(value));
  const columns: Record<string, unknown> = { updated_at: updatedAt };
  if (patch.title !== undefined) columns['title'] = toText(patch.title);
  if (patch.description !== undefined) columns['description'] = toText(patch.description);
  if (patch.priority !== undefined) {
    columns['priority'] = patch.priority;
    columns['priority_rank'] = PRIORITIES.indexOf(patch.priority);
  }
  if (patch.status !== undefined) columns['status'] = patch.status;
  if (patch.pausedFrom !== undefined) columns['status_before_pause'] = patch.pausedFrom;
  if (patch.target !== undefined) columns['target_json'] = JSON.stringify(patch.target);
  if (patch.instance !== undefined) columns['instance'] = patch.instance;
  if (patch.attempt !== undefined) columns['attempt'] = patch.attempt;
  if (patch.hold !== undefined) columns['hold_json'] = json(patch.hold);
  if (patch.ending !== undefined) columns['outcome_json'] = json(patch.ending);
  if (patch.reason !== undefined) columns['reason'] = toText(patch.reason);
  if (patch.application !== undefined) columns['application'] = patch.application;
  if (patch.startedAt !== undefined) columns['started_at'] = patch.startedAt;
  if (patch.endedAt !== undefined) columns['ended_at'] = patch.endedAt;
  const query = trx('tickets').where({ id });
  if (leaseToken !== undefined) void query.where('lease_token', leaseToken);
  return (await query.update(columns)) > 0;
}

/** A page of tickets, newest first. `before` is the last ticket of the page before this one. */
export async function listTickets(
  knex: Knex,
  filter: TicketFilter,
  page: { limit: number; before?: { createdAt: string; id: string } },
): Promise<Ticket[]> {
  const query = knex<TicketRow>('tickets').orderBy([
    { column: 'created_at', order: 'desc' },
    { column: 'id', order: 'desc' },
  ]);
  if (filter.status !== undefined) void query.whereIn('status', filter.status);
  if (filter.priority !== undefined) void query.whereIn('priority', filter.priority);
  if (filter.application !== undefined) void query.where('application', filter.application);
  if (filter.instance !== undefined) void query.where('instance', filter.instance);
  if (filter.text !== undefined) {
    whereContains(query, ['title', 'description'], filter.text);
  }
  const before = page.before;
  if (before !== undefined) {
    void query.where((earlier) => {
      void earlier
        .where('created_at', '<', before.createdAt)
        .orWhere((same) => void same.where('created_at', before.createdAt).where('id', '<', before.id));
    });
  }
  return (await query.limit(page.limit)).map(toTicket);
}

/** How many tickets stand in each status; statuses without one are missing. */
export async function countTickets(knex: Knex): Promise<Partial<Record<TicketStatus, number>>> {
  const rows: { status: string; n: number | string }[] = await knex('tickets')
    .select('status')
    .count({ n: '*' })
    .groupBy('status');
  return Object.fromEntries(rows.map((row) => [row.status, Number(row.n)]));
}
