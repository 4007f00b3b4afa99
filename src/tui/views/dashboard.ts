import { toRiskTone, toStatusWord } from '../../client/words.ts';
import type { TicketView } from '../../api/contract.ts';
import type { State } from '../model.ts';
import { selectedIndex, shownTickets, toTargetWord, windowTop } from '../select.ts';
import { column, highlight, line, span, type Line, type Span } from '../text/lines.ts';
import { toAge, toHealthTone } from './words.ts';

/** The list of tickets under what is going on: only the lines that fit are made, however many tickets there are. */
export function viewDashboard(state: State, width: number, height: number): Line[] {
  const head = [viewCounts(state), viewActivity(state), viewApplications(state), viewFilter(state), viewColumns(width)];
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
    span(`${tickets.length}${isListing ? '+' : ''} tickets`, 'bold'),
    span('   wait for you '),
    span(String(waiting), waiting > 0 ? 'warn' : 'plain'),
    span('   resolved '),
    span(String(count('resolved')), 'good'),
    span('   failed '),
    span(String(count('failed', 'errored')), count('failed', 'errored') > 0 ? 'bad' : 'plain'),
    span(`   drafts ${count('draft')}   paused ${count('paused')}`),
  ];
}

function viewActivity({ tickets, activity, nowMs }: State): Line {
  const at = (status: TicketView['status']) => tickets.filter((ticket) => ticket.status === status).length;
  const working = (['planning', 'executing', 'observing'] as const)
    .map((status) => `${status} ${at(status)}`)
    .join(', ');
  const last = activity === undefined ? '' : `   last: ${activity.text} (${toAge(activity.at, nowMs)} ago)`;
  return [span('Agent    ', 'dim'), span(working), span(last, 'dim')];
}

function viewApplications({ applications, checks }: State): Line {
  const argo = checks.find(({ name }) => /argo/i.test(name));
  const reach: Span[] =
    argo === undefined ? [] : [argo.ok ? span('reachable  ', 'good') : span(`${argo.detail}  `, 'bad')];
  const seen = [...applications].flatMap(([name, { sync, health }]): Span[] => [
    span(`${name} `),
    span(sync === '' ? '' : `${sync} `, toHealthTone(sync)),
    span(`${health === '' ? 'Unknown' : health}  `, toHealthTone(health)),
  ]);
  const none = seen.length === 0 ? [span('nothing observed yet', 'dim')] : [];
  return [span('Argo CD  ', 'dim'), ...reach, ...seen, ...none];
}

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
  id: number;
}

/** What fits: priority and id only on wide screens, the title takes the rest. */
function toColumns(width: number): Columns {
  const isWide = width >= 110;
  const fixed = {
    status: 16,
    risk: 9,
    priority: isWide ? 9 : 0,
    age: 5,
    application: isWide ? 22 : 14,
    id: isWide ? 31 : 0,
  };
  const taken = Object.values(fixed).reduce((sum, one) => sum + one, 0);
  return { ...fixed, title: Math.max(8, width - taken) };
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
    ...(columns.id === 0 ? [] : [column(' ID', columns.id, 'dim')]),
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
    ...(columns.id === 0 ? [] : [column(` ${ticket.id}`, columns.id, 'dim')]),
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
  ];
}
