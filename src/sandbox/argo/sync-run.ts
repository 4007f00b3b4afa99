import { toObjectRef, toRefKey } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { toVersion } from '../cluster/live-object.ts';
import { toHealth } from '../health.ts';
import { listAt, textAt } from '../json.ts';
import type { Timeline } from '../timeline.ts';
import type { HookPhase, ResourceResult, SyncOperation } from './application.ts';
import type { ApiServer } from './apply.ts';
import { hasOption, toHookTypes } from './compare.ts';
import type { SyncPlan, SyncTask } from './sync-tasks.ts';

export type SyncOutcome =
  { kind: 'succeeded'; message: string } | { kind: 'failed'; message: string } | { kind: 'terminated' };

interface SyncRunDeps {
  cluster: Cluster;
  timeline: Timeline;
  api: ApiServer;
  /** Tells what has been done so far, whenever that changes. */
  report(message: string, results: ResourceResult[]): void;
  isTerminated(): boolean;
}

// The pause between waves and how often the engine looks at what it waits for, in simulated time.
const WAVE_PAUSE_MS = 2000;
const LOOK_MS = 250;

/** Carries a plan out, step by step. Never throws for what the cluster refuses. */
export async function runSync(deps: SyncRunDeps, plan: SyncPlan, operation: SyncOperation): Promise<SyncOutcome> {
  const run = createRun(deps, plan, operation);
  const invalid = run.validate();
  if (invalid !== undefined) return invalid;
  for (const live of plan.skippedPrunes)
    run.note(live, { status: 'PruneSkipped', message: 'ignored (requires pruning)' });
  for (const [index, group] of plan.groups.entries()) {
    if (index > 0 && operation.dryRun !== true) await deps.timeline.sleep(WAVE_PAUSE_MS);
    if (deps.isTerminated()) return await run.terminate();
    const refused = run.applyGroup(group);
    if (refused !== undefined) return await run.fail(`one or more objects failed to apply, reason: ${refused}`);
    if (operation.dryRun === true || !(plan.isMultiStep || group.some((task) => task.isHook))) continue;
    const ended = await run.waitFor(group);
    if (ended === 'terminated') return await run.terminate();
    if (ended !== undefined)
      return await run.fail(`one or more synchronization tasks completed unsuccessfully, reason: ${ended}`);
  }
  const done = plan.groups.length === 0 ? 'no more tasks' : 'all tasks run';
  return { kind: 'succeeded', message: `successfully synced (${done})` };
}

