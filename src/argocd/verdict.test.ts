import { describe, expect, it } from 'vitest';
import { createTrace, noteRefresh } from './facts.ts';
import { createBudgets } from './observation.ts';
import { applicationSchema } from './schema.ts';
import { toSnapshot } from './snapshot.ts';
import {
  follow,
  FOREIGN,
  NEXT,
  OLD,
  OURS,
  T0,
  toApp,
  toAppliedApp,
  toFacts,
  toInput,
  toManaged,
  toTree,
  WEB,
} from './test-facts.ts';
import { decide } from './verdict.ts';

const OUT_OF_SYNC = { ...WEB, status: 'OutOfSync', health: { status: 'Healthy' } };
const OTHER = { group: 'apps', kind: 'Deployment', namespace: 'prod', name: 'other' };

describe('a verdict', () => {
  it('is the same for the same facts, and changes nothing it was given', () => {
    const input = toInput();
    const facts = toFacts(3, toAppliedApp());
    const trace = createTrace(T0);
    const texts = [JSON.stringify([input, facts, trace])];
    const first = decide(input, facts, trace);
    texts.push(JSON.stringify([input, facts, trace]));
    expect(texts[1]).toBe(texts[0]);
    expect(decide(input, facts, trace)).toEqual(first);
  });

  it('carries the fields it read and a sentence', () => {
    const { outcome } = follow((now) => toFacts(now, toAppliedApp()));
    expect(outcome?.sentence).toBe('Commit cccccccc is live and healthy.');
    expect(outcome?.evidence).toContainEqual({
      object: 'Application argocd/web',
      field: 'status.sync.revision',
      value: OURS,
    });
  });

  it('comes to the same end from a fresh trace, as after a restart', () => {
    const { outcome, seconds } = follow((now) => toFacts(now, toAppliedApp()));
    const again = follow((now) => toFacts(now, toAppliedApp()), { fromSeconds: 3_000, untilSeconds: 4_000 });
    expect(outcome?.kind).toBe('live');
    expect(again.outcome).toEqual(outcome);
    expect(seconds).toBeLessThan(20);
  });

  it('is timed out by the overall limit when nothing else ends it', () => {
    const input = toInput({ budgets: createBudgets({ overallMs: 60_000, operationMs: 900_000 }) });
    const { outcome } = follow((now) => toFacts(now, toApp({ requested: true })), { input });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'timeout' });
    expect(outcome?.sentence).toContain('has not begun');
  });
});

describe('manifests that cannot be made', () => {
  const message = 'Failed to load target state: Manifest generation error: yaml: line 3';
  const broken = toApp({ sync: 'Unknown', revision: 'main', conditions: [{ type: 'ComparisonError', message }] });

  it('are a failure after two refreshes far enough apart', () => {
    const { outcome, actions, seconds } = follow((now) => toFacts(now, broken));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'render', message });
    expect(actions.filter(({ action }) => action.type === 'refresh').length).toBe(2);
    expect(seconds).toBe(20);
  });

  it('are confirmed by a second look however short the time asked for', () => {
    const input = toInput({ budgets: createBudgets({ renderConfirmMs: 0 }) });
    const once = noteRefresh(createTrace(T0), T0, T0);
    expect(decide(input, toFacts(0, broken), once).decision.kind).not.toBe('conclude');
  });

  it('are not when two refreshes were close to each other', () => {
    const errors = { firstRefreshMs: T0, refreshMs: T0 + 5_000, count: 2, message };
    const asked = noteRefresh(noteRefresh(createTrace(T0), T0, T0), T0 + 5_000, T0 + 5_000);
    const { decision } = decide(toInput(), toFacts(6, broken), { ...asked, renderErrors: errors });
    expect(decision).toMatchObject({ kind: 'wait', phase: 'revision' });
  });

  it('are not when the second refresh finds them', () => {
    const { outcome } = follow((now, { actions }) =>
      toFacts(now, actions.filter((action) => action === 'refresh').length > 1 ? toAppliedApp() : broken),
    );
    expect(outcome).toMatchObject({ kind: 'live' });
  });

  it('are not blamed on the change when the cluster cannot be read', () => {
    const conditions = [{ type: 'ComparisonError', message: 'Failed to load live state: connection refused' }];
    const { outcome } = follow((now) => toFacts(now, toApp({ sync: 'Unknown', conditions })));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'unknown' });
  });
});

