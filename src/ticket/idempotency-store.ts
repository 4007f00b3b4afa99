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
const MAX_KEY = 200;

/**
 * Does something once for each (actor, route, key): a repeat gets the first answer, also after a restart. The same key
 * with another body is a conflict, and so is a repeat while the first is still being answered.
 */
export async function once<T>(
  deps: { db: Database; clock: Clock },
  request: { actor: string; route: string; key: string | undefined; body: unknown },
  work: () => Promise<{ status: number; body: T }>,
): Promise<{ status: number; body: T; replayed: boolean }> {
  const { key } = request;
  if (key === undefined) return { ...(await work()), replayed: false };
  if (key === '' || key.length > MAX_KEY) {
    throw new AppError('invalid_input', `Idempotency-Key must have 1 to ${MAX_KEY} characters`);
  }
  const { knex } = deps.db;
  const where = { actor: request.actor, route: request.route, key };
  const requestHash = sha256Hex(canonicalJson(request.body ?? null));
  const now = deps.clock.now();
  try {
    await knex('idempotency_keys').insert({ ...where, request_hash: requestHash, created_at: toIsoTime(now) });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    const row: KeyRow | undefined = await knex('idempotency_keys').where(where).first();
    if (row !== undefined && row.request_hash !== requestHash) {
      throw new AppError('conflict', 'this Idempotency-Key was used for another request', { hint: 'Use a new key.' });
    }
    if (row?.status !== null && row?.status !== undefined) {
      // Written below from an answer of this same type.
      return { status: row.status, body: fromJson(row.response_json) as T, replayed: true };
    }
    if (row !== undefined && Date.parse(row.created_at) > now - ABANDONED_AFTER_MS) {
      throw new AppError('conflict', 'the first request with this Idempotency-Key is still being answered');
    }
  }
  try {
    const answer = await work();
    await knex('idempotency_keys')
      .where(where)
      .update({ status: answer.status, response_json: toJson(answer.body) });
    return { ...answer, replayed: false };
  } catch (error) {
    // Nothing was done, so the key is free again.
    await knex('idempotency_keys').where(where).whereNull('status').delete();
    throw error;
  }
}
