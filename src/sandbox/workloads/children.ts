import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { toSuffix } from '../cluster/naming.ts';
import { listAt, numberAt, recordAt, textAt } from '../json.ts';
import { toRequests, toQuantity } from './scheduling.ts';
import type { World } from './world.ts';

/** Pods of this owner that count: not being deleted, not finished. */
export function listActivePods(world: World, owner: LiveObject): LiveObject[] {
  return world.cluster
    .childrenOf(owner.metadata.uid)
    .filter((pod) => pod.kind === 'Pod' && isActive(pod) && !isFinished(pod));
}

export function isActive(object: LiveObject): boolean {
  return object.metadata.deletionTimestamp === undefined;
}

export function isFinished(pod: LiveObject): boolean {
  return ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? '');
}

export function findCondition(object: unknown, type: string): Record<string, unknown> | undefined {
  const found = listAt(object, 'status', 'conditions').find((condition) => textAt(condition, 'type') === type);
  return found === undefined ? undefined : recordAt(found);
}

export function isReady(pod: LiveObject): boolean {
  return findCondition(pod, 'Ready')?.['status'] === 'True';
}

/**
 * Ready for at least this long. A pod that is ready but not long enough has its owner looked at again when it will be.
 * Times in a status are whole seconds, so availability comes up to a second of the clock early.
 */
export function isAvailable(world: World, owner: LiveObject, pod: LiveObject, minReadySeconds: number): boolean {
  if (!isReady(pod)) return false;
  if (minReadySeconds === 0) return true;
  const since = Date.parse(textAt(findCondition(pod, 'Ready'), 'lastTransitionTime') ?? '');
  const readyMs = world.timeline.toSimulated(world.timeline.now() - since);
  if (readyMs >= minReadySeconds * 1000) return true;
  world.requeue(toObjectRef(owner), minReadySeconds * 1000 - readyMs);
  return false;
}

/** Makes a pod from a template. Returns undefined, with an event on the owner, when a quota forbids it. */
export function createPod(
  world: World,
  owner: LiveObject,
  template: unknown,
  identity: { name?: string; labels?: Record<string, string>; nodeName?: string },
): LiveObject | undefined {
  const namespace = owner.metadata.namespace ?? '';
  const name = identity.name ?? `${owner.metadata.name}-${toSuffix(world.random)}`;
  const refusal = toQuotaRefusal(world, namespace, template);
  if (refusal !== undefined) {
    const message = `Error creating: pods "${name}" is forbidden: ${refusal}`;
    world.cluster.events.record(owner, 'Warning', 'FailedCreate', message, `${owner.kind.toLowerCase()}-controller`);
    world.requeue(toObjectRef(owner), 15_000);
    return undefined;
  }
  const metadata = recordAt(template, 'metadata');
  const pod = world.cluster.create(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...metadata,
        name,
        namespace,
        labels: { ...recordAt(metadata, 'labels'), ...identity.labels } as Record<string, string>,
      },
      spec: {
        ...recordAt(template, 'spec'),
        ...(identity.nodeName === undefined ? {} : { nodeName: identity.nodeName }),
      },
    },
    owner,
  );
  world.cluster.events.record(
    owner,
    'Normal',
    'SuccessfulCreate',
    `Created pod: ${name}`,
    `${owner.kind.toLowerCase()}-controller`,
  );
  return pod;
}

export function deletePod(world: World, owner: LiveObject, pod: LiveObject): void {
  const component = `${owner.kind.toLowerCase()}-controller`;
  world.cluster.events.record(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`, component);
  world.cluster.delete(toObjectRef(pod));
}

function toQuotaRefusal(world: World, namespace: string, template: unknown): string | undefined {
  for (const quota of world.cluster.list('ResourceQuota', namespace)) {
    const hard = recordAt(quota, 'spec', 'hard');
    const pods = world.cluster.list('Pod', namespace).filter((pod) => isActive(pod) && !isFinished(pod));
    const wanted = toRequests(template);
    const used = pods.map(toRequests);
    const limits: [string, number, number][] = [
      ['pods', 1, pods.length],
      ['requests.cpu', wanted.cpu, used.reduce((sum, request) => sum + request.cpu, 0)],
      ['requests.memory', wanted.memory, used.reduce((sum, request) => sum + request.memory, 0)],
    ];
    for (const [name, asked, taken] of limits) {
      const limit = hard[name] ?? hard[name.replace('requests.', '')];
      if (limit === undefined || taken + asked <= toQuantity(limit)) continue;
      return `exceeded quota: ${quota.metadata.name}, requested: ${name}=${asked}, used: ${name}=${taken}, limited: ${name}=${String(limit)}`;
    }
  }
  return undefined;
}

/** A number or a percentage of the replicas, as `maxSurge` and `maxUnavailable` are given. */
export function toShare(value: unknown, replicas: number, round: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  const percent = typeof value === 'string' ? /^(\d+)%$/.exec(value) : null;
  if (percent === null) return 0;
  const share = (Number(percent[1]) * replicas) / 100;
  return round === 'up' ? Math.ceil(share) : Math.floor(share);
}

export function toReplicas(object: unknown): number {
  return numberAt(object, 'spec', 'replicas') ?? 1;
}
