import { hostname } from 'node:os';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { dropModelTracing, processEnvironment } from './config/environment.ts';
import type { ArgoInstanceSettings } from './config/instances.ts';
import type { Config } from './config/schema.ts';
import type { LoadedConfig } from './config/load.ts';
import { createCheckpointer } from './agent/checkpointer.ts';
import type { GraphDeps, Proposals, RenderGateSettings } from './agent/deps.ts';
import { createDraftCache } from './agent/draft.ts';
import { createAgentGraph } from './agent/graph.ts';
import type { InfoView } from './api/contract.ts';
import { createServer } from './api/server.ts';
import { createArgoInstances, type ArgoInstance, type ArgoInstances } from './argocd/instances.ts';
import { createPreflightDesk } from './argocd/preflight-desk.ts';
import { createBudgets, type ObservationBudgets } from './argocd/observation.ts';
import { loadIsolation } from './cdk8s/isolation.ts';
import { createSynth } from './cdk8s/synth.ts';
import { migrate } from './database/migrate.ts';
import { openDatabase, type Database } from './database/open.ts';
import { createSystemClock, toIsoTime, type Clock } from './lib/clock.ts';
import { AppError } from './lib/errors.ts';
import { createIdSource, randomHex } from './lib/ids.ts';
import { createLogger, type Logger } from './lib/logger.ts';
import { createRedactor } from './lib/redact.ts';
import { packageVersion } from './lib/package.ts';
import { createEventDelivery, type EventDelivery } from './memory/event-delivery.ts';
import { createEventSender } from './memory/event-sender.ts';
import { createSnapshotFile } from './memory/memory-snapshot.ts';
import { createMemoryKeeper, type Outbox } from './memory/memory-store.ts';
import { bookEvent } from './memory/outbox-store.ts';
import { createPlannerTools } from './agent/planner-tools.ts';
import { runSoak } from './agent/soak.ts';
import { createOpenAiPlanner } from './model/openai/planner.ts';
import type { Planner } from './model/planning.ts';
import { createOfflinePlanner } from './model/offline/planner.ts';
import { parseFreezeWindows } from './policy/freeze-window.ts';
import { toPolicyVersion } from './policy/evaluate.ts';
import { parsePolicySettings } from './policy/settings.ts';
import { toCredentials } from './repo/configured.ts';
import { createConfiguredForge } from './forge/configured.ts';
import type { Forge } from './forge/forge.ts';
import { openInfraRepo, type InfraRepo } from './repo/infra-repo.ts';
import { createPullWatcher } from './runner/pull-watcher.ts';
import { createReviewSweep } from './runner/review-sweep.ts';
import { createRunner } from './runner/runner.ts';
import { createSoakRunner } from './runner/soak-runner.ts';
import { startEmbedded, type Embedded } from './sandbox/embedded.ts';
import { createJournal } from './ticket/event-store.ts';
import { createAssets } from './web/assets.ts';
import { createTicketService } from './ticket/service.ts';

const PREFLIGHT_TIMEOUT_MS = 10_000;
const PREFLIGHT_FRESH_MS = 15_000;

