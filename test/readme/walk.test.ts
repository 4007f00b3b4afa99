import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../../src/lib/exec.ts';
import { packageDir } from '../../src/lib/package.ts';
import { startServerProcess, type ServerProcess } from '../support/server-process.ts';

// The walk of the README, run as it is printed there: a server started by `npm start` without any configuration, and a
// shell with curl and node.

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
