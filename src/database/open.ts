import knex, { type Knex } from 'knex';
import { createSystemClock, type Clock } from '../lib/clock.ts';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { retry } from '../lib/retry.ts';
import { isConnectionLoss, type DatabaseClient } from './dialect.ts';
import { toPgConfig } from './postgres.ts';
import { openSqliteFile, toSqliteConfig } from './sqlite.ts';

export interface DatabaseOptions {
  client: DatabaseClient;
  /** A file path for sqlite3 (`tiphys.db` in the data directory when empty), a URL for pg. */
  connection?: string | undefined;
  dataDir?: string | undefined;
  logger: Logger;
  clock?: Clock;
}

export interface Database {
  /** For single statements. Inside a transaction use its handle: SQLite has one connection, and a query beside the transaction would wait for it for ever. */
  readonly knex: Knex;
  readonly dialect: DatabaseClient;
  readonly clock: Clock;
  /** Where it is, for people; never holds a password. */
  readonly location: string;
  /** Throws `database_unavailable` where the database does not answer. */
  ping(): Promise<void>;
  /** Waits for running queries; safe to call twice. */
  close(): Promise<void>;
}

const CONNECT_ATTEMPTS = 5;

/**
 * Opens the database and proves that it answers, trying a few times where a server is only starting. Creates the
 * SQLite file, readable by its owner alone, where it is missing; tables are made by `migrate`.
 *
 * @throws AppError `config_invalid` for a connection that cannot be meant, `database_unavailable` where it cannot be reached.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { client, logger } = options;
  const clock = options.clock ?? createSystemClock();
  const { config, location } =
    client === 'pg' ? toPgConfig(options.connection) : toSqliteConfig(await openSqliteFile(options));
  // Knex writes warnings to the console by itself; they belong in the log.
  const log = (level: 'debug' | 'warn' | 'error') => (message: unknown) =>
    logger[level](
      { detail: typeof message === 'string' ? message : toErrorMessage(message) },
      'database library message',
    );
  const handle = knex({
    ...config,
    log: { debug: log('debug'), warn: log('warn'), error: log('error'), deprecate: log('debug') },
  });

  const ping = async () => {
    try {
      await handle.raw('select 1');
    } catch (error) {
      throw toUnavailable(error, location);
    }
  };
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= handle.destroy());

  try {
    await retry(() => handle.raw('select 1'), {
      clock,
      attempts: CONNECT_ATTEMPTS,
      baseMs: 250,
      maxMs: 2_000,
      isRetryable: (error) => client === 'pg' && isConnectionLoss(error),
      onRetry: (attempt, waitMs, error) =>
        logger.warn({ attempt, waitMs, location, error: toErrorMessage(error) }, 'database does not answer yet'),
    });
  } catch (error) {
    await close();
    throw toUnavailable(error, location);
  }
  return { knex: handle, dialect: client, clock, location, ping, close };
}

function toUnavailable(error: unknown, location: string): AppError {
  return new AppError('database_unavailable', `the database at ${location} cannot be used: ${toErrorMessage(error)}`, {
    cause: error,
    hint: 'Check TIPHYS_DB_CLIENT and TIPHYS_DB_CONNECTION, that the server runs, and that the file or database may be written.',
  });
}
