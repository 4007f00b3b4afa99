import type { Knex } from 'knex';

// The few places where the two databases differ. Everything else is written once.

/** The databases that are supported, by Knex's names. */
export const DATABASE_CLIENTS = ['sqlite3', 'pg'] as const;
export type DatabaseClient = (typeof DATABASE_CLIENTS)[number];

/** Which database a handle or a transaction speaks to. */
export function toDatabaseClient(handle: { client: { driverName?: unknown } }): DatabaseClient {
  return handle.client.driverName === 'pg' ? 'pg' : 'sqlite3';
}

// Arbitrary numbers that name our advisory locks within a PostgreSQL database.
const ADVISORY_LOCKS = { journal: 7_304_100_001, migrations: 7_304_100_002 } as const;

/** Takes a lock of ours until the transaction ends. On SQLite the write lock that every transaction starts with does the same. */
export async function lockAdvisory(trx: Knex.Transaction, name: keyof typeof ADVISORY_LOCKS): Promise<void> {
  if (toDatabaseClient(trx) === 'pg') await trx.raw('select pg_advisory_xact_lock(?)', [ADVISORY_LOCKS[name]]);
}

/**
 * Takes the journal lock until the transaction ends; take it before the first insert into a table whose order is read
 * by others (`events`, `audit`, the deploy facts). PostgreSQL hands out sequence numbers before commit, so without
 * the lock a reader could see 8, move on, and never see a 7 that commits later. Safe to call twice.
 */
export async function lockJournal(trx: Knex.Transaction): Promise<void> {
  await lockAdvisory(trx, 'journal');
}

/** Locks the selected rows until the transaction ends. SQLite has one writer at a time and needs nothing. */
export function forUpdate<Q extends Knex.QueryBuilder>(trx: Knex.Transaction, query: Q): Q {
  return toDatabaseClient(trx) === 'pg' ? (query.forUpdate() as Q) : query;
}

/** As `forUpdate`, but passes over rows that another transaction holds, so that several workers claim different rows. */
export function forClaim<Q extends Knex.QueryBuilder>(trx: Knex.Transaction, query: Q): Q {
  return toDatabaseClient(trx) === 'pg' ? (query.forUpdate().skipLocked() as Q) : query;
}

/** True where a unique or primary key already holds the value. On PostgreSQL the transaction is lost then; prefer `onConflict`. */
export function isUniqueViolation(error: unknown): boolean {
  const code = codeOf(error);
  return code === '23505' || (code.startsWith('SQLITE_CONSTRAINT') && /UNIQUE|PRIMARY KEY/.test(messageOf(error)));
}

/** True where running the whole transaction again can succeed: a serialization failure, a deadlock, a lock or file that was busy. */
export function isTransient(error: unknown): boolean {
  return /^(?:40001|40P01|55P03|SQLITE_BUSY.*|SQLITE_LOCKED.*)$/.test(codeOf(error));
}

// Class 08 is connection trouble, 57P01 to 57P03 a server that stops or starts, 53300 one with too many clients.
const CONNECTION_CODES =
  /^(?:08...|57P0[123]|53300|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|ENOENT|EAI_AGAIN|EHOSTUNREACH|SQLITE_(?:CANTOPEN|IOERR|NOTADB|CORRUPT|FULL|READONLY).*)$/;
// The driver gives these no code.
const CONNECTION_MESSAGES = /^(?:Connection terminated|timeout expired|Client has encountered a connection error)/;

/** True where the database was not reached or the connection broke; what was sent last may or may not have happened. */
export function isConnectionLoss(error: unknown): boolean {
  return CONNECTION_CODES.test(codeOf(error)) || CONNECTION_MESSAGES.test(messageOf(error));
}

/**
 * A value as the text of a JSON column. The columns are text on both databases: `jsonb` would reorder keys, which
 * hashes depend on, and refuse the escaped NUL characters that logs and models produce.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value ?? null);
}

/** The value of a JSON column; null where the column is null. */
export function fromJson(column: unknown): unknown {
  return typeof column === 'string' ? JSON.parse(column) : (column ?? null);
}

/** Text as PostgreSQL can store it: without NUL characters, which SQLite would keep. */
export function toText(value: string): string {
  return value.replaceAll('\0', '');
}

/** A boolean column, which SQLite reads as 0 or 1. */
export function toBoolean(column: unknown): boolean {
  return column === true || column === 1;
}

/** The number of rows a query finds; its order is ignored. */
export async function countRows(query: Knex.QueryBuilder): Promise<number> {
  const row: unknown = await query.clone().clearSelect().clearOrder().count({ n: '*' }).first();
  return typeof row === 'object' && row !== null && 'n' in row ? Number(row.n) : 0;
}

/** Keeps rows where one of the columns contains the text, ignoring the case of ASCII letters; wildcards mean themselves. */
export function whereContains<Q extends Knex.QueryBuilder>(query: Q, columns: readonly string[], text: string): Q {
  const pattern = `%${toText(text)
    .toLowerCase()
    .replace(/[\\%_]/g, '\\$&')}%`;
  void query.where((any) => {
    for (const column of columns) void any.orWhereRaw(`lower(??) like ? escape '\\'`, [column, pattern]);
  });
  return query;
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
