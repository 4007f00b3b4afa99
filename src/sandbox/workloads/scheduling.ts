import { listAt, textAt, valueAt } from '../json.ts';

// The simulated nodes are all of one size.
const NODE_CPU = 64;
const NODE_MEMORY_BYTES = 256 * 1024 ** 3;

const UNITS: Record<string, number> = {
  m: 1e-3,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

/** A Kubernetes quantity as a number, 0 when it is not one. */
export function toQuantity(value: unknown): number {
  if (typeof value === 'number') return value;
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(value) : null;
  return match === null ? 0 : Number(match[1]) * (match[2] === '' ? 1 : (UNITS[match[2] ?? ''] ?? 0));
}

/** What a pod asks for in all. */
export function toRequests(podOrTemplate: unknown): { cpu: number; memory: number } {
  const sum = (resource: string) =>
    listAt(podOrTemplate, 'spec', 'containers')
      .map((container) => toQuantity(valueAt(container, 'resources', 'requests', resource)))
      .reduce((a, b) => a + b, 0);
  return { cpu: sum('cpu'), memory: sum('memory') };
}

/** The scheduler's sentence when no node can take the pod, otherwise undefined. */
export function toUnschedulable(pod: unknown, nodeCount: number): string | undefined {
  const requests = toRequests(pod);
  const reasons = [
    ...(requests.cpu > NODE_CPU ? [`${nodeCount} Insufficient cpu`] : []),
    ...(requests.memory > NODE_MEMORY_BYTES ? [`${nodeCount} Insufficient memory`] : []),
    ...(textAt(pod, 'spec', 'nodeSelector', 'kubernetes.io/hostname') === undefined
      ? []
      : [`${nodeCount} node(s) didn't match Pod's node affinity/selector`]),
  ];
  if (reasons.length === 0) return undefined;
  return `0/${nodeCount} nodes are available: ${reasons.join(', ')}. preemption: 0/${nodeCount} nodes are available: ${nodeCount} Preemption is not helpful for scheduling.`;
}
