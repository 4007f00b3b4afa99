import type { z } from 'zod';
import { AppError, type ErrorCode } from '../lib/errors.ts';
import { ticketEventSchema, type TicketEvent } from '../ticket/event.ts';
import {
  auditListSchema,
  auditVerdictSchema,
  eventListSchema,
  infoSchema,
  planSchema,
  problemSchema,
  readySchema,
  ticketListSchema,
  ticketSchema,
  type InfoView,
  type PlanView,
  type TicketView,
} from '../api/contract.ts';
import { readFrames } from './frames.ts';

export type AuditPage = z.infer<typeof auditListSchema>;
export type AuditVerdict = z.infer<typeof auditVerdictSchema>;
export type ReadyView = z.infer<typeof readySchema>;
export type TicketPage = z.infer<typeof ticketListSchema>;

/** What a list of tickets is narrowed to; lists are comma-separated. */
export interface TicketQuery {
  status?: string | undefined;
  priority?: string | undefined;
  application?: string | undefined;
  text?: string | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface NewTicket {
  title: string;
  description?: string;
  priority?: string;
  target?: { application?: string; environment?: string };
  /** False leaves the ticket a draft. */
  start?: boolean;
}

export interface FollowOptions {
  /** Called for every connection that was made, the first one included. */
  onOpen?: () => void;
  /** Called for every break, before the next attempt; `attempt` counts from 1 and starts anew with every event. */
  onBreak?: (attempt: number, error: unknown) => void;
  /** Attempts without a single event after which the break is thrown. Without it: none. */
  maxAttempts?: number;
}

interface CallOptions {
  body?: unknown;
  query?: Readonly<Record<string, string | number | undefined>>;
  /** Statuses that are answers too, beside those of success. */
  accept?: readonly number[];
}

/** The API as a program uses it: the contract's types over HTTP. Refusals and silence are `AppError`s that say what to do. */
export interface ApiClient {
  readonly baseUrl: string;
  /** Any route: its answer, read by its schema. */
  request<T>(schema: z.ZodType<T>, method: string, path: string, options?: CallOptions): Promise<T>;
  createTicket(input: NewTicket): Promise<TicketView>;
  /** Newest first. */
  listTickets(query?: TicketQuery): Promise<TicketPage>;
  getTicket(id: string): Promise<TicketView>;
  getPlan(id: string): Promise<PlanView>;
  /** The whole story so far, oldest first. */
  listEvents(id: string): Promise<TicketEvent[]>;
  startTicket(id: string): Promise<TicketView>;
  approvePlan(id: string, changeHash: string): Promise<TicketView>;
  rejectPlan(id: string, input: { reason: string; revise: boolean }): Promise<TicketView>;
  grant(id: string, approvalId: string): Promise<TicketView>;
  deny(id: string, approvalId: string, reason: string): Promise<TicketView>;
  answer(id: string, answer: string): Promise<TicketView>;
  pause(id: string): Promise<TicketView>;
  resume(id: string): Promise<TicketView>;
  cancel(id: string, reason: string): Promise<TicketView>;
  retry(id: string): Promise<TicketView>;
  listAudit(page: { after?: number; limit?: number; ticketId?: string }): Promise<AuditPage>;
  verifyAudit(): Promise<AuditVerdict>;
  info(): Promise<InfoView>;
  ready(): Promise<ReadyView>;
  /**
   * Every event after `lastEventId`, or from now on without one, as it happens, until `signal`. Comes back by itself after
   * a break.
   */
  followEvents(
    lastEventId: number | undefined,
    signal: AbortSignal,
    options?: FollowOptions,
  ): AsyncGenerator<TicketEvent>;
  /** The same of one ticket. */
  followTicket(
    id: string,
    lastEventId: number,
    signal: AbortSignal,
    options?: FollowOptions,
  ): AsyncGenerator<TicketEvent>;
}

const REQUEST_TIMEOUT_MS = 30_000;
const RECONNECT_MS = 500;
const MAX_RECONNECT_MS = 5_000;
const EVENTS_A_PAGE = 1_000;

export function createApiClient(address: string, token?: string): ApiClient {
  const baseUrl = address.replace(/\/+$/, '');
  const auth: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };

