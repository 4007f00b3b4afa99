import { describe, expect, it } from 'vitest';
import type { ObjectRef } from '../manifest/object.ts';
import { createTrace, noteRefresh } from './facts.ts';
import { createBudgets } from './observation.ts';
import { applicationSchema } from './schema.ts';
import { toSnapshot } from './snapshot.ts';
import {
  at,
  follow,
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
  toWindows,
  WEB,
} from './test-facts.ts';
import { decide } from './verdict.ts';

// The ways in which a look at Argo CD after a push deceives. Each block is one of them.

const OUT_OF_SYNC = { ...WEB, status: 'OutOfSync', health: { status: 'Healthy' } };
const ROLLOUT: ObjectRef = { group: 'argoproj.io', kind: 'Rollout', namespace: 'prod', name: 'web' };

describe('race 1: still green at the old commit', () => {
  it('is never taken for success', () => {
    const { outcome, seconds } = follow((now) => toFacts(now, toApp({ revision: OLD })));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'not_seen' });
    expect(seconds).toBeGreaterThanOrEqual(180);
    expect(outcome?.evidence).toContainEqual({
      object: 'Application argocd/web',
      field: 'status.sync.revision',
      value: OLD,
    });
  });
});

describe('race 2: the revision is not looked up without being asked', () => {
  it('asks for a refresh at once and sees the commit in its answer', () => {
    const { outcome, actions } = follow((now, { actions: done }) =>
      toFacts(now, done.includes('refresh') ? toAppliedApp() : toApp({ revision: OLD })),
    );
    expect(actions[0]).toMatchObject({ seconds: 0, action: { type: 'refresh' } });
    expect(outcome).toMatchObject({ kind: 'live', via: OURS });
  });

  it('asks again every minute while undecided', () => {
    const { actions } = follow((now) => toFacts(now, toApp({ revision: OLD })), { untilSeconds: 170 });
    expect(actions.map(({ seconds }) => seconds)).toEqual([0, 60, 120]);
  });

  it('says that the repository could not be read when that is the reason', () => {
    const conditions = [{ type: 'ComparisonError', message: 'failed to list refs: authentication required' }];
    const { outcome } = follow((now) => toFacts(now, toApp({ sync: 'Unknown', revision: 'main', conditions })));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'not_seen', message: conditions[0]?.message });
  });
});

describe('race 3: the branch moved on before Argo CD looked', () => {
  it('accepts a later commit that contains ours and says which', () => {
    const app = toAppliedApp({
      revision: NEXT,
      operation: { phase: 'Succeeded', revision: NEXT, started: 2, finished: 4 },
      history: [NEXT],
    });
    const { outcome } = follow((now) => toFacts(now, app));
    expect(outcome).toMatchObject({ kind: 'live', via: NEXT });
  });
});

describe('race 4: the commit renders nothing new', () => {
  it('ends without an operation ever having run', () => {
    const before = { phase: 'Succeeded', revision: OLD, started: -500, finished: -498 };
    const { outcome } = follow((now) => toFacts(now, toApp({ operation: before, history: [OLD] })));
    expect(outcome).toMatchObject({ kind: 'live_noop', via: OURS });
  });
});

