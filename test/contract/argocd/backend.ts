import { appendFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import type { ApplicationRef } from '../../../src/argocd/application.ts';
import type { ArgoClient, ArgoClientOptions } from '../../../src/argocd/http.ts';
import { createArgoClient } from '../../../src/argocd/http.ts';
import { createSystemClock } from '../../../src/lib/clock.ts';
import { randomHex } from '../../../src/lib/ids.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { createApplications, removeLeftovers, type Applications } from './applications.ts';
import { createCaller, type Caller } from './http-call.ts';
import { startSandboxServer, type StandInOptions } from './sandbox-server.ts';
import { loadServerSettings, type ServerSettings } from './settings.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

// One suite, two servers: what holds of the stand-in has to hold of an Argo CD. Each test file makes its own folder in the
// repository, its own namespace and Applications, all with a name nobody else has, and takes them away again.

export interface Backend extends Caller, Applications, Pick<Workspace, 'push' | 'pushTo' | 'head' | 'isAncestor'> {
  kind: 'sandbox' | 'server';
  settings: ServerSettings;
  /** The client under test, with the suite's token unless it is given another. */
  client(more?: Partial<ArgoClientOptions>): ArgoClient;
  ref(folder: string): ApplicationRef;
  /** Whether a revision is the commit, or a later one that contains it because somebody else has pushed too. */
  carries(revision: unknown, commit: string): Promise<boolean>;
  /** Looks again until something is found; fails when it never is. */
  find<T>(what: string, look: () => Promise<T | undefined>): Promise<T>;
  /** Whether the account may do this to Applications, or to another resource that belongs to a project, asked of the server. */
  may(action: string, resource?: string): Promise<boolean>;
  /**
   * Whether it may run an action of a kind, asked by trying it on an object that cannot exist: the server answers no question
   * about actions, not even an administrator's.
   */
  mayAct(folder: string, kind: { group: string; kind: string; version: string }, action: string): Promise<boolean>;
  /** Whether the server heeds Applications outside its own namespace; which, it does not say. */
  heedsOtherNamespaces(): Promise<boolean>;
  patienceMs: number;
  close(): Promise<void>;
}

/** Longest time of one test, and of making and taking away what a file needs. */
const TIMES = {
  sandbox: { patienceMs: 90_000, pauseMs: 20, testMs: 180_000, hookMs: 180_000 },
  // Three minutes pass without a webhook before anything is polled; deleting waits for finalizers.
  server: { patienceMs: 300_000, pauseMs: 2_000, testMs: 900_000, hookMs: 600_000 },
} as const;

interface Needs {
  /** The tests run containers, so they need an image that the cluster can pull. */
  image?: true;
}

/**
 * Runs the tests against the stand-in, or, where `npm run test:e2e` says so, against the server that the environment names.
 * Plain `npm test` never touches a server, whatever is set.
 */
export function describeBackends(title: string, tests: (backend: () => Backend) => void, needs: Needs = {}): void {
  const kind = process.env['TIPHYS_E2E_BACKEND'] === 'server' ? 'server' : 'sandbox';
  const settings = kind === 'server' ? loadServerSettings(process.env) : undefined;
  if (settings !== undefined && 'missing' in settings) {
    describe.skip(`${title} (server): skipped, ${settings.missing.join(' and ')} not set`, () => tests(notStarted));
    return;
  }
  if (settings !== undefined && needs.image === true && settings.image === undefined) {
    note(`SKIPPED "${title}": it runs containers; set TIPHYS_E2E_IMAGE to an image with sh that the cluster can pull`);
    describe.skip(`${title} (server): skipped, TIPHYS_E2E_IMAGE not set`, () => tests(notStarted));
    return;
  }
  const { testMs, hookMs } = TIMES[kind];
  describe(`${title} (${kind})`, { timeout: testMs }, () => {
    let backend: Backend | undefined;
    beforeAll(async () => {
      backend = await openBackend(kind, settings);
    }, hookMs);
    afterAll(async () => await backend?.close(), hookMs);
    tests(() => backend ?? notStarted());
  });
}

/** Runs tests that only the stand-in can take: with things made to go wrong by its knobs, which are turned back after each. */
export function describeSandbox(
  title: string,
  tests: (backend: () => Backend) => void,
  options: StandInOptions = {},
): void {
  const { testMs, hookMs } = TIMES.sandbox;
  describe(title, { timeout: testMs }, () => {
    let backend: Backend | undefined;
    beforeAll(async () => {
      backend = await openBackend('sandbox', undefined, options);
    }, hookMs);
    afterEach(async () => void (await backend?.call('DELETE', '/sandbox/faults')));
    afterAll(async () => await backend?.close(), hookMs);
    tests(() => backend ?? notStarted());
  });
}

function notStarted(): never {
  throw new Error('the backend has not been started');
}

async function openBackend(
  kind: Backend['kind'],
  given: ServerSettings | undefined,
  options: StandInOptions = {},
): Promise<Backend> {
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-contract-'));
  const undo: (() => Promise<unknown> | void)[] = [() => rm(dir, { recursive: true, force: true, maxRetries: 3 })];
  const close = async () => {
    // One step that fails must not keep the others from being taken.
    for (const step of undo.splice(0).reverse())
      await Promise.resolve(step()).catch((error: unknown) => note(`LEFT BEHIND: ${String(error)}`));
  };
  try {
    const settings = given ?? (await startSandboxServer(dir, undo, options));
    return { ...(await createBackend(kind, settings, dir, undo)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function createBackend(
  kind: Backend['kind'],
  settings: ServerSettings,
  dir: string,
  undo: (() => Promise<unknown> | void)[],
): Promise<Omit<Backend, 'close'>> {
  const root = `tiphys-contract-${randomHex(4)}`;
  const { patienceMs, pauseMs } = TIMES[kind];
  const workspace = await openWorkspace(dir, root, settings.git);
  const caller = createCaller(settings);
  const find: Backend['find'] = async (what, look) => {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`never ${what}`);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  note(`${kind} ${settings.url}: folder ${root} of ${settings.repoUrl} (${settings.git.branch})`);
  for (const name of await removeLeftovers(caller, settings)) note(`asked to delete ${name}, left by an earlier run`);
  undo.push(async () => {
    for (const what of await workspace.tidy({ olderThanMs: HOUR_MS, own: true })) note(`removed ${what} from git`);
  });
  const applications = createApplications({ caller, settings, root, push: workspace.push, find, note });
  undo.push(() => applications.removeAll());
  await applications.makeNamespace();
  return {
    kind,
    settings,
    patienceMs,
    ...caller,
    ...workspace,
    ...applications,
    find,
    client: (more) => {
      const client = createArgoClient({
        baseUrl: settings.url,
        token: settings.token,
        ca: settings.ca,
        requestTimeoutMs: 60_000,
        clock: createSystemClock(),
        logger: silentLogger,
        ...more,
      });
      undo.push(() => client.close());
      return client;
    },
    ref: (folder) => ({ name: applications.nameOf(folder), project: settings.project }),
    carries: async (revision, commit) => {
      if (typeof revision !== 'string' || !/^[0-9a-f]{40}$/.test(revision)) return false;
      return revision === commit || (await workspace.isAncestor(commit, revision));
    },
    may: async (action, resource = 'applications') => {
      const object = `${settings.project}/${applications.nameOf('x')}`;
      const path = `/api/v1/account/can-i/${resource}/${action}/${object}`;
      return (await caller.call('GET', path)).json?.value === 'yes';
    },
    mayAct: async (folder, kind, action) => {
      const name = applications.nameOf(folder);
      const { project } = settings;
      const body = {
        name,
        project,
        ...kind,
        action,
        namespace: applications.namespace,
        resourceName: 'No_such_object',
      };
      return (await caller.call('POST', `/api/v1/applications/${name}/resource/actions/v2`, { body })).status !== 403;
    },
    heedsOtherNamespaces: async () =>
      (await caller.call('GET', '/api/v1/settings')).json?.appsInAnyNamespaceEnabled === true,
  };
}

const HOUR_MS = 60 * 60 * 1000;

/** A line of the log that `npm run test:e2e` prints at its end. */
function note(text: string): void {
  const file = process.env['TIPHYS_E2E_LOG'];
  if (file !== undefined && file !== '') appendFileSync(file, `${new Date().toISOString()} ${text}\n`);
}
