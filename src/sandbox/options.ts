import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { ApplicationSpec } from './argo/application.ts';
import type { AutoDiscover } from './argo/discover.ts';
import type { SandboxRepository } from './argo/git.ts';
import type { SyncWindow } from './argo/project.ts';
import type { HealthStatus } from './health.ts';
import type { SandboxAccount } from './http/access.ts';
import type { WebhookSecrets } from './http/backend.ts';

export interface SandboxApplication {
  name: string;
  /** The control plane's namespace when left out. */
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  spec: Omit<ApplicationSpec, 'project'> & { project?: string };
}

export interface SandboxOptions {
  /** Addresses that are not local paths, and the bare repositories that stand for them. */
  repositories?: SandboxRepository[];
  applications: SandboxApplication[] | { autoDiscover: AutoDiscover };
  /** 0 or left out: a free one. */
  port?: number;
  host?: '127.0.0.1';
  /** When given, requests need it as bearer token; it may do everything. */
  token?: string;
  /** More accounts: with passwords for session logins, or with fewer rights. */
  accounts?: SandboxAccount[];
  projects?: { name: string; sourceRepos?: string[]; sourceNamespaces?: string[]; syncWindows?: SyncWindow[] }[];
  clock: Clock;
  /** Simulated seconds per second of the clock, 1 when left out. Times in objects are always the clock's. */
  speed?: number;
  /** Simulated time between two looks at git by itself; up to half of it, at most a minute, is added at random. */
  pollIntervalMs?: number;
  /** Simulated time between two looks for new folders. */
  discoverIntervalMs?: number;
  /** Keeps Applications and live objects from one start to the next. */
  statePath?: string;
  logger?: Logger;
  /** Decides how missing resources count. */
  argoVersion?: '3.2' | '3.4';
  /** For Deployments that set none themselves; Kubernetes says 600. */
  progressDeadlineSeconds?: number;
  /** Namespaces that exist. Left out: any namespace exists when it is needed. */
  namespaces?: string[];
  /** API groups of custom resources that the cluster serves; `argoproj.io` when left out. */
  customGroups?: string[];
  /** Namespaces besides the control plane's in which Applications are heeded. */
  applicationNamespaces?: string[];
  webhookSecrets?: WebhookSecrets;
  /** Makes names and jitter repeatable. */
  seed?: string;
}

export interface ApplicationSummary {
  name: string;
  namespace: string;
  sync: string;
  health: HealthStatus;
  /** The commit compared with. */
  revision: string;
  images: string[];
}
