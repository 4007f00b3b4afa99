import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, postgresSkipReason, type TestDatabase } from '../../test/support/postgres.ts';
import { silentLogger } from '../lib/logger.ts';
import { DATABASE_CLIENTS } from './dialect.ts';
import { migrate } from './migrate.ts';
import { openDatabase } from './open.ts';

for (const client of DATABASE_CLIENTS)
  describe.skipIf(client === 'pg' && postgresSkipReason() !== undefined)(`migrating on ${client}`, () => {
    let folder = '';
    const databases: TestDatabase[] = [];
    const create = async () => {
      const database = await createTestDatabase(client, { migrated: false });
      databases.push(database);
      return database;
    };
    const write = async (name: string, body: string) => {
      await writeFile(path.join(folder, name), body);
      return pathToFileURL(`${folder}/`);
    };
    beforeAll(async () => {
      folder = await mkdtemp(path.join(os.tmpdir(), 'tiphys-migrate-'));
      await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
    });
    afterAll(async () => {
      for (const database of databases) await database.drop();
      await rm(folder, { recursive: true, force: true });
    });

    it('makes the tables once, and does nothing the second time', async () => {
      const { db } = await create();
      const applied = await migrate(db);
      expect(applied[0]).toBe('001_initial.js');
      expect(await migrate(db)).toEqual([]);
      expect(await db.knex('tickets')).toEqual([]);
    });

    it('is done by exactly one of several processes that start at once', async () => {
      const { connection } = await create();
      const handles = await Promise.all(
        [1, 2, 3].map(() => openDatabase({ client, connection, logger: silentLogger })),
      );
      const applied = await Promise.all(handles.map((handle) => migrate(handle)));
      expect(applied.map((names) => names.length > 0).toSorted()).toEqual([false, false, true]);
      await Promise.all(handles.map((handle) => handle.close()));
    });

    it('leaves nothing of a migration that fails, and succeeds once it is mended', async () => {
      const { db } = await create();
      const up = (then: string) =>
        `export async function up(knex) { await knex.schema.createTable('half', (t) => t.text('x')); ${then} }\n` +
        'export async function down() {}\n';
      const directory = await write('001_broken.js', up("throw new Error('broken');"));
      await expect(migrate(db, { directory })).rejects.toThrow('broken');
      expect(await db.knex.schema.hasTable('half')).toBe(false);
      await rm(path.join(folder, '001_broken.js'));
      await write('002_mended.js', up(''));
      expect(await migrate(db, { directory })).toEqual(['002_mended.js']);
      expect(await db.knex.schema.hasTable('half')).toBe(true);
    });

    it('refuses a database that a newer version has migrated, and says which step it does not know', async () => {
      const { db } = await create();
      await migrate(db);
      await db.knex('knex_migrations').insert({ name: '999_future.js', batch: 2, migration_time: '2026-01-01' });
      await expect(migrate(db)).rejects.toMatchObject({
        code: 'config_invalid',
        message: expect.stringContaining('999_future.js'),
      });
    });

    it('brings in a step that was skipped, whatever came after it', async () => {
      const { db } = await create();
      const own = new URL('../../migrations/', import.meta.url);
      const names = (await readdir(own)).filter((name) => name.endsWith('.js')).sort();
      const skipped = '004_pull_requests.js';
      expect(names.indexOf(skipped)).toBeLessThan(names.length - 1);
      const some = path.join(folder, 'without-004');
      await mkdir(some);
      await writeFile(path.join(some, 'package.json'), '{"type":"module"}');
      for (const name of names) if (name !== skipped) await cp(new URL(name, own), path.join(some, name));
      const before = names.filter((name) => name !== skipped);
      expect(await migrate(db, { directory: pathToFileURL(`${some}/`) })).toEqual(before);
      expect(await db.knex.schema.hasTable('pull_requests')).toBe(false);
      expect(await migrate(db)).toEqual([skipped]);
      expect(await db.knex('pull_requests')).toEqual([]);
      expect(await migrate(db)).toEqual([]);
    });

    it('can be taken back', async () => {
      const { db } = await create();
      await migrate(db);
      const directory = new URL('../../migrations/', import.meta.url);
      const steps = (await readdir(directory)).filter((name) => name.endsWith('.js')).sort();
      for (const name of steps.reverse()) {
        const step = (await import(new URL(name, directory).href)) as { down(knex: unknown): Promise<void> };
        await step.down(db.knex);
      }
      expect(await db.knex.schema.hasTable('tickets')).toBe(false);
      expect(await db.knex.schema.hasTable('checkpoints')).toBe(false);
    });
  });
