import { GraphRecursionError } from '@langchain/langgraph';
import { inTransaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { AppError, toAppError, toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { moveTicket } from '../ticket/move.ts';
import { isRunnable } from '../ticket/status.ts';
import { findTicket, lockTicket } from '../ticket/ticket-store.ts';
import type { Ticket } from '../ticket/ticket.ts';
import { expireApprovals } from './expire.ts';
import { claimTickets, releaseLease, releaseOwners, renewLease, type Lease } from './lease-store.ts';
import { runTicket, type RunDeps } from './run-ticket.ts';

export interface RunnerOptions extends RunDeps {
  logger: Logger;
  /** Names this process in leases. */
  owner: string;
  /** Whether the process an owner names is certainly gone. */
  isGone: (owner: string) => boolean;
  /** Tickets worked on at once. */
  concurrency: number;
  leaseMs: number;
  /** How often to look for work when nobody says that there is some. */
  pollMs: number;
  /** Claims without progress after which a ticket is set aside. */
  maxClaims: number;
}

/** The loop that claims tickets and carries them on. */
export interface Runner {
  start(): void;
  /** Something about the ticket changed: look for work, and stop work that is no longer wanted. */
  changed(ticket: Ticket): void;
  /** Takes no new tickets, stops the running ones where that is safe, and waits for them. Safe to call twice. */
  stop(): Promise<void>;
  /** Tickets being worked on now. */
  active(): number;
}

const SWEEP_MS = 5_000;

type Release = Parameters<typeof releaseLease>[2];

export function createRunner(options: RunnerOptions): Runner {
  const { db, clock, logger } = options;
  const running = new Map<string, { controller: AbortController; done: Promise<void> }>();
  let stopping = false;
  let wake: () => void = () => undefined;
  let loop: Promise<void> | undefined;
  let lastSweep = 0;

  const run = async (lease: Lease, controller: AbortController): Promise<void> => {
    const heartbeat = setInterval(() => {
      renewLease(db.knex, lease, toIsoTime(clock.now() + options.leaseMs)).then(
        (kept) => kept || controller.abort(new AppError('lease_lost', 'the lease was lost')),
        (error: unknown) => logger.warn({ error: toErrorMessage(error) }, 'lease could not be renewed'),
      );
    }, options.leaseMs / 3);
    let release: Release = { wakeAt: null, uncounted: false };
    try {
      const ticket = await findTicket(db.knex, lease.ticketId);
      if (ticket === undefined || !isRunnable(ticket.status)) return;
      if (lease.claims > options.maxClaims) {
        throw new AppError('internal', `set aside: it was begun ${lease.claims - 1} times without getting anywhere`);
      }
      await runTicket(options, ticket, lease, controller.signal);
    } catch (error) {
      release = await onFault(lease, controller.signal, error);
    } finally {
      clearInterval(heartbeat);
      // The graph runs ahead of the moves that follow it: where a move failed, a node may be at work still.
      controller.abort(new AppError('aborted', 'the run is over'));
      await releaseLease(db.knex, lease, release).catch((error: unknown) =>
        logger.warn({ error: toErrorMessage(error) }, 'lease could not be released'),
      );
    }
  };

  /** Decides what a fault means: somebody took the ticket, it is worth another try, or the ticket ends errored. */
  const onFault = async (lease: Lease, signal: AbortSignal, thrown: unknown): Promise<Release> => {
    const error =
      thrown instanceof GraphRecursionError
        ? new AppError('internal', 'the agent went in circles and was stopped', { cause: thrown })
        : toAppError(thrown);
    if (signal.aborted || error.code === 'aborted' || error.code === 'lease_lost') {
      logger.debug({ ticket: lease.ticketId, why: error.message }, 'work on a ticket was stopped');
      return { wakeAt: null, uncounted: true };
    }
    logger.warn({ ticket: lease.ticketId, error }, 'work on a ticket failed');
    const mayRetry = error.retryable && lease.claims < options.maxClaims;
    await reportFault(lease, error, mayRetry);
    // A host that wants fewer requests says how long to wait.
    const told: unknown = error.details['retryAfterMs'];
    const waitMs = Math.max(Math.min(60_000, 1_000 * 2 ** lease.claims), typeof told === 'number' ? told : 0);
    return { wakeAt: mayRetry ? toIsoTime(clock.now() + waitMs) : null, uncounted: false };
  };

  const reportFault = async (lease: Lease, error: AppError, mayRetry: boolean): Promise<void> => {
    const at = toIsoTime(clock.now());
    const { code, message, hint } = error;
    const event = {
      type: 'error' as const,
      data: { node: 'runner', code, message, ...(hint === undefined ? {} : { hint }) },
    };
    await inTransaction(db, async (trx) => {
      const ticket = await lockTicket(trx, lease.ticketId);
      if (!isRunnable(ticket.status)) return;
      if (mayRetry) await options.journal.append(trx, ticket.id, 'system', [event]);
      else {
        const move = { to: 'errored' as const, code, reason: message, also: [event] };
        await moveTicket(trx, options.journal, ticket, move, { actor: 'system', at, leaseToken: lease.token });
        await trx('tickets').where({ id: ticket.id }).update({ claims: 0 });
      }
    }).catch((cause: unknown) => logger.error({ error: toErrorMessage(cause) }, 'a fault could not be recorded'));
    options.journal.published();
  };

  const look = async (): Promise<void> => {
    const now = clock.now();
    if (now - lastSweep >= SWEEP_MS) {
      lastSweep = now;
      await expireApprovals(options);
    }
    const limit = options.concurrency - running.size;
    if (limit <= 0) return;
    const until = toIsoTime(now + options.leaseMs);
    for (const lease of await claimTickets(db, { owner: options.owner, now: toIsoTime(now), until, limit })) {
      // Our own lease ran out under us, as when the machine slept: the work begun under it must not go on beside this.
      running.get(lease.ticketId)?.controller.abort(new AppError('lease_lost', 'the lease ran out'));
      const controller = new AbortController();
      const done = run(lease, controller).finally(() => {
        if (running.get(lease.ticketId)?.controller === controller) running.delete(lease.ticketId);
        wake();
      });
      running.set(lease.ticketId, { controller, done });
    }
  };

  const turn = async (): Promise<void> => {
    await releaseOwners(db, options.isGone).catch((error: unknown) =>
      logger.warn({ error: toErrorMessage(error) }, 'leases of dead processes could not be released'),
    );
    while (!stopping) {
      const woken = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, options.pollMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      await look().catch((error: unknown) => logger.error({ error: toErrorMessage(error) }, 'looking for work failed'));
      await woken;
    }
  };

  return {
    start: () => {
      loop ??= turn();
    },
    changed: (ticket) => {
      if (!isRunnable(ticket.status)) running.get(ticket.id)?.controller.abort(new AppError('aborted', ticket.reason));
      wake();
    },
    stop: async () => {
      stopping = true;
      wake();
      await loop;
      const all = [...running.values()];
      for (const { controller } of all) controller.abort(new AppError('aborted', 'the server stops'));
      await Promise.all(all.map(({ done }) => done));
    },
    active: () => running.size,
  };
}