function createRun(deps: SyncRunDeps, plan: SyncPlan, operation: SyncOperation) {
  const { cluster, timeline, api } = deps;
  const results = new Map<string, ResourceResult>();
  const running = new Set<SyncTask>();
  const dryRun = operation.dryRun === true;
  const upcoming = plan.groups.flat().flatMap((task) => (task.target === undefined ? [] : [task.target]));
  const replaceAll = operation.syncOptions?.includes('Replace=true') === true;
  let message = '';

  const publish = () => deps.report(message, [...results.values()]);

  const note = (object: ManifestObject, change: Partial<ResourceResult>) => {
    const key = toRefKey(toObjectRef(object));
    const { group, kind, namespace, name } = toObjectRef(object);
    const base = { group, version: toVersion(object.apiVersion), kind, namespace, name };
    results.set(key, { ...base, ...results.get(key), ...change });
    publish();
  };

  const applyTask = (task: SyncTask): string | undefined => {
    const { target, live, phase, isHook } = task;
    if (target === undefined) {
      if (live === undefined) return undefined;
      if (!dryRun) cluster.delete(toObjectRef(live));
      note(live, { status: 'Pruned', message: dryRun ? 'pruned (dry run)' : 'pruned', syncPhase: phase });
      return undefined;
    }
    const replace = replaceAll || hasOption(target, 'argocd.argoproj.io/sync-options', 'Replace=true');
    const outcome = api.apply(target, { dryRun, replace, upcoming });
    const images = listAt(target, 'spec', 'template', 'spec', 'containers').map((item) => textAt(item, 'image') ?? '');
    const facts = { message: outcome.message, syncPhase: phase, ...(images.length > 0 ? { images } : {}) };
    if (outcome.kind !== 'applied') {
      note(target, { ...facts, status: 'SyncFailed', ...(isHook ? { hookType: phase, hookPhase: 'Failed' } : {}) });
      return outcome.message;
    }
    if (isHook) note(target, { ...facts, hookType: phase, hookPhase: dryRun ? 'Succeeded' : 'Running' });
    else note(target, { ...facts, status: 'Synced' });
    return undefined;
  };

  /** By default the hook of the last time stays until its successor is made. */
  const clearHook = (task: SyncTask) => {
    if (!task.isHook || task.target === undefined || dryRun) return;
    const ref = toObjectRef(task.target);
    const policy = toDeletePolicy(task.target);
    if (policy.includes('BeforeHookCreation') && cluster.find(ref) !== undefined) cluster.delete(ref);
  };

  const toProgress = (task: SyncTask): { state: 'done' | 'waiting' } | { state: 'failed'; reason: string } => {
    const object = task.target ?? task.live;
    if (object === undefined) return { state: 'done' };
    const live = cluster.find(toObjectRef(object));
    if (task.target === undefined) return { state: live === undefined ? 'done' : 'waiting' };
    if (live === undefined) return { state: 'waiting' };
    const health = toHealth(live);
    if (health === undefined || health.status === 'Healthy') return { state: 'done' };
    if (health.status === 'Degraded') return { state: 'failed', reason: health.message ?? 'Degraded' };
    return { state: 'waiting' };
  };

  const settleHook = (task: SyncTask, hookPhase: HookPhase, reason: string) => {
    if (!task.isHook || task.target === undefined) return;
    note(task.target, { hookPhase, message: reason });
    const policy = toDeletePolicy(task.target);
    const isDue = policy.includes(hookPhase === 'Succeeded' ? 'HookSucceeded' : 'HookFailed');
    if (isDue) cluster.delete(toObjectRef(task.target));
  };

  const waitFor = async (group: readonly SyncTask[]): Promise<string | undefined> => {
    for (const task of group) running.add(task);
    for (;;) {
      if (deps.isTerminated()) return 'terminated';
      let failure: string | undefined;
      for (const task of [...running]) {
        const progress = toProgress(task);
        if (progress.state === 'waiting') continue;
        running.delete(task);
        if (progress.state === 'failed') {
          failure = progress.reason;
          settleHook(task, 'Failed', progress.reason);
        } else {
          settleHook(task, 'Succeeded', 'Resource has become healthy');
        }
      }
      if (failure !== undefined) return failure;
      if (running.size === 0) return undefined;
      message = toWaitingMessage([...running]);
      publish();
      await timeline.sleep(LOOK_MS);
    }
  };

  return {
    note,
    waitFor,
    validate: (): SyncOutcome | undefined => {
      let isInvalid = false;
      for (const target of upcoming) {
        const outcome = api.apply(target, { dryRun: true, replace: false, upcoming });
        if (outcome.kind !== 'invalid') continue;
        isInvalid = true;
        note(target, { status: 'SyncFailed', message: outcome.message, syncPhase: 'Sync' });
      }
      return isInvalid ? { kind: 'failed', message: 'one or more synchronization tasks are not valid' } : undefined;
    },
    applyGroup: (group: readonly SyncTask[]): string | undefined => {
      let refused: string | undefined;
      for (const task of group) clearHook(task);
      // Pruning comes before creating, and namespaces and definitions before what lives in them.
      for (const task of group.toSorted((a, b) => toRank(a) - toRank(b))) refused = applyTask(task) ?? refused;
      return refused;
    },
    terminate: async (): Promise<SyncOutcome> => {
      for (const task of running) {
        if (!task.isHook || task.target === undefined) continue;
        cluster.delete(toObjectRef(task.target));
        note(task.target, { hookPhase: 'Failed', message: 'Terminated' });
      }
      await timeline.sleep(LOOK_MS);
      return { kind: 'terminated' };
    },
    fail: async (reason: string): Promise<SyncOutcome> => {
      running.clear();
      if (plan.failureHooks.length > 0 && !dryRun) {
        for (const task of plan.failureHooks) {
          clearHook(task);
          applyTask(task);
        }
        await waitFor(plan.failureHooks);
      }
      return { kind: 'failed', message: reason };
    },
  };
}

const KIND_ORDER = [
  'Namespace',
  'CustomResourceDefinition',
  'ResourceQuota',
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'PersistentVolumeClaim',
  'Service',
];

function toRank(task: SyncTask): number {
  if (task.target === undefined) return -1;
  const index = KIND_ORDER.indexOf(task.target.kind);
  return index < 0 ? KIND_ORDER.length : index;
}

function toDeletePolicy(hook: ManifestObject): string[] {
  const text = textAt(hook, 'metadata', 'annotations', 'argocd.argoproj.io/hook-delete-policy');
  const policies = (text ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  return policies.length > 0 ? policies : ['BeforeHookCreation'];
}

function toWaitingMessage(tasks: readonly SyncTask[]): string {
  const name = (task: SyncTask) => {
    const object = task.target ?? task.live;
    if (object === undefined) return '';
    const { group, kind, name: objectName } = toObjectRef(object);
    return `${group}/${kind}/${objectName}`;
  };
  const [first] = tasks;
  if (first === undefined) return '';
  const isHook = toHookTypes(first.target ?? first.live ?? EMPTY).length > 0;
  const what = first.target === undefined ? 'deletion of' : isHook ? 'completion of hook' : 'healthy state of';
  const more = tasks.length > 1 ? ` and ${tasks.length - 1} more ${isHook ? 'hooks' : 'resources'}` : '';
  return `waiting for ${what} ${name(first)}${more}`;
}

const EMPTY: ManifestObject = { apiVersion: 'v1', kind: '', metadata: { name: '' } };
