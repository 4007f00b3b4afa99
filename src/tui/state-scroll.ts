import type { Action, OpenTicket, State } from './model.ts';
import { clamp, selectedIndex, shownTickets } from './select.ts';
import { differenceRows, matchingRows } from './views/difference.ts';
import { FRAME_LINES } from './views/frame.ts';
import { helpRows } from './views/help.ts';
import { serviceRows } from './views/memory.ts';
import { tabRows, ticketHead, topOf } from './views/ticket.ts';

type ScrollAction = Extract<Action, { type: 'scrolled' | 'fold_toggled' | 'folds_set' | 'match_sought' | 'tab_shown' }>;
type Scroll = Extract<Action, { type: 'scrolled' }>['by'];

/** Everything that moves what is seen and changes nothing else. */
export function reduceScroll(state: State, action: ScrollAction): State {
  switch (action.type) {
    case 'scrolled':
      return scroll(state, action.by);
    case 'tab_shown':
      return withOpen(state, (open) => ({ ...open, tab: action.tab, isSearching: false }));
    case 'fold_toggled':
      return withOpen(state, (open) => toggleFold(open, topNow(state, open)));
    case 'folds_set':
      return withOpen(state, (open) => ({
        ...open,
        folded: new Set(action.isFolded ? (open.plan?.changes ?? []).keys() : []),
        tops: { ...open.tops, difference: 0 },
      }));
    case 'match_sought':
      return withOpen(state, (open) => seekMatch(open, action.direction));
  }
}

function scroll(state: State, by: Scroll): State {
  const room = Math.max(1, state.size.height - FRAME_LINES - 4);
  switch (state.screen) {
    case 'dashboard': {
      const shown = shownTickets(state);
      const at = move(selectedIndex(state, shown), by, shown.length - 1, room);
      return { ...state, selectedId: shown[at]?.id };
    }
    case 'ticket':
      return withOpen(state, (open) => {
        const count = tabRows(state, open, state.size.width).length;
        const last = Math.max(0, count - roomOf(state));
        const limit = open.tab === 'difference' && by !== 'end' ? Math.max(0, count - 1) : last;
        const top = move(topNow(state, open), by, limit, roomOf(state));
        return {
          ...open,
          tops: { ...open.tops, [open.tab]: top },
          isFollowing: open.tab === 'timeline' ? top >= last : open.isFollowing,
        };
      });
    case 'memory':
      return { ...state, serviceCursor: move(state.serviceCursor, by, state.services.length - 1, room) };
    case 'service': {
      const { openService } = state;
      if (openService === undefined) return state;
      const height = state.size.height - FRAME_LINES;
      const last = serviceRows(openService, state.size.width, state.nowMs).length - height;
      return { ...state, openService: { ...openService, top: move(openService.top, by, last, height) } };
    }
    case 'audit': {
      const last = (state.audit.page?.items.length ?? 0) - (state.size.height - FRAME_LINES - 2);
      return { ...state, audit: { ...state.audit, top: move(state.audit.top, by, last, room) } };
    }
    case 'help': {
      const height = state.size.height - FRAME_LINES;
      return { ...state, helpTop: move(state.helpTop, by, helpRows(state.size.width).length - height, height) };
    }
    case 'create':
      return state;
  }
}

function move(at: number, by: Scroll, last: number, page: number): number {
  const limit = Math.max(0, last);
  if (by === 'start') return 0;
  if (by === 'end') return limit;
  const step = by === 'page_down' ? page : by === 'page_up' ? -page : by;
  return clamp(at + step, 0, limit);
}

function withOpen(state: State, change: (open: OpenTicket) => OpenTicket): State {
  return state.open === undefined ? state : { ...state, open: change(state.open) };
}

function roomOf(state: State): number {
  return Math.max(1, state.size.height - FRAME_LINES - ticketHead(state, state.size.width).length);
}

function topNow(state: State, open: OpenTicket): number {
  return topOf(open, tabRows(state, open, state.size.width).length, roomOf(state));
}

/** Folds the object whose lines are at the top, or unfolds it; its head comes to the top. */
function toggleFold(open: OpenTicket, top: number): OpenTicket {
  if (open.plan === undefined || open.tab !== 'difference') return open;
  const change = differenceRows(open.plan, open.folded, '')[top]?.change;
  if (change === undefined) return open;
  const folded = new Set(open.folded);
  if (!folded.delete(change)) folded.add(change);
  const head = differenceRows(open.plan, folded, '').findIndex((row) => row.change === change);
  return { ...open, folded, tops: { ...open.tops, difference: Math.max(0, head) } };
}

/** The next line with a match comes to the top; after the last one the first. */
function seekMatch(open: OpenTicket, direction: 1 | -1): OpenTicket {
  const top = open.tops.difference;
  if (open.plan === undefined || open.search.text === '') return open;
  const matches = matchingRows(differenceRows(open.plan, open.folded, open.search.text));
  // While the words are still being typed the line at the top may be the match.
  const from = open.isSearching ? top - 1 : top;
  const next =
    direction > 0
      ? (matches.find((row) => row > from) ?? matches[0])
      : (matches.findLast((row) => row < top) ?? matches.at(-1));
  return next === undefined ? open : { ...open, tops: { ...open.tops, difference: next } };
}
