import type { z } from 'zod';
import type { TicketEvent } from '../ticket/event.ts';
import {
  auditListSchema,
  auditVerdictSchema,
  eventListSchema,
  infoSchema,
  meSchema,
  planSchema,
  readySchema,
  ticketListSchema,
  ticketSchema,
  type InfoView,
  type MeView,
  type PlanView,
  type TicketView,
} from '../api/contract.ts';
import { followStream, type FollowOptions } from './follow.ts';
import { ROUTES } from './routes.ts';
import { toJsonOrUndefined, toRefusal, toSilence, toStranger } from './refusal.ts';

export type AuditPage = z.infer<typeof auditListSchema>;
export type AuditVerdict = z.infer<typeof auditVerdictSchema>;
export type ReadyView = z.infer<typeof readySchema>;
export type TicketPage = z.infer<typeof ticketListSchema>;

/** What a list of tickets is narrowed to; lists are comma-separated. */
export interface TicketQuery {
  status?: string | undefined;
  priority?: string | undefined;
  application?: string | undefined;
  /** The Argo CD instance. */
  target?: string | undefined;
  text?: string | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface NewTicket {
  title: string;
  description?: string;
  priority?: string;
  target?: { application?: string; environment?: string; instance?: string };
  /** False leaves the ticket a draft. */
  start?: boolean;
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
  me(): Promise<MeView>;
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
  const follow = (path: string, lastEventId: number | undefined, signal: AbortSignal, options: FollowOptions = {}) =>
    followStream({ baseUrl, auth, path, signal, ...options }, lastEventId);

  return {
    baseUrl,
    request,
    createTicket: async (input) => await ticket('POST', ROUTES.tickets, input),
    listTickets: async (query = {}) => await request(ticketListSchema, 'GET', ROUTES.tickets, { query: { ...query } }),
    getTicket: async (id) => await ticket('GET', ROUTES.ticket(id)),
    getPlan: async (id) => await request(planSchema, 'GET', ROUTES.plan(id)),
    listEvents: async (id) => {
      const events: TicketEvent[] = [];
      for (let after = 0; ;) {
        const query = { after, limit: EVENTS_A_PAGE };
        const page = await request(eventListSchema, 'GET', ROUTES.events(id), { query });
        events.push(...page.items);
        if (page.items.length < EVENTS_A_PAGE) return events;
        after = page.lastId;
      }
    },
    startTicket: async (id) => await ticket('POST', ROUTES.action(id, 'start'), {}),
    approvePlan: async (id, changeHash) => await ticket('POST', ROUTES.approvePlan(id), { changeHash }),
    rejectPlan: async (id, input) => await ticket('POST', ROUTES.rejectPlan(id), input),
    grant: async (id, approvalId) => await ticket('POST', ROUTES.grant(id, approvalId), {}),
    deny: async (id, approvalId, reason) => await ticket('POST', ROUTES.deny(id, approvalId), { reason }),
    answer: async (id, answer) => await ticket('POST', ROUTES.answer(id), { answer }),
    pause: async (id) => await ticket('POST', ROUTES.action(id, 'pause'), {}),
    resume: async (id) => await ticket('POST', ROUTES.action(id, 'resume'), {}),
    cancel: async (id, reason) => await ticket('POST', ROUTES.cancel(id), { reason }),
    retry: async (id) => await ticket('POST', ROUTES.action(id, 'retry'), {}),
    listAudit: async ({ ticketId, ...query }) =>
      await request(auditListSchema, 'GET', ticketId === undefined ? ROUTES.audit : ROUTES.ticketAudit(ticketId), {
        query,
      }),
    verifyAudit: async () => await request(auditVerdictSchema, 'GET', ROUTES.verifyAudit),
    me: async () => await request(meSchema, 'GET', ROUTES.me),
    info: async () => await request(infoSchema, 'GET', ROUTES.info),
    ready: async () => await request(readySchema, 'GET', ROUTES.ready, { accept: [503] }),
    followEvents: (lastEventId, signal, options) => follow(ROUTES.allEvents, lastEventId, signal, options),
    followTicket: (id, lastEventId, signal, options) => follow(ROUTES.stream(id), lastEventId, signal, options),
  };
}

function toQueryText(query: CallOptions['query'] = {}): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

function parseAnswer(baseUrl: string, text: string): unknown {
  const answer = toJsonOrUndefined(text);
  if (answer === undefined) throw toStranger(baseUrl, undefined);
  return answer;
}
