import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApiClient } from '../../src/client/api-client.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { startEmbedded, type Embedded } from '../../src/sandbox/embedded.ts';
import { git } from '../support/git-run.ts';
import { untilStatus, untilTicket } from '../support/product.ts';
import { startServerProcess, type ServerProcess } from '../support/server-process.ts';

// The server is killed with signal 9 at a point the repository itself holds it at: a hook of the bare repository waits
// for a file, so the moment is exact and nothing of it is in the product.

let dir: string;
let embedded: Embedded;
let server: ServerProcess | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tiphys-crash-'));
  embedded = await startEmbedded({
    dir: join(dir, 'argo'),
    branch: 'main',
    port: 0,
    speed: 40,
    token: 'crash-test-token',
    clock: createSystemClock(),
    logger: silentLogger,
  });
});
afterEach(async () => {
  await server?.kill();
  await embedded.close();
  await rm(dir, { recursive: true, force: true, maxRetries: 3 });
});

async function start(more: Record<string, string> = {}): Promise<ServerProcess> {
  server = await startServerProcess({
    ...more,
    TIPHYS_SERVER_PORT: '0',
    TIPHYS_DATA_DIR: join(dir, 'data'),
    TIPHYS_GIT_REPO_URL: embedded.repository,
    TIPHYS_ARGOCD_SERVER: embedded.url,
    TIPHYS_ARGOCD_TOKEN: embedded.token,
    TIPHYS_OBSERVATION_POLL_SECONDS: '1',
    TIPHYS_OBSERVATION_EARLY_FAILURE_SECONDS: '2',
    TIPHYS_OBSERVATION_SETTLE_SECONDS: '0',
    TIPHYS_LOG_LEVEL: 'error',
  });
  return server;
}