  const call = async (method: string, path: string, { body, query, accept }: CallOptions = {}): Promise<unknown> => {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${baseUrl}${path}${toQueryText(query)}`, {
        method,
        headers: { ...auth, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      text = await response.text();
    } catch (error) {
      throw toSilence(baseUrl, error);
    }
    if (!response.ok && accept?.includes(response.status) !== true)
      throw toRefusal(baseUrl, `${method} ${path}`, response.status, text, token !== undefined);
    return parseAnswer(baseUrl, text);
  };
  const request: ApiClient['request'] = async (schema, method, path, options) => {
    const answer = schema.safeParse(await call(method, path, options));
    if (answer.success) return answer.data;
    throw toStranger(baseUrl, answer.error);
  };
  const ticket = async (method: string, path: string, body?: unknown) =>
    await request(ticketSchema, method, path, { body });
  const at = (id: string) => `/api/tickets/${encodeURIComponent(id)}`;
  const approval = (id: string, approvalId: string) => `${at(id)}/approvals/${encodeURIComponent(approvalId)}`;
  const follow = (path: string, lastEventId: number | undefined, signal: AbortSignal, options: FollowOptions = {}) =>
    followStream({ baseUrl, auth, path, signal, ...options }, lastEventId);

  return {
    baseUrl,
    request,
    createTicket: async (input) => await ticket('POST', '/api/tickets', input),
    listTickets: async (query = {}) => await request(ticketListSchema, 'GET', '/api/tickets', { query: { ...query } }),
    getTicket: async (id) => await ticket('GET', at(id)),
    getPlan: async (id) => await request(planSchema, 'GET', `${at(id)}/plan`),
    listEvents: async (id) => {
      const events: TicketEvent[] = [];
      for (let after = 0; ;) {
        const query = { after, limit: EVENTS_A_PAGE };
        const page = await request(eventListSchema, 'GET', `${at(id)}/events`, { query });
        events.push(...page.items);
        if (page.items.length < EVENTS_A_PAGE) return events;
        after = page.lastId;
      }
    },
    startTicket: async (id) => await ticket('POST', `${at(id)}/start`, {}),
    approvePlan: async (id, changeHash) => await ticket('POST', `${at(id)}/approve-plan`, { changeHash }),
    rejectPlan: async (id, input) => await ticket('POST', `${at(id)}/reject-plan`, input),
    grant: async (id, approvalId) => await ticket('POST', `${approval(id, approvalId)}/grant`, {}),
    deny: async (id, approvalId, reason) => await ticket('POST', `${approval(id, approvalId)}/deny`, { reason }),
    answer: async (id, answer) => await ticket('POST', `${at(id)}/answer`, { answer }),
    pause: async (id) => await ticket('POST', `${at(id)}/pause`, {}),
    resume: async (id) => await ticket('POST', `${at(id)}/resume`, {}),
    cancel: async (id, reason) => await ticket('POST', `${at(id)}/cancel`, { reason }),
    retry: async (id) => await ticket('POST', `${at(id)}/retry`, {}),
    listAudit: async ({ ticketId, ...query }) =>
      await request(auditListSchema, 'GET', ticketId === undefined ? '/api/audit' : `${at(ticketId)}/audit`, { query }),
    verifyAudit: async () => await request(auditVerdictSchema, 'GET', '/api/audit/verify'),
    info: async () => await request(infoSchema, 'GET', '/api/info'),
    ready: async () => await request(readySchema, 'GET', '/api/ready', { accept: [503] }),
    followEvents: (lastEventId, signal, options) => follow('/api/events/stream', lastEventId, signal, options),
    followTicket: (id, lastEventId, signal, options) => follow(`${at(id)}/stream`, lastEventId, signal, options),
  };
}

interface Following extends FollowOptions {
  baseUrl: string;
  auth: Record<string, string>;
  path: string;
  signal: AbortSignal;
}

async function* followStream(following: Following, lastEventId: number | undefined): AsyncGenerator<TicketEvent> {
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

function toQueryText(query: CallOptions['query'] = {}): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_input',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  413: 'payload_too_large',
  415: 'invalid_input',
  422: 'unsupported',
  502: 'database_unavailable',
  503: 'database_unavailable',
  504: 'timeout',
};

/** A refusal in the server's own words; `details.code` is its stable code. */
function toRefusal(baseUrl: string, what: string, status: number, text: string, hasToken: boolean): AppError {
  const problem = problemSchema.safeParse(toJsonOrUndefined(text));
  const code = CODES[status] ?? (status >= 500 ? 'internal' : 'conflict');
  if (!problem.success) {
    const hint = `Is ${baseUrl} really Tiphys, or something in between?`;
    return new AppError(code, `${what} was answered ${status}`, { hint });
  }
  const { detail, hint, code: problemCode, details } = problem.data;
  const better =
    status === 401
      ? hasToken
        ? 'The server does not know the key in TIPHYS_API_KEY.'
        : 'Put your key into the environment: export TIPHYS_API_KEY=...'
      : hint;
  return new AppError(code, detail, {
    ...(better === undefined ? {} : { hint: better }),
    details: { code: problemCode, ...details },
  });
}

function toSilence(baseUrl: string, cause: unknown): AppError {
  return new AppError('timeout', `no server answers at ${baseUrl}${toReason(cause)}`, {
    cause,
    hint: 'Start one with "tiphys serve", or name another with --server or TIPHYS_SERVER_URL.',
  });
}

/** The code of the connection's failure: what fetch itself says is "fetch failed", and the rest is in its cause. */
function toReason(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error.name === 'TimeoutError') return ' (no answer in time)';
  const { cause } = error;
  return cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
}

function toStranger(baseUrl: string, cause: unknown): AppError {
  return new AppError('internal', `${baseUrl} answered with something this version does not understand`, {
    cause,
    hint: 'Is it Tiphys, and is its version the same as that of this command?',
  });
}

function parseAnswer(baseUrl: string, text: string): unknown {
  const answer = toJsonOrUndefined(text);
  if (answer === undefined) throw toStranger(baseUrl, undefined);
  return answer;
}

function toJsonOrUndefined(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
