import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { booleanAt, listAt, numberAt, textAt, valueAt } from '../json.ts';
import { createPod, deletePod, findCondition, isActive, isReady, listActivePods } from './children.ts';
import { keepTransitionTimes } from './pod-status.ts';
import type { Sync, World } from './world.ts';

/** Runs pods until enough have succeeded, or too many have failed. */
export const syncJob: Sync = (world, job) => {
  if (!isActive(job) || isEnded(job)) return;
  const pods = world.cluster.childrenOf(job.metadata.uid).filter((pod) => pod.kind === 'Pod');
  const succeeded = pods.filter((pod) => textAt(pod, 'status', 'phase') === 'Succeeded').length;
  const failed = pods.filter((pod) => textAt(pod, 'status', 'phase') === 'Failed').length;
  const active = listActivePods(world, job);
  const startTime = textAt(job, 'status', 'startTime') ?? world.timeline.stamp();
  const facts = { succeeded, failed, active: active.length, ready: active.filter(isReady).length, startTime };
  if (booleanAt(job, 'spec', 'suspend') === true) {
    for (const pod of active) deletePod(world, job, pod);
    publish(world, job, { ...facts, active: 0 }, [condition('Suspended', 'True', 'JobSuspended', 'Job suspended')]);
    return;
  }
  const completions = numberAt(job, 'spec', 'completions') ?? 1;
  const verdict = toVerdict(world, job, { completions, succeeded, failed, active });
  if (verdict !== undefined) {
    if (verdict.type === 'Failed') for (const pod of active) deletePod(world, job, pod);
    publish(world, job, { ...facts, active: 0, ready: 0 }, [verdict]);
    return;
  }
  const wanted = Math.min(numberAt(job, 'spec', 'parallelism') ?? 1, completions - succeeded);
  // A failed pod is followed by another one only after a pause that doubles: 10 s, 20 s, ...
  const pauseMs = failed === 0 ? 0 : Math.min(360_000, 10_000 * 2 ** (failed - 1));
  const sinceMs = toMsSinceLastFailure(world, pods);
  if (active.length < wanted && pauseMs > sinceMs) {
    world.requeue(toObjectRef(job), pauseMs - sinceMs);
  } else {
    for (let index = active.length; index < wanted; index += 1) {
      createPod(world, job, valueAt(job, 'spec', 'template'), { labels: { 'job-name': job.metadata.name } });
    }
  }
  publish(world, job, { ...facts, active: listActivePods(world, job).length }, []);
};

/** Present and observed; runs are not started by the sandbox, whose time is not the calendar's. */
export const syncCronJob: Sync = (world, job) => {
  if (isActive(job)) world.cluster.setStatus(toObjectRef(job), {});
};

function toVerdict(
  world: World,
  job: LiveObject,
  facts: { completions: number; succeeded: number; failed: number; active: LiveObject[] },
) {
  if (facts.succeeded >= facts.completions) {
    return condition('Complete', 'True', 'CompletionsReached', 'Reached expected number of succeeded pods');
  }
  const limit = numberAt(job, 'spec', 'backoffLimit') ?? 6;
  const restarts = facts.active
    .flatMap((pod) => listAt(pod, 'status', 'containerStatuses'))
    .reduce((sum: number, status) => sum + (numberAt(status, 'restartCount') ?? 0), 0);
  if (facts.failed > limit || restarts > limit) {
    return condition('Failed', 'True', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const deadlineSeconds = numberAt(job, 'spec', 'activeDeadlineSeconds');
  if (deadlineSeconds === undefined) return undefined;
  const startedMs = Date.parse(textAt(job, 'status', 'startTime') ?? '') || world.timeline.now();
  const leftMs = deadlineSeconds * 1000 - world.timeline.toSimulated(world.timeline.now() - startedMs);
  if (leftMs <= 0)
    return condition('Failed', 'True', 'DeadlineExceeded', 'Job was active longer than specified deadline');
  world.requeue(toObjectRef(job), leftMs);
  return undefined;
}

function publish(
  world: World,
  job: LiveObject,
  facts: { succeeded: number; failed: number; active: number; ready: number; startTime: string },
  conditions: ReturnType<typeof condition>[],
): void {
  const isComplete = conditions.some((entry) => entry.type === 'Complete');
  world.cluster.setStatus(toObjectRef(job), {
    ...facts,
    ...(isComplete ? { completionTime: world.timeline.stamp() } : {}),
    ...(conditions.length === 0
      ? {}
      : { conditions: keepTransitionTimes(conditions, job['status'], world.timeline.stamp()) }),
  });
  const [verdict] = conditions;
  if (verdict === undefined || verdict.type === 'Suspended') return;
  const isFailure = verdict.type === 'Failed';
  const message = isFailure ? verdict.message : 'Job completed';
  const reason = isFailure ? verdict.reason : 'Completed';
  world.cluster.events.record(job, isFailure ? 'Warning' : 'Normal', reason, message, 'job-controller');
  const ttlSeconds = numberAt(job, 'spec', 'ttlSecondsAfterFinished');
  if (ttlSeconds !== undefined) world.timeline.after(ttlSeconds * 1000, () => world.cluster.delete(toObjectRef(job)));
}

function toMsSinceLastFailure(world: World, pods: LiveObject[]): number {
  const ends = pods
    .flatMap((pod) => listAt(pod, 'status', 'containerStatuses'))
    .map((status) => Date.parse(textAt(status, 'state', 'terminated', 'finishedAt') ?? ''))
    .filter((ms) => !Number.isNaN(ms));
  return ends.length === 0 ? 0 : world.timeline.toSimulated(world.timeline.now() - Math.max(...ends));
}

function isEnded(job: LiveObject): boolean {
  return ['Complete', 'Failed'].some((type) => findCondition(job, type)?.['status'] === 'True');
}

function condition(type: string, status: 'True' | 'False', reason: string, message: string) {
  return { type, status, reason, message };
}