describe('the revision', () => {
  it('on another line of history is a rewritten branch, once Argo CD has looked again', () => {
    const { outcome, actions } = follow((now) => toFacts(now, toApp({ revision: FOREIGN })));
    expect(outcome).toMatchObject({ kind: 'lost', reason: 'force_push' });
    expect(actions.length).toBe(1);
  });

  it('that git cannot place is never held against the change', () => {
    const { outcome } = follow((now) => toFacts(now, toApp({ revision: 'e'.repeat(40) })));
    expect(outcome).toMatchObject({ kind: 'unreachable' });
  });

  it('is looked for in our own source of several', () => {
    const multi = (revisions: string[]) =>
      applicationSchema.parse({
        metadata: { name: 'web', namespace: 'argocd', uid: 'uid-1' },
        spec: {
          project: 'default',
          sources: [
            { repoURL: 'https://charts.example.com', chart: 'redis', targetRevision: '7.2.0' },
            { repoURL: 'https://git.example.com/infra.git', path: 'dist/web', targetRevision: 'main' },
          ],
          syncPolicy: { automated: {} },
        },
        status: { sync: { status: 'Synced', revisions }, health: { status: 'Healthy' }, history: [{ revisions }] },
      });
    const source = { repoUrl: 'git@git.example.com:infra', branch: 'main', changedPaths: ['dist/web/a.yaml'] };
    const snapshot = toSnapshot(toInput().application, multi(['7.2.0', OLD]), toTree([]), [], source);
    expect(snapshot.sourceIndex).toBe(1);
    const input = toInput({ snapshot });
    expect(follow((now) => toFacts(now, multi(['7.2.0', OLD])), { input }).outcome).toMatchObject({
      reason: 'not_seen',
    });
    expect(follow((now) => toFacts(now, multi(['7.2.0', OURS])), { input }).outcome).toMatchObject({ kind: 'live' });
  });
});

describe('a controller that is down', () => {
  it('is named when the commit is never seen and no refresh was answered', () => {
    const { outcome } = follow((now) => toFacts(now, toApp({ revision: OLD })), { refreshes: 0 });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'not_seen' });
    expect(outcome?.sentence).toContain('controller is probably down');
  });

  it('is asked again with growing pauses', () => {
    const { actions } = follow((now) => toFacts(now, toApp({ revision: OLD })), {
      refreshes: 0,
      untilSeconds: 100,
    });
    expect(actions.map(({ seconds }) => seconds)).toEqual([0, 5, 15, 35, 75]);
  });
});

describe('an Argo CD that cannot be asked', () => {
  const reading = (denied: boolean) => ({ state: 'unreachable' as const, denied, message: 'no answer' });

  it('is never a verdict about the change, and is waited for', () => {
    const { outcome, seconds } = follow((now) => ({ ...toFacts(now, toApp()), reading: reading(false) }));
    expect(outcome).toMatchObject({ kind: 'unreachable', denied: false });
    expect(seconds).toBe(600);
  });

  it('is given up sooner when it refuses our account', () => {
    const { outcome, seconds } = follow((now) => ({ ...toFacts(now, toApp()), reading: reading(true) }));
    expect(outcome).toMatchObject({ kind: 'unreachable', denied: true });
    expect(seconds).toBe(30);
  });

  it('for a moment does not end what was being watched', () => {
    const tree = toTree([{ name: 'web-new-1', reason: 'CrashLoopBackOff' }]);
    const resources = [{ ...WEB, status: 'Synced', health: { status: 'Progressing' } }];
    const app = toAppliedApp({ health: 'Progressing', resources });
    const { seconds } = follow((now) =>
      now === 20 ? { ...toFacts(now, app), reading: reading(false) } : toFacts(now, app, { tree }),
    );
    expect(seconds).toBe(45);
  });
});