/** A running Tiphys. */
export interface App {
  url: string;
  mode: 'embedded_sandbox' | 'configured';
  repository: { url: string; branch: string };
  argocd: { url: string; token: string | undefined; instances: { name: string; server: string }[] };
  database: string;
  warnings: string[];
  /** Ends streams, stops tickets where that is safe, closes everything. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * The composition root: the one place that picks implementations. Starts everything and listens.
 * @throws AppError where something needed cannot be reached or opened; what was started by then is stopped again.
 */
export async function startApp(loaded: LoadedConfig): Promise<App> {
  dropModelTracing();
  const closers: (() => Promise<void> | void)[] = [];
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

async function assemble(loaded: LoadedConfig, closers: (() => Promise<void> | void)[]): Promise<Omit<App, 'close'>> {
  const { config } = loaded;
  const clock = createSystemClock();
  const embeddedToken = randomHex(24);
  const redactor = createRedactor([...loaded.secrets, embeddedToken]);
  const logger = createLogger(config.log.level, redactor);
  await mkdir(config.data.dir, { recursive: true, mode: 0o700 });

  const db = await openDatabase({
    client: config.db.client,
    connection: config.db.connection ?? undefined,
    dataDir: config.data.dir,
    logger,
    clock,
  });
  closers.push(async () => await db.close());
  await migrate(db);

  const embedded = await startEmbeddedIfUnset(loaded, { clock, logger, token: embeddedToken });
  if (embedded !== undefined) closers.push(async () => await embedded.close());
  const repo = await openRepository(config, embedded, { clock, logger });
  const instances = createArgoInstances(embedded === undefined ? loaded.instances : [toEmbedded(config, embedded)], {
    requestTimeoutMs: config.argocd.requestTimeoutMs,
    // The stand-in acts on Rollouts, whether or not one is there yet.
    rollouts: embedded === undefined ? config.rollouts.controller : 'installed',
    ...{ clock, logger, redactor },
  });
  closers.push(async () => await instances.close());

  const synth = createSynth({
    isolation: await loadIsolation(),
    limits: {
      timeoutMs: config.cdk8s.synthTimeoutMs,
      heapMegabytes: config.cdk8s.maxMemoryMb,
      maxOutputBytes: config.cdk8s.maxOutputBytes,
    },
    clock,
    logger,
  });
  const journal = createJournal({ clock, redactor });
  const ids = createIdSource(() => clock.now());
  const delivery = createDelivery(config, { db, clock, logger });
  const memory = createMemoryKeeper(db, {
    costs: config.memory.costs,
    snapshots: createSnapshotFile(join(config.data.dir, 'memory.snapshot')),
    ...(delivery === undefined ? {} : { outbox: toOutbox(config, delivery, clock) }),
  });
  closers.push(async () => await memory.close());
  const policySettings = parsePolicySettings({
    autoApprove: config.agent.autoApprove,
    revertApproval: config.policy.revertApproval,
    promotionApproval: config.policy.promotionApproval,
    maxAutoProbability: config.policy.maxAutoProbability,
    protectedKinds: config.policy.protectedKinds,
    protectedNamespaces: config.policy.protectedNamespaces,
  });
  const parts = { repo, memory, redactor, clock, logger };
  const forge = createConfiguredForge(config, clock);
  const proposals = forge === undefined ? null : toProposals(config, forge);
  const agent: GraphDeps = {
    db,
    journal,
    clock,
    ids,
    logger,
    redactor,
    repo,
    synth,
    drafts: createDraftCache(32),
    instances,
    planners: new Map(instances.all.map((one) => [one.name, pickPlanner(config, { ...parts, ...one })])),
    memory,
    policy: { settings: policySettings, freezeWindows: parseFreezeWindows(config.policy.freezeWindows) },
    proposals,
    settings: {
      allowedGlobs: config.cdk8s.allowedGlobs,
      occurrencesDir: join(config.data.dir, 'occurrences'),
      approvalTtlMs: config.agent.approvalTtlHours * 3_600_000,
      plannerAttempts: config.agent.plannerAttempts,
      plannerCanRevise: config.llm.provider === 'openai',
      pushAttempts: 8,
      budgets: toBudgets(config),
      soak: {
        minutes: config.observation.soakMinutes,
        environments: config.observation.soakEnvironments,
        onRegression: config.policy.onRegression,
      },
      mayRequestSync: config.argocd.mayRequestSync,
      mayTerminate: config.argocd.mayTerminate,
      renderGate: toRenderGate(config),
    },
  };
  const runner = createRunner({
    db,
    journal,
    clock,
    logger,
    graph: createAgentGraph(agent, createCheckpointer(db)),
    recursionLimit: config.agent.recursionLimit,
    owner: `${hostname()}/${process.pid}`,
    isGone: isGoneHere,
    concurrency: config.agent.concurrency,
    leaseMs: 30_000,
    pollMs: 1_000,
    maxClaims: 5,
  });
  const soaks = createSoakRunner({
    db,
    clock,
    logger,
    run: async (soak, signal) => await runSoak(agent, soak, signal),
    owner: `${hostname()}/${process.pid}`,
    isGone: isGoneHere,
    concurrency: 256,
    leaseMs: 60_000,
    pollMs: 2_000,
  });
  const sweep = createReviewSweep({ db, journal, repo, clock, logger });
  const pulls =
    proposals === null
      ? undefined
      : createPullWatcher({ ...agent, proposals, pollMs: proposals.pollMs, changed: (one) => runner.changed(one) });
  const tickets = createTicketService({
    ...{ db, journal, clock, ids },
    toInstance: (name) => (name === undefined ? instances.default : instances.get(name)).name,
    changed: (ticket) => {
      runner.changed(ticket);
      pulls?.changed(ticket);
    },
  });
  const mode = embedded === undefined ? 'configured' : 'embedded_sandbox';
  const warnings = [...synth.isolation.warnings];
  const preflight = createPreflightDesk({
    repository: { url: repo.url, branch: repo.branch },
    mayAct: config.argocd.mayRequestSync || config.argocd.mayTerminate,
    timeoutMs: Math.min(config.argocd.requestTimeoutMs, PREFLIGHT_TIMEOUT_MS),
    freshMs: PREFLIGHT_FRESH_MS,
    ...{ instances, clock, redactor, logger },
  });
  closers.push(async () => await preflight.close());
  const server = await createServer(
    {
      db,
      clock,
      logger,
      redactor,
      journal,
      tickets,
      memory,
      cluster: instances.default.cluster,
      occurrencesDir: join(config.data.dir, 'occurrences'),
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
        policyVersion: toPolicyVersion(policySettings),
        warnings,
      },
      page: createAssets(),
      answerMcp: async (...asked) => await (await import('./mcp/http.ts')).answerMcp(...asked),
      preflight,
      webhooks: forge === undefined ? null : { forge, secret: config.git.webhookSecret, wake: () => pulls?.wake() },
      readiness: toReadiness({ db, repo, instances, forge }),
    },
    { apiKeys: config.server.apiKeys, readOnlyApiKeys: config.server.readOnlyApiKeys },
  );
  closers.push(async () => await server.close());
  const url = await listen(server, config);
  // Nobody waits for it: what is wrong is logged and stands among the warnings of /api/info.
  void preflight.check();
  if (delivery !== undefined) {
    delivery.start();
    closers.push(async () => await delivery.stop());
  }
  runner.start();
  closers.push(async () => await runner.stop());
  sweep.start();
  closers.push(async () => await sweep.stop());
  soaks.start();
  closers.push(async () => await soaks.stop());
  if (pulls !== undefined) {
    pulls.start();
    closers.push(async () => await pulls.stop());
  }
  return {
    url,
    mode,
    repository: { url: repo.url, branch: repo.branch },
    argocd: { token: embedded?.token, ...toArgoInfo(instances) },
    database: db.location,
    warnings,
  };
}

/** Sends what is in the outbox; undefined where no receiver is configured. */
function createDelivery({ events }: Config, basics: Basics & { db: Database }): EventDelivery | undefined {
  if (events.cdeventsEndpoint === null) return undefined;
  const token = events.cdeventsToken;
  return createEventDelivery({
    ...basics,
    send: createEventSender({ endpoint: events.cdeventsEndpoint, ...(token === null ? {} : { token }) }),
    random: Math.random,
    maxAttempts: events.cdeventsMaxAttempts,
    timeoutMs: events.cdeventsTimeoutMs,
  });
}

/** Where events go, without what may be a secret in the query. */
function toPlace(endpoint: string | null): string | undefined {
  if (endpoint === null) return undefined;
  const { origin, pathname } = new URL(endpoint);
  return `${origin}${pathname}`;
}

function toOutbox({ events }: Config, delivery: EventDelivery, clock: Clock): Outbox {
  return {
    book: async (trx, ended) => await bookEvent(trx, ended, { source: events.cdeventsSource, nowMs: clock.now() }),
    wake: () => delivery.wake(),
  };
}

function pickPlanner(
  { llm }: Config,
  parts: Pick<GraphDeps, 'repo' | 'memory' | 'redactor' | 'clock' | 'logger'> &
    Pick<ArgoInstance, 'argo' | 'cluster' | 'kubernetes'>,
): Planner {
  if (llm.provider === 'offline') return createOfflinePlanner();
  const { redactor, clock, logger } = parts;
  const model = llm.model ?? '';
  const prices =
    llm.inputPricePerMillion === null || llm.outputPricePerMillion === null
      ? undefined
      : { [model]: { prompt: llm.inputPricePerMillion, completion: llm.outputPricePerMillion } };
  return createOpenAiPlanner({
    baseUrl: llm.baseUrl ?? 'https://api.openai.com/v1',
    // Servers on one's own machine want a key in the header and do not look at it.
    apiKey: llm.apiKey ?? 'none',
    model,
    timeoutMs: llm.timeoutMs,
    tools: createPlannerTools(parts),
    budget: { maxTokens: llm.maxTokensPerTicket, maxCalls: llm.maxCallsPerTicket, maxWallMs: llm.maxWallClockMs },
    ...(prices === undefined ? {} : { prices }),
    redactor,
    clock,
    logger,
  });
}

/** Owners are named by machine and process. One with our own name was here before us, since we have only just begun. */
function isGoneHere(owner: string): boolean {
  const [machine, pid] = owner.split('/');
  if (machine !== hostname() || pid === undefined) return false;
  if (Number(pid) === process.pid) return true;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

interface Basics {
  clock: Clock;
  logger: Logger;
}

async function startEmbeddedIfUnset(
  { config, instances }: LoadedConfig,
  basics: Basics & { token: string },
): Promise<Embedded | undefined> {
  if (instances.length > 0) return undefined;
  return await startEmbedded({
    dir: join(config.data.dir, 'sandbox'),
    branch: config.git.branch,
    port: config.sandbox.port,
    speed: config.sandbox.speed,
    ...basics,
  });
}

/** The stand-in as the one instance there is. */
function toEmbedded({ argocd: { name } }: Config, { url, token }: Embedded): ArgoInstanceSettings {
  const none = { tokenFile: null, session: null, caFile: null, kubeconfig: null, kubeContext: null };
  const rest = { isDefault: true, cluster: 'sandbox', ...none };
  return { name, server: url, token, ...rest };
}

function toArgoInfo(instances: ArgoInstances): InfoView['argocd'] {
  return {
    url: instances.default.argo.baseUrl,
    instances: instances.all.map(({ name, argo, isDefault }) => ({ name, server: argo.baseUrl, default: isDefault })),
  };
}

async function openRepository(config: Config, embedded: Embedded | undefined, basics: Basics): Promise<InfraRepo> {
  const url = embedded?.repository ?? config.git.repoUrl;
  if (url === null) throw new AppError('config_invalid', 'git.repoUrl is not set');
  const credentials = toCredentials(config);
  return await openInfraRepo({
    url,
    branch: config.git.branch,
    dir: join(config.data.dir, 'git'),
    author: { name: config.git.authorName, email: config.git.authorEmail },
    environment: processEnvironment(),
    ...(credentials === undefined ? {} : { credentials }),
    ...basics,
  });
}

/** What the configuration has for the git host; undefined where it has nothing. */
function toBudgets({ observation }: Config): ObservationBudgets {
  const ms = (seconds: number) => seconds * 1000;
  return createBudgets({
    tickMs: ms(observation.pollSeconds),
    refreshEveryMs: ms(observation.refreshSeconds),
    revisionMs: ms(observation.revisionTimeoutSeconds),
    declinedMs: ms(observation.syncGraceSeconds),
    operationMs: ms(observation.operationTimeoutSeconds),
    unknownMs: ms(observation.unknownTimeoutSeconds),
    confirmMs: ms(observation.degradedConfirmSeconds),
    earlyMs: ms(observation.earlyFailureSeconds),
    healthMarginMs: ms(observation.healthMarginSeconds),
    settleMs: ms(observation.settleSeconds),
    settleCustomMs: ms(observation.settleCustomSeconds),
  });
}

function toReadiness(parts: {
  db: Database;
  repo: InfraRepo;
  instances: ArgoInstances;
  forge: Forge | undefined;
}): Record<string, () => Promise<string>> {
  const { all } = parts.instances;
  const argo = all.map(({ name, argo }) => [
    all.length === 1 ? 'argocd' : `argocd ${name}`,
    async () => `Argo CD ${(await argo.version()).Version}`,
  ]);
  return {
    database: async () => {
      await parts.db.ping();
      return parts.db.location;
    },
    git: async () => `${parts.repo.branch} is at ${(await parts.repo.fetch()).slice(0, 9)}`,
    ...toForgeReadiness(parts.forge),
    ...Object.fromEntries(argo),
  };
}

function toForgeReadiness(forge: Forge | undefined): Record<string, () => Promise<string>> {
  return forge === undefined ? {} : { 'pull requests': async () => await forge.describe() };
}

function toProposals({ git }: Config, forge: Forge): Proposals {
  return {
    forge,
    branchPrefix: git.branchPrefix,
    proposesReverts: git.revertDelivery === 'same',
    pollMs: git.pullRequestPollSeconds * 1000,
  };
}

function toRenderGate({ argocd: { renderGate: mode }, git }: Config): RenderGateSettings | null {
  return mode === 'off' ? null : { mode, branchPrefix: `${git.branchPrefix}review/` };
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
