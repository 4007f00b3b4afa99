import { toCount, toRiskTone, toShortId, toStatusWord } from '../../client/words.ts';
import type { TicketView } from '../../api/contract.ts';
import type { State } from '../model.ts';
import { cellWidth, fitCells } from '../text/cells.ts';
import { selectedIndex, shownTickets, toTargetWord, windowTop } from '../select.ts';
import { column, highlight, line, lineWidth, span, type Line, type Span, type Tone } from '../text/lines.ts';
import { toAge, toHealthTone } from './words.ts';

/** The list of tickets under what is going on: only the lines that fit are made, however many tickets there are. */
export function viewDashboard(state: State, width: number, height: number): Line[] {
  const head = [
    viewCounts(state),
    viewActivity(state, width),
    viewApplications(state, width),
    viewFilter(state),
    viewColumns(width),
  ];
  const room = Math.max(1, height - head.length);
  const shown = shownTickets(state);
  const cursor = selectedIndex(state, shown);
  const top = windowTop(cursor, shown.length, room);
  const rows = shown.slice(top, top + room).map((ticket, index) => {
    const row = viewTicket(state, ticket, width);
    return top + index === cursor ? highlight(row, width) : row;
  });
  return [...head, ...(rows.length === 0 ? viewNothing(state) : rows)];
}

function viewCounts({ tickets, isListing }: State): Line {
  const count = (...statuses: TicketView['status'][]) =>
    tickets.filter(({ status }) => statuses.includes(status)).length;
  const waiting = count('pending_plan_approval', 'pending_approval', 'pending_input', 'pending_merge');
  return [
    span(isListing ? `${tickets.length}+ tickets` : toCount(tickets.length, 'ticket'), 'bold'),
    span('   waiting for you '),
    span(String(waiting), waiting > 0 ? 'warn' : 'plain'),
    span('   resolved '),
    span(String(count('resolved')), 'good'),
    span('   failed '),
    span(String(count('failed', 'errored')), count('failed', 'errored') > 0 ? 'bad' : 'plain'),
    ...(['draft', 'paused', 'cancelled'] as const).flatMap((status) =>
      count(status) === 0 ? [] : [span(`   ${status} ${count(status)}`)],
    ),
  ];
}

function viewActivity({ tickets, activity, nowMs }: State, width: number): Line {
  const working = (['planning', 'executing', 'observing'] as const).flatMap((status) => {
    const count = tickets.filter((ticket) => ticket.status === status).length;
    return count === 0 ? [] : [`${status} ${count}`];
  });
  const now = `Agent    ${working.length === 0 ? 'idle' : working.join(', ')}`;
  if (activity === undefined) return activityLine(now);
  const age = ` (${toAge(activity.at, nowMs)} ago)`;
  const room = width - cellWidth(now) - LAST.length - age.length;
  return [...activityLine(now), span(`${LAST}${fitCells(activity.text, room).trimEnd()}${age}`, 'dim')];
}

const LAST = '   last: ';

function activityLine(text: string): Line {
  return [span(text.slice(0, 9), 'dim'), span(text.slice(9))];
}

const WORST_FIRST: Partial<Record<Tone, number>> = { bad: 0, warn: 1, dim: 2 };

/** What is not well stands first; what does not fit is counted. */
function viewApplications({ applications, checks }: State, width: number): Line {
  const argo = checks.find(({ name }) => /argo/i.test(name));
  const reach: Span[] =
    argo === undefined ? [] : [argo.ok ? span('reachable  ', 'good') : span(`${argo.detail}  `, 'bad')];
  const rank = (word: string) => WORST_FIRST[toHealthTone(word)] ?? 3;
  const worst = ({ sync, health }: { sync: string; health: string }) => Math.min(rank(sync || 'Synced'), rank(health));
  const seen = [...applications].toSorted(([, a], [, b]) => worst(a) - worst(b));
  const shown: Span[] = [span('Argo CD  ', 'dim'), ...reach];
  if (seen.length === 0) return [...shown, span('nothing observed yet', 'dim')];
  for (const [index, [name, { sync, health }]] of seen.entries()) {
    const one = [
      span(`${name} `),
      span(sync === '' ? '' : `${sync} `, toHealthTone(sync)),
      span(`${health === '' ? 'Unknown' : health}  `, toHealthTone(health)),
    ];
    const left = seen.length - index;
    const isLast = left === 1;
    if (index > 0 && lineWidth([...shown, ...one]) + (isLast ? 0 : MORE_CELLS) > width)
      return [...shown, span(`+${left} more`, 'dim')];
    shown.push(...one);
  }
  return shown;
}

