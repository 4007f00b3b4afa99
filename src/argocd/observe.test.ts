import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../lib/logger.ts';
import type { CommitSha } from '../lib/ids.ts';
import { createBudgets, type ObservationInput, type ObservationProgress } from './observation.ts';
import { observeCommit } from './observe.ts';
import { type ApplicationSnapshot, checkReady, takeSnapshot } from './snapshot.ts';
import { NEXT, OLD, OURS, toApp, toAppliedApp, toTree, WEB } from './test-facts.ts';
import {
  type Answer,
  connect,
  createDrivenClock,
  type Received,
  REQUEST_TIMEOUT_MS,
  startServer,
  toDenial,
} from './test-server.ts';
import { openWatch } from './watch.ts';

const REFRESH_TIMEOUT_MS = 59_999;
const REF = { name: 'web', namespace: 'argocd', project: 'default' };
const HISTORY: readonly CommitSha[] = [OLD, OURS, NEXT];

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** An Argo CD whose application the test writes; everything else about it is quiet. */
async function setUp(state: {
  app: unknown;
  onRequest?: (request: Received) => Answer | 'never' | undefined;
  stalled?: boolean;
}) {
  const server = await startServer((request) => {
    const special = state.onRequest?.(request);
    if (special !== undefined) return special;
    if (request.path.endsWith('/resource-tree')) return { json: toTree() };
    if (request.path.endsWith('/managed-resources')) return { json: { items: null } };
    if (request.path.endsWith('/syncwindows')) return { json: { canSync: true } };
    if (request.path.endsWith('/stream/applications')) return { open: true, chunks: [':\n'] };
    return { json: state.app };
  });
  const clock = createDrivenClock([REQUEST_TIMEOUT_MS, REFRESH_TIMEOUT_MS], () => state.stalled === true);
  const argo = connect(server.url, { clock });
  cleanUps.push(server.close, () => argo.close());
  const isAncestor = (a: CommitSha, b: CommitSha) => {
    const [first, second] = [HISTORY.indexOf(a), HISTORY.indexOf(b)];
    if (first < 0 || second < 0) return Promise.reject(new Error('unknown commit'));
    return Promise.resolve(first <= second);
  };
  const deps = { argo, clock, logger: silentLogger, isAncestor };
  const toObservation = (snapshot: ApplicationSnapshot, over: Partial<ObservationInput> = {}): ObservationInput => ({
    application: REF,
    snapshot,
    commit: OURS,
    pushedAtMs: clock.now(),
    changed: [WEB],
    budgets: createBudgets({ refreshTimeoutMs: REFRESH_TIMEOUT_MS }),
    policy: { mayRequestSync: true, mayTerminate: true },
    ...over,
  });
  return { server, clock, argo, deps, toObservation };
}

const before = toApp({
  revision: OLD,
  operation: { phase: 'Succeeded', revision: OLD, started: -500, finished: -499 },
});
const never = new AbortController().signal;

