import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { DATABASE_CLIENTS, type DatabaseClient } from '../../src/database/dialect.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase, type Database } from '../../src/database/open.ts';
import { randomHex } from '../../src/lib/ids.ts';
import { silentLogger } from '../../src/lib/logger.ts';

/** A database of its own for one test file, gone after `drop`. */
export interface TestDatabase {
  client: DatabaseClient;
  /** File path or URL, for a second connection to the same database. */
  connection: string;
  db: Database;
  drop(): Promise<void>;
}

/** Why tests on PostgreSQL are skipped in this run; undefined where they are not. */
export function postgresSkipReason(): string | undefined {
  const offer = inject('postgres');
  return offer.kind === 'skipped' ? offer.reason : undefined;
}

/** Makes an empty database with all tables (none with `migrated: false`). Throws where PostgreSQL cannot be had. */
export async function createTestDatabase(
  client: DatabaseClient,
  options: { migrated?: boolean } = {},
): Promise<TestDatabase> {
  const { connection, remove } = client === 'pg' ? await createPgDatabase() : await createSqliteFile();
  const db = await openDatabase({ client, connection, logger: silentLogger });
  if (options.migrated !== false) await migrate(db);
  const drop = async () => {
    await db.close();
    await remove();
  };
  return { client, connection, db, drop };
}

/** Runs a suite once on each database, each time with a database of its own made before its first test. */
export function describeOnDatabases(name: string, suite: (database: () => TestDatabase) => void): void {
  for (const client of DATABASE_CLIENTS) {
    const skipReason = client === 'pg' ? postgresSkipReason() : undefined;
    const title = skipReason === undefined ? `${name} on ${client}` : `${name} on ${client} (skipped: ${skipReason})`;
    describe.skipIf(skipReason !== undefined)(title, () => {
      let current: TestDatabase | undefined;
      beforeAll(async () => {
        current = await createTestDatabase(client);
      });
      afterAll(async () => {
        await current?.drop();
      });
      suite(() => {
        if (current === undefined)
          throw new Error('the database is there once the tests run, not while they are collected');
        return current;
      });
    });
  }
}

interface Place {
  connection: string;
  remove(): Promise<void>;
}

async function createSqliteFile(): Promise<Place> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tiphys-db-'));
  return {
    connection: path.join(folder, 'test.db'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function createPgDatabase(): Promise<Place> {
  const server = await findPostgres();
  const name = `tiphys_test_${randomHex(6)}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await administer(server, `create database ${name}`);
  return { connection: url.href, remove: () => administer(server, `drop database if exists ${name} with (force)`) };
}

async function findPostgres(): Promise<string> {
  const offer = inject('postgres');
  if (offer.kind === 'skipped') throw new Error(`PostgreSQL is switched off: ${offer.reason}`);
  if (offer.kind === 'url') return offer.url;
  const answer = (await (await fetch(offer.askAt)).json()) as { url?: string; error?: string };
  if (answer.url !== undefined) return answer.url;
  throw new Error(
    `PostgreSQL did not start, and its tests must not pass unseen: ${answer.error ?? 'no reason given'}. ` +
      'Set TEST_PG_URL to a server of your own, or TIPHYS_SKIP_PG=1 to skip them.',
  );
}

async function administer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
