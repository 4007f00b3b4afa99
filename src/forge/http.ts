import * as http from 'node:http';
import * as https from 'node:https';
import type { z } from 'zod';
import type { ForgeKind } from '../config/git-host.ts';
import type { Clock } from '../lib/clock.ts';
import { AppError, isAppError, toErrorMessage } from '../lib/errors.ts';
import { retry } from '../lib/retry.ts';
import { toForgeError } from './failure.ts';
import { readRetryAfter } from './retry-after.ts';

export interface ForgeCall {
  /** Completes the sentence "could not ...". */
  doing: string;
  method?: 'GET' | 'POST' | 'PATCH' | 'PUT';
  /** Below the API's address, beginning with a slash; parts that are names are encoded already. */
  path: string;
  query?: Readonly<Record<string, string | number | undefined>>;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

export interface ForgeAnswer {
  status: number;
  body: unknown;
  retryAfterMs: number | undefined;
}

/** One API, one token: the token is sent to that origin and nowhere else. */
export interface ForgeHttp {
  /** Any answer of the host. Reads are repeated after connection faults. Throws `git_unavailable` where there is none. */
  ask(call: ForgeCall): Promise<ForgeAnswer>;
  /** The answer of a success, in its shape; throws for any other. */
  json<T extends z.ZodType>(schema: T, call: ForgeCall): Promise<z.output<T>>;
  /** All pages of a list, up to `maxPages` of a hundred. */
  list<T extends z.ZodType>(item: T, call: ForgeCall & { maxPages: number }): Promise<z.output<T>[]>;
}

export interface ForgeHttpOptions {
  kind: ForgeKind;
  baseUrl: string;
  headers: Readonly<Record<string, string>>;
  /** How the host calls the size of a page. */
  pageSizeName: 'per_page' | 'limit';
  /** In PEM form. */
  ca?: string | undefined;
  clock: Clock;
  timeoutMs: number;
}

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const MAX_KEPT_ANSWERS = 200;
const MAX_KEPT_CHARS = 256 * 1024;
const PAGE_SIZE = 50;

export function createForgeHttp(options: ForgeHttpOptions): ForgeHttp {
  const { kind, clock } = options;
  const base = new URL(options.baseUrl);
  // Answers by address, with the host's mark for them: asking with the mark costs nothing of GitHub's budget.
  const kept = new Map<string, { etag: string; text: string }>();

  const keep = (address: string, etag: string | undefined, text: string) => {
    kept.delete(address);
    if (etag === undefined || text.length > MAX_KEPT_CHARS) return;
    kept.set(address, { etag, text });
    const oldest = kept.keys().next();
    if (kept.size > MAX_KEPT_ANSWERS && oldest.done !== true) kept.delete(oldest.value);
  };

  const once = async (call: ForgeCall, target: URL, mayFollow: boolean): Promise<ForgeAnswer> => {
    const isRead = (call.method ?? 'GET') === 'GET';
    const known = isRead ? kept.get(target.href) : undefined;
    const raw = await send(options, call, target, known?.etag);
    if (raw.status === 304 && known !== undefined)
      return { status: 200, body: parseJson(known.text), retryAfterMs: undefined };
    if (raw.status >= 301 && raw.status <= 308 && isRead && mayFollow) {
      const next = toInside(base, target, raw.headers.location);
      if (next !== undefined) return await once(call, next, false);
    }
    if (isRead && raw.status === 200) keep(target.href, raw.headers.etag, raw.text);
    return { status: raw.status, body: parseJson(raw.text), retryAfterMs: readRetryAfter(raw, clock.now()) };
  };

  const ask = async (call: ForgeCall): Promise<ForgeAnswer> => {
    const target = toTarget(base, call);
    if ((call.method ?? 'GET') !== 'GET') return await once(call, target, false);
    return await retry(() => once(call, target, true), {
      clock,
      attempts: 3,
      baseMs: 250,
      maxMs: 1_000,
      isRetryable: (error) => isAppError(error, 'git_unavailable'),
      signal: call.signal,
    });
  };

  const json = async <T extends z.ZodType>(schema: T, call: ForgeCall): Promise<z.output<T>> => {
    const answer = await ask(call);
    if (answer.status < 200 || answer.status >= 300) throw toForgeError(kind, call.doing, answer);
    return parseAnswer(schema, answer.body, call.doing);
  };

  const list = async <T extends z.ZodType>(item: T, call: ForgeCall & { maxPages: number }): Promise<z.output<T>[]> => {
    const items: z.output<T>[] = [];
    for (let page = 1; page <= call.maxPages; page += 1) {
      const query = { ...call.query, [options.pageSizeName]: PAGE_SIZE, page };
      const found = await json(item.array(), { ...call, query });
      items.push(...found);
      if (found.length < PAGE_SIZE) break;
    }
    return items;
  };

  return { ask, json, list };
}

/** The body of an answer in its shape. Throws `git_failed` for any other: it may be no such API at all. */
export function parseAnswer<T extends z.ZodType>(schema: T, body: unknown, doing: string): z.output<T> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const first = parsed.error.issues[0];
  const where = first === undefined ? '' : ` (${first.path.join('.')}: ${first.message})`;
  throw new AppError('git_failed', `could not ${doing}: the answer has an unexpected shape${where}`, {
    hint: 'Check that git.apiUrl is the API of the git host that git.forge names.',
  });
}

