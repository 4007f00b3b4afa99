import { createHash } from 'node:crypto';
import type { LiveObject } from '../cluster/live-object.ts';
import { listAt, recordAt, textAt } from '../json.ts';
import type { Behaviour } from './behaviour.ts';
import type { Container, PodSpec } from './pod-spec.ts';

interface TerminatedState {
  exitCode: number;
  reason: string;
  startedAt: string;
  finishedAt: string;
  containerID: string;
}

export type ContainerState =
  | { waiting: { reason: string; message?: string } }
  | { running: { startedAt: string } }
  | { terminated: TerminatedState };

/** One container while its pod lives. */
export interface ContainerRun {
  spec: Container;
  behaviour: Behaviour;
  state: ContainerState;
  lastTerminated?: TerminatedState;
  restartCount: number;
  ready: boolean;
  /** Failed ends so far; they set the length of the back-off. */
  failures: number;
}

/** One pod while it lives. */
export interface PodRun {
  uid: string;
  spec: PodSpec;
  inits: ContainerRun[];
  containers: ContainerRun[];
  nodeName: string | undefined;
  /** Why the scheduler found no node. */
  unschedulable: string | undefined;
  startedAt: string;
  cancels: Set<() => void>;
}

/** The status a kubelet would report for this pod. */
export function toPodStatus(run: PodRun, pod: LiveObject, stamp: string): Record<string, unknown> {
  const initialized = run.inits.every((init) => 'terminated' in init.state && init.state.terminated.exitCode === 0);
  const ready = run.nodeName !== undefined && run.containers.every((container) => container.ready);
  const phase = toPhase(run);
  const notReady = run.containers.filter((container) => !container.ready).map((container) => container.spec.name);
  const because = notReady.length > 0 ? { reason: 'ContainersNotReady', message: toNotReadyMessage(notReady) } : {};
  const done = phase === 'Succeeded' ? { reason: 'PodCompleted' } : because;
  const conditions = [
    { type: 'Initialized', status: toStatus(initialized) },
    { type: 'Ready', status: toStatus(ready), ...(ready ? {} : done) },
    { type: 'ContainersReady', status: toStatus(ready), ...(ready ? {} : done) },
    {
      type: 'PodScheduled',
      status: toStatus(run.nodeName !== undefined),
      ...(run.unschedulable === undefined ? {} : { reason: 'Unschedulable', message: run.unschedulable }),
    },
  ];
  return {
    phase,
    conditions: keepTransitionTimes(conditions, pod['status'], stamp),
    ...(run.nodeName === undefined
      ? {}
      : { hostIP: toIp(run.nodeName, '10.0'), podIP: toIp(run.uid, '10.244'), startTime: run.startedAt }),
    ...(run.inits.length === 0 ? {} : { initContainerStatuses: run.inits.map(toContainerStatus) }),
    ...(run.nodeName === undefined ? {} : { containerStatuses: run.containers.map(toContainerStatus) }),
    qosClass: 'Burstable',
  };
}

/** Gives every condition the time its status last changed, read from the status before. */
export function keepTransitionTimes<T extends { type: string; status: string }>(
  conditions: readonly T[],
  statusBefore: unknown,
  stamp: string,
): (T & { lastTransitionTime: string })[] {
  const before = listAt(statusBefore, 'conditions');
  return conditions.map((condition) => {
    const same = before.find(
      (other) => textAt(other, 'type') === condition.type && textAt(other, 'status') === condition.status,
    );
    return { ...condition, lastTransitionTime: textAt(recordAt(same), 'lastTransitionTime') ?? stamp };
  });
}

function toPhase(run: PodRun): string {
  if (run.nodeName === undefined) return 'Pending';
  const ended = run.containers.map((container) =>
    'terminated' in container.state ? container.state.terminated : undefined,
  );
  const willRestart = run.spec.restartPolicy === 'Always';
  if (!willRestart && ended.every((end) => end !== undefined)) {
    if (ended.every((end) => end?.exitCode === 0)) return 'Succeeded';
    if (run.spec.restartPolicy === 'Never') return 'Failed';
  }
  const initFailed = run.inits.some((init) => 'terminated' in init.state && init.state.terminated.exitCode !== 0);
  if (initFailed && run.spec.restartPolicy === 'Never') return 'Failed';
  const startedOnce = run.containers.every(
    (container) =>
      'running' in container.state || 'terminated' in container.state || container.lastTerminated !== undefined,
  );
  return startedOnce ? 'Running' : 'Pending';
}

function toContainerStatus(container: ContainerRun): Record<string, unknown> {
  const { spec, state, lastTerminated, restartCount, ready } = container;
  const pulled = 'running' in state || 'terminated' in state || lastTerminated !== undefined;
  return {
    name: spec.name,
    image: spec.image,
    imageID: pulled
      ? `${spec.image.split(':')[0] ?? ''}@sha256:${createHash('sha256').update(spec.image).digest('hex')}`
      : '',
    state,
    lastState: lastTerminated === undefined ? {} : { terminated: lastTerminated },
    restartCount,
    ready,
    started: 'running' in state,
  };
}

function toNotReadyMessage(names: string[]): string {
  return `containers with unready status: [${names.join(' ')}]`;
}

function toStatus(value: boolean): 'True' | 'False' {
  return value ? 'True' : 'False';
}

function toIp(seed: string, prefix: string): string {
  const digest = createHash('sha256').update(seed).digest();
  return `${prefix}.${(digest[0] ?? 0) % 8}.${((digest[1] ?? 0) % 250) + 2}`;
}
