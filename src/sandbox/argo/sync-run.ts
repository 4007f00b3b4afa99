import type { Cluster } from '../cluster/cluster.ts';
import { toHealth } from '../health.ts';
import type { Timeline } from '../timeline.ts';
import { toObjectRef } from '../../manifest/object.ts';
import type { ResourceResult, SyncOperation } from './application.ts';
import type { ApiServer } from './apply.ts';
import { hasOption } from './compare.ts';
import { createSyncResults } from './sync-results.ts';
import type { SyncResults } from './sync-results.ts';
import { needsConfirmation, toDeletePolicy, toRank, toWaitingMessage } from './sync-tasks.ts';
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
  /** Whether somebody has agreed to deletions since the operation began. */
  isDeletionConfirmed(): boolean;
}

// The pause between waves and how often the engine looks at what it waits for, in simulated time.
const WAVE_PAUSE_MS = 2000;
const LOOK_MS = 250;

/** Carries a plan out, step by step. Never throws for what the cluster refuses. */
export async function runSync(deps: SyncRunDeps, plan: SyncPlan, operation: SyncOperation): Promise<SyncOutcome> {
  const run = createRun(deps, plan, operation);
  const isMultiStep = run.makeNamespace() || plan.groups.length > 1;
  const invalid = run.validate();
  if (invalid !== undefined) return invalid;
  for (const { live, message } of plan.skippedPrunes)
    run.results.note(live, 'Sync', { status: 'PruneSkipped', hookPhase: 'Succeeded', message });
  let waited = false;
  for (const [index, group] of plan.groups.entries()) {
    if (index > 0 && operation.dryRun !== true) await deps.timeline.sleep(WAVE_PAUSE_MS);
    if (deps.isTerminated() || (await run.confirm(group)) === 'terminated') return await run.terminate();
    const refused = run.applyGroup(group);
    if (refused.length > 0) return await run.fail(`one or more objects failed to apply, reason: ${refused.join(',')}`);
    const hooks = group.filter((task) => task.isHook);
    // With several steps all objects of one are waited for, with a single one only hooks. What the last step applies is not waited for, unless it is a hook: it may turn bad without the operation failing.
    waited = operation.dryRun !== true && (index < plan.groups.length - 1 || hooks.length > 0);
    if (!waited) continue;
    const ended = await run.waitFor(isMultiStep ? group : hooks);
    if (ended === 'terminated') return await run.terminate();
    if (ended === 'failed') return await run.fail('one or more synchronization tasks completed unsuccessfully');
  }
  const done = plan.groups.length === 0 || waited ? 'no more tasks' : 'all tasks run';
  return { kind: 'succeeded', message: `successfully synced (${done})` };
}

function createRun(deps: SyncRunDeps, plan: SyncPlan, operation: SyncOperation) {
  const { cluster, timeline, api } = deps;
  let message = '';
  const results = createSyncResults((all) => deps.report(message, all));
  const say = (text: string) => {
    message = text;
    results.publish();
  };
  const dryRun = operation.dryRun === true;
  const upcoming = plan.groups.flat().flatMap((task) => (task.target === undefined ? [] : [task.target]));
  const apply = createApply(deps, { results, dryRun, upcoming, operation });

  /** By default the hook of the last time stays until its successor is made. */
  const clearHook = (task: SyncTask) => {
    if (!task.isHook || task.target === undefined || dryRun) return;
    const ref = toObjectRef(task.target);
    const policy = toDeletePolicy(task.target);
    if (policy.includes('BeforeHookCreation') && cluster.find(ref) !== undefined) cluster.delete(ref);
  };

  const waitFor = async (group: readonly SyncTask[]): Promise<'failed' | 'terminated' | undefined> => {
    const waiting = new Set(group);
    let hasFailed = false;
    for (;;) {
      if (deps.isTerminated()) return 'terminated';
      for (const task of [...waiting]) {
        const progress = toProgress(cluster, task);
        if (progress.state === 'waiting') continue;
        waiting.delete(task);
        hasFailed ||= progress.state === 'failed';
        settle(cluster, results, task, progress);
      }
      if (waiting.size === 0) return hasFailed ? 'failed' : undefined;
      running = [...waiting];
      say(toWaitingMessage(running));
      await timeline.sleep(LOOK_MS);
    }
  };
  let running: SyncTask[] = [];

  return {
    results,
    waitFor,
    /** A step of its own, where there is something to make. */
    makeNamespace: (): boolean => {
      const { namespace } = plan;
      if (namespace === undefined || dryRun || !api.ensureNamespace(namespace)) return false;
      const message = `namespace/${namespace.metadata.name} created`;
      results.note(namespace, 'PreSync', { status: 'Synced', hookPhase: 'Succeeded', message });
      return true;
    },
    validate: (): SyncOutcome | undefined => {
      const reasons = new Set<string>();
      for (const target of upcoming) {
        const outcome = api.apply(target, { dryRun: true, replace: false, upcoming });
        if (outcome.kind !== 'invalid') continue;
        reasons.add(outcome.message);
        results.note(target, 'Sync', { status: 'SyncFailed', message: outcome.message });
      }
      if (reasons.size === 0) return undefined;
      const why = [...reasons].sort().join('; ');
      return { kind: 'failed', message: `one or more synchronization tasks are not valid: ${why}` };
    },
    /** Nothing of a step is done while a deletion in it waits for a person's word. */
    confirm: async (group: readonly SyncTask[]): Promise<'terminated' | undefined> => {
      const unsure = dryRun ? [] : group.filter((task) => needsConfirmation(task, operation));
      while (unsure.length > 0 && !deps.isDeletionConfirmed()) {
        if (deps.isTerminated()) return 'terminated';
        say(toWaitingMessage(unsure, 'pruning confirmation of'));
        await timeline.sleep(LOOK_MS);
      }
      return undefined;
    },
    /** The refusals, in the server's words. */
    applyGroup: (group: readonly SyncTask[]): string[] => {
      for (const task of group) clearHook(task);
      // Pruning comes before creating, and namespaces and definitions before what lives in them.
      return group
        .toSorted((a, b) => toRank(a) - toRank(b))
        .map(apply)
        .filter((refusal) => refusal !== undefined);
    },
    terminate: async (): Promise<SyncOutcome> => {
      for (const task of running) {
        if (!task.isHook || task.target === undefined) continue;
        cluster.delete(toObjectRef(task.target));
        results.note(task.target, task.phase, { hookPhase: 'Failed', message: 'Terminated' });
      }
      await timeline.sleep(LOOK_MS);
      return { kind: 'terminated' };
    },
    fail: async (reason: string): Promise<SyncOutcome> => {
      if (plan.failureHooks.length > 0 && !dryRun) {
        for (const task of plan.failureHooks) {
          clearHook(task);
          apply(task);
        }
        await waitFor(plan.failureHooks);
      }
      return { kind: 'failed', message: reason };
    },
  };
}

