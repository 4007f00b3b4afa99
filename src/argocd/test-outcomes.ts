import type { ObjectRef } from '../manifest/object.ts';
import type { AnalysisReport } from './analysis-runs.ts';
import { createBudgets, type ObservationInput } from './observation.ts';
import type { FailureReason, Outcome } from './outcome.ts';
import {
  at,
  follow,
  type Followed,
  FOREIGN,
  NEXT,
  OLD,
  OURS,
  toApp,
  toAppliedApp,
  toFacts,
  toInput,
  toManaged,
  toTree,
  toWindows,
  WEB,
} from './test-facts.ts';

// One way, or several, to come to each end an observation can have. The list is checked by its type: a new outcome, or a new
// reason of one, does not compile until it has a scenario, and the specification has a row for each.

type Sub<K extends Outcome['kind'], F extends string> =
  Extract<Outcome, { kind: K }> extends Record<F, infer V> ? V : never;

export type OutcomeKey =
  | Exclude<Outcome['kind'], 'blocked' | 'lost' | 'failed' | 'inconclusive'>
  | `inconclusive ${Sub<'inconclusive', 'state'>}`
  | `blocked ${Sub<'blocked', 'by'>}`
  | `lost ${Sub<'lost', 'reason'>}`
  | `failed ${FailureReason}`;

export function toOutcomeKey(outcome: Outcome): OutcomeKey {
  switch (outcome.kind) {
    case 'blocked':
      return `blocked ${outcome.by}`;
    case 'inconclusive':
      return `inconclusive ${outcome.state}`;
    case 'lost':
      return `lost ${outcome.reason}`;
    case 'failed':
      return `failed ${outcome.reason}`;
    default:
      return outcome.kind;
  }
}

type Scenario = () => Followed;

const ROLLOUT: ObjectRef = { group: 'argoproj.io', kind: 'Rollout', namespace: 'prod', name: 'web' };
const DIFFERENT = { ...WEB, status: 'OutOfSync', health: { status: 'Healthy' } };
const declined = { sync: 'OutOfSync', resources: [DIFFERENT] };
const manual = { ...declined, syncPolicy: {} };
const MAY_NOTHING = { policy: { mayRequestSync: false, mayTerminate: false } };

const see = (app: ReturnType<typeof toApp>, input: Partial<ObservationInput> = {}): Followed =>
  follow((now) => toFacts(now, app), { input: toInput(input) });

const toUnhealthy = (status: string, message: string) =>
  toAppliedApp({ health: status, resources: [{ ...WEB, status: 'Synced', health: { status, message } }] });

const later = {
  revision: NEXT,
  operation: { phase: 'Succeeded', revision: NEXT, started: 2, finished: 4 },
  history: [NEXT],
};

function toReport(phase: string, metric: Partial<AnalysisReport['metrics'][number]>): AnalysisReport {
  const zero = { name: 'success-rate', good: 0, bad: 0, open: 0, errors: 0, last: '' };
  const message = 'Metric "success-rate" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4)';
  return {
    ...{ name: 'web-abc-2-1', rollout: ROLLOUT, phase, message, createdAt: at(5) },
    metrics: [{ ...zero, ...metric }],
  };
}

/** A Rollout in a state, with what its analyses have measured. */
function play(health: string, message: string, analyses: AnalysisReport[], live: object = {}): Followed {
  const app = toAppliedApp({
    health,
    resources: [{ ...ROLLOUT, status: 'Synced', health: { status: health, message } }],
  });
  const tree = toTree();
  const [node] = tree.nodes;
  if (node === undefined) throw new Error('the tree is empty');
  const rollout = { ...node, ...ROLLOUT, uid: 'ro', parentRefs: [], createdAt: at(-500) };
  const runs = analyses.map(({ name }) => ({
    ...{ ...node, group: 'argoproj.io', kind: 'AnalysisRun', version: 'v1alpha1', createdAt: at(5), name, uid: name },
    parentRefs: [{ ...ROLLOUT, uid: 'ro' }],
  }));
  const facts = {
    ...{ managed: [toManaged(ROLLOUT, live)], tree: { nodes: [...tree.nodes, rollout, ...runs] } },
    analyses,
  };
  return follow((now) => toFacts(now, app, facts), { input: toInput({ changed: [ROLLOUT] }) });
}

