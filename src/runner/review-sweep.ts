import { removeReviewBranch } from '../agent/review-branch.ts';
import type { GraphDeps } from '../agent/deps.ts';
import { inTransaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import { listUnsettled, type Effect } from '../ticket/effect-store.ts';

type SweepDeps = Pick<GraphDeps, 'db' | 'journal' | 'repo' | 'clock' | 'logger'>;

/** Removes review branches whose process died before it could, or whose git host was away. */
export interface ReviewSweep {
  start(): void;
  /** Waits for the removal that is under way. Safe to call twice. */
  stop(): Promise<void>;
}

const TURN_MS = 60_000;

export function createReviewSweep(deps: SweepDeps): ReviewSweep {
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sweepReviewBranches(deps, stopping.signal).catch((error: unknown) =>
        deps.logger.warn({ error: toErrorMessage(error) }, 'review branches could not be looked for'),
      );
      await deps.clock.sleep(TURN_MS, stopping.signal).catch(() => undefined);
    }
  };
  return {
    start: () => {
      loop ??= run();
    },
    stop: async () => {
      stopping.abort(new Error('stopping'));
      await loop;
    },
  };
}

/** One turn. Tickets somebody works on are left out: the branch may be in use. */
export async function sweepReviewBranches(deps: SweepDeps, signal: AbortSignal): Promise<void> {
  const { db, clock, logger } = deps;
  for (const removal of await listUnsettled(db.knex, 'review_branch_removal', { idleAt: toIsoTime(clock.now()) })) {
    if (signal.aborted) return;
    await sweepOne(deps, removal).catch((error: unknown) =>
      logger.warn({ branch: removal.intent['branch'], error: toErrorMessage(error) }, 'review branch was not removed'),
    );
  }
}

async function sweepOne(deps: SweepDeps, removal: Effect): Promise<void> {
  const remark = await removeReviewBranch(deps, removal);
  if (remark === undefined) return;
  deps.logger.warn({ ticket: remark.ticketId, why: remark.text }, 'review branch was not removed');
  // What is tried again every minute is not told every minute.
  if (!remark.isFinal) return;
  await inTransaction(deps.db, async (trx) => {
    const note = { type: 'note' as const, data: { node: 'validator', text: remark.text } };
    await deps.journal.append(trx, remark.ticketId, 'system', [note]);
  });
  deps.journal.published();
}
