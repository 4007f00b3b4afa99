import { findField, toNumber, toText } from '../manifest/fields.ts';
import { findImage } from '../manifest/image.ts';
import { toRefLabel } from '../manifest/object.ts';
import type { FieldChange, ManifestObject, ObjectChange } from '../manifest/object.ts';
import { toQuantityNumber } from '../manifest/quantity.ts';
import { findWorkload } from '../manifest/workload.ts';
import type { Workload } from '../manifest/workload.ts';
import { findRunner } from './runner.ts';

/** One thing in a difference that makes it more dangerous. */
export interface RiskSignal {
  signal: string;
  /** From 0 to 1, the share of the remaining room it takes. */
  weight: number;
  detail: string;
}

// Kinds whose change reaches beyond their own service, with how far.
const KINDS: Readonly<Record<string, { signal: string; weight: number; why: string }>> = {
  ClusterRole: { signal: 'access', weight: 0.3, why: 'rights in the whole cluster' },
  ClusterRoleBinding: { signal: 'access', weight: 0.3, why: 'rights in the whole cluster' },
  Role: { signal: 'access', weight: 0.15, why: 'rights in its namespace' },
  RoleBinding: { signal: 'access', weight: 0.15, why: 'rights in its namespace' },
  ServiceAccount: { signal: 'access', weight: 0.05, why: 'an identity of pods' },
  CustomResourceDefinition: { signal: 'cluster_wide', weight: 0.4, why: 'a resource kind of the whole cluster' },
  Namespace: { signal: 'cluster_wide', weight: 0.2, why: 'a namespace' },
  MutatingWebhookConfiguration: { signal: 'cluster_wide', weight: 0.5, why: 'what the API server accepts' },
  ValidatingWebhookConfiguration: { signal: 'cluster_wide', weight: 0.5, why: 'what the API server accepts' },
  StorageClass: { signal: 'cluster_wide', weight: 0.3, why: 'storage of the whole cluster' },
  PriorityClass: { signal: 'cluster_wide', weight: 0.3, why: 'which pods are evicted first' },
  PersistentVolumeClaim: { signal: 'storage', weight: 0.15, why: 'stored data' },
  PersistentVolume: { signal: 'storage', weight: 0.3, why: 'stored data' },
  NetworkPolicy: { signal: 'traffic', weight: 0.2, why: 'who may talk to whom' },
  Ingress: { signal: 'traffic', weight: 0.1, why: 'what is reachable from outside' },
  Service: { signal: 'traffic', weight: 0.06, why: 'how pods are reached' },
  Secret: { signal: 'configuration', weight: 0.1, why: 'secret values' },
  ConfigMap: { signal: 'configuration', weight: 0.05, why: 'configuration' },
  HorizontalPodAutoscaler: { signal: 'capacity', weight: 0.06, why: 'how far the service scales' },
  PodDisruptionBudget: { signal: 'capacity', weight: 0.06, why: 'how many pods may be missing' },
  Application: { signal: 'delivery', weight: 0.5, why: 'what Argo CD deploys' },
  ApplicationSet: { signal: 'delivery', weight: 0.6, why: 'which Applications exist' },
  AppProject: { signal: 'delivery', weight: 0.6, why: 'what Applications may do' },
};

const REMOVAL: Readonly<Record<string, number>> = {
  Namespace: 0.9,
  CustomResourceDefinition: 0.9,
  PersistentVolumeClaim: 0.8,
  PersistentVolume: 0.8,
  StatefulSet: 0.5,
  Application: 0.7,
};

/** The signals of each changed object; `rendered` is what the touched services come to as a whole. */
export function listChangeSignals(changes: readonly ObjectChange[], rendered: readonly ManifestObject[]): RiskSignal[] {
  return changes.flatMap((change) => [
    ...listKindSignals(change),
    ...listWorkloadSignals(change, findRunner(change.ref, changes, rendered)),
  ]);
}