describe('race 5: auto-sync does not begin', () => {
  const declined = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC] });

  it('is blocked by a sync window, also by one that lets manual syncs through', () => {
    const window = { kind: 'deny', schedule: '0 * * * *', duration: '1h', manualSync: true };
    const windows = toWindows({ canSync: true, activeWindows: [window], assignedWindows: [window] });
    const { outcome, actions } = follow((now) => toFacts(now, declined, { windows }));
    expect(outcome).toMatchObject({ kind: 'blocked', by: 'sync_window' });
    expect(actions.map(({ action }) => action.type)).not.toContain('sync');
  });

  it('fails when Argo CD says it will not try this revision again', () => {
    const conditions = [{ type: 'SyncError', message: `Failed last sync attempt to ${OURS}: boom` }];
    const app = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], conditions });
    expect(follow((now) => toFacts(now, app)).outcome).toMatchObject({ kind: 'failed', reason: 'sync' });
  });

  it('accepts what only waits to be pruned, and lists it', () => {
    const gone = { ...WEB, name: 'gone', status: 'OutOfSync', requiresPruning: true };
    const app = toApp({
      sync: 'OutOfSync',
      resources: [{ ...WEB, status: 'Synced', health: { status: 'Healthy' } }, gone],
    });
    const { outcome } = follow((now) => toFacts(now, app));
    expect(outcome).toMatchObject({ kind: 'live_noop' });
    expect(outcome).toHaveProperty('caveats.0', expect.stringContaining('Deployment prod/gone'));
  });

  it('asks for a sync of the application target, after half a minute and two answered refreshes', () => {
    const { actions } = follow((now) => toFacts(now, declined), { untilSeconds: 40 });
    const sync = actions.find(({ action }) => action.type === 'sync');
    expect(sync).toMatchObject({ action: { type: 'sync', revision: '' } });
    expect(sync?.seconds).toBeGreaterThanOrEqual(30);
    expect(actions.filter(({ action }) => action.type === 'refresh').length).toBeGreaterThanOrEqual(2);
  });

  it('says so when policy lets nobody ask', () => {
    const input = toInput({ policy: { mayRequestSync: false, mayTerminate: false } });
    expect(follow((now) => toFacts(now, declined), { input }).outcome).toMatchObject({
      kind: 'blocked',
      by: 'auto_sync_declined',
    });
  });

  it('does not take silence of the controller for a second look', () => {
    const { actions } = follow((now) => toFacts(now, declined), { refreshes: 1, untilSeconds: 100 });
    expect(actions.map(({ action }) => action.type)).not.toContain('sync');
  });

  it('never asks before a refresh was answered, since auto-sync may be about to begin', () => {
    const manual = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], syncPolicy: {} });
    for (const app of [declined, manual]) {
      const { actions } = follow((now) => toFacts(now, app), { refreshes: 0, untilSeconds: 100 });
      expect(actions.map(({ action }) => action.type)).not.toContain('sync');
    }
  });

  it('asks for exactly the compared commit where syncing is manual', () => {
    const app = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], syncPolicy: {} });
    const { actions } = follow((now) => toFacts(now, app), { untilSeconds: 5 });
    expect(actions.find(({ action }) => action.type === 'sync')).toMatchObject({ action: { revision: OURS } });
    const input = toInput({ policy: { mayRequestSync: false, mayTerminate: false } });
    expect(follow((now) => toFacts(now, app), { input }).outcome).toMatchObject({ kind: 'blocked', by: 'manual_sync' });
  });
});

describe('race 6: the operation shown belongs to somebody else', () => {
  it('does not take a failure of an earlier commit for ours', () => {
    const operation = { phase: 'Failed', revision: OLD, started: 1, finished: 2, message: 'boom' };
    expect(follow((now) => toFacts(now, toApp({ operation }))).outcome).toMatchObject({ kind: 'live_noop' });
  });

  it('does not take an operation that was there at the snapshot for ours', () => {
    const operation = { phase: 'Failed', revision: OURS, started: -50, finished: -40, message: 'boom' };
    const snapshot = toSnapshot(toInput().application, toApp({ revision: OLD, operation }), toTree([]));
    const input = toInput({ snapshot });
    expect(follow((now) => toFacts(now, toApp({ operation })), { input }).outcome).toMatchObject({ kind: 'live_noop' });
  });

  it('does not take a dry run for an application', () => {
    const operation = {
      phase: 'Failed',
      started: 2,
      finished: 3,
      operation: { sync: { revision: OURS, dryRun: true } },
    };
    expect(follow((now) => toFacts(now, toApp({ operation }))).outcome).toMatchObject({ kind: 'live_noop' });
  });

  it('trusts a start time before the push by a slow clock, when it is later than the one before', () => {
    const operation = { phase: 'Failed', revision: OURS, started: -30, finished: -20, message: 'boom' };
    expect(follow((now) => toFacts(now, toApp({ operation }))).outcome).toMatchObject({
      kind: 'failed',
      reason: 'sync',
    });
  });

  it('waits between a request and its pickup, when there is no state at all', () => {
    const app = toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], requested: true });
    const { outcome, actions } = follow((now) => toFacts(now, app), { untilSeconds: 120 });
    expect(outcome).toBeUndefined();
    expect(actions.map(({ action }) => action.type)).not.toContain('sync');
  });
});

