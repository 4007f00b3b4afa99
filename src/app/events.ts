import type { Config } from '../config/schema.ts';
import type { Database } from '../database/open.ts';
import type { Clock } from '../lib/clock.ts';
import { createEventDelivery, type EventDelivery } from '../memory/event-delivery.ts';
import { createEventSender } from '../memory/event-sender.ts';
import type { Outbox } from '../memory/memory-store.ts';
import { bookEvent } from '../memory/outbox-store.ts';
import type { Basics } from './basics.ts';

/** Sends what is in the outbox; undefined where no receiver is configured. */
export function createDelivery({ events }: Config, basics: Basics & { db: Database }): EventDelivery | undefined {
  if (events.cdeventsEndpoint === null) return undefined;
  const token = events.cdeventsToken;
  return createEventDelivery({
    ...basics,
    send: createEventSender({ endpoint: events.cdeventsEndpoint, ...(token === null ? {} : { token }) }),
    random: Math.random,
    maxAttempts: events.cdeventsMaxAttempts,
    timeoutMs: events.cdeventsTimeoutMs,
  });
}

/** Where events go, without what may be a secret in the query. */
export function toPlace(endpoint: string | null): string | undefined {
  if (endpoint === null) return undefined;
  const { origin, pathname } = new URL(endpoint);
  return `${origin}${pathname}`;
}

export function toOutbox({ events }: Config, delivery: EventDelivery, clock: Clock): Outbox {
  return {
    book: async (trx, ended) => await bookEvent(trx, ended, { source: events.cdeventsSource, nowMs: clock.now() }),
    wake: () => delivery.wake(),
  };
}
