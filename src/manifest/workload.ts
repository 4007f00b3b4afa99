import { findField, toList, toNumber, toRecord, toRecords, toStringMap, toText } from './fields.ts';
import { toObjectRef } from './object.ts';
import type { ManifestObject, ObjectRef } from './object.ts';

type WorkloadKind = 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'Job' | 'CronJob' | 'Rollout';

/** A list of quantities by resource name, such as `{ cpu: '250m', memory: '256Mi' }`. */
type ResourceList = Record<string, string>;

export interface WorkloadContainer {
  name: string;
  image: string;
  /** `value` is missing where it comes from elsewhere (a Secret, a ConfigMap, the pod's own fields). */
  env: { name: string; value?: string }[];
  /** Container ports. */
  ports: number[];
  resources: { requests: ResourceList; limits: ResourceList };
  isInit: boolean;
  probes: { readiness: boolean; liveness: boolean; startup: boolean };
  /** The container as it stands in the manifest. */
  spec: Record<string, unknown>;
}

/** An object that runs pods, with what changes and checks ask of it. */
export interface Workload {
  kind: WorkloadKind;
  name: string;
  /** Empty where the manifest leaves it to the Application. */
  namespace: string;
  ref: ObjectRef;
  /** As written; undefined where Kubernetes' default of 1 applies, an autoscaler decides, or the kind has none. */
  replicas?: number;
  /** The containers of the pod, init containers after them. */
  containers: WorkloadContainer[];
  /** Labels of its pods. */
  podLabels: Record<string, string>;
  podAnnotations: Record<string, string>;
  /** `matchLabels` of its selector. */
  selector: Record<string, string>;
  /** `RollingUpdate`, `Recreate`, `OnDelete`, or `canary` and `blueGreen` for a Rollout. */
  strategy?: string;
  /** Where a Rollout takes its pods from a Deployment. */
  workloadRef?: { kind: string; name: string };
  /** Whether it keeps data of its own: a StatefulSet, or one that mounts a PersistentVolumeClaim. */
  stateful: boolean;
  /** The pod's specification as it stands in the manifest. */
  podSpec: Record<string, unknown>;
  object: ManifestObject;
}

const GROUPS: Readonly<Record<WorkloadKind, string>> = {
  Deployment: 'apps',
  StatefulSet: 'apps',
  DaemonSet: 'apps',
  Job: 'batch',
  CronJob: 'batch',
  Rollout: 'argoproj.io',
};

/** The workload an object describes; undefined for every other kind. */
export function findWorkload(object: ManifestObject): Workload | undefined {
  const ref = toObjectRef(object);
  if (!isWorkloadKind(ref.kind) || GROUPS[ref.kind] !== ref.group) return undefined;
  const spec = toRecord(object['spec']) ?? {};
  const template = toPodTemplate(ref.kind, spec);
  const podSpec = toRecord(template['spec']) ?? {};
  const replicas = toNumber(spec['replicas']);
  const strategy = toStrategy(ref.kind, spec);
  const workloadRef = toRecord(spec['workloadRef']);
  const metadata = template['metadata'];
  return {
    kind: ref.kind,
    name: ref.name,
    namespace: ref.namespace,
    ref,
    ...(replicas === undefined ? {} : { replicas }),
    containers: [
      ...toRecords(podSpec['containers']).map((container) => toContainer(container, false)),
      ...toRecords(podSpec['initContainers']).map((container) => toContainer(container, true)),
    ],
    podLabels: toStringMap(findField(metadata, 'labels')),
    podAnnotations: toStringMap(findField(metadata, 'annotations')),
    selector: toStringMap(findField(spec, 'selector', 'matchLabels')),
    ...(strategy === undefined ? {} : { strategy }),
    ...(workloadRef === undefined
      ? {}
      : { workloadRef: { kind: toText(workloadRef['kind']) ?? '', name: toText(workloadRef['name']) ?? '' } }),
    stateful:
      ref.kind === 'StatefulSet' || toRecords(podSpec['volumes']).some((volume) => 'persistentVolumeClaim' in volume),
    podSpec,
    object,
  };
}

