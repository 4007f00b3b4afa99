import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiClient, type ApiClient } from '../../src/client/api-client.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { startEmbedded, type Embedded } from '../../src/sandbox/embedded.ts';
import { git } from '../support/git-run.ts';
import { createTestDatabase, postgresSkipReason, type TestDatabase } from '../support/postgres.ts';
import { playTicket, startProduct, untilStatus, untilTicket, type Product } from '../support/product.ts';
import { startServerProcess, type ServerProcess } from '../support/server-process.ts';

const skipReason = postgresSkipReason();
const note = skipReason === undefined ? '' : ` (skipped: ${skipReason})`;

describe.skipIf(skipReason !== undefined)(`the loop on PostgreSQL${note}`, () => {
  let database: TestDatabase;
  let product: Product;

  beforeAll(async () => {
    database = await createTestDatabase('pg', { migrated: false });
    product = await startProduct({ db: { client: 'pg', connection: database.connection } });
  });
  afterAll(async () => {
    await product.close();
    await database.drop();
  });

  it('carries a ticket to resolved and a crashing one to reverted, and finds both again after a restart', async () => {
    const resolved = await playTicket(product.client, 'Scale worker to 3');
    expect(resolved.status, resolved.reason).toBe('resolved');
    const reverted = await playTicket(product.client, 'Update api to 1.9.0-crash');
    expect(reverted.status, reverted.reason).toBe('failed');
    expect(reverted.ending).toMatchObject({ code: 'reverted', reverted: true });

    expect((await product.request('GET', '/api/info')).body).toMatchObject({ database: 'pg' });
    await product.restart();
    for (const ticket of [resolved, reverted]) expect(await product.client.getTicket(ticket.id)).toEqual(ticket);
    const history = await product.request('GET', '/api/memory/history/api');
    expect(JSON.stringify(history.body)).toMatch(/"outcome":"failed"/);
    const stored: { status: string }[] = await database.db.knex('tickets').select('status').orderBy('id');
    expect(stored.map(({ status }) => status)).toEqual(['resolved', 'failed']);
  });
});

describe.skipIf(skipReason !== undefined)(`two servers on one PostgreSQL and one repository${note}`, () => {
  const TITLES = [
    'Scale web to 4',
    'Scale api to 4',
    'Scale worker to 4',
    'Scale mailer to 4',
    'Deploy redis 7.2 with 2 replicas',
    'Set LOG_LEVEL=debug on web',
  ];
  let dir: string;
  let database: TestDatabase;
  let embedded: Embedded;
  const servers: ServerProcess[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tiphys-two-'));
    database = await createTestDatabase('pg', { migrated: false });
    embedded = await startEmbedded({
      dir: join(dir, 'argo'),
      branch: 'main',
      port: 0,
      speed: 40,
      token: 'two-servers-token',
      clock: createSystemClock(),
      logger: silentLogger,
    });
    // Both at once, on an empty database: only one of them can make the tables.
    const started = await Promise.allSettled(['a', 'b'].map(async (name) => await startServer(name)));
    for (const one of started) if (one.status === 'fulfilled') servers.push(one.value);
    for (const one of started) if (one.status === 'rejected') throw one.reason;
  });
  afterAll(async () => {
    await Promise.all(servers.map(async (server) => await server.stop()));
    await embedded.close();
    await database.drop();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  });

  async function startServer(name: string): Promise<ServerProcess> {
    return await startServerProcess({
      TIPHYS_SERVER_PORT: '0',
      // As on two machines: nothing is shared but the database, the repository and Argo CD.
      TIPHYS_DATA_DIR: join(dir, name),
      TIPHYS_DB_CLIENT: 'pg',
      TIPHYS_DB_CONNECTION: database.connection,
      TIPHYS_GIT_REPO_URL: embedded.repository,
      TIPHYS_ARGOCD_SERVER: embedded.url,
      TIPHYS_ARGOCD_TOKEN: embedded.token,
      TIPHYS_OBSERVATION_POLL_SECONDS: '1',
      TIPHYS_OBSERVATION_EARLY_FAILURE_SECONDS: '2',
      TIPHYS_OBSERVATION_SETTLE_SECONDS: '0',
      TIPHYS_LOG_LEVEL: 'error',
    });
  }

  it('do every ticket exactly once and lose none', async () => {
    const stop = new AbortController();
    const owners = collectOwners(stop.signal);
    try {
      await workAll();
    } finally {
      stop.abort();
    }
    // Opened half at each, they were worked on by both.
    expect((await owners).size).toBe(2);
  }, 170_000);

  async function workAll(): Promise<void> {
    const clients = servers.map(({ url }) => createApiClient(url));
    const clientOf = (index: number): ApiClient => {
      const client = clients[index % clients.length];
      if (client === undefined) throw new Error('no server runs');
      return client;
    };
    const ids = await Promise.all(
      TITLES.map(async (title, index) => (await clientOf(index).createTicket({ title })).id),
    );
    // Opened at one server, approved at the other, read from both.
    await Promise.all(
      ids.map(async (id, index) => {
        const { hold } = await untilStatus(clientOf(index + 1), id, 'pending_plan_approval');
        if (hold?.kind !== 'plan_approval') throw new Error('no approval waits');
        await clientOf(index + 1).approvePlan(id, hold.changeHash);
      }),
    );
    for (const [index, id] of ids.entries()) {
      const ticket = await untilEnd(clientOf(index), id);
      expect(ticket.status, `${ticket.title}: ${ticket.reason}`).toBe('resolved');
      const log = await git(embedded.repository, ['log', '--format=%H', `--grep=^Tiphys-Ticket: ${id}$`, 'main']);
      expect(log.trim().split('\n')).toEqual(ticket.ending?.commits);
      expect(ticket.ending?.commits).toHaveLength(1);
    }
    const count = await git(embedded.repository, ['rev-list', '--count', 'main']);
    expect(Number(count)).toBe(1 + TITLES.length);
    // The service that two tickets changed has both changes.
    const web = await git(embedded.repository, ['show', 'main:dist/web/Deployment.web.k8s.yaml']);
    expect(web).toMatch(/replicas: 4/);
    expect(web).toMatch(/value: debug/);
    for (const id of ids) {
      const body = await (await fetch(`${servers[0]?.url ?? ''}/api/tickets/${id}/events?limit=1000&type=push`)).json();
      const pushes = (body as { items: { data: { outcome: string } }[] }).items;
      expect(pushes.filter(({ data }) => data.outcome === 'pushed')).toHaveLength(1);
    }
    const verdict = await (await fetch(`${servers[1]?.url ?? ''}/api/audit/verify`)).json();
    expect(verdict).toMatchObject({ kind: 'intact' });
  }

  /** Who was seen at work. */
  async function collectOwners(signal: AbortSignal): Promise<Set<string>> {
    const seen = new Set<string>();
    while (!signal.aborted) {
      const rows: { lease_owner: string }[] = await database.db
        .knex('tickets')
        .distinct('lease_owner')
        .whereNotNull('lease_owner');
      for (const row of rows) seen.add(row.lease_owner);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return seen;
  }

  /** To its end, approving a difference that another ticket changed meanwhile. */
  async function untilEnd(client: ApiClient, id: string) {
    for (;;) {
      const ticket = await untilTicket(client, id, ({ endedAt, hold }) => endedAt !== null || hold !== null, 120_000);
      if (ticket.endedAt !== null) return ticket;
      if (ticket.hold?.kind === 'approval') await client.grant(id, ticket.hold.approvalId);
      else throw new Error(`"${ticket.title}" waits: ${ticket.reason}`);
    }
  }
});