function toTarget(base: URL, call: ForgeCall): URL {
  const target = new URL(`${base.href.replace(/\/+$/, '')}${call.path}`);
  for (const [name, value] of Object.entries(call.query ?? {}))
    if (value !== undefined) target.searchParams.set(name, String(value));
  return target;
}

/** Where a redirect leads, if that is the same API: anywhere else the token would be handed to a stranger. */
function toInside(base: URL, from: URL, location: string | undefined): URL | undefined {
  if (location === undefined || !URL.canParse(location, from.href)) return undefined;
  const target = new URL(location, from);
  const prefix = base.pathname.replace(/\/+$/, '');
  return target.origin === base.origin && target.pathname.startsWith(`${prefix}/`) ? target : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

interface RawAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

async function send(
  options: ForgeHttpOptions,
  call: ForgeCall,
  target: URL,
  etag: string | undefined,
): Promise<RawAnswer> {
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const headers = {
    ...options.headers,
    'user-agent': 'tiphys',
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
  };
  const timer = new AbortController();
  const late = new AbortController();
  void options.clock.sleep(options.timeoutMs, timer.signal).then(
    () => late.abort(new Error(`no answer within ${options.timeoutMs} ms`)),
    () => undefined,
  );
  const signal = AbortSignal.any([late.signal, ...(call.signal === undefined ? [] : [call.signal])]);
  try {
    const ca = options.ca === undefined ? {} : { ca: options.ca };
    // A connection of its own: one that was kept may be closed just now, and a write would be left in doubt for that.
    const request: https.RequestOptions = { method: call.method ?? 'GET', headers, signal, agent: false, ...ca };
    return await readAnswer(target, request, body);
  } catch (error) {
    if (isAppError(error)) throw error;
    if (call.signal?.aborted === true)
      throw new AppError('aborted', `it was stopped to ${call.doing}`, { cause: error });
    const why = late.signal.aborted ? late.signal.reason : error;
    throw new AppError(
      'git_unavailable',
      `could not ${call.doing}: ${toErrorMessage(why) || 'the connection failed'}`,
      {
        hint: `Check that ${target.origin} is up and reachable from here; it is safe to try again.`,
        cause: error,
      },
    );
  } finally {
    timer.abort();
  }
}

async function readAnswer(target: URL, request: https.RequestOptions, body: string | undefined): Promise<RawAnswer> {
  const response = await new Promise<http.IncomingMessage>((done, fail) => {
    const outgoing = target.protocol === 'https:' ? https.request(target, request) : http.request(target, request);
    outgoing.on('error', fail);
    outgoing.on('response', done);
    outgoing.end(body);
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  const incoming: AsyncIterable<Uint8Array> = response;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) {
      response.destroy();
      throw new AppError('git_failed', `the git host sent an answer larger than ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString('utf8') };
}
