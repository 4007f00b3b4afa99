import type { State } from '../model.ts';
import { line, paragraph, span, spread, type Line, type Span } from '../text/lines.ts';
import { viewAudit } from './audit.ts';
import { viewDashboard } from './dashboard.ts';
import { viewDialog } from './dialog.ts';
import { viewEdit, viewForm } from './form.ts';
import { viewHelp } from './help.ts';
import { viewHints } from './hints.ts';
import { viewMemory, viewOpenService } from './memory.ts';
import { layOutTicket, viewTicket, type TicketLayout } from './ticket.ts';

const MIN_WIDTH = 40;
const MIN_HEIGHT = 12;
const MAX_NOTICE_LINES = 3;

/** Lines of the frame that are not the screen's own: the head, the notice and the keys. */
export const FRAME_LINES = 3;

/** Everything that is shown: exactly as many lines as the terminal has. */
export function viewFrame(state: State): Line[] {
  const { width, height } = state.size;
  if (width < MIN_WIDTH || height < MIN_HEIGHT)
    return fill(
      [line(`The window is too small (${width}x${height}).`), line(`Tiphys needs ${MIN_WIDTH}x${MIN_HEIGHT}.`)],
      height,
    );
  const room = height - FRAME_LINES;
  const ticket = state.screen === 'ticket' ? layOutTicket(state, width, room) : undefined;
  const body = fill(viewScreen(state, ticket, width, room), room);
  // A notice that is longer than its line covers the end of the page.
  const notice = viewNotice(state, width).slice(0, MAX_NOTICE_LINES);
  const shown = body.slice(0, room + 1 - notice.length);
  const lines = [viewHead(state, width), ...shown, ...notice, viewHints(state, ticket, width, room)];
  return state.dialog === undefined ? lines : overlay(lines, viewDialog(state.dialog, state, width), width);
}

function viewScreen(state: State, ticket: TicketLayout | undefined, width: number, height: number): Line[] {
  switch (state.screen) {
    case 'dashboard':
      return viewDashboard(state, width, height);
    case 'ticket':
      return ticket === undefined ? [] : viewTicket(ticket);
    case 'memory':
      return viewMemory(state, width, height);
    case 'service':
      return viewOpenService(state, width, height);
    case 'audit':
      return viewAudit(state, width, height);
    case 'create':
      return viewForm(state, width);
    case 'help':
      return viewHelp(state, width, height);
  }
}

function viewHead(state: State, width: number): Line {
  const { connection, info } = state;
  const planner =
    info === undefined ? '' : `  planner ${info.planner}${info.mode === 'embedded_sandbox' ? '  sandbox' : ''}`;
  const link: Span =
    connection.kind === 'live'
      ? span('live', 'good')
      : connection.kind === 'connecting'
        ? span('connecting ...', 'warn')
        : span('no connection, trying again', 'bad');
  return spread([span('Tiphys ', 'bold'), span(`${state.place}${planner}`, 'dim')], [link], width);
}

function viewNotice({ notice, open, screen, connection }: State, width: number): Line[] {
  if (screen === 'ticket' && open?.isSearching === true)
    return [[span('Search: '), ...viewEdit(open.search, width - 10, true)]];
  if (notice !== undefined) return paragraph(notice.text, width, { tone: notice.tone });
  if (connection.kind === 'lost') return paragraph(connection.reason, width, { tone: 'bad' });
  if (screen === 'ticket' && open !== undefined && open.tab === 'difference' && open.search.text !== '')
    return [line(`Search: ${open.search.text}   ] next   [ previous`, 'dim')];
  return [line()];
}

function fill(lines: readonly Line[], height: number): Line[] {
  const shown = lines.slice(0, height);
  return [...shown, ...Array.from({ length: Math.max(0, height - shown.length) }, () => line())];
}

/** The box in the middle of the lines; what is beside it stays empty, so that the eye is on the question. */
function overlay(lines: readonly Line[], box: readonly Line[], width: number): Line[] {
  const boxWidth = Math.min(96, width);
  const left = ' '.repeat(Math.max(0, Math.floor((width - boxWidth) / 2)));
  // Hash and keys stand last: in a low window the beginning gives way.
  const fitting = box.slice(-(lines.length - 1));
  const top = Math.max(1, Math.floor((lines.length - fitting.length) / 3));
  return lines.map((under, index) => {
    const row = fitting[index - top];
    return row === undefined ? under : [span(left), ...row];
  });
}