describe('race 7: a pause between attempts looks like the end', () => {
  it('waits while Running has a finish time', () => {
    const retrying = {
      phase: 'Running',
      started: 2,
      finished: 5,
      retryCount: 2,
      message: 'one or more objects failed',
    };
    const app = (now: number) =>
      now < 60
        ? toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation: retrying })
        : toAppliedApp({ operation: { phase: 'Succeeded', started: 2, finished: 58 }, reconciled: 60 });
    const { outcome, decisions } = follow((now) => toFacts(now, app(now)));
    expect(outcome).toMatchObject({ kind: 'live' });
    expect(decisions.some(({ decision }) => decision.kind === 'wait' && decision.reason.includes('retries'))).toBe(
      true,
    );
  });
});

describe('race 8: the health shown is older than the operation', () => {
  const app = toAppliedApp({ operation: { phase: 'Succeeded', started: 2, finished: 4 }, reconciled: 4 });

  it('does not begin to settle on a comparison of the same second', () => {
    const trace = noteRefresh(createTrace(T0), T0 + 1_000, T0 + 2_000);
    const { decision } = decide(toInput(), toFacts(5, app), trace);
    expect(decision).toMatchObject({ kind: 'act', phase: 'operation', action: { type: 'refresh' } });
  });

  it('goes on after a refresh that was asked for after the end was seen, or with a newer comparison', () => {
    const first = decide(toInput(), toFacts(5, app), noteRefresh(createTrace(T0), T0 + 1_000, T0 + 2_000));
    const answered = noteRefresh(first.trace, T0 + 5_000, T0 + 6_000);
    expect(decide(toInput(), toFacts(6, app), answered).decision).toMatchObject({ phase: 'settle' });
    const newer = toAppliedApp({ reconciled: 5 });
    const trace = noteRefresh(createTrace(T0), T0 + 1_000, T0 + 2_000);
    expect(decide(toInput(), toFacts(5, newer), trace).decision).toMatchObject({ phase: 'settle' });
  });
});

describe('race 9: healthy for a moment', () => {
  it('starts the hold anew when new pods appear', () => {
    const pods = (now: number) => toTree(now < 8 ? [] : [{ name: 'web-new-1' }, { name: 'web-new-2' }]);
    const { outcome, seconds } = follow((now) => toFacts(now, toAppliedApp(), { tree: pods(now) }));
    expect(outcome).toMatchObject({ kind: 'live' });
    expect(seconds).toBeGreaterThanOrEqual(18);
  });

  it('starts the hold anew after a lapse', () => {
    const lapse = toAppliedApp({
      health: 'Progressing',
      resources: [{ ...WEB, status: 'Synced', health: { status: 'Progressing' } }],
    });
    const { seconds } = follow((now) => toFacts(now, now >= 5 && now < 20 ? lapse : toAppliedApp()));
    expect(seconds).toBeGreaterThanOrEqual(30);
  });

  it('ends the hold with a refresh asked for after it', () => {
    const { actions, seconds } = follow((now) => toFacts(now, toAppliedApp()));
    expect(actions.map((done) => done.seconds)).toEqual([0, 10]);
    expect(seconds).toBe(10);
  });

  it('does not believe the resources when the application itself says otherwise', () => {
    const app = toAppliedApp({ health: 'Progressing' });
    expect(follow((now) => toFacts(now, app), { untilSeconds: 100 }).outcome).toBeUndefined();
  });

  it('holds longer where a changed custom resource reports no health', () => {
    const custom = { group: 'acme.io', kind: 'Queue', namespace: 'prod', name: 'jobs' };
    const resources = [
      { ...WEB, status: 'Synced', health: { status: 'Healthy' } },
      { ...custom, status: 'Synced' },
    ];
    const { seconds } = follow((now) => toFacts(now, toAppliedApp({ resources })), {
      input: toInput({ changed: [WEB, custom] }),
    });
    expect(seconds).toBe(30);
  });
});