const waitingHook = 'waiting for completion of hook batch/Job/migrate';

export const SCENARIOS: Record<OutcomeKey, Record<string, Scenario>> = {
  live: {
    applied: () => see(toAppliedApp()),
    'carried by a later commit': () => see(toAppliedApp(later)),
    'left to prune': () => {
      const gone = { ...WEB, kind: 'Service', group: '', name: 'old', status: 'OutOfSync', requiresPruning: true };
      const web = { ...WEB, status: 'Synced', health: { status: 'Healthy' } };
      return see(toAppliedApp({ sync: 'OutOfSync', resources: [web, gone] }));
    },
  },
  live_noop: {
    'nothing to apply': () =>
      see(toApp({ operation: { phase: 'Succeeded', revision: OLD, started: -500, finished: -498 } })),
  },
  promotion: {
    'canary step': () => {
      const steps = [{ setWeight: 20 }, { pause: {} }, { setWeight: 50 }];
      const status = { currentStepIndex: 1, pauseConditions: [{ reason: 'CanaryPauseStep' }] };
      return play('Suspended', 'CanaryPauseStep', [], { spec: { strategy: { canary: { steps } } }, status });
    },
    'inconclusive analysis': () => {
      const steps = [{ setWeight: 20 }, { analysis: {} }, { setWeight: 50 }];
      const status = {
        currentStepIndex: 1,
        pauseConditions: [{ reason: 'InconclusiveAnalysisRun', startTime: at(20) }],
        canary: { currentStepAnalysisRunStatus: { status: 'Inconclusive' } },
      };
      const report = toReport('Inconclusive', { good: 1, open: 1, last: '[]' });
      return play('Suspended', '', [report], { spec: { strategy: { canary: { steps } } }, status });
    },
  },
  'inconclusive aborted': {
    'nothing measured': () => {
      const report = toReport('Error', { errors: 5, last: 'connection refused' });
      return play('Degraded', 'RolloutAborted: Rollout aborted update to revision 2', [report]);
    },
  },
  'inconclusive promoted': {
    'nothing good measured': () => play('Healthy', '', [toReport('Successful', { open: 3, last: '[]' })]),
  },
  superseded: {
    'breaks elsewhere': () => {
      const other = {
        ...WEB,
        name: 'other',
        status: 'Synced',
        health: { status: 'Degraded', message: 'exceeded its progress deadline' },
      };
      return see(toAppliedApp({ ...later, health: 'Degraded', resources: [other] }));
    },
    'runs another image': () =>
      see(toAppliedApp({ ...later, images: ['nginx:1.29'] }), { expectedImages: ['nginx:1.28'] }),
  },
  unreachable: {
    silent: () =>
      follow((now) => ({
        ...toFacts(now, toApp()),
        reading: { state: 'unreachable', denied: false, message: 'connect ECONNREFUSED' },
      })),
    denied: () =>
      follow((now) => ({
        ...toFacts(now, toApp()),
        reading: { state: 'unreachable', denied: true, message: 'token is expired' },
      })),
    'git does not know the revision': () => see(toApp({ revision: 'e'.repeat(40) })),
  },
  'blocked sync_window': {
    'auto-sync': () => {
      const window = { kind: 'deny', schedule: '0 22 * * *', duration: '8h' };
      const windows = toWindows({ canSync: false, activeWindows: [window], assignedWindows: [window] });
      return follow((now) => toFacts(now, toApp(declined), { windows }));
    },
    'running operation': () =>
      see(
        toApp({
          ...declined,
          requested: true,
          operation: { phase: 'Running', started: 2, message: 'Sync operation blocked by sync window' },
        }),
      ),
    'our own request': () =>
      follow((now) => toFacts(now, toApp(manual)), {
        refuse: { reason: 'sync_window', message: 'cannot sync: blocked by sync window' },
      }),
  },
  'blocked manual_sync': { 'nobody may press it': () => see(toApp(manual), MAY_NOTHING) },
  'blocked auto_sync_declined': { 'no reason given': () => see(toApp(declined), MAY_NOTHING) },
  'blocked denied': {
    'no right to sync': () =>
      follow((now) => toFacts(now, toApp(manual)), { refuse: { reason: 'denied', message: 'permission denied' } }),
  },
  'blocked operation': {
    'an earlier one is stuck': () => {
      const message = 'waiting for healthy state of apps/Deployment/web';
      const operation = { phase: 'Running', revision: OLD, started: -100, message };
      return see(toApp({ ...declined, requested: true, operation }), {
        ...MAY_NOTHING,
        budgets: createBudgets({ operationMs: 60_000 }),
      });
    },
    'deletions want a word': () => {
      const message = 'waiting for pruning confirmation of /ConfigMap/old';
      return see(toApp({ ...declined, requested: true, operation: { phase: 'Running', started: 2, message } }));
    },
  },
  'lost force_push': { 'rewritten branch': () => see(toApp({ revision: FOREIGN })) },
  'lost deleted': {
    gone: () =>
      follow((now) => ({
        ...toFacts(now, toApp()),
        reading: { state: 'missing', message: 'applications.argoproj.io "web" not found' },
      })),
    going: () => see(toAppliedApp({ deleting: true })),
  },
  'lost recreated': { 'another uid': () => see(toAppliedApp({ uid: 'uid-2' })) },
  'lost source_changed': { 're-pointed': () => see(toAppliedApp({ repoURL: 'https://git.example.com/other.git' })) },
  'failed render': {
    'broken manifest': () => {
      const message = 'Failed to load target state: failed to unmarshal manifest: yaml: line 3';
      const conditions = [{ type: 'ComparisonError', message }];
      return see(toApp({ sync: 'Unknown', revision: 'main', conditions }));
    },
  },
  'failed not_seen': {
    'asked, and still old': () => see(toApp({ revision: OLD })),
    'controller down': () => follow((now) => toFacts(now, toApp({ revision: OLD })), { refreshes: 0 }),
    'repository server down': () => {
      const message = 'Failed to load target state: rpc error: code = Unavailable desc = connection refused';
      return see(toApp({ sync: 'Unknown', revision: 'main', conditions: [{ type: 'ComparisonError', message }] }));
    },
  },
  'failed sync': {
    'refused object': () => {
      const result = {
        ...WEB,
        status: 'SyncFailed',
        hookPhase: 'Failed',
        message: 'spec.selector: field is immutable',
      };
      const operation = { phase: 'Failed', started: 2, finished: 3, resources: [result] };
      return see(toApp({ ...declined, operation }));
    },
    'will not try again': () => {
      const message = `Failed last sync attempt to [${OURS}]: one or more objects failed to apply`;
      return see(toApp({ ...declined, conditions: [{ type: 'SyncError', message }] }));
    },
    'refused request': () =>
      follow((now) => toFacts(now, toApp(manual)), {
        refuse: { reason: 'rejected', message: 'repository not permitted' },
      }),
  },
  'failed hook': {
    'failed job': () => {
      const hook = {
        ...{ group: 'batch', kind: 'Job', namespace: 'prod', name: 'migrate', hookType: 'PreSync' },
        ...{ hookPhase: 'Failed', message: 'Job has reached the specified backoff limit' },
      };
      return see(toApp({ ...declined, operation: { phase: 'Failed', started: 2, finished: 9, resources: [hook] } }));
    },
  },
  'failed early': {
    'image cannot be pulled': () => {
      const pod = { name: 'web-new-1', reason: 'ImagePullBackOff', message: 'Back-off pulling image "web:bad"' };
      return follow((now) => toFacts(now, toUnhealthy('Progressing', ''), { tree: toTree([pod]) }));
    },
    'crash loop': () => {
      const pod = { name: 'web-new-1', reason: 'Running', restarts: 3 };
      return follow((now) => toFacts(now, toUnhealthy('Progressing', ''), { tree: toTree([pod]) }));
    },
  },
  'failed degraded': {
    'by its deadline': () => see(toUnhealthy('Degraded', 'Deployment "web" exceeded its progress deadline')),
    'in its wave': () => {
      const result = {
        ...WEB,
        status: 'Synced',
        hookPhase: 'Failed',
        message: 'Deployment "web" exceeded its progress deadline',
      };
      return see(toApp({ ...declined, operation: { phase: 'Failed', started: 2, finished: 9, resources: [result] } }));
    },
  },
  'failed timeout': {
    'not ready': () =>
      see(toUnhealthy('Progressing', '1 of 3 updated replicas are available'), {
        budgets: createBudgets({ healthMs: 300_000 }),
      }),
    'drift that stays': () => see(toAppliedApp({ sync: 'OutOfSync', resources: [DIFFERENT] })),
    'image not running': () =>
      see(toAppliedApp(), { expectedImages: ['nginx:1.28'], budgets: createBudgets({ healthMs: 60_000 }) }),
  },
  'failed unknown': {
    'health cannot be rated': () => see(toUnhealthy('Unknown', 'error in lua')),
    'cluster cannot be read': () => {
      const conditions = [{ type: 'ComparisonError', message: 'Failed to load live state: connection refused' }];
      return see(toApp({ sync: 'Unknown', conditions }));
    },
  },
  'failed stuck': {
    'hook that never ends': () =>
      see(
        toApp({ ...declined, requested: true, operation: { phase: 'Running', started: 2, message: waitingHook } }),
        MAY_NOTHING,
      ),
    'ended by us': () => {
      const running = toApp({
        ...declined,
        requested: true,
        operation: { phase: 'Running', started: 2, message: waitingHook },
      });
      const ended = toApp({
        ...declined,
        operation: { phase: 'Failed', started: 2, finished: 910, message: 'Operation terminated' },
      });
      return follow((now, { actions }) => toFacts(now, actions.includes('terminate') ? ended : running));
    },
    'self-heal fights': () =>
      follow((now) =>
        toFacts(
          now,
          toApp({
            ...declined,
            operation: {
              phase: 'Succeeded',
              started: Math.floor(now / 10) * 10,
              finished: Math.floor(now / 10) * 10 + 1,
            },
            reconciled: now,
          }),
        ),
      ),
    'accepted, and nothing happens': () => follow((now) => toFacts(now, toApp(manual))),
  },
};

