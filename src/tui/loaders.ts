import { contextSchema, graphSchema, historySchema, servicesSchema } from '../api/contract-memory.ts';
import { isAppError } from '../lib/errors.ts';
import { toPlaceQuery, type MemoryService } from './memory-place.ts';
import type { PlanView } from '../api/contract.ts';
import type { TicketEvent } from '../ticket/event.ts';
import type { ApiClient } from '../client/api-client.ts';
import type { Action, State } from './model.ts';
import { selectedIndex, shownTickets, windowTop } from './select.ts';
import { FRAME_LINES } from './views/frame.ts';

interface LoaderDeps {
  client: ApiClient;
  signal: AbortSignal;
  dispatch: (action: Action) => void;
  getState: () => State;
}

export interface Loaders {
  /** Everything that is shown, asked for again. */
  refresh(): Promise<void>;
  loadTicket(id: string): Promise<void>;
  loadMemory(): Promise<void>;
  loadService(service: MemoryService): Promise<void>;
  loadAudit(): Promise<void>;
  /** Loads what the action makes necessary; nothing for most. */
  notice(action: Action): Promise<void>;
}

const PAGE = 200;
/** More than this is beyond what anybody scrolls through; the filter of the server's own API is for that. */
const MAX_TICKETS = 10_000;
const AT_ONCE = 4;
const STRIP_TICKETS = 8;
const MAX_SERVICES = 200;
const AUDIT_ENTRIES = 500;

export function createLoaders({ client, signal, dispatch, getState }: LoaderDeps): Loaders {
  const waiting = new Set<string>();
  let listing: Promise<void> | undefined;
  const risksAsked = new Set<string>();

  const listAll = async () => {
    dispatch({ type: 'listing_began' });
    let cursor: string | undefined;
    for (let count = 0; !signal.aborted;) {
      const page = await client.listTickets({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      const isFirst = count === 0;
      count += page.items.length;
      cursor = page.nextCursor ?? undefined;
      const isLast = cursor === undefined || count >= MAX_TICKETS;
      dispatch({ type: 'tickets_loaded', tickets: page.items, isLast });
      if (isFirst) await Promise.all([loadRisks(), loadStrip()]);
      if (isLast) return;
    }
  };

  const findPlan = async (id: string): Promise<PlanView | undefined> => {
    try {
      return await client.getPlan(id);
    } catch (error) {
      if (isAppError(error, 'not_found')) return undefined;
      throw error;
    }
  };

  /** The list does not say the risk; the tickets in sight are asked for theirs, each once. */
  const loadRisks = async () => {
    const state = getState();
    const shown = shownTickets(state);
    const height = Math.max(1, state.size.height - FRAME_LINES);
    const top = windowTop(selectedIndex(state, shown), shown.length, height);
    const ids = shown
      .slice(top, top + height)
      .map(({ id }) => id)
      .filter((id) => !state.risks.has(id) && !risksAsked.has(id));
    for (const id of ids) risksAsked.add(id);
    await eachOf(ids, async (id) => {
      try {
        dispatch({ type: 'risk_loaded', id, risk: (await findPlan(id))?.risk?.level ?? 'none' });
      } finally {
        risksAsked.delete(id);
      }
    });
  };

  /** The last word of Argo CD about the applications of the newest tickets; what comes later is heard live. */
  const loadStrip = async () => {
    const recent = getState()
      .tickets.filter(({ application, startedAt }) => application !== null && startedAt !== null)
      .slice(0, STRIP_TICKETS);
    const events: TicketEvent[] = [];
    await eachOf(recent, async ({ id }) => void events.push(...(await client.listEvents(id))));
    events.sort((a, b) => a.id - b.id);
    dispatch({ type: 'observations_loaded', events });
  };

  const eachOf = async <T>(items: readonly T[], work: (item: T) => Promise<void>) => {
    const queue = [...items];
    const worker = async () => {
      for (let item = queue.shift(); item !== undefined && !signal.aborted; item = queue.shift()) await work(item);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };

  const loadTicket = async (id: string) => {
    const [ticket, plan, events] = await Promise.all([client.getTicket(id), findPlan(id), client.listEvents(id)]);
    dispatch({ type: 'ticket_loaded', ticket, plan, events });
    if (plan !== undefined) dispatch({ type: 'plan_loaded', id, plan });
  };

  /** A ticket that changed, and its plan where it is on the screen. Many events at once are one question. */
  const reload = async (id: string, withPlan: boolean) => {
    const key = `${id} ${withPlan}`;
    if (waiting.has(key)) return;
    waiting.add(key);
    await new Promise((resolve) => setImmediate(resolve));
    waiting.delete(key);
    dispatch({ type: 'ticket_changed', ticket: await client.getTicket(id) });
    if (!withPlan) return;
    const plan = await findPlan(id);
    if (plan !== undefined) dispatch({ type: 'plan_loaded', id, plan });
  };

  const loadService = async (service: MemoryService) => {
    const query = toPlaceQuery(service);
    const name = encodeURIComponent(service.service);
    const [context, history, around] = await Promise.all([
      client.request(contextSchema, 'GET', `/api/memory/context/${name}?${query}`),
      client.request(historySchema, 'GET', `/api/memory/history/${name}?${query}`),
      client.request(graphSchema, 'GET', `/api/memory/graph?service=${name}&${query}`),
    ]);
    dispatch({ type: 'service_loaded', service, context, history: history.items, around });
  };

  const loadMemory = async () => {
    const { items } = await client.request(servicesSchema, 'GET', '/api/memory/services');
    dispatch({ type: 'memory_loaded', services: items });
    await eachOf(items.slice(0, MAX_SERVICES), async (service) => {
      const path = `/api/memory/context/${encodeURIComponent(service.service)}?${toPlaceQuery(service)}`;
      const { risk } = await client.request(contextSchema, 'GET', path);
      dispatch({ type: 'service_risk_loaded', service, risk });
    });
  };

  const loadAudit = async () => {
    const verdict = await client.verifyAudit();
    // Pages begin at the oldest; the newest are found by counting. A broken chain has no count and is shown from its fault.
    const last = verdict.entries ?? verdict.seq ?? 0;
    const after = Math.max(0, last - (verdict.kind === 'intact' ? AUDIT_ENTRIES : 1));
    dispatch({ type: 'audit_loaded', verdict, page: await client.listAudit({ after, limit: AUDIT_ENTRIES }) });
  };

  const loadInfo = async () => {
    const [info, { checks }] = await Promise.all([client.info(), client.ready()]);
    dispatch({ type: 'info_loaded', info, checks });
  };

  return {
    refresh: async () => {
      const { screen, open, openService } = getState();
      listing ??= listAll().finally(() => (listing = undefined));
      await Promise.all([
        listing,
        loadInfo(),
        open === undefined ? undefined : loadTicket(open.id),
        screen === 'memory' ? loadMemory() : undefined,
        screen === 'service' && openService !== undefined ? loadService(openService.service) : undefined,
        screen === 'audit' ? loadAudit() : undefined,
      ]);
    },
    loadTicket,
    loadMemory,
    loadService,
    loadAudit,
    notice: async (action) => {
      if (action.type === 'scrolled' || action.type === 'typed') {
        if (getState().screen === 'dashboard') await loadRisks();
        return;
      }
      if (action.type !== 'event_came') return;
      const { type, ticketId } = action.event;
      if (type === 'status' || type === 'approval' || type === 'question') await reload(ticketId, false);
      if (type === 'plan') await reload(ticketId, getState().open?.id === ticketId);
    },
  };
}