const MORE_CELLS = 10;

function viewFilter(state: State): Line {
  if (!state.isFiltering && state.filter.text === '') return line();
  const cursor = state.isFiltering ? [{ text: ' ', isReverse: true }] : [];
  const count = shownTickets(state).length;
  return [span('Filter   ', 'dim'), span(state.filter.text, 'bold'), ...cursor, span(`  ${count} match`, 'dim')];
}

interface Columns {
  status: number;
  risk: number;
  priority: number;
  age: number;
  application: number;
  title: number;
  reason: number;
  id: number;
}

/** What fits: priority, id and why it stands where it stands only on wide screens; the title takes the rest. */
function toColumns(width: number): Columns {
  const isWide = width >= 110;
  const fixed = {
    status: 16,
    risk: 9,
    priority: isWide ? 9 : 0,
    age: 5,
    application: isWide ? 22 : 14,
    id: isWide ? 10 : 0,
  };
  const taken = Object.values(fixed).reduce((sum, one) => sum + one, 0);
  const free = Math.max(8, width - taken);
  const reason = width >= 130 ? Math.floor(free / 2) : 0;
  return { ...fixed, title: free - reason, reason };
}

function viewColumns(width: number): Line {
  const columns = toColumns(width);
  return [
    column('STATUS', columns.status, 'dim'),
    column('RISK', columns.risk, 'dim'),
    ...(columns.priority === 0 ? [] : [column('PRIORITY', columns.priority, 'dim')]),
    column('AGE', columns.age, 'dim'),
    column('APPLICATION', columns.application, 'dim'),
    column('TITLE', columns.title, 'dim'),
    ...(columns.reason === 0 ? [] : [column(' WHY', columns.reason, 'dim')]),
    ...(columns.id === 0 ? [] : [column('  ID', columns.id, 'dim')]),
  ];
}

function viewTicket(state: State, ticket: TicketView, width: number): Line {
  const columns = toColumns(width);
  const status = toStatusWord(ticket.status);
  const risk = state.risks.get(ticket.id) ?? '';
  const cell = (text: string, room: number) => `${column(text, room - 1).text} `;
  return [
    column(status.text, columns.status, status.tone),
    column(risk === 'none' ? '' : risk, columns.risk, toRiskTone(risk)),
    ...(columns.priority === 0 ? [] : [column(ticket.priority, columns.priority)]),
    column(toAge(ticket.createdAt, state.nowMs), columns.age, 'dim'),
    span(
      cell(
        `${ticket.application ?? ticket.target.application ?? ''}${toTargetWord(state, ticket)}`,
        columns.application,
      ),
    ),
    column(ticket.title, columns.title),
    ...(columns.reason === 0 ? [] : [column(` ${ticket.reason}`, columns.reason, 'dim')]),
    ...(columns.id === 0 ? [] : [column(`  ${toShortId(ticket.id)}`, columns.id, 'dim')]),
  ];
}

function viewNothing({ tickets, isListing, filter }: State): Line[] {
  if (isListing) return [line(), line('  Loading the tickets ...', 'dim')];
  if (tickets.length > 0) return [line(), line(`  No ticket matches "${filter.text}". Esc shows all.`, 'dim')];
  return [
    line(),
    line('  No tickets yet. Press n and say what should change, for example:', 'dim'),
    line(),
    line('    Deploy redis 7.2 with 3 replicas'),
    line('    Update api to 1.9.0'),
    line(),
    line('  You are shown the plan and its rendered difference before anything is pushed.', 'dim'),
  ];
}
