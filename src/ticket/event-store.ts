import type { Knex } from 'knex';
import type { Clock } from '../lib/clock.ts';
import { toIsoTime } from '../lib/clock.ts';
import type { Redactor } from '../lib/redact.ts';
import { appendAudit } from '../audit/audit-store.ts';
import { fromJson, lockJournal, toJson } from '../database/dialect.ts';
import { ticketEventSchema, type EventType, type TicketEvent, type TicketEventBody } from './event.ts';

interface EventRow {
  seq: number | string;
  ticket_id: string;
  at: string;
  type: string;
  data_json: unknown;
}

/** The one way in which something that happened to a ticket is written down. */
export interface Journal {
  /**
   * Writes events and their audit entries inside the caller's transaction. Everything is redacted first. Readers are
   * told after the transaction has ended, by `published`.
   */
  append(trx: Knex.Transaction, ticketId: string, actor: string, bodies: readonly TicketEventBody[]): Promise<void>;
  /** A sentence as the journal would write it, for rows that repeat what an event says. */
  redact(text: string): string;
  /** Wakes everyone who waits for new events; call it after the commit. Losing the call only costs a poll interval. */
  published(): void;
  /** Resolves at the next `published`, or after `ms`. */
  nextPublished(ms: number, signal: AbortSignal): Promise<void>;
}

export function createJournal(deps: { clock: Clock; redactor: Redactor }): Journal {
  const waiting = new Set<() => void>();
  return {
    append: async (trx, ticketId, actor, bodies) => {
      if (bodies.length === 0) return;
      await lockJournal(trx);
      const at = toIsoTime(deps.clock.now());
      const clean = bodies.map((body) => ({ type: body.type, data: deps.redactor.deep(body.data) }));
      await trx('events').insert(
        clean.map(({ type, data }) => ({ ticket_id: ticketId, at, type, data_json: toJson(data) })),
      );
      await appendAudit(
        trx,
        clean.map(({ type, data }) => ({ at, ticketId, actor, action: type, detail: toDetail(data) })),
      );
    },
    redact: (text) => deps.redactor.text(text),
    published: () => {
      for (const wake of [...waiting]) wake();
    },
    nextPublished: (ms, signal) =>
      new Promise((resolve) => {
        const done = () => {
          waiting.delete(done);
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        waiting.add(done);
        signal.addEventListener('abort', done, { once: true });
        if (signal.aborted) done();
      }),
  };
}

function toDetail(data: unknown): Record<string, unknown> {
  return data !== null && typeof data === 'object' && !Array.isArray(data) ? { ...data } : { value: data };
}

export interface EventFilter {
  ticketId?: string;
  types?: readonly EventType[];
}

/** Events after `afterId` in commit order. */
export async function listEvents(
  knex: Knex,
  filter: EventFilter,
  page: { afterId: number; limit: number },
): Promise<TicketEvent[]> {
  const query = knex<EventRow>('events').where('seq', '>', page.afterId).orderBy('seq', 'asc').limit(page.limit);
  if (filter.ticketId !== undefined) void query.where('ticket_id', filter.ticketId);
  if (filter.types !== undefined) void query.whereIn('type', filter.types);
  return (await query).map(toEvent);
}

const ON_BRANCH = ['pushed', 'already_pushed', 'merged'] as const;

/** What the ticket has put on the branch so far, as its push events tell, oldest first. */
export async function findPushedCommits(
  knex: Knex,
  ticketId: string,
): Promise<{ commits: string[]; revertCommits: string[] }> {
  const rows = await knex<EventRow>('events').where({ ticket_id: ticketId, type: 'push' }).orderBy('seq', 'asc');
  const pushes = rows.map(toEvent).flatMap((event) => (event.type === 'push' ? [event.data] : []));
  const commitsOf = (purpose: 'change' | 'revert') => [
    ...new Set(
      pushes
        .filter((push) => push.purpose === purpose && ON_BRANCH.some((outcome) => outcome === push.outcome))
        .flatMap((push) => push.commits),
    ),
  ];
  return { commits: commitsOf('change'), revertCommits: commitsOf('revert') };
}

/** The id of the newest event; 0 where there is none. */
export async function lastEventId(knex: Knex): Promise<number> {
  const row: { seq: number | string } | undefined = await knex('events').select('seq').orderBy('seq', 'desc').first();
  return Number(row?.seq ?? 0);
}

function toEvent(row: EventRow): TicketEvent {
  const { ticket_id: ticketId, at, type } = row;
  return ticketEventSchema.parse({ id: Number(row.seq), ticketId, at, type, data: fromJson(row.data_json) });
}

/** How long a reader sleeps before it looks by itself: the net for events written by another process. */
const POLL_MS = 1_000;
const PAGE = 500;

/**
 * Every event after `afterId`, the stored ones first and then the new ones as they are committed, without gap or
 * repeat, until `signal` is aborted. Safe to start again from the last id seen.
 */
export async function* followEvents(
  deps: { knex: Knex; journal: Journal },
  filter: EventFilter,
  afterId: number,
  signal: AbortSignal,
  pollMs = POLL_MS,
): AsyncGenerator<TicketEvent[]> {
  let seen = afterId;
  while (!signal.aborted) {
    // Asked for before the read, so that a commit between read and wait still wakes us.
    const wake = deps.journal.nextPublished(pollMs, signal);
    const page = await listEvents(deps.knex, filter, { afterId: seen, limit: PAGE });
    const last = page.at(-1);
    if (last !== undefined) {
      seen = last.id;
      yield page;
    }
    if (page.length < PAGE) await wake;
  }
}
