import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ActionOutcome, ResourceAction } from '../argo/actions.ts';
import type { Application } from '../argo/application.ts';
import type { GitReader, SandboxRepository } from '../argo/git.ts';
import type { Live } from '../argo/live.ts';
import type { Project } from '../argo/project.ts';
import type { CompareLevel } from '../argo/status.ts';
import type { Registry } from '../argo/registry.ts';
import type { TargetLoader } from '../argo/targets.ts';
import type { TreeCache } from '../argo/tree.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { FaultKnobs } from '../faults.ts';
import type { Timeline } from '../timeline.ts';
import type { Behaviour } from '../workloads/behaviour.ts';
import type { PodLogs } from '../workloads/pod-logs.ts';
import type { Access } from './access.ts';

/** Everything the routes work on. */
export interface Backend {
  registry: Registry;
  cluster: Cluster;
  timeline: Timeline;
  clock: Clock;
  access: Access;
  loader: TargetLoader;
  git: GitReader;
  live: Live;
  trees: TreeCache;
  logs: PodLogs;
  faults: FaultKnobs;
  logger: Logger;
  projects: readonly Project[];
  repositories: readonly SandboxRepository[];
  controllerNamespace: string;
  argoVersion: string;
  webhookSecrets: WebhookSecrets;
  requestCompare(application: Application, level: CompareLevel): void;
  /** Looks for new folders now. */
  discover(): Promise<void>;
  disturb(podUid: string, behaviour: Behaviour): boolean;
  runAction(application: Application, uid: string, action: string, parameters: Record<string, string>): ActionOutcome;
  listActions(uid: string): ResourceAction[];
}

export interface WebhookSecrets {
  github?: string;
  gitlab?: string;
  gogs?: string;
}
