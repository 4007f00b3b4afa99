import { mkdir } from 'node:fs/promises';
import type { GraphDeps } from '../agent/deps.ts';
import type { ApiDeps } from '../api/deps.ts';
import { createServer } from '../api/server.ts';
import { createPreflightDesk } from '../argocd/preflight-desk.ts';
import type { RunningApp } from '../cli/host.ts';
import { dropModelTracing } from '../config/environment.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { migrate } from '../database/migrate.ts';
import { openDatabase, type Database } from '../database/open.ts';
import { createConfiguredForge } from '../forge/configured.ts';
import type { Forge } from '../forge/forge.ts';
import { createSystemClock, toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { createIdSource, randomHex } from '../lib/ids.ts';
import { createLogger } from '../lib/logger.ts';
import { packageVersion } from '../lib/package.ts';
import { createRedactor } from '../lib/redact.ts';
import { toPolicyVersion } from '../policy/evaluate.ts';
import { createJournal } from '../ticket/event-store.ts';
import { createTicketService } from '../ticket/service.ts';
import { createAssets } from '../web/assets.ts';
import { createAgentDeps } from './agent.ts';
import type { Basics, Closers } from './basics.ts';
import { createDelivery, toPlace } from './events.ts';
import { openPlatform, toArgoInfo } from './platform.ts';
import { toReadiness } from './readiness.ts';
import { toOccurrencesDir } from './settings.ts';
import { createWork } from './work.ts';

const PREFLIGHT_TIMEOUT_MS = 10_000;
const PREFLIGHT_FRESH_MS = 15_000;

/**
 * The composition root: the one place that picks implementations. Starts everything and listens.
 * @throws AppError where something needed cannot be reached or opened; what was started by then is stopped again.
 */
export async function startApp(loaded: LoadedConfig): Promise<RunningApp> {
  dropModelTracing();
  const closers: Closers = [];
  const close = async () => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  try {
    return { ...(await assemble(loaded, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(loaded: LoadedConfig, closers: Closers): Promise<Omit<RunningApp, 'close'>> {
  const { config } = loaded;
  const clock = createSystemClock();
  const token = randomHex(24);
  const redactor = createRedactor([...loaded.secrets, token]);
  const logger = createLogger(config.log.level, redactor);
  const basics = { clock, logger };
  await mkdir(config.data.dir, { recursive: true, mode: 0o700 });
  const db = await openStore(config, basics, closers);
  const { repo, instances, mode } = await openPlatform(loaded, { ...basics, redactor, token }, closers);
  const journal = createJournal({ clock, redactor });
  const ids = createIdSource(() => clock.now());
  const delivery = createDelivery(config, { db, ...basics });
  const forge = createConfiguredForge(config, clock);
  const given = { db, journal, ids, redactor, repo, instances, ...basics };
  const agent = await createAgentDeps(config, given, { forge, delivery });
  closers.push(async () => await agent.memory.close());
  const work = createWork(config, agent);
  const preflight = createPreflightDesk({
    repository: { url: repo.url, branch: repo.branch },
    mayAct: config.argocd.mayRequestSync || config.argocd.mayTerminate,
    timeoutMs: Math.min(config.argocd.requestTimeoutMs, PREFLIGHT_TIMEOUT_MS),
    freshMs: PREFLIGHT_FRESH_MS,
    ...{ instances, redactor, ...basics },
  });
  closers.push(async () => await preflight.close());
  const warnings = [...agent.synth.isolation.warnings];
  const server = await createServer(toApiDeps(config, { agent, work, preflight, forge, mode, warnings }), {
    apiKeys: config.server.apiKeys,
    readOnlyApiKeys: config.server.readOnlyApiKeys,
  });
  closers.push(async () => await server.close());
  const url = await listen(server, config);
  // Nobody waits for it: what is wrong is logged and stands among the warnings of /api/info.
  void preflight.check();
  for (const one of [...(delivery === undefined ? [] : [delivery]), ...work.all]) {
    one.start();
    closers.push(async () => await one.stop());
  }
  return {
    url,
    mode,
    repository: { url: repo.url, branch: repo.branch },
    argocd: { token: mode === 'configured' ? undefined : token, ...toArgoInfo(instances) },
    database: db.location,
    warnings,
  };
}

async function openStore(config: Config, basics: Basics, closers: Closers): Promise<Database> {
  const db = await openDatabase({
    client: config.db.client,
    connection: config.db.connection ?? undefined,
    dataDir: config.data.dir,
    ...basics,
  });
  closers.push(async () => await db.close());
  await migrate(db);
  return db;
}

interface Served {
  agent: GraphDeps;
  work: ReturnType<typeof createWork>;
  preflight: ApiDeps['preflight'];
  forge: Forge | undefined;
  mode: RunningApp['mode'];
  warnings: string[];
}

function toApiDeps(config: Config, { agent, work, preflight, forge, mode, warnings }: Served): ApiDeps {
  const { db, clock, logger, redactor, journal, ids, memory, repo, instances } = agent;
  return {
    ...{ db, clock, logger, redactor, journal, memory, preflight },
    tickets: createTicketService({
      ...{ db, journal, clock, ids },
      toInstance: (name) => (name === undefined ? instances.default : instances.get(name)).name,
      changed: (ticket) => {
        work.runner.changed(ticket);
        work.pulls?.changed(ticket);
      },
    }),
    cluster: instances.default.cluster,
    occurrencesDir: toOccurrencesDir(config),
    eventsEndpoint: toPlace(config.events.cdeventsEndpoint),
    info: {
      version: packageVersion,
      node: process.versions.node,
      mode,
      startedAt: toIsoTime(clock.now()),
      planner: config.llm.provider === 'offline' ? 'offline' : `openai:${config.llm.model ?? ''}`,
      repository: { url: repo.url, branch: repo.branch },
      argocd: toArgoInfo(instances),
      database: config.db.client,
      policyVersion: toPolicyVersion(agent.policy.settings),
      warnings,
    },
    page: createAssets(),
    answerMcp: async (...asked) => await (await import('../mcp/http.ts')).answerMcp(...asked),
    webhooks: forge === undefined ? null : { forge, secret: config.git.webhookSecret, wake: () => work.pulls?.wake() },
    readiness: toReadiness({ db, repo, instances, forge }),
  };
}

async function listen(
  server: Awaited<ReturnType<typeof createServer>>,
  { server: { host, port } }: Config,
): Promise<string> {
  try {
    return await server.listen({ host, port });
  } catch (error) {
    throw new AppError('config_invalid', `cannot listen on ${host}:${port}`, {
      cause: error,
      hint: 'Another program may use the port: set TIPHYS_SERVER_PORT, or 0 for a free one.',
    });
  }
}