describe('an operation', () => {
  const waiting = { phase: 'Running', started: 2, message: 'waiting for completion of hook batch/Job/migrate' };

  it('that never ends is ended and counts as stuck on what it waited for', () => {
    const running = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation: waiting, requested: true });
    const failed = { phase: 'Failed', started: 2, finished: 910, message: 'Operation terminated' };
    const ended = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation: failed });
    const { outcome, actions } = follow((now, { actions: done }) =>
      toFacts(now, done.includes('terminate') ? ended : running),
    );
    expect(actions.find(({ action }) => action.type === 'terminate')?.action).toMatchObject({ object: 'Job migrate' });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'stuck', message: waiting.message });
  });

  it('that was asked to end is waited for, since it still blocks what comes next', () => {
    const running = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation: waiting, requested: true });
    const ending = { ...waiting, phase: 'Terminating' };
    const terminating = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation: ending, requested: true });
    const failed = { phase: 'Failed', started: 2, finished: 925, message: 'Operation terminated' };
    const ended = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation: failed });
    const { outcome, seconds } = follow((now, { actions: done }) =>
      toFacts(now, done.includes('terminate') ? (now < 920 ? terminating : ended) : running),
    );
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'stuck' });
    expect(seconds).toBeGreaterThanOrEqual(920);
    expect(seconds).toBeLessThan(930);
  });

  it('that never ends is reported when we may not end it', () => {
    const running = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation: waiting, requested: true });
    const input = toInput({ policy: { mayRequestSync: true, mayTerminate: false } });
    expect(follow((now) => toFacts(now, running), { input }).outcome).toMatchObject({
      kind: 'failed',
      reason: 'stuck',
    });
  });

  it('of an earlier commit, waiting for what will not come, is ended so that ours can begin', () => {
    const operation = {
      phase: 'Running',
      revision: OLD,
      started: -100,
      message: 'waiting for healthy state of apps/Deployment/web',
    };
    const blocked = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation, requested: true });
    const tree = toTree([{ name: 'web-new-1', reason: 'CrashLoopBackOff' }]);
    const { outcome, actions } = follow((now, { actions: done }) =>
      done.includes('terminate') ? toFacts(now, toAppliedApp()) : toFacts(now, blocked, { tree }),
    );
    expect(actions.find(({ action }) => action.type === 'terminate')?.seconds).toBe(30);
    expect(outcome).toMatchObject({ kind: 'live' });
  });

  it('of an earlier commit is left alone while it makes progress', () => {
    const operation = {
      phase: 'Running',
      revision: OLD,
      started: -100,
      message: 'waiting for healthy state of apps/Deployment/web',
    };
    const busy = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation, requested: true });
    const { actions } = follow((now) => toFacts(now, busy), { untilSeconds: 300 });
    expect(actions.map(({ action }) => action.type)).not.toContain('terminate');
  });

  it('held by a sync window is blocked, not failed', () => {
    const operation = { phase: 'Running', started: 2, message: 'operation blocked by sync window' };
    const app = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation, requested: true });
    expect(follow((now) => toFacts(now, app)).outcome).toMatchObject({ kind: 'blocked', by: 'sync_window' });
  });

  it('that could not apply an object names it', () => {
    const result = { ...WEB, status: 'SyncFailed', message: 'spec.selector: field is immutable' };
    const operation = {
      phase: 'Failed',
      started: 2,
      finished: 3,
      message: 'one or more objects failed',
      resources: [result],
    };
    const app = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation });
    expect(follow((now) => toFacts(now, app)).outcome).toMatchObject({
      kind: 'failed',
      reason: 'sync',
      object: WEB,
      message: 'spec.selector: field is immutable',
    });
  });

  const toFailed = (result: object) =>
    toApp({
      sync: 'OutOfSync',
      resources: [OUT_OF_SYNC],
      operation: { phase: 'Failed', started: 2, finished: 3, message: 'failed', resources: [result] },
    });

  it('knows a hook by its type: every result has a hook phase', () => {
    const refused = { ...WEB, status: 'SyncFailed', hookPhase: 'Failed', syncPhase: 'Sync', message: 'immutable' };
    expect(follow((now) => toFacts(now, toFailed(refused))).outcome).toMatchObject({ kind: 'failed', reason: 'sync' });
    const sick = { ...WEB, status: 'Synced', hookPhase: 'Failed', syncPhase: 'Sync', message: 'no progress' };
    const { outcome } = follow((now) => toFacts(now, toFailed(sick)));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'degraded', object: WEB, message: 'no progress' });
    expect(outcome?.sentence).toContain('became degraded while Argo CD was applying');
  });

  it('that waits for a word on deletions is a matter of a person', () => {
    const operation = {
      phase: 'Running',
      started: 2,
      message: 'waiting for pruning confirmation of /ConfigMap/old-settings and 1 more resources',
    };
    const app = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation, requested: true });
    const { outcome, seconds } = follow((now) => toFacts(now, app));
    expect(outcome).toMatchObject({ kind: 'blocked', by: 'operation' });
    expect(outcome?.sentence).toContain(
      'until somebody confirms in Argo CD that ConfigMap old-settings may be deleted',
    );
    expect(seconds).toBeLessThan(5);
  });

  it('that waits for a hook to go names the hook', () => {
    const operation = { ...waiting, message: 'waiting for deletion of hook batch/Job/migrate' };
    const running = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation, requested: true });
    const { actions } = follow((now) => toFacts(now, running), { untilSeconds: 910 });
    expect(actions.find(({ action }) => action.type === 'terminate')?.action).toMatchObject({ object: 'Job migrate' });
  });

  it('that failed at our commit does not count when a later one gets its own attempt', () => {
    const operation = { phase: 'Failed', started: 2, finished: 3, message: 'boom' };
    const app = (now: number) =>
      now < 20
        ? toApp({ sync: 'OutOfSync', revision: NEXT, resources: [OUT_OF_SYNC], operation })
        : toAppliedApp({
            revision: NEXT,
            operation: { phase: 'Succeeded', revision: NEXT, started: 21, finished: 22 },
            reconciled: 23,
          });
    expect(follow((now) => toFacts(now, app(now))).outcome).toMatchObject({ kind: 'live', via: NEXT });
  });

  it('we may not request is blocked with the server’s words', () => {
    const app = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], syncPolicy: {} });
    const { outcome } = follow((now) => toFacts(now, app), {
      refuse: { reason: 'denied', message: 'permission denied' },
    });
    expect(outcome).toMatchObject({ kind: 'blocked', by: 'denied' });
  });

  it('refused for another one is asked for again later', () => {
    const app = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], syncPolicy: {} });
    const { actions } = follow((now) => toFacts(now, app), {
      refuse: { reason: 'operation_in_progress', message: 'another operation is already in progress' },
      untilSeconds: 100,
    });
    const syncs = actions.filter(({ action }) => action.type === 'sync').map(({ seconds }) => seconds);
    expect(syncs).toEqual([0, 30, 60, 90]);
  });
});