describe('race 10: a fault that was there before, or that passes', () => {
  const other = { group: 'apps', kind: 'Deployment', namespace: 'prod', name: 'other' };
  const broken = {
    ...other,
    status: 'Synced',
    health: { status: 'Degraded', message: 'exceeded its progress deadline' },
  };
  const healthy = { ...WEB, status: 'Synced', health: { status: 'Healthy' } };

  it('is not blamed on a change that did not touch it', () => {
    const before = toApp({ revision: OLD, health: 'Degraded', resources: [healthy, broken] });
    const input = toInput({ snapshot: toSnapshot(toInput().application, before, toTree([])) });
    const app = toAppliedApp({ health: 'Degraded', resources: [healthy, broken] });
    const { outcome } = follow((now) => toFacts(now, app), { input });
    expect(outcome).toMatchObject({ kind: 'live' });
    expect(outcome).toHaveProperty('caveats.0', expect.stringContaining('was degraded before'));
  });

  it('is ours when it is new', () => {
    const app = toAppliedApp({ health: 'Degraded', resources: [healthy, broken] });
    expect(follow((now) => toFacts(now, app)).outcome).toMatchObject({
      kind: 'failed',
      reason: 'degraded',
      object: other,
    });
  });

  it('must last, unless it is final by its nature', () => {
    const flap = (now: number) =>
      now < 20
        ? toAppliedApp({
            health: 'Degraded',
            resources: [{ ...healthy, health: { status: 'Degraded', message: 'hm' } }],
          })
        : toAppliedApp();
    expect(follow((now) => toFacts(now, flap(now))).outcome).toMatchObject({ kind: 'live' });
    const lasting = follow((now) => toFacts(now, flap(0)));
    expect(lasting.outcome).toMatchObject({ kind: 'failed', reason: 'degraded' });
    expect(lasting.seconds).toBeGreaterThanOrEqual(30);
    const final = {
      ...healthy,
      health: { status: 'Degraded', message: 'Deployment "web" exceeded its progress deadline' },
    };
    expect(
      follow((now) => toFacts(now, toAppliedApp({ health: 'Degraded', resources: [final] }))).seconds,
    ).toBeLessThan(5);
  });

  it('is given time to clear when the change is there to mend it', () => {
    const final = {
      ...healthy,
      health: { status: 'Degraded', message: 'Deployment "web" exceeded its progress deadline' },
    };
    const before = toApp({ revision: OLD, health: 'Degraded', resources: [final] });
    const input = toInput({ snapshot: toSnapshot(toInput().application, before, toTree([])) });
    const mended = (now: number) =>
      now < 60 ? toAppliedApp({ health: 'Degraded', resources: [final] }) : toAppliedApp();
    expect(follow((now) => toFacts(now, mended(now)), { input }).outcome).toMatchObject({ kind: 'live' });
  });
});

describe('race 11: the application says Healthy over something that is not', () => {
  it('looks at missing resources', () => {
    const resources = [{ ...WEB, status: 'Synced', health: { status: 'Missing' } }];
    const { outcome } = follow((now) => toFacts(now, toAppliedApp({ resources })));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'timeout', object: WEB });
  });

  it('sees a paused rollout behind a progressing neighbour', () => {
    const resources = [
      { ...ROLLOUT, status: 'Synced', health: { status: 'Suspended', message: 'CanaryPauseStep' } },
      { ...WEB, name: 'slow', status: 'Synced', health: { status: 'Progressing' } },
    ];
    const managed = [toManaged(ROLLOUT, { status: { pauseConditions: [{ reason: 'CanaryPauseStep' }] } })];
    const { outcome } = follow((now) => toFacts(now, toAppliedApp({ health: 'Progressing', resources }), { managed }));
    expect(outcome).toMatchObject({ kind: 'promotion', rollout: ROLLOUT });
  });

  it('walks into child applications', () => {
    const child = { group: 'argoproj.io', kind: 'Application', namespace: 'argocd', name: 'child', status: 'Synced' };
    const below = applicationSchema.parse({
      metadata: { name: 'child', namespace: 'argocd' },
      status: {
        sync: { status: 'Synced' },
        health: { status: 'Degraded' },
        resources: [{ ...WEB, name: 'burning', status: 'Synced', health: { status: 'Degraded', message: 'on fire' } }],
      },
    });
    const { outcome } = follow((now) => toFacts(now, toAppliedApp({ resources: [child] }), { children: [below] }));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'degraded', object: { name: 'burning' } });
  });
});