describe('observing a commit', () => {
  it('goes from the push to live, telling each change once', async () => {
    const state: Parameters<typeof setUp>[0] = { app: before };
    const { deps, clock, argo, toObservation, server } = await setUp(state);
    const snapshot = await takeSnapshot(argo, REF);
    expect(checkReady(snapshot, 'main')).toEqual({ kind: 'ready' });
    state.onRequest = (request) => {
      if (request.query.get('refresh') === 'normal') state.app = toAppliedApp();
      return undefined;
    };
    const progress: ObservationProgress[] = [];
    // The stored form is enough: a restart has nothing else.
    const stored = JSON.parse(JSON.stringify(toObservation(snapshot))) as ObservationInput;
    const outcome = await clock.drive(observeCommit(deps, stored, (told) => void progress.push(told), never));
    expect(outcome).toMatchObject({ kind: 'live', via: OURS });
    expect(progress.filter(({ type }) => type === 'sync')).toEqual([
      { type: 'sync', status: 'Synced', revision: OLD, operationPhase: 'Succeeded' },
      { type: 'sync', status: 'Synced', revision: OURS, operationPhase: 'Succeeded' },
    ]);
    expect(progress.filter(({ type }) => type === 'health')).toEqual([
      { type: 'health', status: 'Healthy', resources: [] },
    ]);
    expect(server.received.every(({ query, method }) => method !== 'GET' || query.get('project') === 'default')).toBe(
      true,
    );
  });

  it('asks for a sync where a person would have to, marked with the ticket, and books it around', async () => {
    const manual = {
      sync: 'OutOfSync',
      resources: [{ ...WEB, status: 'OutOfSync', health: { status: 'Healthy' } }],
      syncPolicy: {},
    };
    const state: Parameters<typeof setUp>[0] = { app: toApp({ ...manual, revision: OLD }) };
    const { deps, clock, argo, toObservation, server } = await setUp(state);
    const snapshot = await takeSnapshot(argo, REF);
    expect(snapshot.automated).toBeUndefined();
    state.app = toApp(manual);
    state.onRequest = (request) => {
      if (request.method === 'POST') state.app = toAppliedApp({ syncPolicy: {} });
      return undefined;
    };
    const stages: string[] = [];
    const on = (told: ObservationProgress) => {
      if (told.type === 'note' && told.action !== undefined)
        stages.push(`${told.action.stage} ${server.received.filter(({ method }) => method === 'POST').length}`);
    };
    const outcome = await clock.drive(observeCommit(deps, toObservation(snapshot, { ticketId: 'tkt_1' }), on, never));
    expect(outcome.kind).toBe('live');
    expect(stages).toEqual(['before 0', 'done 1']);
    const posted = server.received.find(({ method }) => method === 'POST');
    expect(JSON.parse(posted?.body ?? '')).toEqual({
      ...{ name: 'web', appNamespace: 'argocd', project: 'default', revision: OURS },
      infos: [{ name: 'tiphys-ticket', value: 'tkt_1' }],
    });
  });

  it('survives a refresh that is never answered and says what that means', async () => {
    const state: Parameters<typeof setUp>[0] = { app: before, stalled: false };
    const { deps, clock, argo, toObservation } = await setUp(state);
    const snapshot = await takeSnapshot(argo, REF);
    state.onRequest = (request) => {
      // Only while the refresh hangs may time pass with a request under way.
      state.stalled = request.query.has('refresh');
      return state.stalled ? 'never' : undefined;
    };
    const outcome = await clock.drive(observeCommit(deps, toObservation(snapshot), () => undefined, never));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'not_seen' });
    expect(outcome.sentence).toContain('controller is probably down');
  });

  it('never concludes while Argo CD is away, and goes on when it is back', async () => {
    const state: Parameters<typeof setUp>[0] = { app: before };
    const { deps, clock, argo, toObservation } = await setUp(state);
    const snapshot = await takeSnapshot(argo, REF);
    let looks = 0;
    state.app = toAppliedApp();
    state.onRequest = () => (++looks <= 30 ? { status: 503, text: 'no healthy upstream' } : undefined);
    const outcome = await clock.drive(observeCommit(deps, toObservation(snapshot), () => undefined, never));
    expect(outcome.kind).toBe('live');
    expect(looks).toBeGreaterThan(30);
  });

  it('ends as unreachable when it stays away', async () => {
    const state: Parameters<typeof setUp>[0] = { app: before };
    const { deps, clock, argo, toObservation } = await setUp(state);
    const snapshot = await takeSnapshot(argo, REF);
    state.onRequest = () => ({ status: 503 });
    const outcome = await clock.drive(observeCommit(deps, toObservation(snapshot), () => undefined, never));
    expect(outcome).toMatchObject({ kind: 'unreachable', denied: false });
  });

  it('calls an application that is gone lost, since the project makes "not found" certain', async () => {
    const state: Parameters<typeof setUp>[0] = { app: before };
    const { deps, clock, argo, toObservation } = await setUp(state);
    const snapshot = await takeSnapshot(argo, REF);
    state.onRequest = () => toDenial(404, 5, 'applications.argoproj.io "web" not found');
    const outcome = await clock.drive(observeCommit(deps, toObservation(snapshot), () => undefined, never));
    expect(outcome).toMatchObject({ kind: 'lost', reason: 'deleted' });
  });

  it('does not hold it against the change when git cannot place a revision', async () => {
    const state: Parameters<typeof setUp>[0] = { app: before };
    const { deps, clock, argo, toObservation } = await setUp(state);
    const snapshot = await takeSnapshot(argo, REF);
    state.app = toApp({ revision: 'e'.repeat(40) });
    const outcome = await clock.drive(observeCommit(deps, toObservation(snapshot), () => undefined, never));
    expect(outcome.kind).toBe('unreachable');
  });

  it('looks at once on a hint', async () => {
    const state: Parameters<typeof setUp>[0] = { app: before };
    const { deps, clock, argo, toObservation } = await setUp(state);
    const snapshot = await takeSnapshot(argo, REF);
    const waits: number[] = [];
    const hints = {
      wait: async (_: unknown, ms: number, signal: AbortSignal) => {
        waits.push(ms);
        if (waits.length === 1) {
          state.app = toAppliedApp();
          return 'hint' as const;
        }
        await clock.sleep(ms, signal);
        return 'time' as const;
      },
    };
    const startedMs = clock.now();
    const outcome = await clock.drive(
      observeCommit({ ...deps, hints }, toObservation(snapshot), () => undefined, never),
    );
    expect(outcome.kind).toBe('live');
    expect(waits[0]).toBe(10_000);
    expect(clock.now() - startedMs).toBeLessThan(12_000);
  });

  it('stops with its signal, also while it waits for hints', async () => {
    const state: Parameters<typeof setUp>[0] = { app: before };
    const { deps, clock, argo, toObservation } = await setUp(state);
    const snapshot = await takeSnapshot(argo, REF);
    const watch = openWatch({ argo, clock, logger: silentLogger });
    cleanUps.push(() => watch.close());
    const stop = new AbortController();
    const on = (told: ObservationProgress) => {
      if (told.type === 'note') stop.abort(new Error('cancelled'));
    };
    const running = observeCommit({ ...deps, hints: watch.hints() }, toObservation(snapshot), on, stop.signal);
    await expect(clock.drive(running)).rejects.toThrow('cancelled');
  });
});

