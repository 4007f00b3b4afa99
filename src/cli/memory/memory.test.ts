import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Command } from 'commander';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { createTestApi, listen } from '../../api/test-server.ts';
import { exec } from '../../lib/exec.ts';
import { packageDir } from '../../lib/package.ts';
import { createMemoryKeeper } from '../../memory/memory-store.ts';
import { addMemoryCommands } from '../memory-commands.ts';
import { createTerminal } from '../terminal.ts';
import { HOUR_MS, play, START_MS } from '../../memory/test-memory.ts';

const KEY = '0123456789abcdef';
let dir = '';
let url = '';
let database: TestDatabase;
let api: Awaited<ReturnType<typeof createTestApi>>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tiphys-memory-cli-'));
  database = await createTestDatabase('sqlite3');
  api = await createTestApi(database.db, {
    apiKeys: [`ann:${KEY}`],
    deps: { occurrencesDir: join(dir, 'occurrences') },
  });
  await api.clock.advance(START_MS + 400 * HOUR_MS - api.clock.now());
  const keeper = createMemoryKeeper(database.db);
  for (let index = 0; index < 6; index += 1)
    await play(keeper, `dep_${index}`, index, index > 3 ? 'failed' : 'healthy', { version: `1.${index}\u001b[31m` });
  url = await listen(api.server);
});
afterAll(async () => {
  await api.server.close();
  await database.drop();
  await rm(dir, { recursive: true, force: true });
});

/** The command as a person runs it, in a process of its own. */
async function tiphys(args: readonly string[], options: { input?: string; key?: string; server?: string } = {}) {
  const result = await exec(process.execPath, [join(packageDir, 'bin', 'tiphys.js'), ...args], {
    cwd: dir,
    env: {
      ...(process.env['PATH'] === undefined ? {} : { PATH: process.env['PATH'] }),
      TIPHYS_SERVER_URL: options.server ?? url,
      TIPHYS_API_KEY: options.key ?? KEY,
    },
    timeoutMs: 60_000,
    maxBytes: 4_000_000,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  return { code: result.exitCode, out: result.stdout, err: result.stderr };
}

const own = createTerminal();

/** The same in this process, for where only what is said matters. */
async function say(...args: string[]): Promise<string> {
  const said: string[] = [];
  const terminal = {
    ...own,
    env: { TIPHYS_SERVER_URL: url, TIPHYS_API_KEY: KEY },
    out: (text: string) => void said.push(text),
  };
  const program = new Command('tiphys').exitOverride();
  addMemoryCommands(program, terminal);
  await program.parseAsync(args, { from: 'user' });
  return said.join('\n');
}

it('tells what to expect, in sentences and as JSON, and lets nothing through that a terminal would act on', async () => {
  const { code, out } = await tiphys(['context', 'web']);
  expect(code).toBe(0);
  expect(out).toContain('2 of 6 remembered deploys of web in production failed');
  expect(out).toContain('crash_loop usually means:');
  const history = await say('history', 'web', '--limit', '2');
  expect(history.trim().split('\n')).toHaveLength(2);
  expect(history).not.toContain('\u001b');
  const json = JSON.parse(await say('context', 'web', '--json')) as { risk: { failures: number } };
  expect(json.risk.failures).toBe(2);
});

it('corrects the memory under the name of the key', async () => {
  const pattern = ['--class', 'crash_loop'];
  expect(await say('memory', 'pin', 'web', ...pattern, '--reason', 'comes back')).toContain('kept in mind');
  await say('memory', 'note', 'web', 'ask the shop team');
  expect(await say('memory', 'override', 'web', 'blue-green')).toContain('by blue-green');
  const out = await say('context', 'web');
  expect(out).toContain('ann noted: ask the shop team');
  expect(out).toContain('ann pinned crash_loop ("comes back")');
  await say('memory', 'unpin', 'web', ...pattern);
  await say('memory', 'override', 'web', 'none');
  expect(await say('memory', 'weaken', 'web', '--factor', '0.2')).toContain('count as 0.2');
  expect(await say('memory', 'forget', 'web', ...pattern)).toContain('no longer count');
  expect(await say('memory', 'services')).toContain('web in production: 6 deploys');
});

it('draws the graph', async () => {
  expect(await say('memory', 'graph')).toMatch(/nodes, \d+ edges/);
  expect(await say('memory', 'graph', '--dot')).toMatch(/^digraph/);
  expect(await say('memory', 'graph', '--svg')).toMatch(/^<svg /);
  const around = await say('memory', 'graph', 'web');
  expect(around).toMatch(/nodes, \d+ edges/);
  expect(around).toMatch(/\/web runs in environment:/);
  expect((await tiphys(['memory', 'graph', 'wbe'])).err).toContain('web');
});

it('exports to a file for its owner alone, and takes the same lines in again without doubling them', async () => {
  const file = join(dir, 'export.jsonl');
  expect((await tiphys(['memory', 'export', file])).code).toBe(0);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await tiphys(['memory', 'import', file, '--source', 'copy'])).out).toContain('Took 0 deploys');
  const line = '{"type":"deploy","id":"x1","at":"2026-01-01T00:00:00Z","service":"old","environment":"production"}\n';
  const taken = await tiphys(['memory', 'import', '-', '--source', 'pipe', '--json'], { input: line });
  expect(JSON.parse(taken.out)).toMatchObject({ source: 'pipe', deploys: 1 });
  const bad = await tiphys(['memory', 'import', '-', '--source', 'pipe'], { input: `${line}nonsense\n` });
  expect(bad).toMatchObject({ code: 2, err: expect.stringContaining('line 2') });
});

