import type { AnalysisReport } from './analysis-runs.ts';
import type { Application, ManagedResource, ResourceTree, SyncWindows } from './schema.ts';
import type { FactName } from './observation.ts';
import type { ArgoErrorReason } from './error.ts';

/** What one look at the world gave. Everything a verdict rests on is in here, in the input and in the trace. */
export interface ObservationFacts {
  nowMs: number;
  reading:
    | { state: 'read'; application: Application }
    /** The server knows no such application in the project. */
    | { state: 'missing'; message: string }
    | { state: 'unreachable'; denied: boolean; message: string };
  tree?: ResourceTree;
  managed?: ManagedResource[];
  windows?: SyncWindows;
  /** Applications below this one. */
  children?: Application[];
  /** Analyses of Rollouts that began after the push, newest first. */
  analyses?: AnalysisReport[];
  /** Facts that were asked for and could not be read, with the reason. */
  unreadable: Partial<Record<FactName, string>>;
  /** Place in history of each revision the application names; a revision git could not place is absent. */
  ancestry: Record<string, Ancestry>;
}

export interface Ancestry {
  /** The revision is our commit or comes after it. */
  containsCommit: boolean;
  /** The revision comes before our commit. */
  insideCommit: boolean;
}

/** What we did and when we first saw things. Lost in a restart without harm: waits begin anew, facts are read again. */
export interface Trace {
  startedAtMs: number;
  /** Start times of the refreshes Argo CD answered. */
  refreshes: number[];
  lastRefresh?: { startedAtMs: number; endedAtMs: number; error?: string };
  failedRefreshes: number;
  syncs: { accepted: number; lastAtMs?: number; refusal?: { reason: ArgoErrorReason; message: string; atMs: number } };
  /** The operation we last asked to end, by its start time. */
  terminated?: { atMs: number; startedAt: string; message: string };
  /** Since when each condition has held without a break. */
  since: Record<string, number>;
  /** Successful operations that applied our commit, by start time. */
  operations: string[];
  renderErrors: { firstRefreshMs: number; refreshMs: number; count: number; message: string } | undefined;
}

export function createTrace(nowMs: number): Trace {
  return {
    startedAtMs: nowMs,
    refreshes: [],
    failedRefreshes: 0,
    syncs: { accepted: 0 },
    since: {},
    operations: [],
    renderErrors: undefined,
  };
}

const KEPT = 20;

/** Books a refresh that ended; `error` when Argo CD did not answer it. */
export function noteRefresh(trace: Trace, startedAtMs: number, endedAtMs: number, error?: string): Trace {
  const lastRefresh = { startedAtMs, endedAtMs, ...(error === undefined ? {} : { error }) };
  if (error !== undefined) return { ...trace, lastRefresh, failedRefreshes: trace.failedRefreshes + 1 };
  return { ...trace, lastRefresh, failedRefreshes: 0, refreshes: [...trace.refreshes, startedAtMs].slice(-KEPT) };
}

/** Books a sync request and how it was received. */
export function noteSync(trace: Trace, atMs: number, refusal?: { reason: ArgoErrorReason; message: string }): Trace {
  const accepted = trace.syncs.accepted + (refusal === undefined ? 1 : 0);
  return {
    ...trace,
    syncs: { accepted, lastAtMs: atMs, ...(refusal === undefined ? {} : { refusal: { ...refusal, atMs } }) },
  };
}
