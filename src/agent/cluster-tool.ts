import type { ApplicationRef } from '../argocd/application.ts';
import type { ArgoReads } from '../argocd/reads.ts';
import type { ResourceTree } from '../argocd/schema.ts';
import { AppError } from '../lib/errors.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import type { ClusterDoor } from '../kubernetes/configured.ts';
import { isReadableKind, READABLE_KINDS } from '../kubernetes/reads.ts';
import { describeObject, tellEvents, tellLimits, tellQuotas, tellUsage } from '../kubernetes/tell.ts';
import { findMismatch, listNamespaces, toSection } from './read-cluster.ts';

export interface ClusterQuestion {
  what: 'events' | 'usage' | 'quotas' | 'object';
  kind?: string | undefined;
  name?: string | undefined;
}

/**
 * Answers a model's question about the cluster: of the namespaces an Application's pods are in, and of nothing where Argo CD's
 * Application is not what the kubeconfig shows.
 */
export async function askCluster(
  door: ClusterDoor,
  argo: Pick<ArgoReads, 'resourceTree'>,
  application: ApplicationRef,
  question: ClusterQuestion,
  signal: AbortSignal,
): Promise<string> {
  const cluster = await door.open();
  const tree = await argo.resourceTree(application, { signal });
  const why = await findMismatch(cluster, tree, application.name, signal);
  if (why !== undefined) throw new AppError('not_found', why);
  const answers = await Promise.all(
    listNamespaces(tree).map(async (namespace) => await answer(cluster, namespace, question, signal)),
  );
  return answers.length === 0 ? noNamespace(tree) : answers.flat().join('\n');
}

async function answer(
  cluster: Cluster,
  namespace: string,
  { what, kind = '', name = '' }: ClusterQuestion,
  signal: AbortSignal,
): Promise<string[]> {
  switch (what) {
    case 'events':
      return toSection(`Warnings in namespace ${namespace}`, await cluster.events(namespace, signal), tellEvents);
    case 'usage':
      return toSection(`Usage in namespace ${namespace}`, await cluster.usage(namespace, signal), tellUsage);
    case 'quotas':
      return [
        ...toSection(`Quotas in namespace ${namespace}`, await cluster.quotas(namespace, signal), tellQuotas),
        ...toSection(`Limits in namespace ${namespace}`, await cluster.limits(namespace, signal), tellLimits),
      ];
    case 'object': {
      if (!isReadableKind(kind) || name === '') {
        const kinds = READABLE_KINDS.join(', ');
        throw new AppError('invalid_input', `an object is named by kind and name; kinds are: ${kinds}`);
      }
      const found = await cluster.object({ kind, namespace, name }, signal);
      return [found.kind === 'read' ? describeObject(found.value) : found.sentence];
    }
  }
}

function noNamespace(tree: ResourceTree): string {
  return `Argo CD shows ${tree.nodes.length} objects of it, none of them in a namespace`;
}
