import { toObjectRef, toRefKey } from '../../manifest/object.ts';
import type { ObjectRef } from '../../manifest/object.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { toVersion } from '../cluster/live-object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { toHealth } from '../health.ts';
import type { Health } from '../health.ts';
import { isSameJson, listAt, numberAt, textAt, textsAt } from '../json.ts';
import type { Timeline } from '../timeline.ts';
import { toApplicationId, toApplicationKey } from './application.ts';
import type { Application, ApplicationId, ResourceStatus } from './application.ts';
import type { Live } from './live.ts';
import type { Registry } from './registry.ts';

interface NodeRef {
  group?: string;
  kind: string;
  namespace?: string;
  name: string;
  uid?: string;
}

export interface TreeNode extends NodeRef {
  version: string;
  parentRefs?: NodeRef[];
  info?: { name: string; value: string }[];
  networkingInfo?: { labels?: Record<string, string>; targetLabels?: Record<string, string> };
  images?: string[];
  health?: Health;
  createdAt?: string;
  resourceVersion?: string;
}

/** A node with something live behind it; what is missing has only a name. */
export type LiveNode = TreeNode & { uid: string };

export function isLiveNode(node: TreeNode): node is LiveNode {
  return node.uid !== undefined;
}

export interface ResourceTree {
  nodes: TreeNode[];
  orphanedNodes: TreeNode[];
  hosts: { name: string; resourcesInfo: []; systemInfo: { operatingSystem: string; architecture: string } }[];
}

/** Trees as the server has them cached: somewhat later than the objects, and told of only when they change. */
export interface TreeCache {
  get(application: Application): ResourceTree;
  onChange(listener: (id: ApplicationId, tree: ResourceTree) => void): () => void;
  stop(): void;
}

interface TreeCacheDeps {
  cluster: Cluster;
  timeline: Timeline;
  live: Live;
  nodes: readonly string[];
  /** More time, simulated, for a tree to be renewed. */
  lagMs: () => number;
  findByOwner(owner: string): Application | undefined;
  /** Called with every write of an Application. */
  onWrite: Registry['onWrite'];
}

/** How long a change in the cluster takes to get into the tree. */
const CHANGE_MS = 100;

