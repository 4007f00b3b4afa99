import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../lib/logger.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { TicketEvent } from '../ticket/event.ts';

export interface StreamOptions {
  /** How often a comment is sent where nothing happens, so that proxies keep the connection. */
  heartbeatMs: number;
  /** A client that has not taken what was written for this long is let go; it comes back with its last id. */
  stallMs: number;
}

const DEFAULTS: StreamOptions = { heartbeatMs: 15_000, stallMs: 30_000 };
/** How much is written before the client must have taken it. */
const CHUNK_CHARS = 64 * 1024;
/** How long a client may take for the rest of its stream when the server stops. */
const LAST_WORDS_MS = 1_000;

/** All open event streams of the server, so that a shutdown can end them. */
export interface Streams {
  /** Sends pages of events as they come until the client goes or the server stops. The reply is taken over. */
  serve(reply: FastifyReply, follow: (signal: AbortSignal) => AsyncIterable<TicketEvent[]>): void;
  /** Ends the open streams, waits until they are gone, and ends at once any that would be opened after. */
  close(): Promise<void>;
  open(): number;
}

export function createStreams(logger: Logger, options: Partial<StreamOptions> = {}): Streams {
  const { heartbeatMs, stallMs } = { ...DEFAULTS, ...options };
  const controllers = new Set<AbortController>();
  const connections = new Set<Promise<unknown>>();
  let isClosed = false;
  return {
    serve: (reply, follow) => {
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
        'x-content-type-options': 'nosniff',
        // A stream is a connection's last answer; one kept alive after it would hold up a shutdown.
        connection: 'close',
      });
      raw.write('retry: 2000\n\n');
      const controller = new AbortController();
      controllers.add(controller);
      if (isClosed) controller.abort();
      const gone = new Promise<void>((resolve) => raw.once('close', resolve));
      connections.add(gone);
      void gone.then(() => {
        controller.abort();
        connections.delete(gone);
      });
      const heartbeat = setInterval(() => raw.write(': heartbeat\n\n'), heartbeatMs);
      sendAll(raw, follow(controller.signal), controller.signal, stallMs)
        .then((ended) => {
          if (ended === 'stalled') raw.destroy();
        })
        .catch((error: unknown) => logger.warn({ error: toErrorMessage(error) }, 'event stream ended early'))
        .finally(() => {
          clearInterval(heartbeat);
          controllers.delete(controller);
          endSoon(raw);
        });
    },
    close: async () => {
      isClosed = true;
      for (const controller of controllers) controller.abort();
      await Promise.all(connections);
    },
    open: () => controllers.size,
  };
}

async function sendAll(
  raw: ServerResponse,
  pages: AsyncIterable<TicketEvent[]>,
  signal: AbortSignal,
  stallMs: number,
): Promise<'ended' | 'stalled'> {
  for await (const page of pages) {
    for (const chunk of toChunks(page)) {
      if (raw.write(chunk)) continue;
      // The next page is read once this one is taken: a slow client costs one page of memory, not all that happens.
      const outcome = await whenTaken(raw, signal, stallMs);
      if (outcome === 'stalled') return 'stalled';
      if (signal.aborted) return 'ended';
    }
  }
  return 'ended';
}

async function whenTaken(raw: ServerResponse, signal: AbortSignal, stallMs: number): Promise<'taken' | 'stalled'> {
  const limit = AbortSignal.timeout(stallMs);
  try {
    await once(raw, 'drain', { signal: AbortSignal.any([signal, limit]) });
    return 'taken';
  } catch (error) {
    if (signal.aborted) return 'taken';
    if (limit.aborted) return 'stalled';
    throw error;
  }
}

function endSoon(raw: ServerResponse): void {
  if (raw.destroyed) return;
  raw.end();
  const cut = setTimeout(() => raw.destroy(), LAST_WORDS_MS);
  raw.once('close', () => clearTimeout(cut));
}

function* toChunks(page: readonly TicketEvent[]): Generator<string> {
  let chunk = '';
  for (const event of page) {
    chunk += toFrame(event);
    if (chunk.length < CHUNK_CHARS) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

/** One event as server-sent event. JSON has no line breaks of its own, so one data line holds it. */
function toFrame(event: TicketEvent): string {
  return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** Where a stream begins: after the last id the client has, else after everything there is (`undefined`). */
export function parseLastEventId(request: FastifyRequest, fromQuery: number | undefined): number | undefined {
  const header = request.headers['last-event-id'];
  const text = Array.isArray(header) ? header[0] : header;
  if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text);
  return fromQuery;
}
