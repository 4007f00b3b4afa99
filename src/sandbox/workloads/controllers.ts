import { toObjectRef, toRefKey } from '../../manifest/object.ts';
import type { ObjectRef } from '../../manifest/object.ts';
import type { ClusterChange } from '../cluster/cluster.ts';
import { recordAt, valueAt } from '../json.ts';
import { syncAnalysisRun } from './analysis-run.ts';
import { syncCronJob, syncJob } from './job.ts';
import { syncDaemonSet } from './daemon-set.ts';
import { syncDeployment } from './deployment.ts';
import { createPods } from './pods.ts';
import type { Pods } from './pods.ts';
import { syncReplicaSet } from './replica-sets.ts';
import { syncRollout } from './rollout.ts';
import {
  syncAutoscaler,
  syncClaim,
  syncDefinition,
  syncIngress,
  syncNamespace,
  syncService,
} from './single-objects.ts';
import { syncStatefulSet } from './stateful-set.ts';
import type { Sync, World } from './world.ts';

const CONTROLLERS: Readonly<Record<string, Sync>> = {
  Deployment: syncDeployment,
  ReplicaSet: syncReplicaSet,
  StatefulSet: syncStatefulSet,
  DaemonSet: syncDaemonSet,
  Rollout: syncRollout,
  AnalysisRun: syncAnalysisRun,
  Job: syncJob,
  CronJob: syncCronJob,
  Service: syncService,
  Ingress: syncIngress,
  PersistentVolumeClaim: syncClaim,
  HorizontalPodAutoscaler: syncAutoscaler,
  Namespace: syncNamespace,
  CustomResourceDefinition: syncDefinition,
};

/** How long a controller takes to notice a change: in this while a new generation is not observed yet. */
const NOTICE_MS = 60;

export interface Controllers {
  pods: Pods;
  stop(): void;
}

/** Runs every controller of the simulated cluster. `world.requeue` works from here on. */
export function startControllers(partial: Omit<World, 'requeue' | 'headway'>): Controllers {
  const pending = new Map<string, { dueMs: number; cancel: () => void }>();
  const blindUntil = new Map<string, number>();
  const requeue = (ref: ObjectRef, afterMs: number) => {
    const sync = CONTROLLERS[ref.kind];
    if (sync === undefined) return;
    const key = toRefKey(ref);
    const blindMs = world.timeline.toSimulated((blindUntil.get(key) ?? 0) - world.timeline.now());
    const simulatedMs = Math.max(afterMs, blindMs);
    const dueMs = world.timeline.now() + simulatedMs;
    const waiting = pending.get(key);
    // The earliest request wins: looking at an object asks again for whatever is due later.
    if (waiting !== undefined && waiting.dueMs <= dueMs) return;
    waiting?.cancel();
    const cancel = world.timeline.after(simulatedMs, () => {
      pending.delete(key);
      const object = world.cluster.find(ref);
      if (object !== undefined) sync(world, object);
    });
    pending.set(key, { dueMs, cancel });
  };
  const world: World = { ...partial, headway: new Map(), requeue };
  /** As a controller that is late leaves an object whose kind does not tell which definition was seen. */
  const blind = ({ object, before }: ClusterChange) => {
    const lagMs = world.controllerLagMs();
    const observed = valueAt(before, 'status', 'observedGeneration');
    if (lagMs <= 0 || observed === undefined || object.metadata.generation === before?.metadata.generation) return;
    const ref = toObjectRef(object);
    blindUntil.set(toRefKey(ref), world.timeline.now() + lagMs / world.timeline.toSimulated(1));
    const generation = object.metadata.generation ?? 0;
    const observedGeneration = typeof observed === 'string' ? String(generation) : generation;
    world.cluster.setStatus(ref, { ...recordAt(object, 'status'), observedGeneration });
  };
  const onChange = (change: ClusterChange) => {
    const { object, type } = change;
    blind(change);
    if (type !== 'deleted') requeue(toObjectRef(object), NOTICE_MS);
    // A Rollout may borrow its template from a Deployment beside it, and waits for Services that are not there yet.
    if (object.kind === 'Deployment' || object.kind === 'Service') {
      for (const rollout of world.cluster.list('Rollout', object.metadata.namespace))
        requeue(toObjectRef(rollout), NOTICE_MS);
    }
    for (const owner of object.metadata.ownerReferences ?? []) {
      const parent = world.cluster.findByUid(owner.uid);
      if (parent === undefined) continue;
      requeue(toObjectRef(parent), NOTICE_MS);
      // A Deployment that recreates waits for the last old pod to be gone, which its ReplicaSet no longer counts.
      if (type !== 'deleted') continue;
      for (const { uid } of parent.metadata.ownerReferences ?? []) {
        const grandparent = world.cluster.findByUid(uid);
        if (grandparent !== undefined) requeue(toObjectRef(grandparent), NOTICE_MS);
      }
    }
  };
  const unsubscribe = world.cluster.onChange(onChange);
  const pods = createPods(world);
  return {
    pods,
    stop: () => {
      unsubscribe();
      pods.stop();
      for (const { cancel } of pending.values()) cancel();
    },
  };
}