/** A hook that says when it is reached and then waits to be let go. */
async function installHook(
  name: 'pre-receive' | 'post-receive',
): Promise<{ reached(): Promise<void>; remove(): Promise<void> }> {
  const file = join(embedded.repository, 'hooks', name);
  const mark = join(dir, `${name}-reached`);
  const go = join(dir, `${name}-go`);
  await writeFile(
    file,
    `#!/bin/sh\ntouch '${mark}'\nn=0\nwhile [ ! -e '${go}' ] && [ $n -lt 600 ]; do sleep 0.05; n=$((n+1)); done\nexit 1\n`,
  );
  await chmod(file, 0o755);
  return {
    reached: async () => {
      for (let waited = 0; !existsSync(mark); waited += 20) {
        if (waited > 30_000) throw new Error(`${name} was never reached`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    remove: async () => {
      await writeFile(go, '');
      await rm(file);
    },
  };
}

async function waitForPlan(url: string, title: string): Promise<{ id: string; changeHash: string }> {
  const client = createApiClient(url);
  const { id } = await client.createTicket({ title });
  const waiting = await untilStatus(client, id, 'pending_plan_approval');
  if (waiting.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
  return { id, changeHash: waiting.hold.changeHash };
}

/** What must hold however often the server died: the ticket is resolved by exactly one commit, told and remembered once. */
async function expectOnce(url: string, id: string): Promise<void> {
  const client = createApiClient(url);
  const ended = await untilTicket(client, id, (ticket) => ticket.endedAt !== null);
  expect(ended.status, ended.reason).toBe('resolved');
  const commits = await git(embedded.repository, [
    'log',
    '--format=%H',
    `--grep=Tiphys-Ticket: ${id}`,
    'refs/heads/main',
  ]);
  expect(commits.trim().split('\n')).toEqual(ended.ending?.commits);
  expect(ended.ending?.commits).toHaveLength(1);
  const events = (await (await fetch(`${url}/api/tickets/${id}/events?limit=1000`)).json()) as {
    items: { type: string; data: Record<string, unknown> }[];
  };
  const pushes = events.items.filter(
    ({ type, data }) => type === 'push' && ['pushed', 'already_pushed'].includes(String(data['outcome'])),
  );
  expect(pushes).toHaveLength(1);
  expect(events.items.filter(({ type, data }) => type === 'approval' && data['state'] === 'pending')).toHaveLength(1);
  const history = (await (await fetch(`${url}/api/memory/history/worker`)).json()) as { items: unknown[] };
  expect(history.items).toMatchObject([{ outcome: { outcome: 'healthy' } }]);
}

describe('a server that is killed', () => {
  it('before the approval: the plan still waits, under the same hash, and is carried out once', async () => {
    const first = await start();
    const { id, changeHash } = await waitForPlan(first.url, 'Scale worker to 3');
    await first.kill();
    const second = await start();
    const client = createApiClient(second.url);
    const waiting = await client.getTicket(id);
    expect(waiting).toMatchObject({ status: 'pending_plan_approval', hold: { changeHash } });
    await client.approvePlan(id, changeHash);
    await expectOnce(second.url, id);
  });

  it('while planning: it plans again and asks once', async () => {
    const first = await start();
    const { id } = await createApiClient(first.url).createTicket({ title: 'Scale worker to 3' });
    await first.kill();
    const second = await start();
    const client = createApiClient(second.url);
    const waiting = await untilStatus(client, id, 'pending_plan_approval');
    if (waiting.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
    await client.approvePlan(id, waiting.hold.changeHash);
    await expectOnce(second.url, id);
  });

  it('while Argo CD is asked what it would render: the branch that was pushed for it goes, and it is asked again', async () => {
    const gate = { TIPHYS_ARGOCD_RENDER_GATE: 'block' };
    const branches = async () =>
      (await git(embedded.repository, ['branch', '--list', '--format=%(refname:short)'])).trim().split('\n');
    const hook = await installHook('post-receive');
    const first = await start(gate);
    const { id } = await createApiClient(first.url).createTicket({ title: 'Scale worker to 3' });
    await hook.reached();
    await first.kill();
    await hook.remove();
    expect(await branches()).toEqual(['main', expect.stringMatching(/^tiphys\/review\//)]);
    const second = await start(gate);
    const waiting = await untilStatus(createApiClient(second.url), id, 'pending_plan_approval');
    expect(await branches()).toEqual(['main']);
    if (waiting.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
    await createApiClient(second.url).approvePlan(id, waiting.hold.changeHash);
    await untilTicket(createApiClient(second.url), id, ({ endedAt }) => endedAt !== null);
    expect((await createApiClient(second.url).getTicket(id)).status).toBe('resolved');
  });

  it('after the commit and before the push: the change is pushed once', async () => {
    const hook = await installHook('pre-receive');
    const first = await start();
    const { id, changeHash } = await waitForPlan(first.url, 'Scale worker to 3');
    const head = await git(embedded.repository, ['rev-parse', 'refs/heads/main']);
    await createApiClient(first.url).approvePlan(id, changeHash);
    await hook.reached();
    await first.kill();
    await hook.remove();
    expect(await git(embedded.repository, ['rev-parse', 'refs/heads/main'])).toBe(head);
    const second = await start();
    await expectOnce(second.url, id);
  });

  it('after the push and before it is known: the push is found, not repeated', async () => {
    const hook = await installHook('post-receive');
    const first = await start();
    const { id, changeHash } = await waitForPlan(first.url, 'Scale worker to 3');
    const head = await git(embedded.repository, ['rev-parse', 'refs/heads/main']);
    await createApiClient(first.url).approvePlan(id, changeHash);
    await hook.reached();
    await first.kill();
    await hook.remove();
    expect(await git(embedded.repository, ['rev-parse', 'refs/heads/main'])).not.toBe(head);
    const second = await start();
    await expectOnce(second.url, id);
  });

  it('while observing: it goes on watching the same commit', async () => {
    const first = await start();
    const { id, changeHash } = await waitForPlan(first.url, 'Scale worker to 3');
    const client = createApiClient(first.url);
    await client.approvePlan(id, changeHash);
    await untilStatus(client, id, 'observing');
    await first.kill();
    const second = await start();
    await expectOnce(second.url, id);
  });

  it('again and again: every second of its life cut short, it still ends with one commit', async () => {
    let current = await start();
    const { id, changeHash } = await waitForPlan(current.url, 'Scale worker to 3');
    await createApiClient(current.url).approvePlan(id, changeHash);
    for (const lifeMs of [150, 400, 700]) {
      await new Promise((resolve) => setTimeout(resolve, lifeMs));
      await current.kill();
      current = await start();
    }
    await expectOnce(current.url, id);
  });
});

describe('a server that is asked to stop', () => {
  it('ends with code 0 and leaves the ticket to its successor', async () => {
    const first = await start();
    const { id, changeHash } = await waitForPlan(first.url, 'Scale worker to 3');
    await createApiClient(first.url).approvePlan(id, changeHash);
    expect(await first.stop()).toBe(0);
    const second = await start();
    await expectOnce(second.url, id);
    expect(await readFile(join(embedded.repository, 'HEAD'), 'utf8')).toContain('refs/heads/main');
  });
});
