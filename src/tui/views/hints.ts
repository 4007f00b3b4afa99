import type { TicketView } from '../../api/contract.ts';
import type { State } from '../model.ts';
import { currentTicket, selectedIndex, shownTickets } from '../select.ts';
import { cellWidth } from '../text/cells.ts';
import { span, spread, type Line } from '../text/lines.ts';
import { helpRows } from './help.ts';
import { serviceRows } from './memory.ts';
import type { TicketLayout } from './ticket.ts';

/** The keys that do something now, and how much more there is than fits on the screen. */
export function viewHints(state: State, ticket: TicketLayout | undefined, width: number, room: number): Line {
  const place = toPlace(state, ticket, width, room);
  const [first, last] = toHints(state);
  const free = width - cellWidth(last) - 2 - (place === '' ? 0 : place.length + 2);
  let shown = '';
  // What does not fit is in the help, which is why the way there always stays.
  for (const hint of first) {
    const longer = shown === '' ? hint : `${shown}  ${hint}`;
    if (cellWidth(longer) > free) break;
    shown = longer;
  }
  return spread([span(`${shown}  ${last}`, 'dim')], place === '' ? [] : [span(place, 'dim')], width);
}

function toHints(state: State): [readonly string[], string] {
  switch (state.screen) {
    case 'dashboard': {
      const own = toTicketHints(currentTicket(state), false).slice(0, 1);
      return [['Enter open', 'n new', ...own, '/ filter', 'm memory', 'A audit', 'r refresh'], '? help  q quit'];
    }
    case 'ticket':
      return state.open?.tab === 'difference'
        ? [
            [
              ...toTicketHints(currentTicket(state), true).slice(0, 2),
              'space fold',
              '- + all',
              '/ search',
              ...(state.open.search.text === '' ? [] : ['] [ matches']),
              'Tab page',
            ],
            'Esc  ? help',
          ]
        : [['Tab page', ...toTicketHints(currentTicket(state), true), 'd difference', 'm memory'], 'Esc  ? help'];
    case 'memory':
      return [['Enter open', 'r refresh', 'A audit'], 'Esc  ? help'];
    case 'service':
    case 'audit':
      return [['up/down scroll', 'r refresh'], 'Esc  ? help'];
    case 'create':
      return [['Tab next field', 'Ctrl+S create'], 'Esc leave'];
    case 'help':
      return [['up/down scroll'], 'Esc back'];
  }
}

/** What can be done with a ticket now, the most likely first. */
function toTicketHints(ticket: TicketView | undefined, isOpen: boolean): string[] {
  if (ticket === undefined) return [];
  const { actions, hold } = ticket;
  const can = (action: TicketView['actions'][number], hint: string) => (actions.includes(action) ? [hint] : []);
  return [
    ...(hold?.kind === 'plan_approval'
      ? [...can('approve_plan', 'p approve'), ...(isOpen ? can('reject_plan', 'n reject') : [])]
      : []),
    ...(hold?.kind === 'approval' ? [...can('grant', 'y grant'), ...(isOpen ? can('deny', 'n deny') : [])] : []),
    ...(hold?.kind === 'question' ? can('answer', 'a answer') : []),
    ...can('start', 's start'),
    ...can('retry', 's try again'),
    ...can('resume', 'z resume'),
    ...can('pause', 'z pause'),
    ...can('cancel', 'x cancel'),
  ];
}

/** Which part of how much is shown, where not everything is. */
function toPlace(state: State, ticket: TicketLayout | undefined, width: number, room: number): string {
  switch (state.screen) {
    case 'dashboard': {
      const shown = shownTickets(state);
      return shown.length < 2 ? '' : `${selectedIndex(state, shown) + 1} of ${shown.length}`;
    }
    case 'ticket':
      return ticket === undefined ? '' : toLines(ticket.top, ticket.rows.length, ticket.room);
    case 'memory':
      return state.services.length < 2 ? '' : `${state.serviceCursor + 1} of ${state.services.length}`;
    case 'service':
      return state.openService === undefined
        ? ''
        : toLines(state.openService.top, serviceRows(state.openService, width, state.nowMs).length, room);
    case 'audit':
      return toLines(state.audit.top, state.audit.page?.items.length ?? 0, room - 2);
    case 'help':
      return toLines(state.helpTop, helpRows(width).length, room);
    case 'create':
      return '';
  }
}

function toLines(top: number, count: number, room: number): string {
  return count <= room ? '' : `${top + 1}-${Math.min(count, top + room)} of ${count}`;
}
