import { AppError } from '../lib/errors.ts';
import { ticketEventSchema, type TicketEvent } from '../ticket/event.ts';
import { readFrames } from './frames.ts';
import { toRefusal, toSilence } from './refusal.ts';

export interface FollowOptions {
  /** Called for every connection that was made, the first one included. */
  onOpen?: () => void;
  /** Called for every break, before the next attempt; `attempt` counts from 1 and starts anew with every event. */
  onBreak?: (attempt: number, error: unknown) => void;
  /** Attempts without a single event after which the break is thrown. Without it: none. */
  maxAttempts?: number;
}

const RECONNECT_MS = 500;
const MAX_RECONNECT_MS = 5_000;

interface Following extends FollowOptions {
  baseUrl: string;
  auth: Record<string, string>;
  path: string;
  signal: AbortSignal;
}

/** Events of one stream from `lastEventId` on, over breaks and restarts of the server, until `signal`. */
export async function* followStream(
  following: Following,
  lastEventId: number | undefined,
): AsyncGenerator<TicketEvent> {
  const { baseUrl, auth, path, signal, onOpen, onBreak, maxAttempts } = following;
  let seen = lastEventId;
  let failures = 0;
  while (!signal.aborted) {
    let cause: unknown;
    try {
      const from: Record<string, string> = seen === undefined ? {} : { 'last-event-id': String(seen) };
      const headers = { ...auth, accept: 'text/event-stream', ...from };
      const response = await fetch(`${baseUrl}${path}`, { headers, signal });
      if (!response.ok || response.body === null)
        throw toRefusal(baseUrl, `GET ${path}`, response.status, await response.text(), 'authorization' in auth);
      onOpen?.();
      for await (const data of readFrames(response.body)) {
        const event = ticketEventSchema.parse(JSON.parse(data));
        seen = event.id;
        failures = 0;
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      // What fetch throws for a lost connection; anything else is a refusal that would be the same the next time.
      if (!(error instanceof TypeError || (error instanceof AppError && error.retryable))) throw error;
      cause = error;
    }
    failures += 1;
    if (maxAttempts !== undefined && failures >= maxAttempts) throw toSilence(baseUrl, cause);
    onBreak?.(failures, cause);
    await pause(Math.min(RECONNECT_MS * 2 ** (failures - 1), MAX_RECONNECT_MS), signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