describe('readiness before a push', () => {
  const snapshotOf = async (app: unknown, windows: object = { canSync: true }) => {
    const { argo } = await setUp({
      app,
      onRequest: ({ path }) => (path.endsWith('/syncwindows') ? { json: windows } : undefined),
    });
    return await takeSnapshot(argo, REF);
  };

  it('is refused with a sentence', async () => {
    const sentence = async (app: unknown, branch = 'main', windows?: object) => {
      const ready = checkReady(await snapshotOf(app, windows), branch);
      return ready.kind === 'ready' ? '' : ready.sentence;
    };
    expect(await sentence(before)).toBe('');
    expect(await sentence(before, 'release')).toContain('follows main, not the branch release');
    expect(await sentence(toApp({ requested: true }))).toContain('Another operation is under way');
    expect(await sentence(toApp({ deleting: true }))).toContain('is being deleted');
    expect(await sentence(toApp({ conditions: [{ type: 'InvalidSpecError', message: 'no such project' }] }))).toContain(
      'no such project',
    );
    const window = { kind: 'deny', schedule: '0 22 * * *', duration: '8h' };
    const closed = { canSync: true, activeWindows: [window], assignedWindows: [window] };
    expect(await sentence(before, 'main', closed)).toContain('deny 0 22 * * * for 8h');
  });

  it('keeps what is needed to tell old faults from new ones', async () => {
    const resources = [{ ...WEB, status: 'Synced', health: { status: 'Degraded', message: 'old fault' } }];
    const snapshot = await snapshotOf(toApp({ resources, health: 'Degraded' }));
    expect(snapshot.resources).toEqual({ 'apps/Deployment/prod/web': { health: 'Degraded', message: 'old fault' } });
    expect(Object.keys(snapshot.pods)).toEqual(['web-new-1']);
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  });
});
