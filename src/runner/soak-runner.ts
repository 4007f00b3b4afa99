import type { Database } from '../database/open.ts';
import { toIsoTime, type Clock } from '../lib/clock.ts';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { claimSoaks, releaseSoak, releaseSoakOwners, renewSoaks, type LeasedSoak } from '../ticket/soak-store.ts';

export interface SoakRunnerOptions {
  db: Database;
  clock: Clock;
  logger: Logger;
  /** Watches one soak to its end, and writes that down. */
  run: (soak: LeasedSoak, signal: AbortSignal) => Promise<void>;
  /** Names this process in leases. */
  owner: string;
  isGone: (owner: string) => boolean;
  /** Soaks watched at once; the others wait, those that end first before the rest. */
  concurrency: number;
  leaseMs: number;
  pollMs: number;
}

/** The loop that claims soaks and watches them, each in one process only. */
export interface SoakRunner {
  start(): void;
  /** Stops watching; what was watched goes on in another process, or after the next start. Safe to call twice. */
  stop(): Promise<void>;
  active(): number;
}

/** What breaks while watching is tried again after this long. */
const RETRY_MS = 60_000;

export function createSoakRunner(options: SoakRunnerOptions): SoakRunner {
  const { db, clock, logger } = options;
  const running = new Map<string, { controller: AbortController; done: Promise<void> }>();
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  let renewedAt = 0;

  const watch = async (soak: LeasedSoak, signal: AbortSignal): Promise<void> => {
    let againAt: number | undefined;
    try {
      await options.run(soak, signal);
    } catch (error) {
      againAt = clock.now() + (signal.aborted ? 0 : RETRY_MS);
      if (!signal.aborted) {
        const { ticketId, application } = soak;
        logger.warn({ ticket: ticketId, application, error: toErrorMessage(error) }, 'watching on was interrupted');
      }
    }
    if (againAt === undefined) return;
    await releaseSoak(db.knex, soak, toIsoTime(againAt)).catch((error: unknown) =>
      logger.warn({ error: toErrorMessage(error) }, 'a soak could not be released'),
    );
  };

  const look = async (): Promise<void> => {
    const now = clock.now();
    const lease = { owner: options.owner, now: toIsoTime(now), until: toIsoTime(now + options.leaseMs) };
    if (running.size > 0 && now - renewedAt >= options.leaseMs / 3) {
      renewedAt = now;
      await renewSoaks(db.knex, lease);
    }
    const limit = options.concurrency - running.size;
    if (limit <= 0) return;
    for (const soak of await claimSoaks(db, { ...lease, limit })) {
      const key = `${soak.ticketId} ${soak.commit} ${soak.application}`;
      // Our own lease ran out under us, as when the machine slept.
      running.get(key)?.controller.abort(new AppError('lease_lost', 'the lease ran out'));
      const controller = new AbortController();
      const done = watch(soak, controller.signal).finally(() => {
        if (running.get(key)?.controller === controller) running.delete(key);
      });
      running.set(key, { controller, done });
    }
  };

  const turn = async (): Promise<void> => {
    await releaseSoakOwners(db.knex, options.isGone).catch((error: unknown) =>
      logger.warn({ error: toErrorMessage(error) }, 'soaks of dead processes could not be released'),
    );
    while (!stopping.signal.aborted) {
      await look().catch((error: unknown) =>
        logger.error({ error: toErrorMessage(error) }, 'looking for soaks failed'),
      );
      await clock.sleep(options.pollMs, stopping.signal).catch(() => undefined);
    }
  };

  return {
    start: () => {
      loop ??= turn();
    },
    stop: async () => {
      stopping.abort();
      await loop;
      const all = [...running.values()];
      for (const { controller } of all) controller.abort(new AppError('aborted', 'the server stops'));
      await Promise.all(all.map(({ done }) => done));
    },
    active: () => running.size,
  };
}