export function createTreeCache(deps: TreeCacheDeps): TreeCache {
  const cached = new Map<string, { uid: string; tree: ResourceTree; resources: ResourceStatus[] | undefined }>();
  const pending = new Set<string>();
  const listeners = new Set<(id: ApplicationId, tree: ResourceTree) => void>();

  const renew = (owner: string) => {
    pending.delete(owner);
    const application = deps.findByOwner(owner);
    if (application === undefined) return;
    const id = toApplicationId(application);
    const before = cached.get(toApplicationKey(id));
    const tree = toTree(deps, application);
    cached.set(toApplicationKey(id), toEntry(application, tree));
    if (before?.uid === application.metadata.uid && isSameJson(before.tree, tree)) return;
    for (const listener of [...listeners]) listener(id, tree);
  };

  const renewIn = (ms: number, owner: string) => {
    if (ms <= 0) renew(owner);
    if (ms <= 0 || pending.has(owner)) return;
    pending.add(owner);
    deps.timeline.after(ms, () => renew(owner));
  };

  const unsubscribeCluster = deps.cluster.onChange(({ object }) => {
    const owner = deps.live.findOwner(object)?.owner;
    if (owner !== undefined) renewIn(CHANGE_MS + deps.lagMs(), owner);
  });
  // A comparison tells what is wanted and missing, which no change in the cluster would; its tree is kept before its result.
  const unsubscribeRegistry = deps.onWrite(({ type, application }) => {
    const key = toApplicationKey(toApplicationId(application));
    if (type === 'DELETED') cached.delete(key);
    else if (cached.get(key)?.resources !== application.status.resources)
      renewIn(deps.lagMs(), deps.live.toOwner(application));
  });

  return {
    get: (application) => {
      const key = toApplicationKey(toApplicationId(application));
      const kept = cached.get(key);
      if (kept?.uid === application.metadata.uid) return kept.tree;
      const tree = toTree(deps, application);
      cached.set(key, toEntry(application, tree));
      return tree;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => {
      unsubscribeCluster();
      unsubscribeRegistry();
    },
  };
}

function toEntry({ metadata, status }: Application, tree: ResourceTree) {
  return { uid: metadata.uid, tree, resources: status.resources };
}

function toTree({ cluster, live, nodes }: TreeCacheDeps, application: Application): ResourceTree {
  const result: TreeNode[] = [];
  const visit = (object: LiveObject, parent: LiveObject | undefined) => {
    result.push(toNode(object, parent));
    for (const child of cluster.childrenOf(object.metadata.uid)) visit(child, object);
  };
  const managed = live.listManaged(application);
  for (const object of managed) visit(object, undefined);
  result.push(...listMissing(application, managed));
  const used = new Set(result.map((node) => node.info?.find((item) => item.name === 'Node')?.value));
  const systemInfo = { operatingSystem: 'linux', architecture: 'amd64' };
  const hosts = nodes.filter((name) => used.has(name)).map((name) => ({ name, resourcesInfo: [] as [], systemInfo }));
  return { nodes: result, orphanedNodes: [], hosts };
}

/** What the last comparison wanted and is not there: a node with a name and a health and nothing else. */
function listMissing(application: Application, managed: readonly LiveObject[]): TreeNode[] {
  const there = new Set(managed.map((object) => toRefKey(toObjectRef(object))));
  return (application.status.resources ?? [])
    .filter((resource) => resource.hook !== true && !there.has(toRefKey(toRef(resource))))
    .map(({ group, version, kind, namespace, name }) => ({
      ...(group === undefined ? {} : { group }),
      version,
      kind,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      health: { status: 'Missing' },
    }));
}

function toRef({ group = '', kind, namespace = '', name }: ResourceStatus): ObjectRef {
  return { group, kind, namespace, name };
}

function toNodeRef(object: LiveObject): NodeRef {
  const { group, kind, namespace, name } = toObjectRef(object);
  return {
    ...(group === '' ? {} : { group }),
    kind,
    ...(namespace === '' ? {} : { namespace }),
    name,
    uid: object.metadata.uid,
  };
}

function toNode(object: LiveObject, parent: LiveObject | undefined): TreeNode {
  const health = toHealth(object);
  const containers = [...listAt(object, 'spec', 'initContainers'), ...listAt(object, 'spec', 'containers')];
  const info = toInfo(object);
  return {
    ...toNodeRef(object),
    version: toVersion(object.apiVersion),
    ...(parent === undefined ? {} : { parentRefs: [toNodeRef(parent)] }),
    ...(info.length === 0 ? {} : { info }),
    ...(object.kind === 'Pod'
      ? {
          networkingInfo: { labels: object.metadata.labels ?? {} },
          images: containers.map((container) => textAt(container, 'image') ?? ''),
        }
      : {}),
    ...(object.kind === 'Service' ? { networkingInfo: { targetLabels: textsAt(object, 'spec', 'selector') } } : {}),
    ...(health === undefined ? {} : { health }),
    createdAt: object.metadata.creationTimestamp,
    resourceVersion: object.metadata.resourceVersion,
  };
}

function toInfo(object: LiveObject): { name: string; value: string }[] {
  if (object.kind === 'ReplicaSet') {
    const revision =
      object.metadata.annotations?.['deployment.kubernetes.io/revision'] ??
      object.metadata.annotations?.['rollout.argoproj.io/revision'];
    return revision === undefined ? [] : [{ name: 'Revision', value: `Rev:${revision}` }];
  }
  if (object.kind !== 'Pod') return [];
  const statuses = listAt(object, 'status', 'containerStatuses');
  const ready = statuses.filter(
    (status) => numberAt(status, 'restartCount') !== undefined && isReadyStatus(status),
  ).length;
  const restarts = statuses.reduce((sum: number, status) => sum + (numberAt(status, 'restartCount') ?? 0), 0);
  const node = textAt(object, 'spec', 'nodeName');
  return [
    { name: 'Status Reason', value: toStatusReason(object) },
    ...(node === undefined ? [] : [{ name: 'Node', value: node }]),
    { name: 'Containers', value: `${ready}/${listAt(object, 'spec', 'containers').length}` },
    ...(restarts > 0 ? [{ name: 'Restart Count', value: String(restarts) }] : []),
  ];
}

function isReadyStatus(status: unknown): boolean {
  return typeof status === 'object' && status !== null && 'ready' in status && status.ready === true;
}

/** The word `kubectl get pods` shows in its STATUS column. */
function toStatusReason(pod: LiveObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const init = listAt(pod, 'status', 'initContainerStatuses').find(
    (status) => textAt(status, 'state', 'waiting', 'reason') !== undefined,
  );
  const initReason = textAt(init, 'state', 'waiting', 'reason');
  if (initReason !== undefined && initReason !== 'PodInitializing' && initReason !== 'ContainerCreating')
    return `Init:${initReason}`;
  for (const status of listAt(pod, 'status', 'containerStatuses')) {
    const reason = textAt(status, 'state', 'waiting', 'reason') ?? textAt(status, 'state', 'terminated', 'reason');
    if (reason !== undefined) return reason;
  }
  return textAt(pod, 'status', 'phase') ?? 'Unknown';
}
