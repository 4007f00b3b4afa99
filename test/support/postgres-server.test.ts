import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { postgresSkipReason } from './postgres.ts';

const server = new URL('./postgres-server.ts', import.meta.url).href;
const script = `
  const { startPostgres } = await import(${JSON.stringify(server)});
  process.stdout.write((await startPostgres()).url + '\\n');
  setInterval(() => {}, 1000);
`;

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

describe.skipIf(postgresSkipReason() !== undefined)('the PostgreSQL of the tests', () => {
  it('is gone, with its files, after the process that started it was killed', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const url = line.toString('utf8').trim();
    const folder = new URL(url).searchParams.get('host') ?? '';
    expect(path.basename(folder)).toMatch(/^tiphys-pg-/);
    expect(await answers(url)).toBe(true);

    child.kill('SIGKILL');
    await once(child, 'exit');
    while ((await answers(url)) || (await exists(folder))) await sleep(20);
  });
});
