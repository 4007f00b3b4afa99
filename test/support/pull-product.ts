import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TicketView } from '../../src/api/contract.ts';
import { startApp } from '../../src/app/start.ts';
import type { RunningApp } from '../../src/cli/host.ts';
import { createApiClient, type ApiClient } from '../../src/client/api-client.ts';
import type { ForgeKind } from '../../src/config/git-host.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { packageDir } from '../../src/lib/package.ts';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { seedBareRepository } from '../../src/sandbox/seed-repository.ts';
import type { TicketEvent } from '../../src/ticket/event.ts';
import type { HostPull } from './forge-host/pulls.ts';
import { startForgeHost, type ForgeHost } from './forge-host/server.ts';
import { git } from './git-run.ts';
import { isIn, untilTicket } from './product.ts';

export const WEBHOOK_SECRET = 'the-secret-of-the-webhook';
export const HOST_TOKEN = 'tok-5d1e-of-the-git-host';
const PROJECTS = { github: 'acme/infra', gitlab: 'acme/platform/infra', gitea: 'acme/infra' } as const;

/** A git host with pull requests, an Argo CD that follows its repository, and what is needed to start Tiphys on both. */
export interface PullWorld {
  dir: string;
  host: ForgeHost;
  sandbox: Sandbox;
  /** The bare repository on disk. */
  repository: string;
  /** Settings of a server that proposes. */
  overrides(more?: Record<string, unknown>): Record<string, unknown>;
  headOf(branch?: string): Promise<string>;
  close(): Promise<void>;
}

/** Whole products, several gits and a jail share the machine with whatever else runs there. */
const PATIENCE_MS = 240_000;
const ARGO_TOKEN = 'argo-token-for-pull-requests';

export async function startPullWorld(kind: ForgeKind): Promise<PullWorld> {
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-pulls-'));
  const project = PROJECTS[kind];
  const repository = join(dir, 'host', `${project}.git`);
  await seedBareRepository({ repository, branch: 'main' });
  const host = await startForgeHost({ kind, root: join(dir, 'host'), project, token: HOST_TOKEN });
  const sandbox = await startSandbox({
    repositories: [{ url: host.repoUrl, path: repository }],
    applications: { autoDiscover: { repoUrl: host.repoUrl, branch: 'main', root: 'dist' } },
    token: ARGO_TOKEN,
    clock: createSystemClock(),
    speed: 40,
    logger: silentLogger,
  });
  return {
    dir,
    host,
    sandbox,
    repository,
    overrides: ({ git: gitSettings, ...more } = {}) => ({
      server: { port: 0 },
      data: { dir: join(dir, 'data') },
      git: {
        repoUrl: host.repoUrl,
        token: HOST_TOKEN,
        delivery: 'pull_request',
        forge: kind,
        pullRequestPollSeconds: 1,
        webhookSecret: WEBHOOK_SECRET,
        ...(gitSettings as object | undefined),
      },
      argocd: { server: sandbox.url, token: ARGO_TOKEN },
      log: { level: 'error' },
      observation: {
        pollSeconds: 1,
        earlyFailureSeconds: 2,
        degradedConfirmSeconds: 2,
        settleSeconds: 0,
        settleCustomSeconds: 0,
      },
      ...more,
    }),
    headOf: async (branch = 'main') => (await git(repository, ['rev-parse', `refs/heads/${branch}`])).trim(),
    close: async () => {
      await sandbox.close();
      await host.close();
      await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Tiphys in this process, on a world of pull requests. */
export interface PullProduct extends PullWorld {
  app: RunningApp;
  client: ApiClient;
  events(id: string): Promise<TicketEvent[]>;
  /** Opens a ticket, approves its plan, and waits until its pull request waits. */
  propose(title: string): Promise<{ ticket: TicketView; pull: HostPull }>;
  end(id: string): Promise<TicketView>;
}

export async function startPullProduct(kind: ForgeKind, more: Record<string, unknown> = {}): Promise<PullProduct> {
  const world = await startPullWorld(kind);
  const overrides = world.overrides(more);
  const app = await startApp(
    loadConfig({ configDir: join(packageDir, 'config'), env: {}, nodeEnv: 'test', overrides }),
  );
  const client = createApiClient(app.url);
  return {
    ...world,
    app,
    client,
    events: async (id) => await client.listEvents(id),
    propose: async (title) => await proposeTicket(client, world.host, title),
    end: async (id) => await untilTicket(client, id, (one) => one.endedAt !== null, PATIENCE_MS),
    close: async () => {
      await app.close();
      await world.close();
    },
  };
}

async function proposeTicket(
  client: ApiClient,
  host: ForgeHost,
  title: string,
): Promise<{ ticket: TicketView; pull: HostPull }> {
  const { id } = await client.createTicket({ title });
  const reach = async (status: string) => await untilTicket(client, id, (one) => isIn(one, [status]), PATIENCE_MS);
  const waiting = await reach('pending_plan_approval');
  if (waiting.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
  await client.approvePlan(id, waiting.hold.changeHash);
  const ticket = await reach('pending_merge');
  if (ticket.hold?.kind !== 'merge') throw new Error('no pull request waits');
  const pull = await host.pulls.find(ticket.hold.number);
  if (pull === undefined) throw new Error(`the host has no pull request ${ticket.hold.number}`);
  return { ticket, pull };
}
