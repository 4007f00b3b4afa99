import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TicketView } from '../../src/api/contract.ts';
import { startApp } from '../../src/app/start.ts';
import type { RunningApp } from '../../src/cli/host.ts';
import { createApiClient, type ApiClient } from '../../src/client/api-client.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { packageDir } from '../../src/lib/package.ts';
import { startEmbedded, type Embedded } from '../../src/sandbox/embedded.ts';

type Overrides = Record<string, unknown>;

/** The whole product in this process: server, bare repository, Argo CD stand-in, all real and on loopback. */
export interface Product {
  dir: string;
  embedded: Embedded;
  app: RunningApp;
  client: ApiClient;
  /** The raw API, for what the client has no call for. */
  request(method: string, path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Stops the server and starts it again on the same data, with other settings where they are given. */
  restart(settings?: Overrides): Promise<void>;
  close(): Promise<void>;
}

/** Budgets in seconds that a simulation twenty times as fast as life can keep. */
const QUICK_OBSERVATION = {
  pollSeconds: 1,
  earlyFailureSeconds: 2,
  degradedConfirmSeconds: 2,
  settleSeconds: 0,
  settleCustomSeconds: 0,
};

/** @param given settings, or what makes them once the stand-in and its repository are there */
export async function startProduct(
  given: Overrides | ((embedded: Embedded) => Promise<Overrides>) = {},
): Promise<Product> {
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-product-'));
  const embedded = await startEmbedded({
    dir: join(dir, 'argo'),
    branch: 'main',
    port: 0,
    speed: 40,
    token: 'product-test-token',
    clock: createSystemClock(),
    logger: silentLogger,
  });
  let overrides = typeof given === 'function' ? await given(embedded) : given;
  const start = async () => await startApp(toConfig(dir, embedded, overrides));
  let app = await start();
  let client = createApiClient(app.url);
  return {
    dir,
    embedded,
    get app() {
      return app;
    },
    get client() {
      return client;
    },
    request: async (method, path, body) => {
      const response = await fetch(`${app.url}${path}`, {
        method,
        ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    restart: async (settings = overrides) => {
      overrides = settings;
      await app.close();
      app = await start();
      client = createApiClient(app.url);
    },
    close: async () => {
      await app.close();
      await embedded.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function toConfig(dir: string, embedded: Embedded, overrides: Record<string, unknown>) {
  return loadConfig({
    configDir: join(packageDir, 'config'),
    env: {},
    nodeEnv: 'test',
    overrides: {
      server: { port: 0 },
      data: { dir: join(dir, 'data') },
      git: { repoUrl: embedded.repository },
      argocd: { server: embedded.url, token: embedded.token },
      log: { level: 'error' },
      observation: QUICK_OBSERVATION,
      ...overrides,
    },
  });
}

/** Polls until the ticket satisfies `test`; throws with where it stands when that takes too long. */
export async function untilTicket(
  client: ApiClient,
  id: string,
  test: (ticket: TicketView) => boolean,
  timeoutMs = 60_000,
): Promise<TicketView> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const ticket = await client.getTicket(id);
    if (test(ticket)) return ticket;
    if (performance.now() > deadline) throw new Error(`ticket "${ticket.title}" is ${ticket.status}: ${ticket.reason}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function untilStatus(client: ApiClient, id: string, ...statuses: string[]): Promise<TicketView> {
  return await untilTicket(client, id, (ticket) => isIn(ticket, statuses));
}

/** Whether the ticket stands there; throws where it has ended elsewhere. */
export function isIn(ticket: TicketView, statuses: readonly string[]): boolean {
  if (ticket.endedAt !== null && !statuses.includes(ticket.status)) {
    throw new Error(`ticket "${ticket.title}" ended ${ticket.status}: ${ticket.reason}`);
  }
  return statuses.includes(ticket.status);
}

/** Opens a ticket and approves its plan as soon as it waits; gives the ended ticket. */
export async function playTicket(client: ApiClient, title: string): Promise<TicketView> {
  const { id } = await client.createTicket({ title });
  const ticket = await untilTicket(client, id, (one) => one.endedAt !== null || one.hold !== null);
  if (ticket.hold?.kind === 'plan_approval') await client.approvePlan(id, ticket.hold.changeHash);
  return await untilTicket(client, id, (one) => one.endedAt !== null);
}
