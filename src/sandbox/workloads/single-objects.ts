import { createHash } from 'node:crypto';
import { toObjectRef } from '../../manifest/object.ts';
import { recordAt, textAt, valueAt } from '../json.ts';
import { isActive } from './children.ts';
import { keepTransitionTimes } from './pod-status.ts';
import type { Sync } from './world.ts';

// Objects without pods: something in the cluster gives them an address, a volume or a condition after a moment.

/** `none` leaves a load balancer or an ingress without an address, as in a cluster without a controller for it. */
const ADDRESS_ANNOTATION = 'sandbox.tiphys.dev/address';
const ADDRESS_MS = 1500;
const BIND_MS = 800;

export const syncService: Sync = (world, service) => {
  if (!isActive(service)) return;
  if (valueAt(service, 'spec', 'clusterIP') === undefined) {
    const clusterIP = toAddress(service.metadata.uid, '10.96');
    world.cluster.update(toObjectRef(service), (live) => ({
      ...live,
      spec: { ...recordAt(live, 'spec'), clusterIP, clusterIPs: [clusterIP] },
    }));
    return;
  }
  if (textAt(service, 'spec', 'type') === 'LoadBalancer') giveAddress(world, service);
  else if (service['status'] === undefined) world.cluster.setStatus(toObjectRef(service), { loadBalancer: {} });
};

export const syncIngress: Sync = (world, ingress) => {
  if (isActive(ingress)) giveAddress(world, ingress);
};

const giveAddress: Sync = (world, object) => {
  const hasAddress = valueAt(object, 'status', 'loadBalancer', 'ingress') !== undefined;
  if (hasAddress || object.metadata.annotations?.[ADDRESS_ANNOTATION] === 'none') return;
  world.timeline.after(ADDRESS_MS, () => {
    const ip = toAddress(object.metadata.uid, '203.0.113');
    world.cluster.setStatus(toObjectRef(object), { loadBalancer: { ingress: [{ ip }] } });
  });
};

export const syncClaim: Sync = (world, claim) => {
  if (!isActive(claim) || textAt(claim, 'status', 'phase') === 'Bound') return;
  world.cluster.setStatus(toObjectRef(claim), { phase: 'Pending' });
  const storageClass = textAt(claim, 'spec', 'storageClassName');
  if (storageClass !== undefined && /missing|none/.test(storageClass)) {
    const message = `storageclass.storage.k8s.io "${storageClass}" not found`;
    world.cluster.events.record(claim, 'Warning', 'ProvisioningFailed', message, 'persistentvolume-controller');
    return;
  }
  world.timeline.after(BIND_MS, () => {
    world.cluster.setStatus(toObjectRef(claim), {
      phase: 'Bound',
      accessModes: valueAt(claim, 'spec', 'accessModes') ?? ['ReadWriteOnce'],
      capacity: recordAt(claim, 'spec', 'resources', 'requests'),
    });
  });
};

export const syncAutoscaler: Sync = (world, autoscaler) => {
  if (!isActive(autoscaler)) return;
  const target = {
    group: 'apps',
    kind: textAt(autoscaler, 'spec', 'scaleTargetRef', 'kind') ?? '',
    namespace: autoscaler.metadata.namespace ?? '',
    name: textAt(autoscaler, 'spec', 'scaleTargetRef', 'name') ?? '',
  };
  const isFound = world.cluster.find(target) !== undefined;
  const conditions = isFound
    ? [
        {
          type: 'AbleToScale',
          status: 'True',
          reason: 'ReadyForNewScale',
          message: 'recommended size matches current size',
        },
        {
          type: 'ScalingActive',
          status: 'True',
          reason: 'ValidMetricFound',
          message: 'the HPA was able to compute the replica count',
        },
      ]
    : [
        {
          type: 'AbleToScale',
          status: 'False',
          reason: 'FailedGetScale',
          message: `${target.kind} "${target.name}" not found`,
        },
      ];
  world.cluster.setStatus(toObjectRef(autoscaler), {
    conditions: keepTransitionTimes(conditions, autoscaler['status'], world.timeline.stamp()),
  });
  if (!isFound) world.requeue(toObjectRef(autoscaler), 15_000);
};

export const syncNamespace: Sync = (world, namespace) => {
  world.cluster.setStatus(toObjectRef(namespace), { phase: isActive(namespace) ? 'Active' : 'Terminating' });
};

export const syncDefinition: Sync = (world, definition) => {
  const conditions = [
    { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
    {
      type: 'Established',
      status: 'True',
      reason: 'InitialNamesAccepted',
      message: 'the initial names have been accepted',
    },
  ];
  world.cluster.setStatus(toObjectRef(definition), {
    conditions: keepTransitionTimes(conditions, definition['status'], world.timeline.stamp()),
  });
};

function toAddress(seed: string, prefix: string): string {
  const digest = createHash('sha256').update(seed).digest();
  const parts =
    prefix.split('.').length === 2
      ? [(digest[0] ?? 0) % 250, ((digest[1] ?? 0) % 250) + 2]
      : [((digest[0] ?? 0) % 250) + 2];
  return `${prefix}.${parts.join('.')}`;
}
