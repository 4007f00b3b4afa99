import { afterEach, describe, expect, it } from 'vitest';
import { type ArgoError, isArgoError } from './error.ts';
import type { ArgoClient, ArgoClientOptions } from './http.ts';
import {
  type Answer,
  connect,
  createDrivenClock,
  type Received,
  REQUEST_TIMEOUT_MS,
  startServer,
  toDenial,
} from './test-server.ts';

// What has to hold of every call the client knows, the ones to come included: the list below is checked by its type.

const REF = { name: 'web', namespace: 'team', project: 'p' };
const TARGET = { group: 'argoproj.io', version: 'v1alpha1', kind: 'Rollout', namespace: 'prod', name: 'web' };
const LONG_TIMEOUT_MS = 45_000;

type CallName = Exclude<keyof ArgoClient, 'baseUrl' | 'tokenExpiry' | 'close'>;
type Call = (argo: ArgoClient, signal?: AbortSignal) => Promise<unknown>;

/** Calls about one Application: they take a reference. */
const ABOUT_ONE = {
  getApplication: (argo, signal) => argo.getApplication(REF, { signal }),
  resourceTree: (argo, signal) => argo.resourceTree(REF, { signal }),
  managedResources: (argo, signal) => argo.managedResources(REF, { signal }),
  resource: (argo, signal) => argo.resource(REF, TARGET, { signal }),
  events: (argo, signal) => argo.events(REF, { name: 'web', namespace: 'prod', uid: 'u' }, { signal }),
  logs: (argo, signal) => argo.logs(REF, { namespace: 'prod', tailLines: 5, signal }),
  manifests: (argo, signal) => argo.manifests(REF, { revision: 'main' }, { signal }),
  syncWindows: (argo, signal) => argo.syncWindows(REF, { signal }),
  revisionMetadata: (argo, signal) => argo.revisionMetadata(REF, { revision: 'main' }, { signal }),
  listResourceActions: (argo, signal) => argo.listResourceActions(REF, TARGET, { signal }),
  sync: (argo, signal) => argo.sync(REF, { infos: [], signal }),
  terminateOperation: (argo, signal) => argo.terminateOperation(REF, { signal }),
  runResourceAction: (argo, signal) => argo.runResourceAction(REF, TARGET, 'resume', { signal }),
} satisfies Partial<Record<CallName, Call>>;

const OTHERS: Record<Exclude<CallName, keyof typeof ABOUT_ONE>, Call> = {
  listApplications: (argo, signal) => argo.listApplications({ project: 'p', signal }),
  streamApplications: async (argo, signal) => {
    for await (const hint of argo.streamApplications({ project: 'p', signal })) void hint;
  },
  version: (argo, signal) => argo.version({ signal }),
  settings: (argo, signal) => argo.settings({ signal }),
  userInfo: (argo, signal) => argo.userInfo({ signal }),
  canI: (argo, signal) => argo.canI('applications', 'sync', 'p/web', { signal }),
  projects: (argo, signal) => argo.projects({ signal }),
  repositories: (argo, signal) => argo.repositories({ signal }),
  clusters: (argo, signal) => argo.clusters({ signal }),
};

const about = Object.entries<Call>(ABOUT_ONE);
const all = Object.entries<Call>({ ...ABOUT_ONE, ...OTHERS });

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function setUp(answer: (request: Received) => Answer | 'never', more: Partial<ArgoClientOptions> = {}) {
  const server = await startServer(answer);
  const argo = connect(server.url, more);
  cleanUps.push(server.close, () => argo.close());
  return { server, argo };
}

async function failure(promise: Promise<unknown>): Promise<ArgoError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isArgoError(error)) throw new Error(`an ArgoError was expected, not ${String(error)}`);
  return error;
}

function toScope({ method, query, body }: Received): { project: unknown; appNamespace: unknown } {
  // Routes with a body bind nothing of the query.
  const fields: unknown = body.startsWith('{') ? JSON.parse(body) : Object.fromEntries(query);
  expect(typeof fields).toBe('object');
  expect([method, query.getAll('project').length]).toEqual([method, body === '' ? 1 : 0]);
  return fields as { project: unknown; appNamespace: unknown };
}

