import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../lib/logger.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { TicketEvent } from '../ticket/event.ts';

const HEARTBEAT_MS = 15_000;
/** A client that reads slower than this much unread text is let go; it comes back with its last id. */
const MAX_UNREAD_BYTES = 256 * 1024;

/** All open event streams of the server, so that a shutdown can end them. */
export interface Streams {
  /** Sends pages of events as they come until the client goes or the server stops. The reply is taken over. */
  serve(
    request: FastifyRequest,
    reply: FastifyReply,
    follow: (signal: AbortSignal) => AsyncIterable<TicketEvent[]>,
  ): void;
  close(): void;
  open(): number;
}

export function createStreams(logger: Logger): Streams {
  const controllers = new Set<AbortController>();
  return {
    serve: (request, reply, follow) => {
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
        'x-content-type-options': 'nosniff',
      });
      raw.write('retry: 2000\n\n');
      const controller = new AbortController();
      controllers.add(controller);
      const heartbeat = setInterval(() => raw.write(': heartbeat\n\n'), HEARTBEAT_MS);
      request.raw.on('close', () => controller.abort());
      const send = async () => {
        for await (const page of follow(controller.signal)) {
          raw.write(page.map(toFrame).join(''));
          if (raw.writableLength > MAX_UNREAD_BYTES) return;
        }
      };
      send()
        .catch((error: unknown) => logger.warn({ error: toErrorMessage(error) }, 'event stream ended early'))
        .finally(() => {
          clearInterval(heartbeat);
          controllers.delete(controller);
          raw.end();
        });
    },
    close: () => {
      for (const controller of controllers) controller.abort();
    },
    open: () => controllers.size,
  };
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