function listKindSignals(change: ObjectChange): RiskSignal[] {
  const label = toRefLabel(change.ref);
  const signals: RiskSignal[] = [];
  const known = Object.hasOwn(KINDS, change.ref.kind) ? KINDS[change.ref.kind] : undefined;
  if (known !== undefined && !isMetadataOnly(change))
    signals.push({
      signal: known.signal,
      // Something new beside what runs is less likely to break it than a change of what is in use.
      weight: change.type === 'added' ? known.weight / 2 : known.weight,
      detail: `${label} decides about ${known.why}.`,
    });
  if (change.type === 'removed') {
    const workload = change.before === undefined ? undefined : findWorkload(change.before);
    const weight = REMOVAL[change.ref.kind] ?? (workload === undefined ? 0.1 : 0.25);
    signals.push({ signal: 'removal', weight, detail: `${label} is removed.` });
  }
  return signals;
}

function isMetadataOnly(change: ObjectChange): boolean {
  return change.type === 'changed' && change.fields.every((field) => /^metadata[.[]/.test(field.path));
}

function listWorkloadSignals(change: ObjectChange, runner: Workload | undefined): RiskSignal[] {
  const before = change.before && findWorkload(change.before);
  const after = change.after && findWorkload(change.after);
  if (after === undefined) return [];
  const label = toRefLabel(change.ref);
  if (before === undefined) return [{ signal: 'first_deploy', weight: 0.05, detail: `${label} has never run here.` }];
  if (isMetadataOnly(change))
    return [{ signal: 'metadata', weight: 0.01, detail: `Only metadata of ${label} changes.` }];
  return [
    ...listImageSignals(before, after, label),
    ...listReplicaSignals(before, after, label, runner),
    ...listResourceSignals(change.fields, label),
    ...listPodSignals(change.fields, after, label),
  ];
}

function listImageSignals(before: Workload, after: Workload, label: string): RiskSignal[] {
  return after.containers.flatMap((container) => {
    const old = before.containers.find((other) => other.name === container.name);
    if (old === undefined)
      return [{ signal: 'new_container', weight: 0.1, detail: `${label} gets container ${container.name}.` }];
    if (old.image === container.image) return [];
    const step = toImageStep(old.image, container.image);
    const detail = `${label} goes from ${old.image} to ${container.image} (${step.name}).`;
    return [{ signal: 'image', weight: step.weight, detail }];
  });
}

function toImageStep(from: string, to: string): { name: string; weight: number } {
  const [left, right] = [findImage(from), findImage(to)];
  if (
    left === undefined ||
    right === undefined ||
    left.registry !== right.registry ||
    left.repository !== right.repository
  )
    return { name: 'another image', weight: 0.25 };
  const [old, next] = [toVersion(left.tag), toVersion(right.tag)];
  if (old === undefined || next === undefined) return { name: 'versions that cannot be compared', weight: 0.1 };
  const place = old.findIndex((part, index) => part !== next[index]);
  if (place < 0) return { name: 'another build of the same version', weight: 0.05 };
  if ((next[place] ?? 0) < (old[place] ?? 0)) return { name: 'an older version', weight: 0.15 };
  return (
    [
      { name: 'a new major version', weight: 0.2 },
      { name: 'a new minor version', weight: 0.08 },
    ][place] ?? { name: 'a patch', weight: 0.03 }
  );
}

function toVersion(tag: string | undefined): number[] | undefined {
  const match = /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:[-+._].*)?$/.exec(tag ?? '');
  return match === null ? undefined : [match[1], match[2], match[3]].map((part) => Number(part ?? 0));
}

function listReplicaSignals(
  before: Workload,
  after: Workload,
  label: string,
  runner: Workload | undefined,
): RiskSignal[] {
  const from = before.replicas ?? 1;
  const own = after.replicas ?? 1;
  if (from === own) return [];
  // What counts is how many pods are left to serve, whoever runs them.
  const isHandedOver = own === 0 && runner !== undefined;
  const to = isHandedOver ? (runner.replicas ?? 1) : own;
  const others = isHandedOver ? `; ${toRefLabel(runner.ref)}, which was there before, runs ${to}` : '';
  const detail = `${label} goes from ${from} to ${own} replicas${others}.`;
  if (to === 0) return [{ signal: 'stopped', weight: 0.35, detail }];
  if (isHandedOver && to >= from) return [{ signal: 'handed_over', weight: 0.04, detail }];
  if (to < from) return [{ signal: 'scale_down', weight: to * 2 < from ? 0.15 : 0.06, detail }];
  return [{ signal: 'scale_up', weight: to > from * 5 ? 0.1 : 0.02, detail }];
}

