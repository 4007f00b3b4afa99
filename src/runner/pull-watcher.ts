import { inTransaction } from '../database/transaction.ts';
import { toPullEvent } from '../agent/propose.ts';
import { toIsoTime } from '../lib/clock.ts';
import { toAppError, toErrorMessage, type AppError } from '../lib/errors.ts';
import { claimPulls, scheduleLook, updatePull, wakePulls, type ClaimedPull } from '../ticket/pull-request-store.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { PullLookDeps } from './pull-deps.ts';
import { lookAtPull, type LookOutcome } from './pull-look.ts';

export interface PullWatcherOptions extends PullLookDeps {
  /** How often a pull request is looked at while things happen. */
  pollMs: number;
}

/** Looks after the pull requests that are waited for: now and then, and when somebody says that there is news. */
export interface PullWatcher {
  start(): void;
  /** Something about the ticket changed: what it waited for may have to be looked at. */
  changed(ticket: Ticket): void;
  /** A look has been asked for in the table. */
  wake(): void;
  /** Ends the looks that are under way; they come again after the next start. Safe to call twice. */
  stop(): Promise<void>;
}

const AT_ONCE = 4;
const LEASE_MS = 5 * 60_000;
/** How often the table is read for what other processes wrote. */
const TURN_MS = 5_000;
const SOON_MS = 10_000;
const MAX_BACKOFF_MS = 15 * 60_000;
/** Failures after which the ticket is told. */
const TELL_AFTER = 3;

export function createPullWatcher(options: PullWatcherOptions): PullWatcher {
  const { db, clock, logger, pollMs } = options;
  const stopping = new AbortController();
  const looking = new Set<Promise<void>>();
  let bell = new AbortController();
  let loop: Promise<void> | undefined;
  /** Until when the host wants not to be asked. */
  let quietUntilMs = 0;

  const wake = () => bell.abort(new Error('woken'));

  const look = async (claimed: ClaimedPull): Promise<void> => {
    const { pull } = claimed;
    let nextMs: number;
    try {
      const outcome = await lookAtPull(options, pull, stopping.signal);
      if (outcome.kind === 'over') return;
      nextMs = clock.now() + toWaitMs(outcome, pollMs, clock.now() - Date.parse(pull.changedAt));
    } catch (thrown) {
      if (stopping.signal.aborted) nextMs = clock.now();
      else nextMs = await onFailure(claimed, toAppError(thrown));
    }
    await scheduleLook(db.knex, claimed, { next: toIsoTime(nextMs), now: toIsoTime(clock.now()) });
  };

  const onFailure = async ({ pull }: ClaimedPull, error: AppError): Promise<number> => {
    const failures = pull.failures + 1;
    logger.warn({ pull: pull.number, failures, error }, 'pull request could not be looked at');
    const detail = [error.message, error.hint].filter((part) => part !== undefined).join('. ');
    await inTransaction(db, async (trx) => {
      await updatePull(trx, pull.id, { failures, lastError: options.journal.redact(detail) });
      if (failures === TELL_AFTER)
        await options.journal.append(trx, pull.ticketId, 'system', [toPullEvent(pull, 'unreadable', { detail })]);
    });
    options.journal.published();
    const told: unknown = error.details['retryAfterMs'];
    if (typeof told === 'number') quietUntilMs = Math.max(quietUntilMs, clock.now() + told);
    const backoffMs = Math.min(MAX_BACKOFF_MS, pollMs * 2 ** Math.min(failures - 1, 10));
    return Math.max(clock.now() + backoffMs, quietUntilMs);
  };

  const begin = (claimed: ClaimedPull): void => {
    const one: Promise<void> = look(claimed)
      // Its lease ends by itself, and it is looked at again.
      .catch((error: unknown) => logger.warn({ error: toErrorMessage(error) }, 'a look could not be written down'))
      .finally(() => {
        looking.delete(one);
        wake();
      });
    looking.add(one);
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // Renewed before the table is read, so that a wake between reading and resting is not lost.
      bell = new AbortController();
      const nowMs = clock.now();
      const room = nowMs < quietUntilMs ? 0 : AT_ONCE - looking.size;
      try {
        if (room > 0) (await claimPulls(db, { nowMs, limit: room, leaseMs: LEASE_MS })).forEach(begin);
      } catch (error) {
        logger.warn({ error: toErrorMessage(error) }, 'pull requests could not be read');
      }
      const rest = AbortSignal.any([bell.signal, stopping.signal]);
      await clock.sleep(Math.min(TURN_MS, pollMs), rest).catch(() => undefined);
    }
  };

  return {
    start: () => {
      loop ??= run();
    },
    wake,
    changed: (ticket) => {
      // Where it is neither at its pull request nor past it there is nothing to see.
      if (ticket.status !== 'pending_merge' && ticket.endedAt === null) return;
      wakePulls(db.knex, { ticketId: ticket.id }, toIsoTime(clock.now())).then(
        (woken) => (woken > 0 ? wake() : undefined),
        (error: unknown) => logger.warn({ error: toErrorMessage(error) }, 'a look could not be asked for'),
      );
    },
    stop: async () => {
      stopping.abort(new Error('stopping'));
      await loop;
      await Promise.all(looking);
    },
  };
}

/** The longer nothing has happened, the rarer; at most ten times as rare. */
function toWaitMs(outcome: LookOutcome, pollMs: number, idleMs: number): number {
  if (outcome.kind === 'soon') return Math.min(pollMs, SOON_MS);
  if (outcome.kind === 'news') return pollMs;
  return Math.min(Math.max(pollMs, idleMs / 30), pollMs * 10);
}
