// Manifests for the contract suite. Most need neither a node nor an image: what a cluster makes of them follows from Kubernetes
// alone, so they behave the same in the stand-in, in a cluster without a network, and everywhere else.

const HOOK = 'argocd.argoproj.io/hook';
const WAVE = 'argocd.argoproj.io/sync-wave';

/** No registry of this name can exist; the stand-in goes by the tag. */
export const NO_IMAGE = 'registry.tiphys.invalid/none:missing';

interface Options {
  wave?: number;
  hook?: 'PreSync' | 'Sync' | 'PostSync';
  annotations?: Record<string, string>;
}

function toMetadata(name: string, { wave, hook, annotations = {} }: Options): object {
  const all = {
    ...annotations,
    ...(wave === undefined ? {} : { [WAVE]: String(wave) }),
    ...(hook === undefined ? {} : { [HOOK]: hook }),
  };
  return { name, ...(Object.keys(all).length === 0 ? {} : { annotations: all }) };
}

export function toConfigMap(name: string, value: string, options: Options & { immutable?: boolean } = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: toMetadata(name, options),
    data: { value },
    ...(options.immutable === true ? { immutable: true } : {}),
  });
}

export function toNamespace(name: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

/** A kind no cluster knows. */
export function toUnheard(name: string): string {
  return JSON.stringify({ apiVersion: 'tiphys.example.com/v1', kind: 'Unheard', metadata: { name }, spec: {} });
}

/** A volume claim of a class that does not exist: Pending, which is Progressing, for ever. */
export function toStuckClaim(name: string, options: Options = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: toMetadata(name, options),
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'tiphys-none',
      resources: { requests: { storage: '1Mi' } },
    },
  });
}

// Where no pod may ever be placed.
const NOWHERE = { 'kubernetes.io/hostname': 'tiphys-no-such-node' };

/** Complete at once, without a pod; or failed after a second, with a pod that no node takes. */
export function toJob(name: string, options: Options & { fails?: boolean } = {}): string {
  const fails = options.fails === true;
  return JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: toMetadata(name, options),
    spec: {
      backoffLimit: 0,
      ...(fails ? { activeDeadlineSeconds: 1 } : { completions: 0, parallelism: 0 }),
      template: {
        spec: { restartPolicy: 'Never', nodeSelector: NOWHERE, containers: [{ name: 'main', image: NO_IMAGE }] },
      },
    },
  });
}

interface DeploymentOptions extends Options {
  replicas?: number;
  /** Another word makes another pod template. */
  variant?: string;
  image?: string;
  /** What the container runs. */
  script?: string;
  podAnnotations?: Record<string, string>;
  progressDeadlineSeconds?: number;
  /** Pods that no node takes. */
  nowhere?: boolean;
}

/** Without replicas it is Healthy at once and needs no image, and still has a ReplicaSet for each template. */
export function toDeployment(name: string, options: DeploymentOptions = {}): string {
  const { progressDeadlineSeconds, script } = options;
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: toMetadata(name, options),
    spec: {
      replicas: options.replicas ?? 0,
      ...(progressDeadlineSeconds === undefined ? {} : { progressDeadlineSeconds }),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, variant: options.variant ?? 'a' }, annotations: options.podAnnotations ?? {} },
        spec: {
          terminationGracePeriodSeconds: 1,
          ...(options.nowhere === true ? { nodeSelector: NOWHERE } : {}),
          containers: [
            {
              name: 'main',
              image: options.image ?? NO_IMAGE,
              ...(script === undefined ? {} : { command: ['sh', '-c', script] }),
            },
          ],
        },
      },
    },
  });
}