interface ApplyContext {
  results: SyncResults;
  dryRun: boolean;
  upcoming: NonNullable<SyncTask['target']>[];
  operation: SyncOperation;
}

/** Applies or prunes one object and notes it; gives the refusal, if there was one. */
function createApply({ cluster, api }: SyncRunDeps, { results, dryRun, upcoming, operation }: ApplyContext) {
  const replaceAll = operation.syncOptions?.includes('Replace=true') === true;
  return ({ target, live, phase, isHook }: SyncTask): string | undefined => {
    if (target === undefined) {
      if (live === undefined) return undefined;
      if (!dryRun) cluster.delete(toObjectRef(live));
      const message = dryRun ? 'pruned (dry run)' : 'pruned';
      results.note(live, phase, { status: 'Pruned', hookPhase: 'Succeeded', message });
      return undefined;
    }
    const replace = replaceAll || hasOption(target, 'argocd.argoproj.io/sync-options', 'Replace=true');
    const { kind, message } = api.apply(target, { dryRun, replace, upcoming });
    const hook = isHook ? { hookType: phase } : {};
    if (kind !== 'applied') {
      results.note(target, phase, { ...hook, status: 'SyncFailed', hookPhase: 'Failed', message });
      return message;
    }
    results.note(target, phase, {
      ...hook,
      status: 'Synced',
      hookPhase: dryRun ? 'Succeeded' : 'Running',
      message,
    });
    return undefined;
  };
}

type Progress =
  | { state: 'waiting' }
  | { state: 'done'; message: string }
  | { state: 'failed'; message: string }
  | { state: 'missing'; message: string };

function toProgress(cluster: Cluster, task: SyncTask): Progress {
  const object = task.target ?? task.live;
  if (object === undefined) return { state: 'done', message: '' };
  const ref = toObjectRef(object);
  const live = cluster.find(ref);
  if (task.target === undefined) return live === undefined ? { state: 'done', message: '' } : { state: 'waiting' };
  if (live === undefined) {
    const message = `Resource ${ref.group}/${ref.kind}/${ref.name} is missing, it might have been deleted`;
    return { state: 'missing', message };
  }
  const health = toHealth(live);
  const message = health?.message ?? '';
  if (health === undefined || health.status === 'Healthy') return { state: 'done', message };
  if (health.status === 'Degraded' || (health.status === 'Unknown' && task.isHook)) return { state: 'failed', message };
  return { state: 'waiting' };
}

/** Notes how an object that was waited for came out, and takes a hook away where it says so. */
function settle(cluster: Cluster, results: SyncResults, task: SyncTask, progress: Progress): void {
  if (task.target === undefined || progress.state === 'waiting') return;
  if (progress.state === 'missing') {
    results.note(task.target, task.phase, { status: 'SyncFailed', hookPhase: 'Error', message: progress.message });
    return;
  }
  const hookPhase = progress.state === 'done' ? 'Succeeded' : 'Failed';
  const { message } = progress;
  results.note(task.target, task.phase, { hookPhase, ...(message === '' ? {} : { message }) });
  if (!task.isHook) return;
  const isDue = toDeletePolicy(task.target).includes(hookPhase === 'Succeeded' ? 'HookSucceeded' : 'HookFailed');
  if (isDue) cluster.delete(toObjectRef(task.target));
}