/** What is told while it is not decided, by what is waited for. */
export const WAITS: Record<string, Scenario> = {
  'old revision': () => see(toApp({ revision: OLD })),
  'pause between attempts': () => {
    const operation = {
      ...{ phase: 'Running', started: 2, finished: 5, retryCount: 2, message: 'one or more objects failed to apply' },
      operation: { sync: { revision: OURS }, retry: { limit: 5 } },
    };
    return follow((now) => toFacts(now, toApp({ ...declined, requested: true, operation })), { untilSeconds: 20 });
  },
  wave: () => {
    const message = 'waiting for healthy state of apps/Deployment/web';
    const app = toApp({ ...declined, requested: true, operation: { phase: 'Running', started: 2, message } });
    return follow((now) => toFacts(now, app), { untilSeconds: 20 });
  },
  'auto-sync': () => follow((now) => toFacts(now, toApp(declined)), { untilSeconds: 20 }),
  health: () => follow((now) => toFacts(now, toUnhealthy('Progressing', '1 of 3 updated')), { untilSeconds: 20 }),
  hold: () => follow((now) => toFacts(now, toAppliedApp()), { untilSeconds: 5 }),
  'silent server': () =>
    follow(
      (now) => ({
        ...toFacts(now, toApp()),
        reading: { state: 'unreachable', denied: false, message: 'connect ECONNREFUSED' },
      }),
      { untilSeconds: 20 },
    ),
};
