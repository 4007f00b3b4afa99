import type { Knex } from 'knex';
import { fromJson, isUniqueViolation, toJson } from '../database/dialect.ts';
import type { Database } from '../database/open.ts';
import { toIsoTime, type Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { canonicalJson, sha256Hex } from '../lib/ids.ts';

interface KeyRow {
  request_hash: string;
  status: number | null;
  response_json: string | null;
  created_at: string;
}

/** A request whose answer was lost with its process may be sent again after this long. */
const ABANDONED_AFTER_MS = 30_000;
/** Repeats come within minutes; a week is generous. */
const KEEP_MS = 7 * 24 * 3_600_000;
const MAX_KEY = 200;

interface Answer<T> {
  status: number;
  body: T;
}

/**
 * Writes the answer down in the transaction that does the work: then there is no moment at which the work is done and
 * its answer is not known. Work that does not call it has its answer written right after.
 */
export type Remember<T> = (trx: Knex.Transaction, answer: Answer<T>) => Promise<void>;

interface Request {
  actor: string;
  route: string;
  key: string | undefined;
  body: unknown;
}

/**
 * Does something once for each (actor, route, key): a repeat gets the first answer, also after a restart. The same key
 * with another body is a conflict, and so is a repeat while the first is still being answered. Work that throws frees
 * the key.
 */
export async function once<T>(
  deps: { db: Database; clock: Clock },
  request: Request,
  work: (remember: Remember<T>) => Promise<Answer<T>>,
): Promise<Answer<T> & { replayed: boolean }> {
  const { key } = request;
  if (key === undefined) return { ...(await work(async () => undefined)), replayed: false };
  if (key === '' || key.length > MAX_KEY) {
    throw new AppError('invalid_input', `Idempotency-Key must have 1 to ${MAX_KEY} characters`);
  }
  const { knex } = deps.db;
  const where = { actor: request.actor, route: request.route, key };
  const known = await take<T>(knex, where, sha256Hex(canonicalJson(request.body ?? null)), deps.clock.now());
  if (known !== undefined) return { ...known, replayed: true };
  const write = async (handle: Knex, answer: Answer<T>) => {
    await handle('idempotency_keys')
      .where(where)
      .update({ status: answer.status, response_json: toJson(answer.body) });
  };
  let answer: Answer<T>;
  try {
    answer = await work(write);
  } catch (error) {
    // Nothing was done, so the key is free again.
    await knex('idempotency_keys').where(where).whereNull('status').delete();
    throw error;
  }
  await write(knex, answer);
  return { ...answer, replayed: false };
}

/** Takes the key for this request, or returns the answer it has already. */
async function take<T>(
  knex: Knex,
  where: { actor: string; route: string; key: string },
  requestHash: string,
  now: number,
): Promise<Answer<T> | undefined> {
  await knex('idempotency_keys')
    .where('created_at', '<', toIsoTime(now - KEEP_MS))
    .delete();
  const mine = { request_hash: requestHash, created_at: toIsoTime(now) };
  for (;;) {
    const row: KeyRow | undefined = await knex('idempotency_keys').where(where).first();
    if (row === undefined) {
      if (await insertIfMissing(knex, { ...where, ...mine })) return undefined;
      continue;
    }
    if (row.request_hash !== requestHash) {
      throw new AppError('conflict', 'this Idempotency-Key was used for another request', { hint: 'Use a new key.' });
    }
    // Written above from an answer of this same type.
    if (row.status !== null) return { status: row.status, body: fromJson(row.response_json) as T };
    if (Date.parse(row.created_at) > now - ABANDONED_AFTER_MS) {
      throw new AppError('conflict', 'the first request with this Idempotency-Key is still being answered');
    }
    // Compare and set: of two who find the key abandoned, one takes it over.
    const taken = await knex('idempotency_keys')
      .where({ ...where, created_at: row.created_at })
      .whereNull('status')
      .update({ created_at: mine.created_at });
    if (taken > 0) return undefined;
  }
}

async function insertIfMissing(knex: Knex, row: Record<string, unknown>): Promise<boolean> {
  try {
    await knex('idempotency_keys').insert(row);
    return true;
  } catch (error) {
    if (isUniqueViolation(error)) return false;
    throw error;
  }
}
