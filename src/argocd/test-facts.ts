import type { CommitSha } from '../lib/ids.ts';
import type { ObjectRef } from '../manifest/object.ts';
import { createTrace, noteRefresh, noteSync, type ObservationFacts, type Trace } from './facts.ts';
import { createBudgets, type Decision, type ObservationAction, type ObservationInput } from './observation.ts';
import type { Outcome } from './outcome.ts';
import {
  type Application,
  applicationSchema,
  type ManagedResource,
  managedResourcesSchema,
  type ResourceTree,
  resourceTreeSchema,
  syncWindowsSchema,
} from './schema.ts';
import { toSnapshot } from './snapshot.ts';
import { decide } from './verdict.ts';

// A small world for tests of the verdict: one application `web` with one Deployment, a short history, and time in seconds.

export const OLD = 'a'.repeat(40) as CommitSha;
export const OURS = 'c'.repeat(40) as CommitSha;
export const NEXT = 'd'.repeat(40) as CommitSha;
export const FOREIGN = 'f'.repeat(40) as CommitSha;
export const T0 = Date.UTC(2026, 0, 1, 12, 0, 0);

export const WEB: ObjectRef = { group: 'apps', kind: 'Deployment', namespace: 'prod', name: 'web' };

/** RFC 3339 with whole seconds, as Argo CD writes times; `seconds` after the push. */
export function at(seconds: number): string {
  return new Date(T0 + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
}

interface ResourceSpec extends ObjectRef {
  status?: string;
  health?: { status: string; message?: string };
  requiresPruning?: boolean;
  hook?: boolean;
}

interface OperationSpec {
  phase: string;
  revision?: string;
  started?: number;
  finished?: number;
  message?: string;
  retryCount?: number;
  operation?: object;
  resources?: object[];
}

interface ApplicationSpec {
  sync?: string;
  revision?: string;
  health?: string;
  operation?: OperationSpec;
  requested?: boolean;
  resources?: ResourceSpec[];
  conditions?: { type: string; message: string }[];
  reconciled?: number;
  uid?: string;
  repoURL?: string;
  deleting?: boolean;
  syncPolicy?: object;
  images?: string[];
  history?: string[];
}

const AUTOMATED = { automated: { prune: false, selfHeal: true } };

export function toApp(spec: ApplicationSpec = {}): Application {
  const { operation: op } = spec;
  return applicationSchema.parse({
    metadata: {
      name: 'web',
      namespace: 'argocd',
      uid: spec.uid ?? 'uid-1',
      ...(spec.deleting === true ? { deletionTimestamp: at(1) } : {}),
    },
    spec: {
      project: 'default',
      source: {
        repoURL: spec.repoURL ?? 'https://git.example.com/infra.git',
        path: 'dist/web',
        targetRevision: 'main',
      },
      syncPolicy: spec.syncPolicy ?? AUTOMATED,
    },
    ...(spec.requested === true ? { operation: { sync: { revision: spec.revision } } } : {}),
    status: {
      sync: { status: spec.sync ?? 'Synced', revision: spec.revision ?? OURS },
      health: { status: spec.health ?? 'Healthy' },
      reconciledAt: at(spec.reconciled ?? 5),
      conditions: spec.conditions,
      resources: spec.resources ?? [{ ...WEB, status: 'Synced', health: { status: 'Healthy' } }],
      history: (spec.history ?? []).map((revision, id) => ({ id, revision })),
      summary: { images: spec.images ?? ['nginx:1.27'] },
      ...(op === undefined
        ? {}
        : {
            operationState: {
              phase: op.phase,
              message: op.message,
              startedAt: at(op.started ?? 2),
              ...(op.finished === undefined ? {} : { finishedAt: at(op.finished) }),
              retryCount: op.retryCount,
              operation: op.operation ?? { sync: { revision: op.revision ?? OURS }, initiatedBy: { automated: true } },
              syncResult: { revision: op.revision ?? OURS, resources: op.resources },
            },
          }),
    },
  });
}

/** Applied and healthy at our commit. */
export function toAppliedApp(spec: ApplicationSpec = {}): Application {
  return toApp({ operation: { phase: 'Succeeded', started: 2, finished: 4 }, history: [OURS], reconciled: 6, ...spec });
}

interface PodSpec {
  name: string;
  set?: string;
  reason?: string;
  restarts?: number;
  message?: string;
}

/** Deployment `web` with two ReplicaSets: `web-old` and the newer `web-new`. */
export function toTree(pods: PodSpec[] = [{ name: 'web-new-1', reason: 'Running' }]): ResourceTree {
  const set = (name: string, revision: number) => ({
    group: 'apps',
    kind: 'ReplicaSet',
    namespace: 'prod',
    name,
    uid: name,
    parentRefs: [{ ...WEB, uid: 'web' }],
    info: [{ name: 'Revision', value: `Rev:${revision}` }],
  });
  return resourceTreeSchema.parse({
    nodes: [
      { ...WEB, uid: 'web', health: { status: 'Healthy' } },
      set('web-old', 9),
      set('web-new', 10),
      ...pods.map((pod) => ({
        kind: 'Pod',
        namespace: 'prod',
        name: pod.name,
        uid: pod.name,
        parentRefs: [
          {
            group: 'apps',
            kind: 'ReplicaSet',
            namespace: 'prod',
            name: pod.set ?? 'web-new',
            uid: pod.set ?? 'web-new',
          },
        ],
        info: [
          { name: 'Status Reason', value: pod.reason ?? 'Running' },
          ...(pod.restarts === undefined ? [] : [{ name: 'Restart Count', value: String(pod.restarts) }]),
        ],
        health: { status: pod.reason === 'Running' ? 'Healthy' : 'Degraded', message: pod.message },
      })),
    ],
  });
}

export function toManaged(ref: ObjectRef, live: object, more: Partial<ManagedResource> = {}): ManagedResource {
  const liveState = JSON.stringify(live);
  const [resource] = managedResourcesSchema.parse({ items: [{ ...ref, liveState, ...more }] }).items;
  if (resource === undefined) throw new Error('a managed resource was expected');
  return resource;
}

export function toWindows(windows: object) {
  return syncWindowsSchema.parse(windows);
}

export function toInput(over: Partial<ObservationInput> = {}): ObservationInput {
  const before = toApp({
    revision: OLD,
    operation: { phase: 'Succeeded', revision: OLD, started: -500, finished: -498 },
  });
  const snapshot = toSnapshot({ name: 'web', namespace: 'argocd', project: 'default' }, before, toTree([]));
  return {
    application: snapshot.application,
    snapshot,
    commit: OURS,
    pushedAtMs: T0,
    changed: [WEB],
    budgets: createBudgets(),
    policy: { mayRequestSync: true, mayTerminate: true },
    ticketId: 'tkt_1',
    ...over,
  };
}

const ANCESTRY: ObservationFacts['ancestry'] = {
  [OLD]: { containsCommit: false, insideCommit: true },
  [OURS]: { containsCommit: true, insideCommit: false },
  [NEXT]: { containsCommit: true, insideCommit: false },
  [FOREIGN]: { containsCommit: false, insideCommit: false },
};

export function toFacts(
  seconds: number,
  application: Application,
  more: Partial<ObservationFacts> = {},
): ObservationFacts {
  return {
    nowMs: T0 + seconds * 1000,
    reading: { state: 'read', application },
    tree: toTree(),
    managed: [],
    windows: toWindows({ canSync: true }),
    children: [],
    unreadable: {},
    ancestry: ANCESTRY,
    ...more,
  };
}

export interface Followed {
  outcome: Outcome | undefined;
  /** Seconds after the push at which it ended, or at which following stopped. */
  seconds: number;
  decisions: { seconds: number; decision: Decision }[];
  actions: { seconds: number; action: ObservationAction }[];
  trace: Trace;
}

interface FollowOptions {
  input?: ObservationInput;
  /** When looking begins; later than the push after a restart. */
  fromSeconds?: number;
  untilSeconds?: number;
  /** How many refreshes the controller answers; all by default. */
  refreshes?: number;
  refuse?: Parameters<typeof noteSync>[2];
}

/**
 * The observation loop without a network: looks each second, or sooner when the verdict acts, at what `look` shows then. What the
 * verdict asks to be done is booked as the real loop books it.
 */
export function follow(
  look: (seconds: number, done: { actions: ObservationAction['type'][] }) => ObservationFacts,
  options: FollowOptions = {},
): Followed {
  const input = options.input ?? toInput();
  const decisions: Followed['decisions'] = [];
  const actions: Followed['actions'] = [];
  const from = options.fromSeconds ?? 0;
  let trace = createTrace(T0 + from * 1000);
  for (let seconds = from; seconds <= (options.untilSeconds ?? 1_200);) {
    const nowMs = T0 + seconds * 1000;
    const verdict = decide(input, look(seconds, { actions: actions.map(({ action }) => action.type) }), trace);
    const { decision } = verdict;
    trace = verdict.trace;
    decisions.push({ seconds, decision });
    if (decisions.length > 10_000) throw new Error('the verdict acts without end');
    if (decision.kind === 'conclude') return { outcome: decision.outcome, seconds, decisions, actions, trace };
    if (decision.kind === 'wait') {
      seconds += 1;
      continue;
    }
    const { action } = decision;
    actions.push({ seconds, action });
    const asked = actions.filter((done) => done.action.type === 'refresh').length;
    if (action.type === 'refresh')
      trace = noteRefresh(trace, nowMs, nowMs, asked <= (options.refreshes ?? Infinity) ? undefined : 'no answer');
    else if (action.type === 'sync') trace = noteSync(trace, nowMs, options.refuse);
    else if (action.type === 'terminate')
      trace = { ...trace, terminated: { atMs: nowMs, startedAt: action.startedAt, message: action.message } };
    else seconds += 1;
  }
  return { outcome: undefined, seconds: options.untilSeconds ?? 1_200, decisions, actions, trace };
}
