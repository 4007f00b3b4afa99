import type { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { retry } from '../lib/retry.ts';
import type { Credentials } from './credentials.ts';
import { ArgoError, isArgoError, toArgoError } from './error.ts';
import { readStreamItems } from './framing.ts';
import type { Transport, TransportAnswer } from './transport.ts';

const MAX_ANSWER_BYTES = 128 * 1024 * 1024;
const GET_ATTEMPTS = 3;
const RETRY_BASE_MS = 250;
const RETRY_MAX_MS = 2_000;
const MAX_REDIRECTS = 3;

type QueryValue = string | number | boolean | readonly string[] | undefined;

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
    for (let attempt = 1; ; attempt += 1) {
      const token = await credentials.token();
      const answer = await follow(transport, call, toHeaders(call, accept, token), signal);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const body = await readText(call.what, answer, 1024 * 1024);
      const withProject = call.query?.['project'] !== undefined || hasProject(call.body);
      const error = toArgoError(call.what, { status: answer.status, body, withProject });
      if (error.reason !== 'unauthenticated' || attempt > 1 || !credentials.refuse(token)) throw error;
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
    const deadline = createDeadline(clock, call.what, call.timeoutMs ?? options.requestTimeoutMs, call.signal);
    let answer: TransportAnswer | undefined;
    try {
      answer = await send(call, call.accept ?? 'application/json', deadline.signal);
      deadline.stop();
      yield* readStreamItems(call.what, withoutSilence(call, answer.chunks, clock));
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

/** Follows redirects of reads within the origin only: anywhere else the token would be handed to a stranger. */
async function follow(
  transport: Transport,
  call: Call,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<TransportAnswer> {
  const method = call.method ?? 'GET';
  let path = `${call.path}${toQuery(call.query)}`;
  for (let hop = 0; ; hop += 1) {
    const answer = await transport.send(call.what, { method, path, headers, body: toBody(call), signal });
    if (answer.status < 300 || answer.status >= 400) return answer;
    answer.destroy();
    const base = new URL(transport.baseUrl);
    const current = new URL(`${transport.baseUrl}${path}`);
    const location = answer.headers.location ?? '';
    const target = location !== '' && URL.canParse(location, current.href) ? new URL(location, current) : undefined;
    const prefix = base.pathname.replace(/\/+$/, '');
    const inside = target?.origin === base.origin && target.pathname.startsWith(prefix);
    if (method !== 'GET' || target === undefined || !inside || hop >= MAX_REDIRECTS)
      throw new ArgoError('redirected', call.what, `the server redirects to ${target?.origin ?? 'an unknown place'}`, {
        upstreamStatus: answer.status,
      });
    path = `${target.pathname.slice(prefix.length)}${target.search}`;
  }
}

function toQuery(query: Record<string, QueryValue> | undefined): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === '') continue;
    const values = typeof value === 'object' ? value : [String(value)];
    for (const item of values) parameters.append(key, item);
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

interface Deadline {
  signal: AbortSignal;
  /** Ends the time limit but keeps following the caller's signal. */
  stop(): void;
  clear(): void;
}

function createDeadline(clock: Clock, what: string, timeoutMs: number, outer: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const timer = new AbortController();
  const onAbort = () => controller.abort(outer?.reason);
  if (outer?.aborted === true) onAbort();
  outer?.addEventListener('abort', onAbort, { once: true });
  clock.sleep(timeoutMs, timer.signal).then(
    () => controller.abort(new ArgoError('timed_out', what, `no complete answer within ${timeoutMs} ms`)),
    () => undefined,
  );
  return {
    signal: controller.signal,
    stop: () => timer.abort(),
    clear: () => {
      timer.abort();
      outer?.removeEventListener('abort', onAbort);
    },
  };
}

/** Passes chunks on and throws when none has come for too long: keep-alives make silence the sign of a dead connection. */
async function* withoutSilence(
  call: StreamCall,
  chunks: AsyncIterable<Uint8Array>,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  for (;;) {
    const timer = new AbortController();
    const next = iterator.next();
    const silence = clock.sleep(call.idleTimeoutMs, timer.signal).then(
      () => 'silent' as const,
      () => 'silent' as const,
    );
    try {
      const first = await Promise.race([next, silence]);
      if (first === 'silent') {
        next.catch(() => undefined);
        throw new ArgoError('timed_out', call.what, `the stream was silent for ${call.idleTimeoutMs} ms`);
      }
      if (first.done === true) return;
      yield first.value;
    } finally {
      timer.abort();
    }
  }
}
