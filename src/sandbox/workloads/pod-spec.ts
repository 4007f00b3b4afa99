import { isRecord, listAt, numberAt, textAt, textsAt, valueAt } from '../json.ts';

/** The part of a container that the simulation acts upon. */
export interface Container {
  name: string;
  image: string;
  ports: number[];
  hasReadinessProbe: boolean;
  initialDelayMs: number;
  /** Names of ConfigMaps the container cannot start without. */
  configMaps: string[];
  command: string[];
}

export interface PodSpec {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  restartPolicy: 'Always' | 'OnFailure' | 'Never';
  initContainers: Container[];
  containers: Container[];
  /** ConfigMaps mounted as volumes: without them the pod waits in ContainerCreating. */
  mountedConfigMaps: string[];
}

/** Reads a pod or a pod template; what is missing gets the defaults of Kubernetes. */
export function toPodSpec(podOrTemplate: unknown): PodSpec {
  const policy = textAt(podOrTemplate, 'spec', 'restartPolicy');
  return {
    labels: textsAt(podOrTemplate, 'metadata', 'labels'),
    annotations: textsAt(podOrTemplate, 'metadata', 'annotations'),
    restartPolicy: policy === 'Never' || policy === 'OnFailure' ? policy : 'Always',
    initContainers: listAt(podOrTemplate, 'spec', 'initContainers').map(toContainer),
    containers: listAt(podOrTemplate, 'spec', 'containers').map(toContainer),
    mountedConfigMaps: listAt(podOrTemplate, 'spec', 'volumes')
      .map((volume) => valueAt(volume, 'configMap'))
      .filter((source) => isRecord(source) && source['optional'] !== true)
      .map((source) => textAt(source, 'name') ?? '')
      .filter((name) => name !== ''),
  };
}

function toContainer(container: unknown): Container {
  const fromSources = listAt(container, 'envFrom').map((source) => valueAt(source, 'configMapRef'));
  const fromKeys = listAt(container, 'env').map((entry) => valueAt(entry, 'valueFrom', 'configMapKeyRef'));
  return {
    name: textAt(container, 'name') ?? '',
    image: textAt(container, 'image') ?? '',
    ports: listAt(container, 'ports')
      .map((port) => numberAt(port, 'containerPort'))
      .filter((port) => port !== undefined),
    hasReadinessProbe: isRecord(valueAt(container, 'readinessProbe')),
    initialDelayMs: (numberAt(container, 'readinessProbe', 'initialDelaySeconds') ?? 0) * 1000,
    configMaps: [...fromSources, ...fromKeys]
      .filter((source) => isRecord(source) && source['optional'] !== true)
      .map((source) => textAt(source, 'name') ?? '')
      .filter((name) => name !== ''),
    command: [...listAt(container, 'command'), ...listAt(container, 'args')].filter((word) => typeof word === 'string'),
  };
}

/** The tag of an image reference, `latest` where it has none. */
export function toTag(image: string): string {
  const withoutDigest = image.split('@')[0] ?? '';
  const last = withoutDigest.slice(withoutDigest.lastIndexOf('/') + 1);
  const colon = last.indexOf(':');
  return colon < 0 ? 'latest' : last.slice(colon + 1);
}
