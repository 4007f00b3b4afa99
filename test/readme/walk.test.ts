import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../../src/lib/exec.ts';
import { createApiClient } from '../../src/client/api-client.ts';
import { toShortId } from '../../src/client/words.ts';
import { packageDir } from '../../src/lib/package.ts';
import { startServerProcess, type ServerProcess } from '../support/server-process.ts';

// The walk of the README, run as it is printed there: a server started by `npm start` without any configuration, and a
// shell with curl and node. After it every command line of the README that needs no platform of one's own.

let dir: string;
let server: ServerProcess;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tiphys-walk-'));
  server = await startServerProcess({ TIPHYS_SERVER_PORT: '0', TIPHYS_DATA_DIR: join(dir, 'data') });
});
afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true, maxRetries: 3 });
});

async function readWalk(): Promise<string> {
  const readme = await readFile(join(packageDir, 'README.md'), 'utf8');
  const block = /^<!-- walk -->\n```(?:bash|sh)\n([\s\S]*?)^```$/m.exec(readme)?.[1];
  if (block === undefined) throw new Error('README.md has no block after <!-- walk -->');
  return block;
}

describe('the walk through the API in the README', () => {
  it('works as written, from the ticket to the remembered outcome', async () => {
    const result = await exec('bash', ['--norc', '-e', '-c', await readWalk()], {
      cwd: dir,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: dir, BASE: server.url },
      timeoutMs: 150_000,
      maxBytes: 1_000_000,
    });
    expect(result.stderr.replace(/^curl: \(28\) .*\n/gm, '')).toBe('');
    expect(result, result.stdout).toMatchObject({ exitCode: 0 });
    const lines = result.stdout.trimEnd().split('\n');
    const id = lines[0] ?? '';
    expect(id).toMatch(/^tkt_/);
    expect(lines[1]).toBe('pending_plan_approval');
    expect(result.stdout).toMatch(/^-\s*replicas: \d+$/m);
    expect(result.stdout).toMatch(/^\+\s*replicas: 4$/m);
    expect(lines).toContain('executing');
    expect(result.stdout).toMatch(/^event: approval$/m);
    expect(lines.at(-3)).toBe('resolved');
    expect(lines.at(-2)).toMatch(/live and healthy/);
    expect(lines.at(-1)).toBe('healthy');

    const ticket = (await (await fetch(`${server.url}/api/tickets/${id}`)).json()) as Record<string, unknown>;
    expect(ticket).toMatchObject({ title: 'Scale web to 4 replicas', priority: 'high', status: 'resolved' });
  }, 180_000);

  it('can be walked again, and then finds nothing to change', async () => {
    const response = await fetch(`${server.url}/api/tickets`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ title: 'Scale web to 4 replicas' }),
    });
    const { id } = (await response.json()) as { id: string };
    for (;;) {
      const ticket = (await (await fetch(`${server.url}/api/tickets/${id}`)).json()) as { endedAt: string | null };
      if (ticket.endedAt !== null) {
        expect(ticket).toMatchObject({
          ending: { commits: [], sentence: expect.stringMatching(/nothing to change/i) as string },
        });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
});

/** The lines of the README's blocks that call `tiphys`, without what is said about them. */
async function listCommands(): Promise<string[]> {
  const readme = await readFile(join(packageDir, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  return blocks
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/ {2,}#.*$/, ''))
    .filter((line) => /(^|\()tiphys /.test(line));
}

const SHELL = 'tiphys() { "$NODE" "$PROGRAM" "$@"; }\n';

async function runLine(line: string) {
  return await exec('bash', ['--norc', '-c', `${SHELL}${line}`], {
    cwd: dir,
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: dir,
      NODE: process.execPath,
      PROGRAM: join(packageDir, 'bin/tiphys.js'),
      TIPHYS_SERVER_URL: server.url,
      TIPHYS_DATA_DIR: join(dir, 'data'),
    },
    timeoutMs: 120_000,
    maxBytes: 2_000_000,
  });
}

/** What each command is expected to say, and with which code it ends where that is not 0. */
const SAID: readonly [command: string, says: RegExp, exitCode?: number][] = [
  // A plan waits for a person, and nobody is there.
  ['tiphys deploy web', /Its plan waits for you/, 3],
  ['tiphys ticket list', /pending_plan_approval +medium +web/],
  ['tiphys ticket plan', /^hash [0-9a-f]{64}$/m],
  ['tiphys ticket approve', /live and healthy/],
  ['tiphys status', /last deploy +healthy +1\.5\.0/],
  ['tiphys doctor', /Nothing is broken/],
  ['source <(tiphys completion bash)', /^complete .* tiphys$/m],
  ['tiphys context', /remembered deploys of web/],
  ['tiphys history', /1\.5\.0.*healthy/],
  ['tiphys memory explain', /web/],
  ['tiphys memory graph', /^<svg /],
  ['tiphys memory replay', /"deploys": ?1\b/],
];

describe('the commands of the README', () => {
  it('work as they are printed, one after the other', { timeout: 300_000 }, async () => {
    const history = [
      { type: 'deploy', id: 'd1', at: '2026-01-01T00:00:00Z', service: 'web', environment: 'production' },
      { type: 'outcome', id: 'd1', at: '2026-01-01T00:05:00Z', outcome: 'healthy' },
    ];
    await writeFile(join(dir, 'HISTORY.jsonl.gz'), gzipSync(history.map((line) => JSON.stringify(line)).join('\n')));
    const client = createApiClient(server.url);
    const commands = await listCommands();
    expect(commands.map((line) => SAID.findIndex(([command]) => line.startsWith(command)))).toEqual([...SAID.keys()]);
    for (const [index, line] of commands.entries()) {
      const [newest] = (await client.listTickets({ limit: 1 })).items;
      // Whoever approves without a terminal names the hash; a picture and scores are looked at in their files.
      const hash = line.includes(' approve ') ? ` --hash ${(await client.getPlan(newest?.id ?? '')).changeHash}` : '';
      const file = / > (\S+)$/.exec(line)?.[1] ?? / --summary (\S+)$/.exec(line)?.[1];
      const after = line.startsWith('source ') ? '; complete -p tiphys' : file === undefined ? '' : `; cat ${file}`;
      const said = await runLine(line.replace('7PGTR0WN', toShortId(newest?.id ?? '')) + hash + after);
      const [, says, exitCode = 0] = SAID[index] ?? ['', /^$/];
      expect(said, `${line}\n${said.stderr}`).toMatchObject({ exitCode });
      expect(said.stdout, line).toMatch(says);
    }
  });

  it('print the configuration, and write a repository to start from', async () => {
    const shown = await runLine('tiphys config check');
    expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
    expect(shown.stdout).toMatch(/^data\.dir +\S+ +environment TIPHYS_DATA_DIR$/m);
    expect(await runLine('tiphys init DIR')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await readFile(join(dir, 'DIR/README.md'), 'utf8')).toContain('kind: Application');
  });
});
