import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApiClient } from '../../src/client/api-client.ts';
import { git } from '../support/git-run.ts';
import { isIn, untilTicket } from '../support/product.ts';
import { HOST_TOKEN, startPullWorld, type PullWorld } from '../support/pull-product.ts';
import { startServerProcess, type ServerProcess } from '../support/server-process.ts';

// The server is killed with signal 9 by the git host itself, at the moment it is asked to open the pull request: just before
// it does, and just after it did.

let world: PullWorld;
let server: ServerProcess | undefined;

beforeEach(async () => {
  world = await startPullWorld('github');
});
afterEach(async () => {
  await server?.kill();
  await world.close();
});

async function start(): Promise<ServerProcess> {
  server = await startServerProcess({
    TIPHYS_SERVER_PORT: '0',
    TIPHYS_DATA_DIR: join(world.dir, 'data'),
    TIPHYS_GIT_REPO_URL: world.host.repoUrl,
    TIPHYS_GIT_TOKEN: HOST_TOKEN,
    TIPHYS_GIT_DELIVERY: 'pull_request',
    TIPHYS_GIT_FORGE: 'github',
    TIPHYS_GIT_PULL_REQUEST_POLL_SECONDS: '1',
    TIPHYS_ARGOCD_SERVER: world.sandbox.url,
    TIPHYS_ARGOCD_TOKEN: 'argo-token-for-pull-requests',
    TIPHYS_OBSERVATION_POLL_SECONDS: '1',
    TIPHYS_OBSERVATION_SETTLE_SECONDS: '0',
    TIPHYS_LOG_LEVEL: 'error',
  });
  return server;
}

/** The next time it is asked to open a pull request, the host kills who asks. */
function killWhenOpening(how: 'cut_before' | 'cut_after'): Promise<void> {
  return new Promise((resolve) => {
    world.host.fault = (method, path) => {
      if (method !== 'POST' || !path.endsWith('/pulls')) return undefined;
      world.host.fault = undefined;
      void server?.kill().then(resolve);
      return how;
    };
  });
}

describe('a server that is killed while it proposes', () => {
  it('leaves one branch and one pull request, however often it dies', async () => {
    const { host, repository } = world;
    const beforeOpening = killWhenOpening('cut_before');
    let client = createApiClient((await start()).url);
    const { id } = await client.createTicket({ title: 'Scale worker to 3' });
    const reach = async (status: string) => await untilTicket(client, id, (one) => isIn(one, [status]), 240_000);
    const waiting = await reach('pending_plan_approval');
    if (waiting.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
    await client.approvePlan(id, waiting.hold.changeHash);
    await beforeOpening;
    expect(host.pulls.all).toHaveLength(0);
    const branches = async () => (await git(repository, ['branch', '--list', 'tiphys/*'])).trim().split('\n');
    const [branch = ''] = await branches();
    const head = await world.headOf(branch.trim());

    const afterOpening = killWhenOpening('cut_after');
    await start();
    await afterOpening;
    // The host has the request and goes on by itself.
    await expect.poll(() => host.pulls.all, { timeout: 30_000 }).toHaveLength(1);

    client = createApiClient((await start()).url);
    const proposed = await reach('pending_merge');
    expect(proposed.hold).toMatchObject({ kind: 'merge', number: 1, branch: branch.trim() });
    expect(await branches()).toHaveLength(1);
    expect(await world.headOf(branch.trim())).toBe(head);

    // It dies once more while it waits, and what happens meanwhile is seen afterwards.
    await server?.kill();
    const merged = await host.pulls.merge(1, 'ann', 'squash');
    client = createApiClient((await start()).url);
    const ended = await untilTicket(client, id, ({ endedAt }) => endedAt !== null, 240_000);
    expect(ended.status, ended.reason).toBe('resolved');
    expect(ended.ending?.commits).toEqual([merged]);
    expect(host.pulls.all).toHaveLength(1);
    const events = await client.listEvents(id);
    const outcomes = events.flatMap((one) => (one.type === 'push' ? [one.data.outcome] : []));
    expect(outcomes).toEqual(['proposed', 'merged']);
    const opened = events.flatMap((one) => (one.type === 'pull_request' ? [one.data.state] : []));
    expect(opened.at(-1)).toBe('merged');
    expect(opened.filter((state) => state === 'merged')).toHaveLength(1);
  }, 900_000);
});
