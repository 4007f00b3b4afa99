import type { Clock } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import { type CommitSha, isCommitSha } from '../lib/ids.ts';
import type { Logger } from '../lib/logger.ts';
import type { ApplicationRef } from './application.ts';
import { readAnalyses } from './analysis-runs.ts';
import { readChildren } from './children.ts';
import { isArgoError } from './error.ts';
import type { Ancestry, ObservationFacts } from './facts.ts';
import type { FactName } from './observation.ts';
import type { ArgoReads } from './reads.ts';
import type { Application } from './schema.ts';
import type { ApplicationSnapshot } from './snapshot.ts';
import { listRevisions } from './source.ts';

export interface ReaderDeps {
  argo: ArgoReads;
  clock: Clock;
  logger: Logger;
  /** Whether `a` is `b` or comes before it, after fetching what is not known yet. Rejects when git cannot say. */
  isAncestor(a: CommitSha, b: CommitSha): Promise<boolean>;
}

/** Reads the facts a verdict rests on. Changes nothing; what cannot be read is said, not thrown. */
export interface FactReader {
  look(): Promise<ObservationFacts>;
  read(facts: ObservationFacts, what: FactName): Promise<ObservationFacts>;
}

export function createReader(
  { argo, clock, logger, isAncestor }: ReaderDeps,
  input: { commit: CommitSha; snapshot: ApplicationSnapshot; pushedAtMs: number },
  ref: ApplicationRef,
  signal: AbortSignal,
): FactReader {
  // History does not change: what git has said once is not asked again.
  const places = new Map<CommitSha, Ancestry>();

  const place = async (revision: CommitSha): Promise<void> => {
    if (places.has(revision)) return;
    try {
      const same = revision === input.commit;
      const containsCommit = same || (await isAncestor(input.commit, revision));
      const insideCommit = !containsCommit && (await isAncestor(revision, input.commit));
      places.set(revision, { containsCommit, insideCommit });
    } catch (error) {
      if (signal.aborted) throw error;
      logger.warn({ revision, error: toErrorMessage(error) }, 'git could not place a revision');
    }
  };

  const readFact = async (facts: ObservationFacts, what: FactName): Promise<Partial<ObservationFacts>> => {
    if (what === 'tree') return { tree: await argo.resourceTree(ref, { signal }) };
    if (what === 'managed') return { managed: await argo.managedResources(ref, { signal }) };
    if (what === 'windows') return { windows: await argo.syncWindows(ref, { signal }) };
    if (what === 'analyses') {
      const { pushedAtMs } = input;
      return { analyses: await readAnalyses(argo, ref, facts.tree ?? { nodes: [] }, { pushedAtMs, signal }) };
    }
    const parent = facts.reading.state === 'read' ? facts.reading.application : undefined;
    return { children: parent === undefined ? [] : await readChildren(argo, parent, signal) };
  };

  return {
    look: async () => {
      const reading = await readApplication(argo, ref, signal);
      if (reading.state === 'read')
        for (const revision of listRevisions(reading.application, input.snapshot.sourceIndex)) await place(revision);
      // Tells whether the snapshot is from before the push, as it should be.
      if (reading.state === 'read' && isCommitSha(input.snapshot.revision)) await place(input.snapshot.revision);
      return { nowMs: clock.now(), reading, unreadable: {}, ancestry: Object.fromEntries(places) };
    },
    read: async (facts, what) => {
      try {
        return { ...facts, ...(await readFact(facts, what)) };
      } catch (error) {
        if (signal.aborted) throw error;
        return { ...facts, unreadable: { ...facts.unreadable, [what]: toErrorMessage(error) } };
      }
    },
  };
}

/** The version of the Application that a look has seen; undefined where it saw none. */
export function toReadVersion({ reading }: ObservationFacts): string | undefined {
  return reading.state === 'read' ? reading.application.metadata.resourceVersion : undefined;
}

async function readApplication(
  argo: ArgoReads,
  ref: ApplicationRef,
  signal: AbortSignal,
): Promise<ObservationFacts['reading']> {
  try {
    const application: Application = await argo.getApplication(ref, { signal });
    return { state: 'read', application };
  } catch (error) {
    if (signal.aborted) throw error;
    const message = toErrorMessage(error);
    if (isArgoError(error, 'not_found')) return { state: 'missing', message };
    const denied = isArgoError(error, 'unauthenticated', 'denied', 'missing_or_denied');
    return { state: 'unreachable', denied, message };
  }
}
