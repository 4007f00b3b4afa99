import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import type { Clock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { migrate } from './migrate.ts';
import { openDatabase } from './open.ts';
import { inTransaction } from './transaction.ts';

const instantClock: Clock = { now: () => 0, sleep: async () => undefined };

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'tiphys-open-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const modeOf = async (file: string) => (await stat(file)).mode & 0o777;

describe('an SQLite database', () => {
  it('is a file for its owner alone in a folder for its owner alone', async () => {
    const dataDir = path.join(folder, 'private', 'data');
    const db = await openDatabase({ client: 'sqlite3', dataDir, logger: silentLogger });
    await migrate(db);
    expect(db.location).toBe(path.join(dataDir, 'tiphys.db'));
    expect(await modeOf(dataDir)).toBe(0o700);
    expect(await modeOf(db.location)).toBe(0o600);
    expect(await modeOf(`${db.location}-wal`)).toBe(0o600);
    await db.close();
  });

  it('takes away what others could read of a file that was there before', async () => {
    const file = path.join(folder, 'open.db');
    await writeFile(file, '', { mode: 0o644 });
    const db = await openDatabase({ client: 'sqlite3', connection: file, logger: silentLogger });
    expect(await modeOf(file)).toBe(0o600);
    await db.close();
  });

  it('writes ahead, waits for the disk, and checks references', async () => {
    const db = await openDatabase({ client: 'sqlite3', dataDir: folder, logger: silentLogger });
    const pragma = async (name: string) =>
      Object.values(((await db.knex.raw(`pragma ${name}`)) as object[])[0] ?? {})[0];
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(2);
    expect(await pragma('foreign_keys')).toBe(1);
    await db.close();
  });

  it('can live in memory', async () => {
    const db = await openDatabase({ client: 'sqlite3', connection: ':memory:', logger: silentLogger });
    await migrate(db);
    expect(await db.knex('tickets')).toEqual([]);
    await db.close();
  });

  it('says what is wrong with a place that cannot hold it', async () => {
    const open = (options: { connection?: string; dataDir?: string }) =>
      openDatabase({ client: 'sqlite3', logger: silentLogger, ...options });
    await expect(open({})).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(open({ connection: 'postgres://u:pw@h/db' })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.not.stringContaining('pw'),
    });
    await expect(open({ connection: '/dev/null/x/tiphys.db' })).rejects.toMatchObject({ code: 'database_unavailable' });
    const noDatabase = path.join(folder, 'text.db');
    await writeFile(noDatabase, 'this is not a database, and it is long enough to be told apart from one'.repeat(20));
    await expect(open({ connection: noDatabase })).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringContaining(noDatabase),
    });
  });
});

describe('a PostgreSQL database', () => {
  const open = (connection: string, logger = silentLogger) =>
    openDatabase({ client: 'pg', connection, logger, clock: instantClock });

  it('refuses an address that cannot be meant, without repeating it', async () => {
    for (const connection of ['', 'nonsense', 'mysql://u:hunter22@h/db'])
      await expect(open(connection)).rejects.toMatchObject({
        code: 'config_invalid',
        message: expect.not.stringContaining('hunter22'),
      });
  });

  it('is tried again while the server is away, then given up without telling the password', async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_data: object, message: string) => warnings.push(message) };
    // Port 1 is reserved; nothing answers there.
    const failure = open('postgres://user:hunter22@127.0.0.1:1/db', logger);
    await expect(failure).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringContaining('postgres://127.0.0.1:1/db'),
    });
    await expect(failure).rejects.toMatchObject({ message: expect.not.stringContaining('hunter22') });
    expect(warnings.filter((message) => message === 'database does not answer yet')).toHaveLength(4);
  });
});

describeOnDatabases('an open database', (database) => {
  it('answers', async () => {
    await database().db.ping();
  });

  it('is closed once, however often it is asked, and then does not answer', async () => {
    const { client, connection } = database();
    const db = await openDatabase({ client, connection, logger: silentLogger });
    await Promise.all([db.close(), db.close()]);
    await expect(db.ping()).rejects.toMatchObject({ code: 'database_unavailable' });
  });
});

describeOnDatabases('a transaction', (database) => {
  const insert = (id: string) => ({ id, subject: 's', text: 't', actor: 'a', at: '2026-01-01T00:00:00.000Z' });

  it('happens as a whole or not at all', async () => {
    const { db } = database();
    const refused = new Error('no');
    const failing = inTransaction(db, async (trx) => {
      await trx('notes').insert(insert('half'));
      throw refused;
    });
    await expect(failing).rejects.toBe(refused);
    expect(await db.knex('notes').where({ id: 'half' })).toEqual([]);
    expect(await inTransaction(db, async (trx) => (await trx('notes').insert(insert('whole')), 'done'))).toBe('done');
    expect(await db.knex('notes').where({ id: 'whole' })).toHaveLength(1);
  });

  it('counts right when many read and then write, over several connections', async () => {
    const { client, connection, db } = database();
    const other = await openDatabase({ client, connection, logger: silentLogger });
    await db.knex('notes').insert({ ...insert('counter'), text: '0' });
    const increment = (handle: typeof db) =>
      inTransaction(
        handle,
        async (trx) => {
          const row: { text: string } | undefined = await trx('notes').where({ id: 'counter' }).first();
          await trx('notes')
            .where({ id: 'counter' })
            .update({ text: String(Number(row?.text) + 1) });
        },
        { isolation: 'serializable' },
      );
    const run = async (handle: typeof db) => {
      for (let index = 0; index < 10; index += 1) await increment(handle);
    };
    await Promise.all([run(db), run(other)]);
    expect(await db.knex('notes').where({ id: 'counter' }).first()).toMatchObject({ text: '20' });
    await other.close();
  });

  it('gives up on what stays busy, and says so', async () => {
    let runs = 0;
    const { db } = database();
    const busy = Object.assign(new Error('could not serialize access'), { code: '40001' });
    const failing = inTransaction({ ...db, clock: instantClock }, async () => {
      runs += 1;
      throw busy;
    });
    await expect(failing).rejects.toMatchObject({ code: 'database_unavailable', cause: busy });
    expect(runs).toBe(8);
  });
});