function listResourceSignals(fields: readonly FieldChange[], label: string): RiskSignal[] {
  const touched = fields.filter((field) => /\.resources(?:\.|$)/.test(field.path));
  return touched.map((field) => {
    if (field.after === undefined)
      return { signal: 'resources', weight: 0.15, detail: `${label} loses ${field.path}.` };
    const [from, to] = [toSize(field.before), toSize(field.after)];
    const isLess = from !== undefined && to !== undefined && to < from;
    return isLess
      ? { signal: 'resources', weight: to * 2 <= from ? 0.15 : 0.08, detail: `${label} gets less: ${field.path}.` }
      : { signal: 'resources', weight: 0.03, detail: `${label} gets other resources: ${field.path}.` };
  });
}

function toSize(value: unknown): number | undefined {
  return typeof value === 'string' || typeof value === 'number' ? toQuantityNumber(value) : undefined;
}

const POD_SIGNALS: readonly { pattern: RegExp; signal: string; weight: number; what: string }[] = [
  { pattern: /securityContext|hostNetwork|hostPID|hostIPC|hostPath|serviceAccount/, signal: 'privileges', weight: 0.25, what: 'what its pods may do' },
  { pattern: /Probe(?:\.|$)/, signal: 'probes', weight: 0.1, what: 'when its pods count as healthy' },
  { pattern: /volume|Volume/, signal: 'volumes', weight: 0.1, what: 'what its pods mount' },
  { pattern: /\.(?:command|args)(?:\[|$)/, signal: 'command', weight: 0.1, what: 'how its containers start' },
  { pattern: /\.env(?:From)?(?:\[|$)/, signal: 'configuration', weight: 0.05, what: 'its environment variables' },
  { pattern: /affinity|nodeSelector|tolerations|topologySpread|priorityClass/, signal: 'scheduling', weight: 0.08, what: 'where its pods run' },
  { pattern: /\.ports(?:\[|$)/, signal: 'traffic', weight: 0.06, what: 'the ports of its pods' },
  { pattern: /^spec\.(?:strategy|updateStrategy)/, signal: 'strategy', weight: 0.1, what: 'how it is rolled out' },
  { pattern: /^spec\.schedule/, signal: 'schedule', weight: 0.05, what: 'when it runs' },
]; // prettier-ignore

function listPodSignals(fields: readonly FieldChange[], after: Workload, label: string): RiskSignal[] {
  const signals = POD_SIGNALS.flatMap(({ pattern, signal, weight, what }) => {
    const field = fields.find((candidate) => pattern.test(candidate.path));
    return field === undefined ? [] : [{ signal, weight, detail: `${label} changes ${what}: ${field.path}.` }];
  });
  const restarts = fields.some((field) => /^spec\.template[.[]/.test(field.path));
  if (restarts && isInterrupted(after.object, after))
    signals.push({
      signal: 'interruption',
      weight: 0.08,
      detail: `${label} is down while its pods are replaced (${after.strategy === 'Recreate' ? 'Recreate' : 'one replica at most'}).`,
    });
  return signals;
}

// With Recreate, or when the only pod may go before the next one is ready, users notice the change.
function isInterrupted(object: ManifestObject, workload: Workload): boolean {
  if (workload.strategy === 'Recreate') return true;
  if (workload.kind === 'StatefulSet') return (workload.replicas ?? 1) === 1;
  const unavailable = findField(object, 'spec', 'strategy', 'rollingUpdate', 'maxUnavailable');
  const share = toText(unavailable) === '100%' || (toNumber(unavailable) ?? 0) >= (workload.replicas ?? 1);
  return workload.kind === 'Deployment' && unavailable !== undefined && share;
}
