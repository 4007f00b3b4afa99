import type { TicketView } from '../api/contract.ts';
import { toTargets } from '../client/words.ts';
import { FORM_FIELDS, type FormField, type State } from './model.ts';

/**
 * The tickets the filter leaves, newest first. Words are looked for in title, application, status, risk and id;
 * `waiting` leaves those that wait for a person's word, as the count above them does; drafts do not.
 */
export function shownTickets(state: State): readonly TicketView[] {
  const words = state.filter.text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return state.tickets;
  return state.tickets.filter((ticket) => {
    const text =
      `${ticket.title} ${ticket.application ?? ''}${toTargetWord(state, ticket)} ${ticket.status} ${ticket.status.startsWith('pending_') ? 'waiting' : ''} ${ticket.priority} ${state.risks.get(ticket.id) ?? ''} ${ticket.id}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Where the cursor stands among the shown tickets; 0 where its ticket is not among them. */
export function selectedIndex(state: State, shown: readonly TicketView[]): number {
  return Math.max(
    0,
    shown.findIndex(({ id }) => id === state.selectedId),
  );
}

/** The ticket that keys act on: the open one, or the one under the cursor. */
export function currentTicket(state: State): TicketView | undefined {
  if (state.screen === 'dashboard') {
    const shown = shownTickets(state);
    return shown[selectedIndex(state, shown)];
  }
  if (state.screen !== 'ticket') return undefined;
  return state.tickets.find(({ id }) => id === state.open?.id);
}

/** First of `count` lines shown so that the cursor is about in the middle: depends on nothing but these numbers. */
export function windowTop(cursor: number, count: number, height: number): number {
  return clamp(cursor - Math.floor(height / 2), 0, Math.max(0, count - height));
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), Math.max(low, high));
}

/** The Argo CD instances there are to choose from, the default one first; none where there is one only. */
export function listTargets({ info }: State): string[] {
  return info === undefined ? [] : toTargets(info);
}

/** ` @west` behind what a ticket is about; nothing where there is one instance only. */
export function toTargetWord(state: State, { target }: Pick<TicketView, 'target'>): string {
  return listTargets(state).length === 0 || target.instance === undefined ? '' : ` @${target.instance}`;
}

/** The fields of the form for a new ticket: a target only where there is a choice. */
export function listFormFields(state: State): FormField[] {
  return FORM_FIELDS.filter((field) => field !== 'target' || listTargets(state).length > 0);
}
