import type { ApplicationRef } from '../argocd/application.ts';
import type { ArgoReads } from '../argocd/reads.ts';
import type { ResourceTree, TreeNode } from '../argocd/schema.ts';
import { isBadPod, listAllPods } from '../argocd/tree.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Redactor } from '../lib/redact.ts';
import type { ClusterAnswer } from '../kubernetes/answer.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import type { ClusterDoor } from '../kubernetes/configured.ts';
import { isReadableKind } from '../kubernetes/reads.ts';
import { tellClaim, tellEvents, tellLimits, tellNode, tellQuotas, tellUsage } from '../kubernetes/tell.ts';
import { toRecord, toRecords, toText } from '../manifest/fields.ts';
import type { TicketEventBody } from '../ticket/event.ts';

interface ClusterDeps {
  argo: Pick<ArgoReads, 'resourceTree'>;
  /** Null where no kubeconfig is given. */
  kubernetes: ClusterDoor | null;
  redactor: Redactor;
  clock: Clock;
}

const MAX_NAMESPACES = 2;
const MAX_PODS = 2;
const MAX_CLAIMS = 4;
const MAX_PROBED = 3;

/**
 * What weighs on an Application in its cluster besides itself, as an event: warnings of its namespaces, quotas, what pods use,
 * nodes and claims of pods that do not run. Undefined where no kubeconfig is given. Never fails for what cannot be read; that is said.
 */
export async function readCluster(
  deps: ClusterDeps,
  application: ApplicationRef,
  signal: AbortSignal,
): Promise<Extract<TicketEventBody, { type: 'tool_call' }> | undefined> {
  const started = deps.clock.now();
  const report = await reportCluster(deps, application, signal);
  if (report === undefined) return undefined;
  return {
    type: 'tool_call',
    data: {
      tool: 'kubernetes.read',
      input: `events, quotas, usage, claims and nodes around ${application.name}`,
      output: deps.redactor.text(report.text),
      durationMs: Math.round(deps.clock.now() - started),
      ok: report.isRead,
    },
  };
}

async function reportCluster(
  { argo, kubernetes }: ClusterDeps,
  application: ApplicationRef,
  signal: AbortSignal,
): Promise<{ text: string; isRead: boolean } | undefined> {
  if (kubernetes === null) return undefined;
  try {
    const cluster = await kubernetes.open();
    const tree = await argo.resourceTree(application, { signal });
    const why = await findMismatch(cluster, tree, application.name, signal);
    if (why !== undefined) return { text: why, isRead: false };
    const parts: string[] = [];
    for (const namespace of listNamespaces(tree))
      parts.push(...(await tellNamespace(cluster, tree, namespace, signal)));
    parts.push(...(await tellPods(cluster, tree, signal)));
    return { text: parts.join('\n'), isRead: true };
  } catch (error) {
    if (signal.aborted) throw error;
    return { text: `the cluster could not be read: ${toErrorMessage(error)}`, isRead: false };
  }
}

/**
 * Why this is not, or may not be, the cluster the Application is deployed to; undefined where one of its objects is there under
 * the very id Argo CD shows.
 */
export async function findMismatch(
  cluster: Cluster,
  tree: ResourceTree,
  application: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const candidates = tree.nodes.flatMap(({ kind, namespace, name, uid }) =>
    uid !== '' && namespace !== '' && isReadableKind(kind) ? [{ kind, namespace, name, uid }] : [],
  );
  const refuse = (problem: string) =>
    `the kubeconfig does not show the cluster ${application} is deployed to, so nothing more was read: ${problem}`;
  let problem = 'Argo CD shows nothing of it that could be looked up';
  for (const { uid, ...node } of candidates.sort((a, b) => toRank(a) - toRank(b)).slice(0, MAX_PROBED)) {
    const { kind, namespace, name } = node;
    const found = await cluster.object(node, signal);
    if (found.kind === 'read') {
      const isSame = found.value.metadata.uid === uid;
      return isSame ? undefined : refuse(`its ${kind} ${namespace}/${name} is not the one Argo CD shows`);
    }
    if (found.reason !== 'absent' && found.reason !== 'denied')
      return `the cluster of the kubeconfig was not read: ${found.sentence}`;
    problem = found.sentence;
  }
  return refuse(problem);
}

