import type { Clock } from '../lib/clock.ts';
import type { LearningRedactor } from '../lib/redact.ts';
import type { Cluster } from './cluster.ts';

/** The way to a cluster. Nothing is loaded, read or connected before `open` is called. */
export interface ClusterDoor {
  open(): Promise<Cluster>;
}

const TIMEOUT_MS = 10_000;

/** Null where no kubeconfig is given. */
export function createClusterDoor(
  { kubeconfig, kubeContext }: { kubeconfig: string | null; kubeContext: string | null },
  { clock, redactor }: { clock: Clock; redactor: LearningRedactor },
): ClusterDoor | null {
  if (kubeconfig === null) return null;
  let cluster: Promise<Cluster> | undefined;
  const load = async () => {
    const { createCluster } = await import('./cluster.ts');
    return createCluster({
      ...{ kubeconfig, context: kubeContext, timeoutMs: TIMEOUT_MS, clock },
      learn: (secret) => redactor.learn(secret),
    });
  };
  return {
    open: async () => {
      cluster ??= load();
      return await cluster;
    },
  };
}
