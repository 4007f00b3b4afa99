import type { z } from 'zod';
import { type Clock, toIsoTime } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { retry } from '../lib/retry.ts';
import type { Credentials } from './credentials.ts';
import { ArgoError, isArgoError, toArgoError } from './error.ts';
import { readStreamItems } from './framing.ts';
import { sendFollowing } from './redirects.ts';
import { createDeadline, orAbort } from './time-limits.ts';
import type { TokenExpiry } from './token.ts';
import type { Transport, TransportAnswer } from './transport.ts';

const MAX_ANSWER_BYTES = 128 * 1024 * 1024;
const MAX_ERROR_BYTES = 1024 * 1024;
const GET_ATTEMPTS = 3;
const RETRY_BASE_MS = 250;
const RETRY_MAX_MS = 2_000;

type QueryValue = string | number | boolean | readonly (string | number)[] | undefined;

interface Call {
  /** What is being done, for messages: `get application web`. */
  what: string;
  method?: 'GET' | 'POST' | 'DELETE';
  path: string;
  query?: Record<string, QueryValue>;
  body?: unknown;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
  /** One attempt only, for reads that are slow or that the caller repeats itself. */
  once?: boolean;
}

interface StreamCall extends Call {
  accept?: string;
  /** Longest silence, keep-alives included, before the stream counts as stalled. */
  idleTimeoutMs: number;
}

/** One server, one set of credentials: errors typed, time-outs and aborts on everything. */
export interface Connection {
  json<T extends z.ZodType>(schema: T, call: Call): Promise<z.output<T>>;
  /** The items of a stream until its end; throws when it breaks, stalls or carries an error. */
  stream(call: StreamCall): AsyncGenerator<unknown>;
}

interface ConnectionOptions {
  transport: Transport;
  credentials: Credentials;
  requestTimeoutMs: number;
  clock: Clock;
  logger: Logger;
  random?: (() => number) | undefined;
}

export function createConnection(options: ConnectionOptions): Connection {
  const { transport, credentials, clock, logger } = options;

  const send = async (call: Call, accept: string, signal: AbortSignal): Promise<TransportAnswer> => {
    const method = call.method ?? 'GET';
    const path = `${call.path}${toQuery(call.query)}`;
    for (let attempt = 1; ; attempt += 1) {
      const token = await orAbort(credentials.token(), signal);
      const request = { method, path, headers: toHeaders(call, accept, token), body: toBody(call), signal };
      const answer = await sendFollowing(transport, call.what, request);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const error = await toCallError(call, answer);
      if (error.reason !== 'unauthenticated') throw error;
      if (attempt > 1 || !credentials.refuse(token)) throw withExpiry(error, call.what, credentials.expiry());
    }
  };

  const once = async <T extends z.ZodType>(schema: T, call: Call): Promise<z.output<T>> => {
    const deadline = createDeadline(clock, call.what, call.timeoutMs ?? options.requestTimeoutMs, call.signal);
    try {
      const answer = await send(call, 'application/json', deadline.signal);
      return parseAnswer(schema, call.what, await readText(call.what, answer, MAX_ANSWER_BYTES));
    } finally {
      deadline.clear();
    }
  };

  const json = <T extends z.ZodType>(schema: T, call: Call): Promise<z.output<T>> => {
    if ((call.method ?? 'GET') !== 'GET' || call.once === true) return once(schema, call);
    return retry(() => once(schema, call), {
      clock,
      attempts: GET_ATTEMPTS,
      baseMs: RETRY_BASE_MS,
      maxMs: RETRY_MAX_MS,
      isRetryable: (error) => isArgoError(error, 'unreachable', 'overloaded', 'unreadable'),
      signal: call.signal,
      ...(options.random === undefined ? {} : { random: options.random }),
      onRetry: (attempt, waitMs, error) =>
        logger.debug({ call: call.what, attempt, waitMs, error: toErrorMessage(error) }, 'argocd call is repeated'),
    });
  };

  async function* stream(call: StreamCall): AsyncGenerator<unknown> {
    // A quiet stream does not even send its headers before the first keep-alive.
    const firstMs = Math.max(call.timeoutMs ?? options.requestTimeoutMs, call.idleTimeoutMs);
    const deadline = createDeadline(clock, call.what, firstMs, call.signal);
    let answer: TransportAnswer | undefined;
    try {
      answer = await send(call, call.accept ?? 'application/json', deadline.signal);
      const touch = deadline.watchSilence(call.idleTimeoutMs);
      yield* readStreamItems(call.what, onEach(answer.chunks, touch));
    } finally {
      deadline.clear();
      answer?.destroy();
    }
  }

  return { json, stream };
}

function toHeaders(call: Call, accept: string, token: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { accept, 'user-agent': 'tiphys' };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if ((call.method ?? 'GET') !== 'GET') {
    // Compared as a whole string by the server: a charset parameter would be answered with 415, and so would its absence on
    // a DELETE or a POST without a body.
    headers['content-type'] = 'application/json';
    headers['content-length'] = String(Buffer.byteLength(toBody(call) ?? ''));
  }
  return headers;
}

function toBody(call: Call): string | undefined {
  return call.body === undefined ? undefined : JSON.stringify(call.body);
}

function hasProject(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'project' in body && body.project !== undefined;
}

async function toCallError(call: Call, answer: TransportAnswer): Promise<ArgoError> {
  const body = await readText(call.what, answer, MAX_ERROR_BYTES);
  const withProject = call.query?.['project'] !== undefined || hasProject(call.body);
  return toArgoError(call.what, { status: answer.status, body, withProject });
}

/** The server says "invalid session" of an ended token as of any other; we can tell which it is. */
function withExpiry(error: ArgoError, what: string, expiry: TokenExpiry): ArgoError {
  if (expiry.state !== 'expired') return error;
  const ended = `${error.upstreamMessage} (our token ended on ${toIsoTime(expiry.expiresAtMs)})`;
  const { upstreamStatus, grpcCode } = error;
  return new ArgoError(error.reason, what, ended, { cause: error, upstreamStatus, grpcCode });
}

async function* onEach<T>(items: AsyncIterable<T>, each: () => void): AsyncGenerator<T> {
  for await (const item of items) {
    each();
    yield item;
  }
}

function toQuery(query: Record<string, QueryValue> | undefined): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === '') continue;
    const values = typeof value === 'object' ? value : [value];
    for (const item of values) parameters.append(key, String(item));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

async function readText(what: string, answer: TransportAnswer, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.chunks) {
    size += chunk.length;
    if (size > maxBytes) {
      answer.destroy();
      throw new ArgoError('failed', what, `the answer is larger than ${maxBytes} bytes`);
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseAnswer<T extends z.ZodType>(schema: T, what: string, text: string): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(text === '' ? '{}' : text);
  } catch (error) {
    throw new ArgoError('unreadable', what, 'the answer is not JSON; is this the address of an Argo CD server?', {
      cause: error,
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const first = parsed.error.issues[0];
  const where = first === undefined ? '' : `${first.path.join('.')}: ${first.message}`;
  throw new ArgoError('failed', what, `the answer has an unexpected shape (${where})`, { cause: parsed.error });
}