describe('an object marked to be deleted only on a word', () => {
  it('that merely differs does not count as left to prune', () => {
    const changed = { ...OUT_OF_SYNC, requiresDeletionConfirmation: true };
    const app = toApp({ sync: 'OutOfSync', resources: [changed] });
    const input = toInput({ policy: { mayRequestSync: false, mayTerminate: false } });
    expect(follow((now) => toFacts(now, app), { input }).outcome).toMatchObject({ kind: 'blocked' });
  });
});

describe('a later commit', () => {
  const carried = {
    revision: NEXT,
    operation: { phase: 'Succeeded', revision: NEXT, started: 2, finished: 4 },
    history: [NEXT],
  };

  it('that breaks what we did not touch supersedes ours', () => {
    const resources = [
      { ...OTHER, status: 'Synced', health: { status: 'Degraded', message: 'exceeded its progress deadline' } },
    ];
    const { outcome } = follow((now) => toFacts(now, toAppliedApp({ ...carried, health: 'Degraded', resources })));
    expect(outcome).toMatchObject({ kind: 'superseded', by: NEXT });
  });

  it('under which our own object breaks is still our failure', () => {
    const resources = [
      { ...WEB, status: 'Synced', health: { status: 'Degraded', message: 'exceeded its progress deadline' } },
    ];
    const { outcome } = follow((now) => toFacts(now, toAppliedApp({ ...carried, health: 'Degraded', resources })));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'degraded' });
  });

  it('that changed our image again supersedes ours', () => {
    const input = toInput({ expectedImages: ['nginx:1.28'] });
    const { outcome } = follow((now) => toFacts(now, toAppliedApp({ ...carried, images: ['nginx:1.29'] })), { input });
    expect(outcome).toMatchObject({ kind: 'superseded', by: NEXT });
  });
});

describe('the last check', () => {
  it('wants the expected images to run, in whatever way they are written', () => {
    const input = toInput({ expectedImages: ['nginx:1.28'] });
    const late = (now: number) => toAppliedApp({ images: [now < 40 ? 'nginx:1.27' : 'docker.io/library/nginx:1.28'] });
    const { outcome, seconds } = follow((now) => toFacts(now, late(now)), { input });
    expect(outcome).toMatchObject({ kind: 'live' });
    expect(seconds).toBeGreaterThanOrEqual(40);
    const never = follow((now) => toFacts(now, toAppliedApp()), { input });
    expect(never.outcome).toMatchObject({ kind: 'failed', reason: 'timeout' });
    expect(never.outcome?.sentence).toContain('nginx:1.28');
  });

  it('wants no object to differ and every rollout to serve its new version', () => {
    const rollout = { group: 'argoproj.io', kind: 'Rollout', namespace: 'prod', name: 'web' };
    const differing = [toManaged(WEB, {}, { modified: true })];
    expect(
      follow((now) => toFacts(now, toAppliedApp(), { managed: differing }), { untilSeconds: 60 }).outcome,
    ).toBeUndefined();
    const serving = (stableRS: string) => [toManaged(rollout, { status: { currentPodHash: 'b', stableRS } })];
    expect(
      follow((now) => toFacts(now, toAppliedApp(), { managed: serving('a') }), { untilSeconds: 60 }).outcome,
    ).toBeUndefined();
    expect(follow((now) => toFacts(now, toAppliedApp(), { managed: serving('b') })).outcome).toMatchObject({
      kind: 'live',
    });
  });
});

