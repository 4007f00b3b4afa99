import type { Database } from '../database/open.ts';
import type { Clock } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { EventSender } from './event-sender.ts';
import {
  claimEvents,
  deleteDelivered,
  nextDueMs,
  settleEvent,
  type ClaimedEvent,
  type SendResult,
} from './outbox-store.ts';

export interface DeliveryOptions {
  db: Database;
  send: EventSender;
  clock: Clock;
  logger: Logger;
  /** In [0, 1); spreads the waits. */
  random: () => number;
  /** How often one event is tried before it is given up. */
  maxAttempts: number;
  /** Time for one attempt. */
  timeoutMs: number;
  /** How often the table is looked at for what other processes wrote. */
  pollMs?: number;
  baseMs?: number;
}

/** Sends what is in the outbox, every event at its own pace: one that fails or hangs holds up no other. */
export interface EventDelivery {
  start(): void;
  /** Something may be due now. */
  wake(): void;
  /** Ends what is being sent; it is sent again after the next start. Safe to call twice. */
  stop(): Promise<void>;
}

const IN_FLIGHT = 16;
const MAX_WAIT_MS = 3_600_000;
const PRUNE_EVERY_MS = 3_600_000;
const KEEP_DELIVERED_MS = 7 * 24 * 3_600_000;

export function createEventDelivery(options: DeliveryOptions): EventDelivery {
  const { db, clock, logger, timeoutMs } = options;
  const pollMs = options.pollMs ?? 5_000;
  const stopping = new AbortController();
  const flying = new Set<Promise<void>>();
  let bell = new AbortController();
  let loop: Promise<void> | undefined;

  const wake = () => bell.abort(new Error('woken'));

  const attempt = async (claimed: ClaimedEvent): Promise<SendResult> => {
    const timer = new AbortController();
    const late = new AbortController();
    void clock.sleep(timeoutMs, timer.signal).then(
      () => late.abort(new Error(`no answer within ${timeoutMs} ms`)),
      () => undefined,
    );
    const answer = await options.send(claimed.event, AbortSignal.any([late.signal, stopping.signal]));
    timer.abort();
    const nowMs = clock.now();
    if (answer.kind === 'accepted') return { kind: 'delivered', atMs: nowMs };
    if (stopping.signal.aborted) return { kind: 'released', nextAtMs: nowMs };
    if (answer.kind === 'refused' || claimed.attempts >= options.maxAttempts)
      return { kind: 'dead', error: answer.error, atMs: nowMs };
    const waitMs = Math.max(toWaitMs(claimed.attempts, options), Math.min(answer.retryAfterMs ?? 0, MAX_WAIT_MS));
    return { kind: 'failed', error: answer.error, nextAtMs: nowMs + waitMs };
  };

  const deliver = async (claimed: ClaimedEvent): Promise<void> => {
    const result = await attempt(claimed);
    await settleEvent(db.knex, claimed, result);
    const about = { event: claimed.id, type: claimed.event.context.type, attempts: claimed.attempts };
    if (result.kind === 'dead') logger.error({ ...about, error: result.error }, 'event could not be delivered');
    if (result.kind === 'failed') logger.warn({ ...about, error: result.error }, 'event not delivered yet');
  };

  const fly = (claimed: ClaimedEvent): void => {
    const flight: Promise<void> = deliver(claimed)
      // Its lease ends by itself, and it is tried again.
      .catch((error: unknown) => logger.warn({ error: toErrorMessage(error) }, 'event outbox could not be written'))
      .finally(() => {
        flying.delete(flight);
        wake();
      });
    flying.add(flight);
  };

  const turn = async (): Promise<void> => {
    const room = IN_FLIGHT - flying.size;
    const claimed =
      room === 0 ? [] : await claimEvents(db, { nowMs: clock.now(), limit: room, leaseMs: timeoutMs + 30_000 });
    claimed.forEach(fly);
    if (claimed.length > 0 && flying.size < IN_FLIGHT) return;
    const dueMs = (await nextDueMs(db.knex)) ?? Number.POSITIVE_INFINITY;
    const waitMs = flying.size >= IN_FLIGHT ? pollMs : Math.min(pollMs, Math.max(1, dueMs - clock.now()));
    await rest(waitMs);
  };

  const rest = async (ms: number): Promise<void> => {
    await clock.sleep(ms, AbortSignal.any([bell.signal, stopping.signal])).catch(() => undefined);
  };

  const run = async (): Promise<void> => {
    let prunedAtMs = Number.NEGATIVE_INFINITY;
    while (!stopping.signal.aborted) {
      // Renewed before the table is read, so that a wake between reading and resting is not lost.
      bell = new AbortController();
      try {
        if (clock.now() - prunedAtMs > PRUNE_EVERY_MS) {
          prunedAtMs = clock.now();
          await deleteDelivered(db.knex, prunedAtMs - KEEP_DELIVERED_MS);
        }
        await turn();
      } catch (error) {
        logger.warn({ error: toErrorMessage(error) }, 'event outbox could not be read');
        await rest(pollMs);
      }
    }
  };

  return {
    start: () => {
      loop ??= run();
    },
    wake,
    stop: async () => {
      stopping.abort(new Error('stopping'));
      await loop;
      await Promise.all(flying);
    },
  };
}

/** Doubles from a second up to an hour; half of it is left to chance, so that events of one moment do not come back as one. */
function toWaitMs(attempts: number, { random, baseMs = 1_000 }: Pick<DeliveryOptions, 'random' | 'baseMs'>): number {
  const ceiling = Math.min(MAX_WAIT_MS, baseMs * 2 ** (attempts - 1));
  return Math.round(ceiling * (0.5 + random() / 2));
}