/** Objects that stay are looked up before pods, which come and go. */
function toRank({ kind }: Pick<TreeNode, 'kind'>): number {
  return kind === 'Pod' ? 2 : kind === 'ReplicaSet' ? 1 : 0;
}

/** Those its pods are in, else all. */
export function listNamespaces(tree: ResourceTree): string[] {
  const ofPods = listAllPods(tree).map(({ node }) => node.namespace);
  const all = tree.nodes.map(({ namespace }) => namespace);
  return [...new Set(ofPods.length > 0 ? ofPods : all)].filter((one) => one !== '').slice(0, MAX_NAMESPACES);
}

async function tellNamespace(
  cluster: Cluster,
  tree: ResourceTree,
  namespace: string,
  signal: AbortSignal,
): Promise<string[]> {
  const pods = new Set(listAllPods(tree).map(({ node }) => node.name));
  const [events, quotas, limits, usage] = await Promise.all([
    cluster.events(namespace, signal),
    cluster.quotas(namespace, signal),
    cluster.limits(namespace, signal),
    cluster.usage(namespace, signal),
  ]);
  return [
    ...toSection(`Warnings in namespace ${namespace}`, events, tellEvents),
    ...toSection(`Quotas in namespace ${namespace}`, quotas, tellQuotas),
    ...toSection(`Limits in namespace ${namespace}`, limits, tellLimits),
    ...toSection(`Usage of its pods`, usage, (all) => tellUsage(all, (pod) => pods.has(pod))),
  ];
}

/** A heading with lines below; what is empty takes one line, and so does what was not read. */
export function toSection<T>(heading: string, answer: ClusterAnswer<T>, tell: (value: T) => string[]): string[] {
  if (answer.kind === 'unread') return [`${heading}: not read; ${answer.sentence}`];
  const lines = tell(answer.value);
  return lines.length === 0 ? [`${heading}: none`] : [`${heading}:`, ...lines.map((line) => `  ${line}`)];
}

/** The nodes that pods in trouble are on, and the claims they wait for. */
async function tellPods(cluster: Cluster, tree: ResourceTree, signal: AbortSignal): Promise<string[]> {
  const bad = listAllPods(tree).filter(isBadPod).slice(0, MAX_PODS);
  const lines: string[] = [];
  for (const { node } of bad) {
    const { namespace, name } = node;
    const pod = await cluster.object({ kind: 'Pod', namespace, name }, signal);
    if (pod.kind === 'unread') {
      lines.push(`Pod ${name}: not read; ${pod.sentence}`);
      continue;
    }
    const spec = toRecord(pod.value['spec']) ?? {};
    for (const claim of listClaims(spec)) {
      const found = await cluster.object({ kind: 'PersistentVolumeClaim', namespace, name: claim }, signal);
      const said = found.kind === 'read' ? tellClaim(found.value) : `not read; ${found.sentence}`;
      lines.push(`PersistentVolumeClaim ${claim}: ${said}`);
    }
    const on = toText(spec['nodeName']);
    if (on === undefined) {
      lines.push(`Pod ${name}: on no node yet`);
      continue;
    }
    const found = await cluster.object({ kind: 'Node', namespace: '', name: on }, signal);
    lines.push(found.kind === 'read' ? tellNode(found.value) : `Node ${on}: not read; ${found.sentence}`);
  }
  return [...new Set(lines)];
}

function listClaims(spec: Record<string, unknown>): string[] {
  return toRecords(spec['volumes'])
    .flatMap((volume) => toText(toRecord(volume['persistentVolumeClaim'])?.['claimName']) ?? [])
    .slice(0, MAX_CLAIMS);
}
