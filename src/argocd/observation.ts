import type { CommitSha } from '../lib/ids.ts';
import type { ObjectRef } from '../manifest/object.ts';
import type { ApplicationRef } from './application.ts';
import type { Outcome } from './outcome.ts';
import type { ApplicationSnapshot } from './snapshot.ts';

/** How long each doubt is given. Every one can be shortened; the relations between them matter more than the numbers. */
export interface ObservationBudgets {
  /** Longest time between two looks without a hint. */
  tickMs: number;
  /** One refresh request; the server itself would wait for ever. */
  refreshTimeoutMs: number;
  /** Time between refreshes while undecided. */
  refreshEveryMs: number;
  /** Wait after a failed refresh, doubled each time. */
  refreshRetryMs: number;
  /** For the commit to become visible in Argo CD. */
  revisionMs: number;
  /** Two refreshes this far apart must agree that the manifests cannot be made. */
  renderConfirmMs: number;
  /** For auto-sync to start before we ask for a sync, or say it was declined. */
  declinedMs: number;
  /** For one operation, retries included. */
  operationMs: number;
  /** For an Unknown state to clear. */
  unknownMs: number;
  /** A Degraded state must last this long, unless it is final by its nature. */
  confirmMs: number;
  /** A new pod may be in back-off this long. */
  earlyMs: number;
  /** Restarts of a new pod that count as a crash loop at once. */
  earlyRestarts: number;
  /** Added to the longest progress deadline. */
  healthMarginMs: number;
  /** Replaces the time derived from the progress deadlines. */
  healthMs?: number;
  /** Everything must stay good this long; `settleCustomMs` where changed custom resources report no health. */
  settleMs: number;
  settleCustomMs: number;
  /** Successful operations at one commit, beyond which something is fighting with Argo CD. */
  maxOperations: number;
  /** Argo CD may be silent this long. */
  unreachableMs: number;
  /** Net under everything: no observation takes longer. */
  overallMs: number;
}

const DEFAULTS: ObservationBudgets = {
  tickMs: 10_000,
  refreshTimeoutMs: 60_000,
  refreshEveryMs: 60_000,
  refreshRetryMs: 5_000,
  revisionMs: 180_000,
  renderConfirmMs: 20_000,
  declinedMs: 30_000,
  operationMs: 900_000,
  unknownMs: 60_000,
  confirmMs: 30_000,
  earlyMs: 45_000,
  earlyRestarts: 3,
  healthMarginMs: 60_000,
  settleMs: 10_000,
  settleCustomMs: 30_000,
  maxOperations: 3,
  unreachableMs: 600_000,
  overallMs: 3_600_000,
};

export function createBudgets(overrides: Partial<ObservationBudgets> = {}): ObservationBudgets {
  return { ...DEFAULTS, ...overrides };
}

/** What is observed. After a restart the same input, stored with the ticket, is enough to go on. */
export interface ObservationInput {
  application: ApplicationRef;
  /** Taken before the push. */
  snapshot: ApplicationSnapshot;
  commit: CommitSha;
  /** When the push ended, by our clock. */
  pushedAtMs: number;
  /** Images the change asks for, checked against those that run. */
  expectedImages?: string[];
  /** Objects the change touches. Empty means unknown: every new fault then counts as ours. */
  changed: ObjectRef[];
  budgets: ObservationBudgets;
  policy: { mayRequestSync: boolean; mayTerminate: boolean };
  /** Put into a sync we request, by which its operation is known as ours. */
  ticketId?: string;
}

export type ObservationPhase = 'reach' | 'revision' | 'operation' | 'health' | 'settle' | 'verify';

/** What is worth telling while waiting; each is sent when it changes, not each time it is read. */
export type ObservationProgress =
  | {
      type: 'sync';
      /** Their words: Synced, OutOfSync, Unknown. */
      status: string;
      revision: string;
      operationPhase?: string;
      message?: string;
    }
  | {
      type: 'health';
      status: string;
      message?: string;
      /** Those that are not healthy. */
      resources: { resource: string; health: string; message?: string }[];
    }
  | {
      type: 'note';
      phase: ObservationPhase;
      text: string;
      /** Set when something is done to Argo CD: sent and waited for before, and again with the answer. */
      action?: { name: 'sync' | 'terminate'; stage: 'before' | 'done' | 'refused'; revision: string };
    };

export type ObservationAction =
  | { type: 'refresh' }
  /** Empty `revision` means the application's own target. */
  | { type: 'sync'; revision: CommitSha | '' }
  | { type: 'terminate'; object: string; message: string; startedAt: string }
  /** More must be read before anything can be said. */
  | { type: 'read'; what: FactName };

export type FactName = 'tree' | 'managed' | 'windows' | 'children' | 'analyses';

/** What to do next. `recheckMs` is the longest time until the next look. */
export type Decision =
  | { kind: 'wait'; phase: ObservationPhase; reason: string; recheckMs: number }
  | { kind: 'act'; phase: ObservationPhase; action: ObservationAction; reason: string }
  | { kind: 'conclude'; outcome: Outcome };
