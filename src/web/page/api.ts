import type {
  AuditListView,
  AuditVerdictView,
  InfoView,
  MeView,
  PlanView,
  Problem,
  TicketView,
} from '../../api/contract.ts';
import type { ContextView, HistoryView, ServicesView } from '../../api/contract-memory.ts';
import { readFrames } from '../../client/frames.ts';
import { ROUTES, type PlainAction } from '../../client/routes.ts';
import type { TicketEvent } from '../../ticket/event.ts';

const KEY = 'tiphys-key';
const RECONNECT_MS = 1_000;
const MAX_RECONNECT_MS = 10_000;

/** A refusal in the server's own words, or silence (status 0). */
export class Refusal extends Error {
  readonly status: number;
  readonly hint: string | undefined;

  constructor(status: number, message: string, hint: string | undefined) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

/** The key of this tab; it leaves with the tab. */
export const key = {
  get: () => sessionStorage.getItem(KEY) ?? undefined,
  set: (text: string) => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

interface NewTicket {
  title: string;
  description: string;
  priority: string;
  target?: { instance: string };
}

type Query = Record<string, string | number | undefined>;

function toHeaders(): Record<string, string> {
  const given = key.get();
  return given === undefined ? {} : { authorization: `Bearer ${given}` };
}

async function ask(method: string, path: string, options: { query?: Query; body?: unknown } = {}): Promise<Response> {
  const given = Object.entries(options.query ?? {}).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  const url = given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: { ...toHeaders(), ...(options.body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      redirect: 'error',
    });
  } catch {
    throw new Refusal(0, 'The server does not answer.', 'Is it running? The page goes on when it is back.');
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => undefined)) as Partial<Problem> | undefined;
  throw new Refusal(response.status, problem?.detail ?? `the server answered ${response.status}`, problem?.hint);
}

/** The shape is the contract's: the server parses its answers by the same schemas before it sends them. */
async function get<T>(path: string, query?: Query): Promise<T> {
  return (await (await ask('GET', path, query === undefined ? {} : { query })).json()) as T;
}

async function post(path: string, body: unknown = {}): Promise<TicketView> {
  return (await (await ask('POST', path, { body })).json()) as TicketView;
}

export const api = {
  me: async () => await get<MeView>(ROUTES.me),
  info: async () => await get<InfoView>(ROUTES.info),
  tickets: async (query: Query) => await get<{ items: TicketView[]; nextCursor: string | null }>(ROUTES.tickets, query),
  ticket: async (id: string) => await get<TicketView>(ROUTES.ticket(id)),
  plan: async (id: string) => await get<PlanView>(ROUTES.plan(id)),
  events: async (id: string, after: number) =>
    await get<{ items: TicketEvent[]; lastId: number }>(ROUTES.events(id), { after, limit: 1000 }),
  services: async () => await get<ServicesView>(ROUTES.services),
  context: async (service: string, place: Query) => await get<ContextView>(ROUTES.context(service), place),
  history: async (service: string, place: Query) =>
    await get<HistoryView>(ROUTES.history(service), { ...place, limit: 60 }),
  graph: async (about: Query) => await (await ask('GET', ROUTES.graph, { query: { ...about, format: 'svg' } })).blob(),
  newestAudit: async (limit: number) => await get<AuditListView>(ROUTES.audit, { newest: 'true', limit }),
  verifyAudit: async () => await get<AuditVerdictView>(ROUTES.verifyAudit),
  create: async (input: NewTicket) => await post(ROUTES.tickets, input),
  approvePlan: async (id: string, changeHash: string) => await post(ROUTES.approvePlan(id), { changeHash }),
  rejectPlan: async (id: string, reason: string, revise: boolean) =>
    await post(ROUTES.rejectPlan(id), { reason, revise }),
  grant: async (id: string, approvalId: string) => await post(ROUTES.grant(id, approvalId)),
  deny: async (id: string, approvalId: string, reason: string) => await post(ROUTES.deny(id, approvalId), { reason }),
  answer: async (id: string, answer: string) => await post(ROUTES.answer(id), { answer }),
  cancel: async (id: string, reason: string) => await post(ROUTES.cancel(id), { reason }),
  act: async (id: string, action: PlainAction) => await post(ROUTES.action(id, action)),
};

export type Connection = 'connecting' | 'live' | 'lost';

/** Follows everything that happens, over breaks and restarts of the server, until `signal`. */
export async function followAll(
  signal: AbortSignal,
  told: { event: (event: TicketEvent) => void; connection: (now: Connection) => void },
): Promise<void> {
  let lastId: number | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const from: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': String(lastId) };
      const headers = { ...toHeaders(), ...from, accept: 'text/event-stream' };
      const response = await fetch(ROUTES.allEvents, { headers, signal });
      if (response.ok && response.body !== null) {
        told.connection('live');
        failures = 0;
        for await (const data of readFrames(response.body)) {
          const event = JSON.parse(data) as TicketEvent;
          lastId = event.id;
          told.event(event);
        }
      }
    } catch {
      // A break, as when the server restarts: what follows is the same for every reason.
    }
    if (signal.aborted) return;
    told.connection('lost');
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, Math.min(RECONNECT_MS * failures, MAX_RECONNECT_MS)));
  }
}
