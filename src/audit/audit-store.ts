import type { Knex } from 'knex';
import { fromJson, toJson } from '../database/dialect.ts';
import {
  chainHash,
  GENESIS_HASH,
  verifyChain,
  type AuditEntry,
  type ChainedEntry,
  type ChainVerdict,
} from './chain.ts';

interface AuditRow {
  seq: number | string;
  at: string;
  ticket_id: string | null;
  actor: string;
  action: string;
  detail_json: unknown;
  prev_hash: string;
  hash: string;
}

/**
 * Appends entries to the chain inside the caller's transaction, which must hold the journal lock: two writers that
 * read the same head would both follow it.
 */
export async function appendAudit(trx: Knex.Transaction, entries: readonly AuditEntry[]): Promise<void> {
  const head: { hash: string } | undefined = await trx('audit').select('hash').orderBy('seq', 'desc').first();
  let previous = head?.hash ?? GENESIS_HASH;
  for (const entry of entries) {
    const hash = chainHash(previous, entry);
    await trx('audit').insert({
      at: entry.at,
      ticket_id: entry.ticketId,
      actor: entry.actor,
      action: entry.action,
      detail_json: toJson(entry.detail),
      prev_hash: previous,
      hash,
    });
    previous = hash;
  }
}

/** A page of the log in order: entries with `seq` greater than `afterSeq`, or the newest of those. */
export async function listAudit(
  knex: Knex,
  options: { ticketId?: string; afterSeq?: number; limit: number; newest?: boolean },
): Promise<ChainedEntry[]> {
  const isNewest = options.newest === true;
  const query = knex<AuditRow>('audit')
    .orderBy('seq', isNewest ? 'desc' : 'asc')
    .limit(options.limit);
  if (options.ticketId !== undefined) void query.where('ticket_id', options.ticketId);
  if (options.afterSeq !== undefined) void query.where('seq', '>', options.afterSeq);
  const entries = (await query).map(toEntry);
  return isNewest ? entries.reverse() : entries;
}

/** Walks the whole chain in pages; reads only. */
export async function verifyAudit(knex: Knex): Promise<ChainVerdict> {
  let afterSeq = 0;
  let head = GENESIS_HASH;
  let entries = 0;
  for (;;) {
    const page = await listAudit(knex, { afterSeq, limit: 1000 });
    const verdict = verifyChain(page, head);
    if (verdict.kind === 'broken') return verdict;
    entries += page.length;
    head = verdict.head;
    const last = page.at(-1);
    if (last === undefined) return { kind: 'intact', entries, head };
    afterSeq = last.seq;
  }
}

function toEntry(row: AuditRow): ChainedEntry {
  const detail = fromJson(row.detail_json);
  return {
    seq: Number(row.seq),
    at: row.at,
    ticketId: row.ticket_id,
    actor: row.actor,
    action: row.action,
    detail: detail as Record<string, unknown>,
    prevHash: row.prev_hash,
    hash: row.hash,
  };
}