describe('pods', () => {
  const resources = [{ ...WEB, status: 'Synced', health: { status: 'Progressing' } }];
  const app = toAppliedApp({ health: 'Progressing', resources });
  const looping = toTree([{ name: 'web-new-1', reason: 'Running', restarts: 4 }]);

  it('that are new count also where we changed only what they read', () => {
    const config = { group: '', kind: 'ConfigMap', namespace: 'prod', name: 'web' };
    const input = toInput({ changed: [config] });
    const { outcome } = follow((now) => toFacts(now, app, { tree: looping }), { input });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'early', object: WEB });
  });

  it('that were there before are judged by the restarts since', () => {
    const before = toTree([{ name: 'web-new-1', reason: 'Running', restarts: 2 }]);
    const input = toInput({ snapshot: toSnapshot(toInput().application, toApp({ revision: OLD }), before) });
    expect(follow((now) => toFacts(now, app, { tree: looping }), { input, untilSeconds: 60 }).outcome).toBeUndefined();
    const more = toTree([{ name: 'web-new-1', reason: 'Running', restarts: 5 }]);
    expect(follow((now) => toFacts(now, app, { tree: more }), { input }).outcome).toMatchObject({ reason: 'early' });
  });
});

describe('an application the commit brought into being', () => {
  it('is judged without the excuses of a snapshot taken after the push', () => {
    const failing = {
      phase: 'Failed',
      revision: OURS,
      started: -30,
      finished: -20,
      resources: [{ ...WEB, status: 'SyncFailed', message: 'no such namespace' }],
    };
    const app = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation: failing });
    const input = toInput({ snapshot: toSnapshot(toInput().application, app, toTree([])) });
    expect(follow((now) => toFacts(now, app), { input }).outcome).toMatchObject({ kind: 'failed', reason: 'sync' });

    const resources = [{ ...WEB, status: 'Synced', health: { status: 'Progressing' } }];
    const starting = toAppliedApp({ health: 'Progressing', resources });
    const tree = toTree([{ name: 'web-new-1', reason: 'CrashLoopBackOff', restarts: 3 }]);
    const late = toInput({ snapshot: toSnapshot(toInput().application, starting, tree) });
    const { outcome } = follow((now) => toFacts(now, starting, { tree }), { input: late });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'early' });
  });
});

describe('waiting for health', () => {
  const slow = toAppliedApp({
    health: 'Progressing',
    resources: [{ ...WEB, status: 'Synced', health: { status: 'Progressing', message: '1 of 3 updated' } }],
  });

  it('takes as long as the longest progress deadline and a minute', () => {
    const managed = [toManaged(WEB, { spec: { progressDeadlineSeconds: 120 } })];
    const { outcome, seconds } = follow((now) => toFacts(now, slow, { managed }));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'timeout', object: WEB });
    expect(outcome?.sentence).toContain('1 of 3 updated');
    expect(seconds).toBe(180);
    expect(follow((now) => toFacts(now, slow)).seconds).toBe(660);
  });

  it('ends well when all that is left was waiting before the change too', () => {
    const ingress = {
      group: 'networking.k8s.io',
      kind: 'Ingress',
      namespace: 'prod',
      name: 'web',
      status: 'Synced',
      health: { status: 'Progressing' },
    };
    const web = { ...WEB, status: 'Synced', health: { status: 'Healthy' } };
    const before = toApp({ revision: OLD, health: 'Progressing', resources: [web, ingress] });
    const app = toAppliedApp({ health: 'Progressing', resources: [web, ingress] });
    const snapshot = toSnapshot(toInput().application, before, toTree([]));
    const { outcome } = follow((now) => toFacts(now, app), { input: toInput({ snapshot }) });
    expect(outcome).toMatchObject({ kind: 'live' });
    expect(outcome).toHaveProperty('caveats.0', expect.stringContaining('Ingress prod/web'));
  });

  it('gives an unknown state a minute', () => {
    const resources = [{ ...WEB, status: 'Synced', health: { status: 'Unknown', message: 'lua error' } }];
    const { outcome, seconds } = follow((now) => toFacts(now, toAppliedApp({ health: 'Unknown', resources })));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'unknown', message: 'lua error' });
    expect(seconds).toBe(60);
  });
});
