import type { CommitSha } from '../lib/ids.ts';
import type { ObjectRef } from '../manifest/object.ts';

/** One field that was read and counted: `Application web`, `status.sync.status`, `OutOfSync`. */
export interface Evidence {
  object: string;
  field: string;
  value: string;
}

interface Said {
  /** What happened, for a person. */
  sentence: string;
  evidence: Evidence[];
}

export type FailureReason =
  'render' | 'not_seen' | 'sync' | 'hook' | 'early' | 'degraded' | 'timeout' | 'unknown' | 'stuck';

/** How the observation of a commit ended for one Application. */
export type Outcome = Said &
  (
    | {
        /** The commit is applied and healthy; `via` is the revision that carries it, the commit itself or a later one. */
        kind: 'live';
        via: CommitSha;
        /** What a person should know although it is live: objects left to prune, faults that were there before. */
        caveats: string[];
      }
    /** The commit changed nothing Argo CD had to apply. */
    | { kind: 'live_noop'; via: CommitSha; caveats: string[] }
    | {
        /** A rollout waits for somebody to decide. Not a failure. */
        kind: 'promotion';
        rollout: ObjectRef;
        /** The rollout's own word: CanaryPauseStep, BlueGreenPause, InconclusiveAnalysisRun; empty when it says none. */
        pause: string;
        stepIndex?: number;
        stepCount?: number;
        /** When it began, as the rollout says: with reason and step it tells this pause from the next. */
        since: string;
      }
    | {
        /**
         * Its analysis could not tell whether the new version is good: nothing but errors, or nothing at all, was measured. Says
         * nothing about the version. `aborted`: the old one serves; `promoted`: the new one does.
         */
        kind: 'inconclusive';
        rollout: ObjectRef;
        state: 'aborted' | 'promoted';
      }
    | { kind: 'blocked'; by: 'sync_window' | 'manual_sync' | 'auto_sync_declined' | 'denied' | 'operation' }
    /** A later commit decides what runs now, and it no longer does what ours asked for. */
    | { kind: 'superseded'; by: CommitSha }
    | { kind: 'lost'; reason: 'force_push' | 'deleted' | 'recreated' | 'source_changed' }
    | {
        kind: 'failed';
        reason: FailureReason;
        object?: ObjectRef;
        /** Argo CD's or the cluster's own words. */
        message: string;
      }
    /** Nothing can be said: Argo CD or git did not answer. Never a reason to revert; observe again later. */
    | { kind: 'unreachable'; denied: boolean }
  );