describe('race 12: a paused rollout is a gate', () => {
  const resources = [{ ...ROLLOUT, status: 'Synced', health: { status: 'Suspended', message: 'CanaryPauseStep' } }];
  const app = toAppliedApp({ health: 'Suspended', resources });
  const input = toInput({ changed: [ROLLOUT] });
  const paused = (pause: object, reason = 'CanaryPauseStep') =>
    toManaged(ROLLOUT, {
      spec: { strategy: { canary: { steps: [{ setWeight: 20 }, { pause }, { setWeight: 50 }] } } },
      status: { currentStepIndex: 1, pauseConditions: [{ reason }] },
    });

  it('asks for a decision at a pause without an end', () => {
    const { outcome } = follow((now) => toFacts(now, app, { managed: [paused({})] }), { input });
    expect(outcome).toMatchObject({ kind: 'promotion', pause: 'CanaryPauseStep', stepIndex: 1, stepCount: 3 });
  });

  it('waits at a pause that ends by itself', () => {
    const { outcome } = follow((now) => toFacts(now, app, { managed: [paused({ duration: '10m' })] }), {
      input,
      untilSeconds: 300,
    });
    expect(outcome).toBeUndefined();
  });

  it('asks a person when the analysis was inconclusive, timed or not', () => {
    const managed = [paused({ duration: 30 }, 'InconclusiveAnalysisRun')];
    expect(follow((now) => toFacts(now, app, { managed }), { input }).outcome).toMatchObject({
      kind: 'promotion',
      pause: 'InconclusiveAnalysisRun',
    });
  });

  it('is recognised inside a wave, where the operation would run for ever', () => {
    const operation = { phase: 'Running', message: 'waiting for healthy state of argoproj.io/Rollout/web' };
    const waiting = toApp({ sync: 'OutOfSync', health: 'Suspended', resources, operation, requested: true });
    const tree = toTree([]);
    tree.nodes.push({
      ...tree.nodes[0]!,
      ...ROLLOUT,
      uid: 'ro',
      health: { status: 'Suspended', message: 'x', lastTransitionTime: '' },
    });
    const { outcome } = follow((now) => toFacts(now, waiting, { tree, managed: [paused({})] }), { input });
    expect(outcome).toMatchObject({ kind: 'promotion', rollout: ROLLOUT });
  });
});

describe('race 13: a crash loop hides behind Progressing', () => {
  const app = toAppliedApp({
    health: 'Progressing',
    resources: [{ ...WEB, status: 'Synced', health: { status: 'Progressing' } }],
  });

  it('is seen in the pods of the newest ReplicaSet', () => {
    const tree = toTree([
      { name: 'web-new-1', reason: 'ImagePullBackOff', message: 'Back-off pulling image "web:bad"' },
    ]);
    const { outcome, seconds } = follow((now) => toFacts(now, app, { tree }));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'early', object: WEB });
    expect(outcome?.sentence).toContain('web-new-1');
    expect(seconds).toBeGreaterThanOrEqual(45);
    expect(seconds).toBeLessThan(60);
  });

  it('is certain at once after three restarts', () => {
    const tree = toTree([{ name: 'web-new-1', reason: 'Running', restarts: 3 }]);
    expect(follow((now) => toFacts(now, app, { tree })).seconds).toBeLessThan(5);
  });

  it('is not looked for in the pods being replaced', () => {
    const tree = toTree([{ name: 'web-old-1', set: 'web-old', reason: 'CrashLoopBackOff', restarts: 90 }]);
    expect(follow((now) => toFacts(now, app, { tree }), { untilSeconds: 200 }).outcome).toBeUndefined();
  });
});

