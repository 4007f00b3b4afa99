import type { ArgoInstanceSettings } from '../config/instances.ts';
import { createClusterDoor, type ClusterDoor } from '../kubernetes/configured.ts';
import type { Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { findNearest } from '../lib/nearest.ts';
import type { LearningRedactor } from '../lib/redact.ts';
import { createRolloutProbe, type RolloutProbe } from '../rollout/probe.ts';
import { createConfiguredArgo } from './configured.ts';
import type { ArgoClient } from './http.ts';
import { openWatch, type Watch } from './watch.ts';

/** One Argo CD that tickets can be for: its client, its one stream, and what is known of its cluster. */
export interface ArgoInstance {
  readonly name: string;
  readonly isDefault: boolean;
  /** The name under which its cluster is remembered. */
  readonly cluster: string;
  readonly argo: ArgoClient;
  readonly watch: Watch;
  readonly rollouts: RolloutProbe;
  /** The way to read its cluster by itself; null where no kubeconfig is given. */
  readonly kubernetes: ClusterDoor | null;
}

/** Every Argo CD there is; at least one. */
export interface ArgoInstances {
  readonly all: readonly ArgoInstance[];
  readonly default: ArgoInstance;
  /** Throws `unknown_target`, with the names that are near, where none is called so. */
  get(name: string): ArgoInstance;
  /** Ends the streams and closes the connections. */
  close(): Promise<void>;
}

interface InstancesDeps {
  requestTimeoutMs: number;
  /** Whether Argo Rollouts runs there; see `createRolloutProbe`. */
  rollouts: 'auto' | 'installed' | 'absent';
  clock: Clock;
  logger: Logger;
  redactor: LearningRedactor;
}

/** Connects nothing yet: clients connect when they are called, streams when somebody first waits for a hint. */
export function createArgoInstances(
  settings: readonly ArgoInstanceSettings[],
  { rollouts, ...basics }: InstancesDeps,
): ArgoInstances {
  const { clock, logger } = basics;
  const all = settings.map((one): ArgoInstance => {
    const argo = createConfiguredArgo(one, basics);
    const probe = createRolloutProbe(rollouts, async () => await listRunning(argo), clock);
    const watch = openWatch({ argo, clock, logger, random: Math.random });
    const kubernetes = createClusterDoor(one, basics);
    return { name: one.name, isDefault: one.isDefault, cluster: one.cluster, argo, watch, rollouts: probe, kubernetes };
  });
  const first = all.find((one) => one.isDefault);
  if (first === undefined) throw new AppError('config_invalid', 'no Argo CD instance is the default');
  return {
    all,
    default: first,
    get: (name) => all.find((one) => one.name === name) ?? refuse(name, all),
    close: async () => {
      await Promise.all(all.map(async ({ watch }) => await watch.close()));
      for (const { argo } of all) argo.close();
    },
  };
}

function refuse(name: string, all: readonly ArgoInstance[]): never {
  const names = all.map((one) => one.name);
  const near = findNearest(name, names);
  throw new AppError('unknown_target', `there is no Argo CD instance ${JSON.stringify(name)}`, {
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}Configured: ${names.join(', ')}.`,
    details: { near: near === undefined ? [] : [near], known: names },
  });
}

async function listRunning(argo: ArgoClient): Promise<string[]> {
  return (await argo.listApplications()).flatMap(({ status }) => [
    ...status.resources.map(({ group, kind }) => `${group}/${kind}`),
    ...status.summary.images,
  ]);
}
