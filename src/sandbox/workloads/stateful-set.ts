import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { toTemplateHash } from '../cluster/naming.ts';
import { listAt, numberAt, recordAt, textAt, valueAt } from '../json.ts';
import { createPod, deletePod, isActive, isAvailable, isFinished, isReady, toReplicas } from './children.ts';
import type { Sync, World } from './world.ts';

const REVISION_LABEL = 'controller-revision-hash';

/**
 * Pods with numbers, made upwards and replaced downwards, one at a time. As in Kubernetes, a pod that never gets
 * ready holds up everything behind it, also the way back: after a revert someone has to delete the broken pod.
 */
export const syncStatefulSet: Sync = (world, set) => {
  if (!isActive(set)) return;
  const template = valueAt(set, 'spec', 'template');
  const updateRevision = `${set.metadata.name}-${toTemplateHash(template)}`;
  const currentRevision = textAt(set, 'status', 'currentRevision') ?? updateRevision;
  place(world, set, { template, updateRevision, currentRevision });
  const pods = listPods(world, set);
  const replicas = toReplicas(set);
  const updated = pods.filter((pod) => toPodRevision(pod) === updateRevision).length;
  const ready = pods.filter(isReady).length;
  const isComplete = updated === replicas && pods.length === replicas && ready === replicas;
  const minReadySeconds = numberAt(set, 'spec', 'minReadySeconds') ?? 0;
  world.cluster.setStatus(toObjectRef(set), {
    observedGeneration: set.metadata.generation ?? 1,
    replicas: pods.length,
    readyReplicas: ready,
    availableReplicas: pods.filter((pod) => isAvailable(world, set, pod, minReadySeconds)).length,
    currentReplicas: isComplete ? replicas : pods.filter((pod) => toPodRevision(pod) === currentRevision).length,
    updatedReplicas: updated,
    currentRevision: isComplete ? updateRevision : currentRevision,
    updateRevision,
    collisionCount: 0,
  });
};

interface Revisions {
  template: unknown;
  updateRevision: string;
  currentRevision: string;
}

function place(world: World, set: LiveObject, revisions: Revisions): void {
  const replicas = toReplicas(set);
  const isOrdered = textAt(set, 'spec', 'podManagementPolicy') !== 'Parallel';
  const all = world.cluster.childrenOf(set.metadata.uid).filter((pod) => pod.kind === 'Pod');
  const byOrdinal = new Map(all.map((pod) => [toOrdinal(set, pod), pod]));
  for (let ordinal = 0; ordinal < replicas; ordinal += 1) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) createMember(world, set, revisions, ordinal);
    else if (isFinished(pod) && isActive(pod)) deletePod(world, set, pod);
    if (isOrdered && (pod === undefined || !isActive(pod) || !isReady(pod))) return;
  }
  const extra = all
    .filter((pod) => toOrdinal(set, pod) >= replicas)
    .toSorted((a, b) => toOrdinal(set, b) - toOrdinal(set, a));
  for (const pod of extra) {
    if (isActive(pod)) deletePod(world, set, pod);
    if (isOrdered) return;
  }
  if (textAt(set, 'spec', 'updateStrategy', 'type') === 'OnDelete') return;
  const partition = toPartition(set);
  for (let ordinal = replicas - 1; ordinal >= partition; ordinal -= 1) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined || !isActive(pod)) return;
    if (toPodRevision(pod) !== revisions.updateRevision) {
      deletePod(world, set, pod);
      return;
    }
    if (!isReady(pod)) return;
  }
}

function createMember(world: World, set: LiveObject, revisions: Revisions, ordinal: number): void {
  const name = `${set.metadata.name}-${ordinal}`;
  for (const claim of listAt(set, 'spec', 'volumeClaimTemplates')) createClaim(world, set, claim, name);
  createPod(world, set, revisions.template, {
    name,
    labels: {
      [REVISION_LABEL]: revisions.updateRevision,
      'statefulset.kubernetes.io/pod-name': name,
      'apps.kubernetes.io/pod-index': String(ordinal),
    },
  });
}

function createClaim(world: World, set: LiveObject, claim: unknown, podName: string): void {
  const name = `${textAt(claim, 'metadata', 'name') ?? 'data'}-${podName}`;
  const namespace = set.metadata.namespace ?? '';
  const labels = recordAt(set, 'spec', 'selector', 'matchLabels') as Record<string, string>;
  // Claims belong to nobody: they outlive the StatefulSet.
  world.cluster.create({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace, labels },
    spec: recordAt(claim, 'spec'),
  });
}

function listPods(world: World, set: LiveObject): LiveObject[] {
  return world.cluster.childrenOf(set.metadata.uid).filter((pod) => pod.kind === 'Pod' && isActive(pod));
}

function toPartition(set: LiveObject): number {
  return numberAt(set, 'spec', 'updateStrategy', 'rollingUpdate', 'partition') ?? 0;
}

function toOrdinal(set: LiveObject, pod: LiveObject): number {
  return Number(pod.metadata.name.slice(set.metadata.name.length + 1));
}

function toPodRevision(pod: LiveObject): string | undefined {
  return textAt(pod, 'metadata', 'labels', REVISION_LABEL);
}