describe('race 14: events are lost', () => {
  it('never waits longer than a tick without looking', () => {
    const { decisions } = follow((now) => toFacts(now, now < 300 ? toApp({ requested: true }) : toAppliedApp()), {
      untilSeconds: 400,
    });
    const waits = decisions.flatMap(({ decision }) => (decision.kind === 'wait' ? [decision.recheckMs] : []));
    expect(waits.length).toBeGreaterThan(100);
    expect(Math.max(...waits)).toBeLessThanOrEqual(createBudgets().tickMs);
  });
});

describe('race 15: a failed hook leaves the application healthy', () => {
  it('is judged by the operation, not by health', () => {
    const hook = {
      group: 'batch',
      kind: 'Job',
      namespace: 'prod',
      name: 'migrate',
      hookType: 'PreSync',
      hookPhase: 'Failed',
      message: 'Job has reached the specified backoff limit',
    };
    const operation = {
      phase: 'Failed',
      started: 2,
      finished: 9,
      message: 'one or more hooks failed',
      resources: [hook],
    };
    const { outcome } = follow((now) =>
      toFacts(now, toApp({ sync: 'OutOfSync', resources: [OUT_OF_SYNC], operation })),
    );
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'hook', object: { kind: 'Job', name: 'migrate' } });
  });

  it('counts also when everything is synced, after a failed PostSync hook', () => {
    const hook = {
      ...{ group: 'batch', kind: 'Job', namespace: 'prod', name: 'smoke' },
      ...{ hookType: 'PostSync', hookPhase: 'Error', message: 'no' },
    };
    const operation = { phase: 'Failed', started: 2, finished: 9, resources: [hook] };
    expect(follow((now) => toFacts(now, toApp({ operation }))).outcome).toMatchObject({ reason: 'hook' });
  });
});

describe('race 16: self-heal starts again', () => {
  it('reopens the wait', () => {
    const healing = toAppliedApp({ requested: true });
    const { seconds, outcome } = follow((now) => toFacts(now, now >= 5 && now < 15 ? healing : toAppliedApp()));
    expect(outcome).toMatchObject({ kind: 'live' });
    expect(seconds).toBeGreaterThanOrEqual(25);
  });

  it('is called a fight after more than three rounds', () => {
    const round = (now: number) =>
      toApp({
        sync: 'OutOfSync',
        resources: [OUT_OF_SYNC],
        operation: { phase: 'Succeeded', started: Math.floor(now / 10) * 10, finished: Math.floor(now / 10) * 10 + 1 },
        reconciled: now,
      });
    const { outcome, seconds } = follow((now) => toFacts(now, round(now)));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'stuck' });
    expect(outcome?.sentence).toContain('4 times');
    expect(seconds).toBeGreaterThanOrEqual(30);
  });
});

describe('race 17: it is not the same application any more', () => {
  it('is lost when it was created anew, pointed elsewhere, or is going away', () => {
    const lost = (app: ReturnType<typeof toApp>) => follow((now) => toFacts(now, app)).outcome;
    expect(lost(toAppliedApp({ uid: 'uid-2' }))).toMatchObject({ kind: 'lost', reason: 'recreated' });
    expect(lost(toAppliedApp({ repoURL: 'https://git.example.com/other' }))).toMatchObject({
      reason: 'source_changed',
    });
    expect(lost(toAppliedApp({ deleting: true }))).toMatchObject({ kind: 'lost', reason: 'deleted' });
  });

  it('is lost when the server no longer knows it, twice', () => {
    const missing = (now: number) => ({
      ...toFacts(now, toApp()),
      reading: { state: 'missing' as const, message: at(now) },
    });
    const { outcome, seconds } = follow(missing);
    expect(outcome).toMatchObject({ kind: 'lost', reason: 'deleted' });
    expect(seconds).toBeGreaterThan(0);
  });
});
