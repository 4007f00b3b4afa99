import type { Knex } from 'knex';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import { retry } from '../lib/retry.ts';
import { isConnectionLoss, isTransient } from './dialect.ts';
import type { Database } from './open.ts';

/** An open transaction, for the signatures of those who only pass it on. */
export type Transaction = Knex.Transaction;

export interface TransactionOptions {
  /** PostgreSQL only; SQLite transactions are always serializable. `read committed` when left out. */
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
}

const ATTEMPTS = 8;

/**
 * Runs `work` in one transaction: all of it happens or none. Where the database asks for another attempt
 * (serialization failure, deadlock, busy file) the whole of `work` runs again, so it must have no effect outside the
 * database. Throws what `work` throws.
 *
 * @throws AppError `database_unavailable` where the connection broke; the transaction may or may not have happened.
 */
export async function inTransaction<T>(
  db: Database,
  work: (trx: Knex.Transaction) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const config =
    db.dialect === 'pg' && options.isolation !== undefined ? { isolationLevel: options.isolation } : undefined;
  try {
    return await retry(() => db.knex.transaction(work, config), {
      clock: db.clock,
      attempts: ATTEMPTS,
      baseMs: 5,
      maxMs: 500,
      isRetryable: isTransient,
    });
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (isConnectionLoss(error) || isTransient(error))
      throw new AppError(
        'database_unavailable',
        `the database did not finish a transaction: ${toErrorMessage(error)}`,
        {
          cause: error,
        },
      );
    throw error;
  }
}
