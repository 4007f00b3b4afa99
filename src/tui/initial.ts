import type { Form, OpenTicket, State, TicketTab } from './model.ts';
import { EMPTY_EDIT } from './text/edit-line.ts';

export const EMPTY_FORM: Form = {
  focus: 'title',
  title: EMPTY_EDIT,
  description: EMPTY_EDIT,
  application: EMPTY_EDIT,
  target: undefined,
  priority: 'medium',
  start: true,
  isSending: false,
};

export function createState(options: {
  size: { width: number; height: number };
  nowMs: number;
  place: string;
  isStandalone: boolean;
}): State {
  return {
    ...options,
    connection: { kind: 'connecting' },
    notice: undefined,
    info: undefined,
    checks: [],
    screen: 'dashboard',
    back: [],
    tickets: [],
    isListing: true,
    selectedId: undefined,
    filter: EMPTY_EDIT,
    isFiltering: false,
    risks: new Map(),
    applications: new Map(),
    activity: undefined,
    open: undefined,
    services: [],
    isRemembering: false,
    serviceCursor: 0,
    openService: undefined,
    audit: { page: undefined, verdict: undefined, top: 0 },
    form: EMPTY_FORM,
    dialog: undefined,
    helpTop: 0,
  };
}

export function createOpenTicket(id: string, tab: TicketTab): OpenTicket {
  return {
    id,
    plan: undefined,
    events: [],
    isLoading: true,
    tab,
    tops: { timeline: 0, plan: 0, difference: 0, observed: 0, memory: 0 },
    isFollowing: true,
    folded: new Set(),
    search: EMPTY_EDIT,
    isSearching: false,
  };
}