/** The workloads among the objects, in their order. */
export function toWorkloads(objects: readonly ManifestObject[]): Workload[] {
  return objects.flatMap((object) => findWorkload(object) ?? []);
}

function isWorkloadKind(kind: string): kind is WorkloadKind {
  return Object.hasOwn(GROUPS, kind);
}

function toPodTemplate(kind: WorkloadKind, spec: Record<string, unknown>): Record<string, unknown> {
  const holder = kind === 'CronJob' ? findField(spec, 'jobTemplate', 'spec') : spec;
  return toRecord(findField(holder, 'template')) ?? {};
}

function toStrategy(kind: WorkloadKind, spec: Record<string, unknown>): string | undefined {
  if (kind === 'Deployment') return toText(findField(spec, 'strategy', 'type'));
  if (kind === 'StatefulSet' || kind === 'DaemonSet') return toText(findField(spec, 'updateStrategy', 'type'));
  if (kind !== 'Rollout') return undefined;
  const strategy = toRecord(spec['strategy']) ?? {};
  return ['canary', 'blueGreen'].find((name) => name in strategy);
}

function toContainer(spec: Record<string, unknown>, isInit: boolean): WorkloadContainer {
  return {
    name: toText(spec['name']) ?? '',
    image: toText(spec['image']) ?? '',
    env: toRecords(spec['env']).map((entry) => {
      const value = toText(entry['value']);
      return { name: toText(entry['name']) ?? '', ...(value === undefined ? {} : { value }) };
    }),
    ports: toRecords(spec['ports']).flatMap((port) => toNumber(port['containerPort']) ?? []),
    resources: {
      requests: toQuantities(findField(spec, 'resources', 'requests')),
      limits: toQuantities(findField(spec, 'resources', 'limits')),
    },
    isInit,
    probes: {
      readiness: toRecord(spec['readinessProbe']) !== undefined,
      liveness: toRecord(spec['livenessProbe']) !== undefined,
      startup: toRecord(spec['startupProbe']) !== undefined,
    },
    spec,
  };
}

// Quantities may stand as bare numbers (`cpu: 1`).
function toQuantities(value: unknown): ResourceList {
  const entries = Object.entries(toRecord(value) ?? {});
  const kept = entries.flatMap(([name, quantity]) =>
    typeof quantity === 'string' || typeof quantity === 'number' ? [[name, String(quantity)] as const] : [],
  );
  return Object.fromEntries(kept);
}

/** The names of objects a pod specification needs in its namespace to start. */
export interface PodReferences {
  configMaps: string[];
  secrets: string[];
  claims: string[];
}

/** What the pods of a workload refer to by name, without what is marked optional. */
export function toPodReferences(workload: Workload): PodReferences {
  const found: PodReferences = { configMaps: [], secrets: [], claims: [] };
  const add = (list: string[], source: unknown, key: string) => {
    const name = toText(findField(source, key));
    if (name !== undefined && findField(source, 'optional') !== true) list.push(name);
  };
  for (const { spec } of workload.containers) {
    for (const entry of toRecords(spec['envFrom'])) {
      add(found.configMaps, entry['configMapRef'], 'name');
      add(found.secrets, entry['secretRef'], 'name');
    }
    for (const entry of toRecords(spec['env'])) {
      add(found.configMaps, findField(entry, 'valueFrom', 'configMapKeyRef'), 'name');
      add(found.secrets, findField(entry, 'valueFrom', 'secretKeyRef'), 'name');
    }
  }
  for (const volume of toRecords(workload.podSpec['volumes'])) {
    add(found.configMaps, volume['configMap'], 'name');
    add(found.secrets, volume['secret'], 'secretName');
    add(found.claims, volume['persistentVolumeClaim'], 'claimName');
    for (const source of toRecords(findField(volume, 'projected', 'sources'))) {
      add(found.configMaps, source['configMap'], 'name');
      add(found.secrets, source['secret'], 'name');
    }
  }
  for (const secret of toList(workload.podSpec['imagePullSecrets'])) add(found.secrets, secret, 'name');
  const unique = (names: string[]) => [...new Set(names)].sort();
  return { configMaps: unique(found.configMaps), secrets: unique(found.secrets), claims: unique(found.claims) };
}
