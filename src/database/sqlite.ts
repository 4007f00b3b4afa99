import { chmod, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import type { Knex } from 'knex';
import SqliteClient from 'knex/lib/dialects/sqlite3/index.js';
import { AppError, toErrorMessage } from '../lib/errors.ts';

const BUSY_TIMEOUT_MS = 10_000;

/**
 * Knex begins with a plain BEGIN, which takes the write lock only at the first write. A transaction that reads first
 * then fails at once with SQLITE_BUSY when another process wrote in between, and no busy time-out helps an upgrade.
 * BEGIN IMMEDIATE waits for the lock at the start instead.
 */
class ImmediateSqliteClient extends SqliteClient {
  override transaction(...args: unknown[]) {
    const transaction = super.transaction(...args);
    transaction.begin = (connection) => transaction.query(connection, 'BEGIN IMMEDIATE;');
    return transaction;
  }
}

/** The part of the sqlite3 driver's connection that is used here. */
interface DriverConnection {
  exec(sql: string, done: (error: Error | null) => void): void;
}

/**
 * Makes the file and its folder where missing, for the owner alone; SQLite gives its journal files the mode of the
 * database file. Returns the absolute path, or `:memory:`.
 */
export async function openSqliteFile(options: {
  connection?: string | undefined;
  dataDir?: string | undefined;
}): Promise<string> {
  const connection = options.connection ?? '';
  if (connection === ':memory:') return connection;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(connection))
    throw new AppError('config_invalid', 'db.connection is a URL, but db.client is sqlite3, which takes a file path', {
      hint: 'Set TIPHYS_DB_CLIENT=pg, or give a file path.',
    });
  const dataDir = options.dataDir ?? '';
  if (connection === '' && dataDir === '')
    throw new AppError('config_invalid', 'sqlite3 needs a file path in db.connection or a data directory');
  const file = path.resolve(connection === '' ? path.join(dataDir, 'tiphys.db') : connection);
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(file, 'a', 0o600);
    await handle.close();
    await chmod(file, 0o600);
  } catch (error) {
    throw new AppError('database_unavailable', `the database file ${file} cannot be opened: ${toErrorMessage(error)}`, {
      cause: error,
      hint: 'Point TIPHYS_DATA_DIR or TIPHYS_DB_CONNECTION at a place this user may write.',
    });
  }
  return file;
}

export function toSqliteConfig(file: string): { config: Knex.Config; location: string } {
  const config: Knex.Config = {
    client: ImmediateSqliteClient as unknown as typeof Knex.Client,
    connection: { filename: file },
    // Without it a multi-row insert whose rows differ in columns throws.
    useNullAsDefault: true,
    pool: {
      // One connection, kept: a second one would only wait for the first, and an in-memory database lives in it.
      min: 1,
      max: 1,
      afterCreate: (connection: DriverConnection, done: (error: Error | null, connection: unknown) => void) => {
        // FULL also in WAL mode: a deploy that was pushed must not be forgotten in a power cut.
        connection.exec(
          `PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;`,
          (error) => done(error, connection),
        );
      },
    },
  };
  return { config, location: file };
}
