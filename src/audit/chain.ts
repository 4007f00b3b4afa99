import { canonicalJson, sha256Hex } from '../lib/ids.ts';

/** One line of the audit log before it is chained. Times are RFC 3339. */
export interface AuditEntry {
  at: string;
  ticketId: string | null;
  /** Who did it: `person:NAME`, `agent:NODE`, `system`. */
  actor: string;
  action: string;
  detail: Record<string, unknown>;
}

export interface ChainedEntry extends AuditEntry {
  seq: number;
  prevHash: string;
  hash: string;
}

/** The hash that stands before the first entry. */
export const GENESIS_HASH = '0'.repeat(64);

/** SHA-256 over the previous hash and the canonical entry, so that no entry can change or go without a trace. */
export function chainHash(prevHash: string, entry: AuditEntry): string {
  const { at, ticketId, actor, action, detail } = entry;
  return sha256Hex(`${prevHash}\n${canonicalJson({ at, ticketId, actor, action, detail })}`);
}

export type ChainVerdict =
  { kind: 'intact'; entries: number; head: string } | { kind: 'broken'; seq: number; problem: string };

/** Checks entries in order; `from` is the hash before the first of them. */
export function verifyChain(entries: readonly ChainedEntry[], from = GENESIS_HASH): ChainVerdict {
  let previous = from;
  for (const entry of entries) {
    if (entry.prevHash !== previous)
      return { kind: 'broken', seq: entry.seq, problem: 'does not follow the entry before it' };
    if (chainHash(previous, entry) !== entry.hash)
      return { kind: 'broken', seq: entry.seq, problem: 'was changed after it was written' };
    previous = entry.hash;
  }
  return { kind: 'intact', entries: entries.length, head: previous };
}
