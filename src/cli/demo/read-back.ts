import { createArgoClient } from '../../argocd/http.ts';
import { openDatabase } from '../../database/open.ts';
import { exec } from '../../lib/exec.ts';
import { toIsoTime, type Clock } from '../../lib/clock.ts';
import { AppError } from '../../lib/errors.ts';
import { silentLogger } from '../../lib/logger.ts';
import { createMemoryKeeper } from '../../memory/memory-store.ts';
import type { Embedded } from '../../sandbox/embedded.ts';
import { findLatestPlan } from '../../ticket/plan-store.ts';
import { listTickets } from '../../ticket/ticket-store.ts';

/** What was found afterwards in the database, the repository and Argo CD; nothing of it was counted on the way. */
export interface Summary {
  type: 'summary';
  resolved: number;
  failed: number;
  reverted: number;
  /** Path of the bare repository. */
  repository: string;
  database: string;
  elapsedMs: number;
  endedAt: string;
  head: string;
  commits: number;
  applications: { name: string; sync: string; health: string; revision: string; atHead: boolean; images: string[] }[];
  /** Memory knows that a deploy of api failed. */
  remembered: boolean;
  /** The last plan gives reasons for being more careful. */
  careful: boolean;
  history: string[];
  memory: string[];
}

export async function readBack(input: {
  dir: string;
  embedded: Embedded;
  database: string;
  clock: Clock;
}): Promise<Summary> {
  const { embedded, clock } = input;
  const repository = embedded.repository;
  const head = (await git(repository, ['rev-parse', 'refs/heads/main'])).trim();
  const reverts = await git(repository, ['log', '--format=%H', '--grep=^This reverts commit', 'refs/heads/main']);
  const history = await git(repository, [
    'log',
    '--graph',
    '--format=%h %s%n%(trailers:key=Tiphys-Ticket)%(trailers:key=Tiphys-Step)',
    'refs/heads/main',
  ]);
  const lines = history.split('\n').filter((line) => line.replace(/[|*\s]/g, '') !== '');
  return {
    type: 'summary',
    ...(await readDatabase(input.database, clock)),
    reverted: reverts.split('\n').filter((line) => line !== '').length,
    repository,
    database: input.database,
    elapsedMs: 0,
    endedAt: toIsoTime(clock.now()),
    head,
    commits: Number(await git(repository, ['rev-list', '--count', 'refs/heads/main'])),
    applications: await readApplications(embedded, head, clock),
    history: lines,
  };
}

async function readDatabase(file: string, clock: Clock) {
  const db = await openDatabase({ client: 'sqlite3', connection: file, logger: silentLogger, clock });
  try {
    const tickets = await listTickets(db.knex, {}, { limit: 100 });
    const newest = tickets[0];
    const plan = newest === undefined ? undefined : await findLatestPlan(db.knex, newest.id);
    const memory = await createMemoryKeeper(db).current();
    const scope = { cluster: '', environment: 'production', namespace: 'production', service: '' };
    const rows: { cluster: string; service: string }[] = await db
      .knex('deploys')
      .distinct('cluster', 'service')
      .orderBy('service');
    const known = rows.map((row) => memory.context({ ...scope, ...row }, clock.now()));
    return {
      resolved: tickets.filter(({ status }) => status === 'resolved').length,
      failed: tickets.filter(({ status }) => status === 'failed').length,
      remembered: known.some(({ risk }) => risk.scope.service === 'api' && risk.failures > 0),
      careful: (plan?.intent.advice.careReasons.length ?? 0) > 0,
      memory: known.flatMap(({ risk, patterns, recommendations }) => [
        `${risk.scope.service}: ${risk.deploys} deploys, ${risk.failures} failed`,
        ...patterns.map((one) => `  ${one.fingerprint.class} (${one.count} times): ${one.fingerprint.signature}`),
        ...recommendations.map((sentence) => `  ${sentence}`),
      ]),
    };
  } finally {
    await db.close();
  }
}

async function readApplications(embedded: Embedded, head: string, clock: Clock): Promise<Summary['applications']> {
  const argo = createArgoClient({
    baseUrl: embedded.url,
    token: embedded.token,
    requestTimeoutMs: 30_000,
    clock,
    logger: silentLogger,
  });
  try {
    const found = await argo.listApplications();
    return await Promise.all(
      found.map(async ({ metadata: { name, namespace } }) => {
        const ref = { name, ...(namespace === '' ? {} : { namespace }) };
        const { status } = await argo.getApplication({ ...ref, project: 'default' }, { refresh: 'normal' });
        const { revision } = status.sync;
        const { images } = status.summary;
        return {
          name,
          sync: status.sync.status,
          health: status.health.status,
          revision,
          atHead: revision === head,
          images,
        };
      }),
    );
  } finally {
    argo.close();
  }
}

async function git(repository: string, args: readonly string[]): Promise<string> {
  const result = await exec('git', args, {
    cwd: repository,
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
    },
    timeoutMs: 30_000,
    maxBytes: 10_000_000,
  });
  if (result.exitCode !== 0) throw new AppError('git_failed', `git ${args[0] ?? ''} failed: ${result.stderr.trim()}`);
  return result.stdout;
}