describe('every call', () => {
  it.each(about)('names the project and the namespace, each where the route reads it: %s', async (_, call) => {
    const { argo, server } = await setUp(() => ({ json: { metadata: { name: 'web' }, manifest: '{}' } }));
    await call(argo);
    expect(server.received).toHaveLength(1);
    for (const request of server.received)
      expect(toScope(request)).toMatchObject({ project: 'p', appNamespace: 'team' });
  });

  it.each(about)('tells a missing Application from a forbidden one: %s', async (_, call) => {
    const missing = await setUp(() => toDenial(404, 5, 'applications.argoproj.io "web" not found'));
    expect((await failure(call(missing.argo))).reason).toBe('not_found');
    const forbidden = await setUp(() => toDenial(403, 7, 'permission denied'));
    expect((await failure(call(forbidden.argo))).reason).toBe('denied');
  });

  it.each(all)('carries the token, and the content type exactly where it is asked for: %s', async (_, call) => {
    const { argo, server } = await setUp(() => ({ json: { metadata: { name: 'web' }, manifest: '{}' } }));
    await call(argo);
    for (const { method, headers } of server.received) {
      expect(headers.authorization).toBe('Bearer token-1');
      expect(headers['content-type']).toBe(method === 'GET' ? undefined : 'application/json');
    }
  });

  it.each(all)('ends with the reason of its signal: %s', async (_, call) => {
    const { argo, server } = await setUp(() => 'never');
    const stop = new AbortController();
    const pending = call(argo, stop.signal);
    const arrived = async () => {
      while (server.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
    };
    await arrived();
    stop.abort(new Error('the ticket was cancelled'));
    await expect(pending).rejects.toThrow('the ticket was cancelled');
    await expect(call(argo, stop.signal)).rejects.toThrow('the ticket was cancelled');
  });

  it.each(all)('ends by itself while the server is silent: %s', async (_, call) => {
    const clock = createDrivenClock([REQUEST_TIMEOUT_MS, LONG_TIMEOUT_MS], () => true);
    const { argo } = await setUp(() => 'never', { clock });
    expect((await failure(clock.drive(call(argo)))).reason).toBe('timed_out');
  });
});

describe('numbers of 64 bits', () => {
  it('are numbers on the way in and out, never texts', async () => {
    const { argo, server } = await setUp(() => ({
      json: {
        metadata: { name: 'web' },
        status: {
          history: [{ id: 4_294_967_297, revision: 'a' }],
          resources: [{ kind: 'Job', name: 'x', syncWave: -1 }],
          operationState: { phase: 'Running', retryCount: 2, operation: { retry: { limit: -1 } } },
        },
      },
    }));
    const { status } = await argo.sync(REF, { revisions: ['a'.repeat(40)], sourcePositions: [2], infos: [] });
    expect(status.history[0]?.id).toBe(4_294_967_297);
    expect(status.resources[0]?.syncWave).toBe(-1);
    expect(status.operationState).toMatchObject({ retryCount: 2, operation: { retry: { limit: -1 } } });
    expect(server.received[0]?.body).toContain('"sourcePositions":[2]');
  });
});

describe('an Application of several sources', () => {
  it('is rendered and described by the position of the source, counted from 1 there and from 0 here', async () => {
    const { argo, server } = await setUp(() => ({ json: { revision: 'x' } }));
    await argo.manifests(REF, { revision: 'abc', sourceIndex: 1 });
    await argo.revisionMetadata(REF, { revision: 'abc', sourceIndex: 1 });
    const [manifests, metadata] = server.received;
    expect(manifests?.query.getAll('revisions')).toEqual(['abc']);
    expect(manifests?.query.getAll('sourcePositions')).toEqual(['2']);
    expect(manifests?.query.has('revision')).toBe(false);
    expect(metadata?.query.get('sourceIndex')).toBe('1');
  });
});
