import type { MemoryService } from './memory-place.ts';
import type { TicketEvent } from '../ticket/event.ts';
import type { TicketView } from '../api/contract.ts';
import type { Action, ServiceRow, State } from './model.ts';
import { tellEvent } from '../client/tell-event.ts';

type DataAction = Extract<
  Action,
  {
    type:
      | 'info_loaded'
      | 'listing_began'
      | 'tickets_loaded'
      | 'ticket_changed'
      | 'risk_loaded'
      | 'event_came'
      | 'observations_loaded'
      | 'ticket_loaded'
      | 'plan_loaded'
      | 'memory_loaded'
      | 'service_risk_loaded'
      | 'service_loaded'
      | 'audit_loaded';
  }
>;

/** What the server said, taken into the state. Answers may come late and twice: older ones never replace newer ones. */
export function reduceData(state: State, action: DataAction): State {
  switch (action.type) {
    case 'info_loaded':
      return { ...state, info: action.info, checks: action.checks };
    case 'listing_began':
      return { ...state, isListing: true };
    case 'tickets_loaded':
      return { ...state, tickets: mergeTickets(state.tickets, action.tickets), isListing: !action.isLast };
    case 'ticket_changed':
      return { ...state, tickets: mergeTickets(state.tickets, [action.ticket]) };
    case 'risk_loaded':
      return { ...state, risks: new Map([...state.risks, [action.id, action.risk]]) };
    case 'event_came':
      return takeEvent(state, action.event);
    case 'observations_loaded':
      return { ...state, applications: action.events.reduce(takeObservation, state.applications) };
    case 'ticket_loaded': {
      const tickets = mergeTickets(state.tickets, [action.ticket]);
      const { open } = state;
      if (open?.id !== action.ticket.id) return { ...state, tickets };
      const events = mergeEvents(action.events, open.events);
      return { ...state, tickets, open: { ...open, plan: action.plan ?? open.plan, events, isLoading: false } };
    }
    case 'plan_loaded': {
      const risks = new Map([...state.risks, [action.id, action.plan.risk?.level ?? 'none']]);
      const { open } = state;
      return open?.id === action.id ? { ...state, risks, open: { ...open, plan: action.plan } } : { ...state, risks };
    }
    case 'memory_loaded': {
      const known = new Map(state.services.map((row) => [toKey(row.service), row.risk]));
      const services = action.services.map((service) => ({ service, risk: known.get(toKey(service)) }));
      const serviceCursor = Math.min(state.serviceCursor, Math.max(0, services.length - 1));
      return { ...state, services: byRisk(services), isRemembering: false, serviceCursor };
    }
    case 'service_risk_loaded':
      return takeServiceRisk(state, action.service, action.risk);
    case 'service_loaded': {
      const { openService } = state;
      if (openService === undefined || toKey(openService.service) !== toKey(action.service)) return state;
      const { context, history, around } = action;
      return { ...state, openService: { ...openService, context, history, around } };
    }
    case 'audit_loaded':
      return { ...state, audit: { ...state.audit, page: action.page, verdict: action.verdict } };
  }
}

/** Newest first, each once, in its newest form. */
function mergeTickets(known: readonly TicketView[], given: readonly TicketView[]): readonly TicketView[] {
  const merged = new Map(known.map((ticket) => [ticket.id, ticket]));
  let isNew = false;
  for (const ticket of given) {
    const old = merged.get(ticket.id);
    if (old === undefined) isNew = true;
    if (old === undefined || old.updatedAt <= ticket.updatedAt) merged.set(ticket.id, ticket);
  }
  const tickets = [...merged.values()];
  // Ids begin with the time: their order is that of creation.
  return isNew ? tickets.sort((a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)) : tickets;
}

function mergeEvents(loaded: readonly TicketEvent[], live: readonly TicketEvent[]): readonly TicketEvent[] {
  const merged = new Map([...loaded, ...live].map((event) => [event.id, event]));
  return [...merged.values()].sort((a, b) => a.id - b.id);
}

function takeEvent(state: State, event: TicketEvent): State {
  const { open } = state;
  const isShown = open !== undefined && open.id === event.ticketId && !open.events.some(({ id }) => id === event.id);
  const { who, text } = tellEvent(event);
  return {
    ...state,
    activity: { ticketId: event.ticketId, text: `${who} ${text}`, at: event.at },
    applications: takeObservation(state.applications, event),
    ...(event.type === 'plan' ? { risks: new Map([...state.risks, [event.ticketId, event.data.risk]]) } : {}),
    ...(isShown ? { open: { ...open, events: mergeEvents(open.events, [event]) } } : {}),
  };
}

function takeObservation(known: State['applications'], event: TicketEvent): State['applications'] {
  if (event.type !== 'sync' && event.type !== 'health') return known;
  const { application, status } = event.data;
  const old = known.get(application) ?? { sync: '', health: '' };
  return new Map([...known, [application, { ...old, [event.type]: status }]]);
}

function takeServiceRisk(state: State, service: MemoryService, risk: NonNullable<ServiceRow['risk']>): State {
  const cursorKey = keyAt(state.services, state.serviceCursor);
  const services = byRisk(
    state.services.map((row) => (toKey(row.service) === toKey(service) ? { ...row, risk } : row)),
  );
  // The cursor stays on its service while the order settles, unless it has not been moved yet.
  const moved = services.findIndex((row) => toKey(row.service) === cursorKey);
  return { ...state, services, serviceCursor: state.serviceCursor === 0 ? 0 : Math.max(0, moved) };
}

function byRisk(services: readonly ServiceRow[]): ServiceRow[] {
  return services.toSorted((a, b) => (b.risk?.probability ?? -1) - (a.risk?.probability ?? -1));
}

function keyAt(services: readonly ServiceRow[], index: number): string | undefined {
  const row = services[index];
  return row === undefined ? undefined : toKey(row.service);
}

function toKey({ cluster, environment, namespace, service }: MemoryService): string {
  return JSON.stringify([cluster, environment, namespace, service]);
}
