import type { ClusterChange } from '../cluster/cluster.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { listAt, numberAt, recordAt, textAt } from '../json.ts';
import { toBehaviour } from './behaviour.ts';
import type { Behaviour } from './behaviour.ts';
import { createPodLife, FLAP_MS } from './pod-life.ts';
import { toPodSpec } from './pod-spec.ts';
import type { Container } from './pod-spec.ts';
import type { ContainerRun, PodRun } from './pod-status.ts';
import type { World } from './world.ts';

export interface Pods {
  /** Makes the containers of a running pod behave differently from now on, as a fault that strikes later does. */
  disturb(uid: string, behaviour: Behaviour): boolean;
  stop(): void;
}

/** The scheduler and the kubelets: runs every pod that appears in the cluster until it goes. */
export function createPods(world: World): Pods {
  const { cluster, logs } = world;
  const runs = new Map<string, PodRun>();

  const life = createPodLife(world);

  const stopRun = (run: PodRun) => {
    for (const cancel of run.cancels) cancel();
    run.cancels.clear();
  };

  const begin = (pod: LiveObject) => {
    if (runs.has(pod.metadata.uid)) return;
    const run = toRun(pod);
    runs.set(run.uid, run);
    // A pod that was already running when the sandbox started again carries on; one that was not begins anew.
    const isUp = run.nodeName !== undefined && run.containers.every((container) => container.ready);
    if (isUp && run.spec.restartPolicy === 'Always') {
      for (const container of run.containers)
        if (container.behaviour === 'flapping') life.settle(run, container, FLAP_MS);
      return;
    }
    if (['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? '')) return;
    life.begin(run, pod);
  };

  const onChange = ({ type, object }: ClusterChange) => {
    if (object.kind !== 'Pod') return;
    const run = runs.get(object.metadata.uid);
    if (type === 'deleted') {
      if (run !== undefined) stopRun(run);
      runs.delete(object.metadata.uid);
      logs.forget(object.metadata.uid);
    } else if (object.metadata.deletionTimestamp !== undefined) {
      if (run !== undefined && run.cancels.size > 0) stopRun(run);
    } else if (type === 'added') {
      begin(object);
    }
  };

  const unsubscribe = cluster.onChange(onChange);
  return {
    disturb: (uid, behaviour) => {
      const run = runs.get(uid);
      if (run === undefined) return false;
      stopRun(run);
      for (const container of run.containers) {
        container.behaviour = behaviour;
        if (behaviour === 'healthy' || !('running' in container.state)) life.start(run, container);
        else if (behaviour === 'never_ready' || behaviour === 'flapping') life.settle(run, container, 0);
        else if (behaviour === 'pull_failure') life.failPull(run, container);
        else life.start(run, container);
      }
      return true;
    },
    stop: () => {
      unsubscribe();
      for (const run of runs.values()) stopRun(run);
      runs.clear();
    },
  };
}

function toRun(pod: LiveObject): PodRun {
  const spec = toPodSpec(pod);
  const toContainerRun = (container: Container, statuses: unknown[]): ContainerRun => {
    const before = statuses.find((status) => textAt(status, 'name') === container.name);
    const startedAt = textAt(before, 'state', 'running', 'startedAt');
    return {
      spec: container,
      behaviour: toBehaviour(container, spec.annotations),
      state: startedAt === undefined ? { waiting: { reason: 'ContainerCreating' } } : { running: { startedAt } },
      restartCount: numberAt(before, 'restartCount') ?? 0,
      ready: before !== undefined && recordAt(before)['ready'] === true,
      failures: numberAt(before, 'restartCount') ?? 0,
    };
  };
  const statuses = listAt(pod, 'status', 'containerStatuses');
  return {
    uid: pod.metadata.uid,
    spec,
    inits: spec.initContainers.map((container) => toContainerRun(container, [])),
    containers: spec.containers.map((container) => toContainerRun(container, statuses)),
    nodeName: statuses.length === 0 ? undefined : textAt(pod, 'spec', 'nodeName'),
    unschedulable: undefined,
    startedAt: textAt(pod, 'status', 'startTime') ?? pod.metadata.creationTimestamp,
    cancels: new Set(),
  };
}
