import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Backend } from './backend.ts';
import { GRPC, queryText, selectFields } from './gateway.ts';

/** One open answer that carries item after item. */
export interface Stream {
  send(result: unknown): void;
  end(): void;
  isOpen(): boolean;
  onClose(listener: () => void): void;
}

const KEEP_ALIVE_MS = 15_000;

/**
 * Takes the answer over as a stream: lines of JSON, or server-sent events when `Accept` is exactly that. Nothing is
 * sent before the first item, the headers neither: a client of a quiet stream sees no answer yet.
 */
export function openStream(backend: Backend, request: FastifyRequest, reply: FastifyReply): Stream {
  const isSse = request.headers.accept === 'text/event-stream';
  const fields = queryText(request, 'fields');
  const { raw } = reply;
  const { clock, faults } = backend;
  const listeners: (() => void)[] = [];
  const stopKeepAlive = new AbortController();
  let isOpen = true;
  let sent = 0;
  reply.hijack();

  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    stopKeepAlive.abort();
    for (const listener of listeners) listener();
  };
  raw.on('close', close);
  raw.on('error', close);

  const writeHead = () => {
    if (raw.headersSent) return;
    raw.writeHead(200, {
      'content-type': isSse ? 'text/event-stream' : 'application/json',
      ...(isSse ? { 'x-content-type-options': 'nosniff' } : {}),
    });
  };
  const write = (text: string) => {
    writeHead();
    raw.write(text);
  };
  // The framing of the event form adds its own blank line to the newline that ends every item.
  const frame = (value: unknown) => (isSse ? `data: ${JSON.stringify(value)} \n\n` : JSON.stringify(value));

  const end = () => {
    if (!isOpen) return;
    writeHead();
    raw.end();
    close();
  };

  const keepAlive = async () => {
    while (isOpen) {
      await clock.sleep(KEEP_ALIVE_MS, stopKeepAlive.signal);
      if (isOpen && !faults.get().muteStreams) write(':\n');
    }
  };
  if (isSse) keepAlive().catch(() => undefined);

  return {
    isOpen: () => isOpen,
    onClose: (listener) => {
      listeners.push(listener);
    },
    end,
    send: (result) => {
      const { cutStreamAfter, unauthenticatedStreamAfter, duplicateStreamEvents, muteStreams } = faults.get();
      if (!isOpen || muteStreams) return;
      const text = `${frame(selectFields({ result }, fields))}\n`;
      if (unauthenticatedStreamAfter !== null && sent >= unauthenticatedStreamAfter) {
        const message = 'invalid session: token has invalid claims: token is expired';
        // The error object ends the stream without a newline after it; the status stays 200.
        write(
          frame({ error: { grpc_code: GRPC.unauthenticated, http_code: 401, message, http_status: 'Unauthorized' } }),
        );
        end();
        return;
      }
      if (cutStreamAfter !== null && sent >= cutStreamAfter) {
        write(text.slice(0, Math.floor(text.length / 2)));
        raw.socket?.end();
        close();
        return;
      }
      if (faults.take('dropStreamEvents')) return;
      sent += 1;
      write(text);
      if (duplicateStreamEvents) write(text);
    },
  };
}
