import { AppError } from '../lib/errors.ts';

// The whole list of what is ever asked of a Kubernetes API server. There is no other way to make a path for it.

const NAMESPACED = {
  Pod: '/api/v1/namespaces/*/pods/',
  Service: '/api/v1/namespaces/*/services/',
  PersistentVolumeClaim: '/api/v1/namespaces/*/persistentvolumeclaims/',
  ResourceQuota: '/api/v1/namespaces/*/resourcequotas/',
  LimitRange: '/api/v1/namespaces/*/limitranges/',
  Deployment: '/apis/apps/v1/namespaces/*/deployments/',
  ReplicaSet: '/apis/apps/v1/namespaces/*/replicasets/',
  StatefulSet: '/apis/apps/v1/namespaces/*/statefulsets/',
  DaemonSet: '/apis/apps/v1/namespaces/*/daemonsets/',
  Job: '/apis/batch/v1/namespaces/*/jobs/',
  CronJob: '/apis/batch/v1/namespaces/*/cronjobs/',
  HorizontalPodAutoscaler: '/apis/autoscaling/v2/namespaces/*/horizontalpodautoscalers/',
  PodDisruptionBudget: '/apis/policy/v1/namespaces/*/poddisruptionbudgets/',
  Ingress: '/apis/networking.k8s.io/v1/namespaces/*/ingresses/',
  NetworkPolicy: '/apis/networking.k8s.io/v1/namespaces/*/networkpolicies/',
  Rollout: '/apis/argoproj.io/v1alpha1/namespaces/*/rollouts/',
} as const;

const CLUSTER_WIDE = {
  Node: '/api/v1/nodes/',
  Namespace: '/api/v1/namespaces/',
  PersistentVolume: '/api/v1/persistentvolumes/',
  StorageClass: '/apis/storage.k8s.io/v1/storageclasses/',
} as const;

type NamespacedKind = keyof typeof NAMESPACED;
type ClusterWideKind = keyof typeof CLUSTER_WIDE;
export type ReadableKind = NamespacedKind | ClusterWideKind;

export const READABLE_KINDS = [...Object.keys(NAMESPACED), ...Object.keys(CLUSTER_WIDE)] as readonly ReadableKind[];

export type ClusterRead =
  | { read: 'version' }
  /** Warnings of a namespace. */
  | { read: 'events'; namespace: string }
  /** What its pods use now, where a metrics server runs. */
  | { read: 'usage'; namespace: string }
  | { read: 'quotas'; namespace: string }
  | { read: 'limits'; namespace: string }
  /** The namespace counts for kinds that have one. */
  | { read: 'object'; kind: ReadableKind; namespace: string; name: string };

const MAX_ITEMS = 500;

/** Path and query of a read. Throws `forbidden` for what is not on the list, `invalid_input` for names Kubernetes has not. */
export function toPath(read: ClusterRead): string {
  switch (read.read) {
    case 'version':
      return '/version';
    case 'events':
      return `/api/v1/namespaces/${toNamespace(read.namespace)}/events?fieldSelector=type%3DWarning&limit=${MAX_ITEMS}`;
    case 'usage':
      return `/apis/metrics.k8s.io/v1beta1/namespaces/${toNamespace(read.namespace)}/pods`;
    case 'quotas':
      return `/api/v1/namespaces/${toNamespace(read.namespace)}/resourcequotas?limit=${MAX_ITEMS}`;
    case 'limits':
      return `/api/v1/namespaces/${toNamespace(read.namespace)}/limitranges?limit=${MAX_ITEMS}`;
    case 'object':
      return toObjectPath(read.kind, read.namespace, read.name);
    default:
      return refuse(read);
  }
}

export function isReadableKind(kind: string): kind is ReadableKind {
  return Object.hasOwn(NAMESPACED, kind) || Object.hasOwn(CLUSTER_WIDE, kind);
}

/** What a message calls it. */
export function toLabel(read: ClusterRead): string {
  switch (read.read) {
    case 'version':
      return 'the version';
    case 'events':
      return `warnings of namespace ${read.namespace}`;
    case 'usage':
      return `usage of the pods in namespace ${read.namespace}`;
    case 'quotas':
      return `quotas of namespace ${read.namespace}`;
    case 'limits':
      return `limits of namespace ${read.namespace}`;
    case 'object':
      return `${read.kind} ${isClusterWide(read.kind) ? '' : `${read.namespace}/`}${read.name}`;
  }
}

function toObjectPath(kind: ReadableKind, namespace: string, name: string): string {
  if (isClusterWide(kind)) return `${CLUSTER_WIDE[kind]}${toName(name)}`;
  if (!Object.hasOwn(NAMESPACED, kind)) return refuse(kind);
  return `${NAMESPACED[kind].replace('*', toNamespace(namespace))}${toName(name)}`;
}

function isClusterWide(kind: ReadableKind): kind is ClusterWideKind {
  return Object.hasOwn(CLUSTER_WIDE, kind);
}

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const MAX_NAME_CHARS = 253;

function toNamespace(text: string): string {
  if (LABEL.test(text)) return text;
  throw toNameError('namespace', text);
}

function toName(text: string): string {
  if (text.length <= MAX_NAME_CHARS && SUBDOMAIN.test(text)) return text;
  throw toNameError('object', text);
}

function toNameError(what: string, text: string): AppError {
  return new AppError('invalid_input', `${JSON.stringify(text.slice(0, 80))} is no name of a Kubernetes ${what}`);
}

function refuse(asked: unknown): never {
  throw new AppError('forbidden', `${JSON.stringify(asked)} is not among what is read of a cluster`);
}
