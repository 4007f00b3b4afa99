import type { ObjectRef } from '../manifest/object.ts';
import { isSameObject } from './application.ts';
import type { ResourceTree, TreeNode } from './schema.ts';

/** What the tree says about a pod, from its info entries. */
export interface PodState {
  node: TreeNode;
  /** Such as Running, CrashLoopBackOff, ErrImagePull. */
  reason: string;
  restarts: number;
  message: string;
}

export function findNode(tree: ResourceTree, ref: ObjectRef): TreeNode | undefined {
  return tree.nodes.find((node) => isSameObject(node, ref));
}

function toInfo(node: TreeNode, name: string): string {
  return node.info.find((entry) => entry.name === name)?.value ?? '';
}

export function toPodState(node: TreeNode): PodState {
  const restarts = Number.parseInt(toInfo(node, 'Restart Count'), 10);
  return {
    node,
    reason: toInfo(node, 'Status Reason'),
    restarts: Number.isNaN(restarts) ? 0 : restarts,
    message: node.health?.message ?? '',
  };
}

export function listAllPods(tree: ResourceTree): PodState[] {
  return tree.nodes.filter(isPod).map(toPodState);
}

/**
 * The pods that tell how the present version does: of the newest ReplicaSet where there are ReplicaSets, else all pods below
 * the object. Pods of an older ReplicaSet say nothing about the change.
 */
export function listCurrentPods(tree: ResourceTree, root: ObjectRef): PodState[] {
  const node = findNode(tree, root);
  if (node === undefined) return [];
  if (isPod(node)) return [toPodState(node)];
  const below = listBelow(tree, node);
  const newest = findNewestSet(below);
  const pods = (newest === undefined ? below : listBelow(tree, newest)).filter(isPod);
  return pods.map(toPodState).sort((a, b) => a.node.name.localeCompare(b.node.name));
}

/** The ReplicaSet of the present version among the nodes below a workload. */
function findNewestSet(below: readonly TreeNode[]): TreeNode | undefined {
  return below
    .filter((node) => node.kind === 'ReplicaSet')
    .sort((a, b) => toRevisionNumber(b) - toRevisionNumber(a) || b.createdAt.localeCompare(a.createdAt))[0];
}

/** The object and, where there are ReplicaSets, the newest: where events about pods that were never made are. */
export function listOwners(tree: ResourceTree, root: ObjectRef): TreeNode[] {
  const node = findNode(tree, root);
  if (node === undefined) return [];
  const newest = findNewestSet(listBelow(tree, node));
  return newest === undefined ? [node] : [node, newest];
}

/** The managed object at the top of a node's line of parents. */
export function toRoot(tree: ResourceTree, node: TreeNode): TreeNode {
  let current = node;
  // A line of parents is short; the bound keeps a malformed tree from holding us.
  for (let step = 0; step < 16; step += 1) {
    const parent = current.parentRefs[0];
    const next =
      parent === undefined ? undefined : tree.nodes.find((other) => other.uid !== '' && other.uid === parent.uid);
    if (next === undefined) return current;
    current = next;
  }
  return current;
}

function listBelow(tree: ResourceTree, root: TreeNode): TreeNode[] {
  const found: TreeNode[] = [];
  const seen = new Set([root.uid]);
  let level = [root];
  while (level.length > 0) {
    const parents = level;
    level = tree.nodes.filter((node) => !seen.has(node.uid) && parents.some((parent) => isChild(node, parent)));
    for (const node of level) seen.add(node.uid);
    found.push(...level);
  }
  return found;
}

function isChild(node: TreeNode, parent: TreeNode): boolean {
  return node.parentRefs.some((ref) =>
    ref.uid !== '' && parent.uid !== '' ? ref.uid === parent.uid : isSameObject(ref, parent),
  );
}

function isPod(node: TreeNode): boolean {
  return node.kind === 'Pod' && node.group === '';
}

function toRevisionNumber(node: TreeNode): number {
  const revision = Number.parseInt(toInfo(node, 'Revision').replace(/^Rev:/, ''), 10);
  return Number.isNaN(revision) ? -1 : revision;
}

// Waiting reasons that do not pass by themselves. The reason of an init container comes as `Init:CrashLoopBackOff`.
const BAD_REASON =
  /^(?:Init:)?(?:\w*BackOff|Err\w*|CreateContainer\w*Error|RunContainerError|InvalidImageName|ImageInspectError|OOMKilled|Error|ContainerCannotRun|StartError|CreateContainerConfigError)$/;

export function isBadPod(pod: PodState): boolean {
  return BAD_REASON.test(pod.reason);
}
