import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Knex } from 'knex';
import { AppError } from '../lib/errors.ts';
import { lockAdvisory } from './dialect.ts';
import type { Database } from './open.ts';
import { inTransaction } from './transaction.ts';

// The same folder seen from src/database and from dist/database.
const MIGRATIONS = new URL('../../migrations/', import.meta.url);
const TABLE = 'knex_migrations';

export interface MigrateOptions {
  /** Where the migration files are; the product's own when left out. */
  directory?: URL;
}

/**
 * Brings the tables up to what this version needs; safe to call twice and from several processes at once. All steps
 * run in one transaction with its lock, so a crash leaves the database as it was and no lock behind.
 *
 * @returns the names of the migrations that were applied now.
 * @throws AppError `config_invalid` where the database was migrated by a newer version.
 */
export async function migrate(db: Database, options: MigrateOptions = {}): Promise<string[]> {
  const source = await openSource(options.directory ?? MIGRATIONS);
  return await inTransaction(db, async (trx) => {
    await lockAdvisory(trx, 'migrations');
    await refuseNewer(trx, source.names);
    const [, applied] = (await trx.migrate.latest({ migrationSource: source, tableName: TABLE })) as [number, string[]];
    return applied;
  });
}

async function refuseNewer(trx: Knex.Transaction, known: readonly string[]): Promise<void> {
  if (!(await trx.schema.hasTable(TABLE))) return;
  const rows: { name: string }[] = await trx(TABLE).select('name').orderBy('id');
  const unknown = rows.map((row) => row.name).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new AppError(
    'config_invalid',
    `the database is newer than this version of Tiphys: it has ${unknown.join(', ')}, which this version does not know`,
    { hint: 'Start the newer version again, or restore the backup made before the upgrade.', details: { unknown } },
  );
}

interface MigrationSource extends Knex.MigrationSource<string> {
  readonly names: readonly string[];
}

/** Knex's own loader resolves folders against the working directory and reads every file; this one reads ours alone. */
async function openSource(directory: URL): Promise<MigrationSource> {
  const names = (await readdir(fileURLToPath(directory))).filter((name) => /^\d{3}_\w+\.js$/.test(name)).sort();
  return {
    names,
    getMigrations: async () => [...names],
    getMigrationName: (name) => name,
    getMigration: async (name) => (await import(new URL(name, directory).href)) as Knex.Migration,
  };
}
