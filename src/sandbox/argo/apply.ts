import { toObjectRef } from '../../manifest/object.ts';
import type { ManifestObject, ObjectRef } from '../../manifest/object.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { isBuiltInGroup, isClusterScoped, toKubectlName } from '../cluster/live-object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { booleanAt, isRecord, isSameJson, listAt, numberAt, recordAt, textAt, textsAt, valueAt } from '../json.ts';
import { LAST_APPLIED_ANNOTATION, isModified, toPredicted } from './compare.ts';

/** `invalid` is found by a dry run already, `refused` only when the object is really sent. */
export type ApplyOutcome =
  { kind: 'applied'; message: string } | { kind: 'invalid'; message: string } | { kind: 'refused'; message: string };

export interface ApiServer {
  apply(
    target: ManifestObject,
    options: { dryRun: boolean; replace: boolean; upcoming: readonly ManifestObject[] },
  ): ApplyOutcome;
  /** True when it was not there and has been made. */
  ensureNamespace(namespace: ManifestObject): boolean;
}

interface ApiServerOptions {
  cluster: Cluster;
  /** API groups whose custom resources the cluster serves without a definition in git. */
  customGroups: readonly string[];
  /** Namespaces that are there from the start; undefined means every namespace is there when it is needed. */
  namespaces: readonly string[] | undefined;
  progressDeadlineSeconds: number;
  /** A fault that makes the next apply of an object fail. */
  takeFault: (ref: ObjectRef) => string | undefined;
}

/** The part of the Kubernetes API server that takes manifests: it checks them, fills in defaults and stores them. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { cluster } = options;

  const isServed = (ref: ObjectRef, upcoming: readonly ManifestObject[]) =>
    isBuiltInGroup(ref.group) ||
    options.customGroups.includes(ref.group) ||
    [...cluster.list('CustomResourceDefinition'), ...upcoming].some(
      (other) =>
        other.kind === 'CustomResourceDefinition' &&
        textAt(other, 'spec', 'group') === ref.group &&
        textAt(other, 'spec', 'names', 'kind') === ref.kind,
    );

  const hasNamespace = (name: string, upcoming: readonly ManifestObject[]) =>
    options.namespaces === undefined ||
    options.namespaces.includes(name) ||
    cluster.find({ group: '', kind: 'Namespace', namespace: '', name }) !== undefined ||
    upcoming.some((other) => other.kind === 'Namespace' && other.metadata.name === name);

  return {
    apply: (target, { dryRun, replace, upcoming }) => {
      const ref = toObjectRef(target);
      if (!isServed(ref, upcoming)) {
        const message = `The Kubernetes API could not find ${ref.group}/${ref.kind} for requested resource ${ref.namespace}/${ref.name}. Make sure the "${ref.kind}" CRD is installed on the destination cluster.`;
        return { kind: 'invalid', message };
      }
      if (!isClusterScoped(ref.kind) && !hasNamespace(ref.namespace, upcoming)) {
        return { kind: 'refused', message: `namespaces "${ref.namespace}" not found` };
      }
      const fault = dryRun ? undefined : options.takeFault(ref);
      if (fault !== undefined) return { kind: 'refused', message: fault };
      const live = cluster.find(ref);
      const problem = findInvalid(target) ?? (live === undefined || replace ? undefined : findForbidden(target, live));
      if (problem !== undefined) {
        return { kind: 'refused', message: `${toGroupKind(ref)} "${ref.name}" is invalid: ${problem}` };
      }
      const name = toKubectlName(ref);
      const suffix = dryRun ? ' (dry run)' : '';
      if (live === undefined) {
        if (!dryRun) cluster.create(withLastApplied(withDefaults(target, options.progressDeadlineSeconds), target));
        return { kind: 'applied', message: `${name} created${suffix}` };
      }
      if (!isModified(target, live)) return { kind: 'applied', message: `${name} unchanged${suffix}` };
      if (!dryRun) cluster.update(ref, (current) => withLastApplied(toPredicted(target, current), target));
      return { kind: 'applied', message: `${name} configured${suffix}` };
    },
    ensureNamespace: (namespace) => {
      if (cluster.find(toObjectRef(namespace)) !== undefined) return false;
      cluster.create({ ...namespace, spec: { finalizers: ['kubernetes'] } });
      return true;
    },
  };
}

function withLastApplied(object: ManifestObject, target: ManifestObject): ManifestObject {
  const { annotations, ...metadata } = object.metadata;
  const applied = { ...annotations, [LAST_APPLIED_ANNOTATION]: JSON.stringify(target) };
  return { ...object, metadata: { ...metadata, annotations: applied } };
}

/** The defaults clients look for; the rest of what a real server fills in makes no difference here. */
function withDefaults(target: ManifestObject, progressDeadlineSeconds: number): ManifestObject {
  const spec = recordAt(target, 'spec');
  if (target.kind === 'Deployment') {
    const rollingUpdate = { maxSurge: '25%', maxUnavailable: '25%' };
    const strategy = spec['strategy'] ?? { type: 'RollingUpdate', rollingUpdate };
    return { ...target, spec: { replicas: 1, progressDeadlineSeconds, revisionHistoryLimit: 10, ...spec, strategy } };
  }
  if (target.kind === 'StatefulSet') {
    return { ...target, spec: { replicas: 1, podManagementPolicy: 'OrderedReady', revisionHistoryLimit: 10, ...spec } };
  }
  if (target.kind === 'Service') return { ...target, spec: { type: 'ClusterIP', sessionAffinity: 'None', ...spec } };
  return target;
}

