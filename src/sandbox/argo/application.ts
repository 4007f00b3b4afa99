import type { HealthStatus } from '../health.ts';

// The Application resource in Argo CD's own words: what is here goes over the wire as it is.

export interface ApplicationSource {
  repoURL: string;
  path?: string;
  targetRevision?: string;
  directory?: { recurse?: boolean; include?: string; exclude?: string };
  chart?: string;
  ref?: string;
}

export interface RetryStrategy {
  limit?: number;
  backoff?: { duration?: string; factor?: number; maxDuration?: string };
  refresh?: boolean;
}

export interface SyncPolicy {
  automated?: { prune?: boolean; selfHeal?: boolean; allowEmpty?: boolean; enabled?: boolean };
  syncOptions?: string[];
  retry?: RetryStrategy;
}

export interface ApplicationSpec {
  project: string;
  source?: ApplicationSource;
  sources?: ApplicationSource[];
  destination: { server?: string; name?: string; namespace?: string };
  syncPolicy?: SyncPolicy;
  ignoreDifferences?: { group?: string; kind: string; name?: string; namespace?: string; jsonPointers?: string[] }[];
  revisionHistoryLimit?: number;
}

export interface ResourceId {
  group?: string;
  kind: string;
  name: string;
  namespace?: string;
}

export interface SyncOperation {
  revision?: string;
  revisions?: string[];
  sourcePositions?: number[];
  prune?: boolean;
  dryRun?: boolean;
  syncStrategy?: { apply?: { force?: boolean }; hook?: { force?: boolean } };
  resources?: ResourceId[];
  syncOptions?: string[];
  autoHealAttemptsCount?: number;
}

export interface Operation {
  sync?: SyncOperation;
  initiatedBy?: { username?: string; automated?: boolean };
  info?: { name: string; value: string }[];
  retry?: RetryStrategy;
}

export type OperationPhase = 'Running' | 'Terminating' | 'Succeeded' | 'Failed' | 'Error';
export type HookPhase = 'Running' | 'Terminating' | 'Succeeded' | 'Failed' | 'Error';
export type SyncPhase = 'PreSync' | 'Sync' | 'PostSync' | 'SyncFail';

export interface ResourceResult {
  group: string;
  version: string;
  kind: string;
  namespace: string;
  name: string;
  status?: 'Synced' | 'SyncFailed' | 'Pruned' | 'PruneSkipped';
  message?: string;
  hookType?: SyncPhase;
  hookPhase?: HookPhase;
  syncPhase?: SyncPhase;
  images?: string[];
}

export interface OperationState {
  operation: Operation;
  phase: OperationPhase;
  message?: string;
  startedAt: string;
  finishedAt?: string;
  retryCount?: number;
  syncResult?: {
    revision: string;
    revisions?: string[];
    source?: ApplicationSource;
    sources?: ApplicationSource[];
    resources?: ResourceResult[];
  };
}

export interface Condition {
  type: string;
  message: string;
  lastTransitionTime: string;
}

export type SyncStatus = 'Synced' | 'OutOfSync' | 'Unknown';

export interface ResourceStatus {
  group?: string;
  version: string;
  kind: string;
  namespace?: string;
  name: string;
  status?: SyncStatus;
  health?: { status: HealthStatus; message?: string };
  hook?: boolean;
  requiresPruning?: boolean;
  requiresDeletionConfirmation?: boolean;
  syncWave?: number;
}

export interface HistoryEntry {
  id: number;
  revision: string;
  revisions?: string[];
  deployStartedAt: string;
  deployedAt: string;
  source?: ApplicationSource;
  sources?: ApplicationSource[];
  initiatedBy: { username?: string; automated?: boolean };
}

export interface ApplicationStatus {
  sync: {
    status: SyncStatus;
    revision?: string;
    revisions?: string[];
    comparedTo: {
      source?: ApplicationSource;
      sources?: ApplicationSource[];
      destination: ApplicationSpec['destination'];
    };
  };
  health: { status: HealthStatus; lastTransitionTime?: string };
  resources?: ResourceStatus[];
  history?: HistoryEntry[];
  conditions?: Condition[];
  operationState?: OperationState;
  reconciledAt?: string;
  summary?: { images?: string[]; externalURLs?: string[] };
  sourceType?: string;
  /** Where the health of single resources is kept: not here. */
  resourceHealthSource?: 'appTree';
  controllerNamespace: string;
}

export interface Application {
  apiVersion: 'argoproj.io/v1alpha1';
  kind: 'Application';
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    resourceVersion: string;
    generation: number;
    creationTimestamp: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
    deletionTimestamp?: string;
  };
  spec: ApplicationSpec;
  operation?: Operation;
  status: ApplicationStatus;
}

/** What identifies an Application: names are unique only within a namespace. */
export interface ApplicationId {
  namespace: string;
  name: string;
}

export const REFRESH_ANNOTATION = 'argocd.argoproj.io/refresh';
/** When somebody agreed that objects marked for confirmation may be deleted. */
export const DELETION_APPROVED_ANNOTATION = 'argocd.argoproj.io/deletion-approved';
export const CASCADE_FINALIZER = 'resources-finalizer.argocd.argoproj.io';

export function toApplicationKey(id: ApplicationId): string {
  return `${id.namespace}/${id.name}`;
}

export function toApplicationId(application: Application): ApplicationId {
  return { namespace: application.metadata.namespace, name: application.metadata.name };
}

/** Several sources make the single one be ignored, everywhere. */
export function isMultiSource(spec: ApplicationSpec): boolean {
  return (spec.sources?.length ?? 0) > 0;
}

export function listSources(spec: ApplicationSpec): ApplicationSource[] {
  if (isMultiSource(spec)) return spec.sources ?? [];
  return spec.source === undefined ? [] : [spec.source];
}

/** Present and not switched off: `enabled` left out means on. */
export function isAutomated(spec: ApplicationSpec): boolean {
  return spec.syncPolicy?.automated !== undefined && spec.syncPolicy.automated.enabled !== false;
}

export function isFinal(phase: OperationPhase): boolean {
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Error';
}
