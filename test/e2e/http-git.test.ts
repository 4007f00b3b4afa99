import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiClient } from '../../src/client/api-client.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { seedBareRepository } from '../../src/sandbox/seed-repository.ts';
import { startGitHttpServer } from '../support/git-http-server.ts';
import { git } from '../support/git-run.ts';
import { playTicket, untilTicket } from '../support/product.ts';
import { startServerProcess, type ServerProcess } from '../support/server-process.ts';

// The whole loop over smart HTTP with a token, the way a git host is used, with the server as a process of its own so
// that everything it prints can be read.

const TOKEN = 'tok-3f9c1d7e5b2a4860-not-to-be-seen';
const BASIC = Buffer.from(`x-access-token:${TOKEN}`).toString('base64');
/** The token in every form in which it could leak. */
const FORMS = [TOKEN, BASIC, BASIC.replace(/=+$/, ''), Buffer.from(TOKEN).toString('base64').replace(/=+$/, '')];

let dir: string;
let host: Awaited<ReturnType<typeof startGitHttpServer>>;
let sandbox: Sandbox;
let server: ServerProcess;
let repository: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tiphys-http-'));
  repository = join(dir, 'host/infra.git');
  await seedBareRepository({ repository, branch: 'main' });
  host = await startGitHttpServer(join(dir, 'host'), { authorization: `Basic ${BASIC}` });
  const url = `${host.url}/infra.git`;
  sandbox = await startSandbox({
    repositories: [{ url, path: repository }],
    applications: { autoDiscover: { repoUrl: url, branch: 'main', root: 'dist' } },
    token: 'argo-token-for-http-tests',
    clock: createSystemClock(),
    speed: 40,
    logger: silentLogger,
  });
  server = await startServerProcess(toEnv(TOKEN, 'data'));
});
afterAll(async () => {
  await server.stop();
  await sandbox.close();
  await host.close();
  await rm(dir, { recursive: true, force: true, maxRetries: 3 });
});

function toEnv(token: string, data: string): Record<string, string> {
  return {
    TIPHYS_SERVER_PORT: '0',
    TIPHYS_DATA_DIR: join(dir, data),
    TIPHYS_GIT_REPO_URL: `${host.url}/infra.git`,
    TIPHYS_GIT_TOKEN: token,
    TIPHYS_ARGOCD_SERVER: sandbox.url,
    TIPHYS_ARGOCD_TOKEN: 'argo-token-for-http-tests',
    TIPHYS_OBSERVATION_POLL_SECONDS: '1',
    TIPHYS_OBSERVATION_EARLY_FAILURE_SECONDS: '2',
    TIPHYS_OBSERVATION_DEGRADED_CONFIRM_SECONDS: '2',
    TIPHYS_OBSERVATION_SETTLE_SECONDS: '0',
    TIPHYS_LOG_LEVEL: 'debug',
  };
}

/** The arguments of every process of this machine that may be looked at. */
function readCommandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        // It has ended meanwhile.
        return '';
      }
    });
}

describe('a repository behind smart HTTP and a token', () => {
  it('carries tickets to resolved and to reverted, with no token in the arguments of a process', async () => {
    const client = createApiClient(server.url);
    const seenArgs = new Set<string>();
    // While the host holds a request, the git that sent it is there to be looked at.
    host.fault = () => {
      for (const line of readCommandLines()) seenArgs.add(line);
      return undefined;
    };
    const resolved = await playTicket(client, 'Scale worker to 3');
    expect(resolved.status, resolved.reason).toBe('resolved');
    const reverted = await playTicket(client, 'Update api to 1.9.0-crash');
    expect(reverted.status, reverted.reason).toBe('failed');
    expect(reverted.ending).toMatchObject({ code: 'reverted', reverted: true });
    host.fault = undefined;

    const subjects = await git(repository, [
      'log',
      '--format=%(trailers:key=Tiphys-Step,valueonly,separator=)',
      'main',
    ]);
    expect(subjects.trimEnd().split('\n')).toEqual(['revert', '1', '1']);
    expect(host.requests.filter(({ service }) => service === 'git-receive-pack')).toHaveLength(3);
    expect([...seenArgs].some((line) => line.includes('git-remote-http') || line.includes('remote-http'))).toBe(true);
    for (const form of FORMS) expect([...seenArgs].filter((line) => line.includes(form))).toEqual([]);
  }, 120_000);

  it('shows the token nowhere: not in what it prints, answers or keeps', async () => {
    const { items } = (await (await fetch(`${server.url}/api/tickets`)).json()) as { items: { id: string }[] };
    expect(items).toHaveLength(2);
    const paths = ['/api/tickets', '/api/info', '/api/ready', '/api/audit', '/metrics'];
    for (const { id } of items)
      paths.push(...['', '/plan', '/events?limit=1000', '/audit'].map((part) => `/api/tickets/${id}${part}`));
    const texts = new Map<string, string>([['output', server.output()]]);
    for (const path of paths) {
      const response = await fetch(`${server.url}${path}`);
      expect(response.status, path).toBe(200);
      texts.set(path, await response.text());
    }
    const files = await readdir(join(dir, 'data'), { recursive: true, withFileTypes: true });
    for (const file of files.filter((one) => one.isFile())) {
      const path = join(file.parentPath, file.name);
      texts.set(path, await readFile(path, 'latin1'));
    }
    // What was looked through is what it should have been.
    expect(server.output().length).toBeGreaterThan(200);
    for (const name of [/tiphys\.db$/, /mirror\.git\/config$/, /\/events/, /\/plan$/])
      expect(
        [...texts.keys()].some((path) => name.test(path)),
        String(name),
      ).toBe(true);
    for (const [path, text] of texts)
      for (const form of FORMS) expect(text.includes(form), `${form} in ${path}`).toBe(false);
  });

  it('ends a ticket with what to do when the token is revoked, and goes on with a retry when it is back', async () => {
    const client = createApiClient(server.url);
    host.fault = () => 401;
    const { id } = await client.createTicket({ title: 'Scale mailer to 2' });
    const errored = await untilTicket(client, id, ({ endedAt }) => endedAt !== null);
    expect(errored).toMatchObject({ status: 'errored', actions: expect.arrayContaining(['retry']) as string[] });
    const { items } = (await (await fetch(`${server.url}/api/tickets/${id}/events?type=error`)).json()) as {
      items: { data: { code: string; message: string; hint?: string } }[];
    };
    expect(items[0]?.data).toMatchObject({
      code: 'git_rejected',
      hint: expect.stringMatching(/Check the git token/) as string,
    });
    expect(JSON.stringify([errored, items])).not.toContain(TOKEN);

    host.fault = undefined;
    expect((await fetch(`${server.url}/api/tickets/${id}/retry`, { method: 'POST' })).status).toBe(200);
    const waiting = await untilTicket(client, id, ({ status }) => status === 'pending_plan_approval');
    expect(waiting.hold?.kind).toBe('plan_approval');
  });

  it('does not start with a wrong token, and says what to do without saying the token', async () => {
    const wrong = 'tok-of-somebody-else-0000';
    const failure: unknown = await startServerProcess(toEnv(wrong, 'other')).then(
      async (started) => await started.stop(),
      (error: unknown) => error,
    );
    expect(String(failure)).toMatch(/Check the git token/);
    expect(String(failure)).toMatch(/ended with 1: [^]*^tiphys: could not fetch branch main of http/m);
    expect(String(failure)).not.toContain(wrong);
    expect(String(failure)).not.toContain(Buffer.from(`x-access-token:${wrong}`).toString('base64'));
  });
});