/** What the server would find wrong with the object by itself, in its own words. */
function findInvalid(target: ManifestObject): string | undefined {
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(target.metadata.name) && !target.apiVersion.startsWith('rbac.')) {
    return `metadata.name: Invalid value: "${target.metadata.name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'`;
  }
  if (!isRecord(valueAt(target, 'spec', 'template'))) return undefined;
  const replicas = numberAt(target, 'spec', 'replicas');
  if (replicas !== undefined && replicas < 0) {
    return `spec.replicas: Invalid value: ${replicas}: must be greater than or equal to 0`;
  }
  const containers = listAt(target, 'spec', 'template', 'spec', 'containers');
  if (containers.length === 0 && valueAt(target, 'spec', 'workloadRef') === undefined) {
    return 'spec.template.spec.containers: Required value';
  }
  for (const [index, container] of containers.entries()) {
    for (const field of ['name', 'image']) {
      if (textAt(container, field) === undefined)
        return `spec.template.spec.containers[${index}].${field}: Required value`;
    }
  }
  const labels = textsAt(target, 'spec', 'template', 'metadata', 'labels');
  const selector = textsAt(target, 'spec', 'selector', 'matchLabels');
  if (Object.entries(selector).some(([key, value]) => labels[key] !== value)) {
    return `spec.template.metadata.labels: Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``;
  }
  return undefined;
}

const IMMUTABLE: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['selector'],
  DaemonSet: ['selector'],
  Rollout: ['selector'],
  Job: ['template', 'selector', 'completions'],
  Service: ['clusterIP'],
  PersistentVolumeClaim: ['accessModes', 'storageClassName', 'volumeName'],
};
const CHANGEABLE_OF_STATEFUL_SET = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

/** What may not be changed any more. */
function findForbidden(target: ManifestObject, live: LiveObject): string | undefined {
  if (target.kind === 'ConfigMap' || target.kind === 'Secret') {
    const isSame = ['data', 'binaryData', 'immutable'].every((field) =>
      isSameJson(recordAt(toPredicted(target, live))[field], recordAt(live)[field]),
    );
    return isSame || booleanAt(live, 'immutable') !== true
      ? undefined
      : 'data: Forbidden: field is immutable when `immutable` is set';
  }
  return findImmutable(target, live);
}

function findImmutable(target: ManifestObject, live: LiveObject): string | undefined {
  const wanted = recordAt(toPredicted(target, live), 'spec');
  const current = recordAt(live, 'spec');
  const changed = Object.keys({ ...wanted, ...current }).filter((field) => !isSameJson(wanted[field], current[field]));
  if (target.kind === 'StatefulSet') {
    if (changed.every((field) => CHANGEABLE_OF_STATEFUL_SET.has(field))) return undefined;
    return "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  }
  const field = changed.find((name) => IMMUTABLE[target.kind]?.includes(name) === true);
  return field === undefined
    ? undefined
    : `spec.${field}: Invalid value: ${JSON.stringify(wanted[field])}: field is immutable`;
}

function toGroupKind(ref: ObjectRef): string {
  return ref.group === '' ? ref.kind : `${ref.kind}.${ref.group}`;
}
