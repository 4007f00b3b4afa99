import { mkdir } from 'node:fs/promises';
import { migrate } from '../database/migrate.ts';
import { openDatabase } from '../database/open.ts';
import { createLogger } from '../lib/logger.ts';
import { createRedactor } from '../lib/redact.ts';
import { loadProcessConfig } from './config-source.ts';

export async function runMigrate(): Promise<void> {
  const { config, secrets } = loadProcessConfig();
  await mkdir(config.data.dir, { recursive: true, mode: 0o700 });
  const db = await openDatabase({
    client: config.db.client,
    connection: config.db.connection ?? undefined,
    dataDir: config.data.dir,
    logger: createLogger(config.log.level, createRedactor(secrets)),
  });
  try {
    const done = await migrate(db);
    const what = done.length === 0 ? 'is up to date' : `was brought up to date: ${done.join(', ')}`;
    process.stdout.write(`The database ${db.location} ${what}.\n`);
  } finally {
    await db.close();
  }
}