it('replays a history, packed or not, without a server', async () => {
  const at = (hour: number) => new Date(START_MS + hour * HOUR_MS).toISOString();
  const lines = Array.from({ length: 50 }, (_, index) => [
    { type: 'deploy', id: `d${index}`, at: at(index), service: 'web', environment: 'production', version: `v${index}` },
    { type: 'outcome', id: `d${index}`, at: at(index + 0.5), outcome: index % 9 === 8 ? 'failed' : 'healthy' },
  ]).flat();
  const history = join(dir, 'history.jsonl.gz');
  await writeFile(history, gzipSync(lines.map((line) => JSON.stringify(line)).join('\n')));
  const [predictions, summary] = [join(dir, 'p.csv'), join(dir, 's.json')];
  const args = ['memory', 'replay', history, '--predictions', predictions, '--summary', summary];
  expect((await tiphys(args, { server: 'http://127.0.0.1:1' })).code).toBe(0);
  const rows = (await readFile(predictions, 'utf8')).trim().split('\n');
  expect(rows[0]).toBe('id,probability,low,high,strategy');
  expect(rows).toHaveLength(51);
  expect(JSON.parse(await readFile(summary, 'utf8'))).toMatchObject({ deploys: 50, outcomes: 50, open: 0 });
  await writeFile(history, gzipSync('{"type":"deploy"}').subarray(0, 20));
  expect((await tiphys(['memory', 'replay', history])).code).toBe(2);
});

it('exits with what went wrong: usage, refusal, or nobody there', async () => {
  expect((await tiphys(['memory', 'weaken', 'web', '--factor', '2'])).code).toBe(2);
  expect((await tiphys(['memory', 'pin', 'web'])).code).toBe(2);
  expect((await tiphys(['context', 'nobody'])).code).toBe(1);
  const near = await tiphys(['history', 'wbe']);
  expect(near).toMatchObject({ code: 1, out: '' });
  expect(near.err).toContain('Did you mean web? "tiphys memory services" lists what is remembered');
  expect((await tiphys(['context', 'web'], { key: 'wrong-key' })).code).toBe(1);
  expect((await tiphys(['context', 'web'], { server: 'http://127.0.0.1:1' })).code).toBe(4);
  expect((await tiphys(['memory', 'export'], { server: 'http://127.0.0.1:1' })).code).toBe(4);
});
