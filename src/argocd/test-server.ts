import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, createManualClock, toAbortError } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { type ArgoClient, type ArgoClientOptions, createArgoClient } from './http.ts';

export interface Received {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  text?: string;
  /** Sent one by one; the answer stays open after the last when `open` is set. */
  chunks?: (string | Uint8Array)[];
  open?: boolean;
  /** Closes the connection instead of ending the answer. */
  cut?: boolean;
}

export interface ScriptedServer {
  url: string;
  received: Received[];
  close(): Promise<void>;
}

/** A real HTTP server on loopback that answers as told. `never` leaves the request unanswered. */
export async function startServer(answer: (request: Received) => Answer | 'never'): Promise<ScriptedServer> {
  const received: Received[] = [];
  const server = http.createServer((incoming, outgoing) => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
    incoming.on('end', () => {
      const url = new URL(incoming.url ?? '/', 'http://server');
      const request: Received = {
        method: incoming.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: incoming.headers,
        body,
      };
      received.push(request);
      const reply = answer(request);
      if (reply !== 'never') send(outgoing, reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function send(outgoing: http.ServerResponse, reply: Answer): void {
  outgoing.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
  for (const chunk of reply.chunks ?? []) outgoing.write(chunk);
  if (reply.cut === true) {
    // The headers and chunks must have left before the connection goes.
    setImmediate(() => outgoing.destroy());
    return;
  }
  if (reply.open !== true) outgoing.end(reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json)));
}

/** The gateway's way of saying no. */
export function toDenial(status: number, code: number, message: string): Answer {
  return { status, json: { error: message, code, message } };
}

export interface DrivenClock extends Clock {
  /** Moves time to the next sleeper until the promise is settled. */
  drive<T>(promise: Promise<T>): Promise<T>;
}

/**
 * Time for tests over real sockets: it moves only while nobody waits for the network. Sleeps of one of the `network` lengths are
 * time limits of requests; as long as one is pending a request is under way, unless `stalled` says that it will never end.
 */
export function createDrivenClock(network: readonly number[], stalled: () => boolean = () => false): DrivenClock {
  const clock = createManualClock();
  const pending = new Set<number>();
  const wakeUps: { at: number }[] = [];
  return {
    now: clock.now,
    sleep: async (ms, signal) => {
      if (signal?.aborted === true) throw toAbortError(signal);
      const entry = { at: clock.now() + ms };
      const key = network.includes(ms) ? Math.random() : undefined;
      if (key !== undefined) pending.add(key);
      wakeUps.push(entry);
      try {
        await clock.sleep(ms, signal);
      } finally {
        if (key !== undefined) pending.delete(key);
        wakeUps.splice(wakeUps.indexOf(entry), 1);
      }
    },
    drive: async (promise) => {
      const state = { settled: false };
      const done = () => (state.settled = true);
      promise.then(done, done);
      while (!state.settled) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        if (state.settled || wakeUps.length === 0 || (pending.size > 0 && !stalled())) continue;
        const next = Math.min(...wakeUps.map(({ at }) => at));
        await clock.advance(Math.max(0, next - clock.now()));
      }
      return await promise;
    },
  };
}

export const REQUEST_TIMEOUT_MS = 29_999;

export function connect(url: string, more: Partial<ArgoClientOptions> = {}): ArgoClient {
  return createArgoClient({
    baseUrl: url,
    token: 'token-1',
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    clock: createManualClock(),
    logger: silentLogger,
    ...more,
  });
}
