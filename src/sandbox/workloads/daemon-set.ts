import { toObjectRef } from '../../manifest/object.ts';
import { toTemplateHash } from '../cluster/naming.ts';
import { numberAt, textAt, valueAt } from '../json.ts';
import { createPod, deletePod, isActive, isAvailable, isReady, listActivePods, toShare } from './children.ts';
import type { Sync } from './world.ts';

const HASH_LABEL = 'controller-revision-hash';

/** One pod on every node, replaced a few at a time. */
export const syncDaemonSet: Sync = (world, set) => {
  if (!isActive(set)) return;
  const template = valueAt(set, 'spec', 'template');
  const hash = toTemplateHash(template);
  const { nodes } = world.settings;
  const isUpdated = (pod: unknown) => textAt(pod, 'metadata', 'labels', HASH_LABEL) === hash;
  const minReadySeconds = numberAt(set, 'spec', 'minReadySeconds') ?? 0;
  const isUp = (pod: Parameters<typeof isReady>[0]) => isAvailable(world, set, pod, minReadySeconds);

  const all = world.cluster.childrenOf(set.metadata.uid).filter((pod) => pod.kind === 'Pod');
  for (const nodeName of nodes) {
    if (all.some((pod) => textAt(pod, 'spec', 'nodeName') === nodeName)) continue;
    createPod(world, set, template, { labels: { [HASH_LABEL]: hash }, nodeName });
  }
  if (textAt(set, 'spec', 'updateStrategy', 'type') !== 'OnDelete') {
    const limit = valueAt(set, 'spec', 'updateStrategy', 'rollingUpdate', 'maxUnavailable') ?? 1;
    let room =
      Math.max(1, toShare(limit, nodes.length, 'up')) -
      (nodes.length - all.filter((pod) => isActive(pod) && isUp(pod)).length);
    const old = all.filter((pod) => isActive(pod) && !isUpdated(pod));
    // Old pods that do not work cost nothing to replace.
    for (const pod of old.toSorted((a, b) => Number(isUp(a)) - Number(isUp(b)))) {
      if (isUp(pod)) {
        if (room <= 0) break;
        room -= 1;
      }
      deletePod(world, set, pod);
    }
  }
  const pods = listActivePods(world, set);
  const available = pods.filter(isUp).length;
  world.cluster.setStatus(toObjectRef(set), {
    observedGeneration: set.metadata.generation ?? 1,
    desiredNumberScheduled: nodes.length,
    currentNumberScheduled: pods.length,
    numberMisscheduled: 0,
    numberReady: pods.filter(isReady).length,
    updatedNumberScheduled: pods.filter(isUpdated).length,
    numberAvailable: available,
    numberUnavailable: nodes.length - available,
  });
};
