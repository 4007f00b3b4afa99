import type { ObjectRef } from '../manifest/object.ts';
import { toApplicationKey, toApplicationRef, toResourceRef } from './application.ts';
import type { ObservationFacts } from './facts.ts';
import type { Application, ResourceStatus, ResourceTree } from './schema.ts';
import { toBaselineKey } from './snapshot.ts';
import { findNode } from './tree.ts';

/** One managed resource as health is judged: those of child applications are listed like the application's own. */
export interface HealthItem {
  ref: ObjectRef;
  /** Key in the snapshot's baseline and in the trace. */
  key: string;
  /** Empty where there is no rule for the kind. */
  status: string;
  message: string;
}

// Kinds whose health Argo CD always reports. Without it they have not been looked at yet.
const ALWAYS_RATED = new Set([
  'apps/Deployment',
  'apps/StatefulSet',
  'apps/DaemonSet',
  'batch/Job',
  '/Pod',
  'argoproj.io/Rollout',
]);

/** Managed resources that count for health, in a stable order; hooks do not. */
export function listHealthItems(facts: ObservationFacts, app: Application): HealthItem[] {
  const children = facts.children ?? [];
  const own = app.status.resources.map((resource) => toItem(resource, facts.tree, undefined));
  const below = children.flatMap((child) => toChildItems(child));
  return [...own, ...below].filter((item): item is HealthItem => item !== undefined);
}

function toItem(
  resource: ResourceStatus,
  tree: ResourceTree | undefined,
  via: string | undefined,
): HealthItem | undefined {
  if (resource.hook) return undefined;
  const ref = toResourceRef(resource);
  // Left to prune: no longer wanted, so its health does not matter.
  if (resource.requiresPruning) return undefined;
  // A child is judged by its own resources; the parent's word about it is either absent or a site's own rule.
  if (isApplication(ref) && resource.health === undefined) return undefined;
  const health = resource.health ?? (tree === undefined ? undefined : findNode(tree, ref)?.health);
  const unrated = health === undefined && ALWAYS_RATED.has(`${ref.group}/${ref.kind}`);
  return {
    ref,
    key: toBaselineKey(ref, via),
    status: unrated ? 'Progressing' : (health?.status ?? ''),
    message: unrated ? 'no health reported yet' : (health?.message ?? ''),
  };
}

function toChildItems(child: Application): (HealthItem | undefined)[] {
  const ref = toApplicationRef(child);
  const key = toApplicationKey(ref);
  const self: ObjectRef = {
    group: 'argoproj.io',
    kind: 'Application',
    namespace: ref.namespace ?? '',
    name: ref.name,
  };
  const itself = (status: string, message: string): HealthItem => ({
    ref: self,
    key: toBaselineKey(self, key),
    status,
    message,
  });
  const { sync, operationState, health } = child.status;
  const busy = child.operation !== undefined || operationState?.phase === 'Running';
  if (busy) return [itself('Progressing', `an operation is running: ${operationState?.message ?? ''}`)];
  if (operationState !== undefined && ['Failed', 'Error'].includes(operationState.phase) && sync.status !== 'Synced')
    return [itself('Degraded', operationState.message)];
  const automated = child.spec.syncPolicy?.automated?.enabled === true;
  if (sync.status === 'Unknown') return [itself('Unknown', 'the child application could not be compared')];
  if (sync.status !== 'Synced' && automated) return [itself('Progressing', 'the child application is out of sync')];
  const items = child.status.resources.map((resource) => toItem(resource, undefined, key));
  return items.length === 0 ? [itself(health.status, health.message)] : items;
}

export function isApplication(ref: { group: string; kind: string }): boolean {
  return ref.group === 'argoproj.io' && ref.kind === 'Application';
}
