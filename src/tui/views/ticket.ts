import { toRiskTone, toShortHash, toStatusWord } from '../../client/words.ts';
import type { TicketView } from '../../api/contract.ts';
import { TICKET_TABS, type OpenTicket, type State, type TicketTab } from '../model.ts';
import { clamp, currentTicket, toTargetWord } from '../select.ts';
import { line, paragraph, span, spread, type Line, type Span } from '../text/lines.ts';
import { viewDifference } from './difference.ts';
import { adviceRows, observedRows, planRows } from './plan.ts';
import { timelineRows } from './timeline.ts';
import { toAge } from './words.ts';

/** One ticket: what it is and what it waits for, always in sight, and one of five pages under it. */
export function viewTicket(state: State, width: number, height: number): Line[] {
  const { open } = state;
  if (open === undefined) return [line('No ticket is open.', 'dim')];
  const head = ticketHead(state, width);
  const rows = tabRows(open, width);
  const room = Math.max(1, height - head.length);
  const top = topOf(open, rows.length, room);
  return [...head, ...rows.slice(top, top + room)];
}

/** First line shown of the page; a timeline that follows shows its end. */
export function topOf(open: OpenTicket, count: number, room: number): number {
  const last = Math.max(0, count - room);
  if (open.tab === 'timeline' && open.isFollowing) return last;
  return clamp(open.tops[open.tab], 0, last);
}

/** Every line of the page that is shown. */
export function tabRows(open: OpenTicket, width: number): Line[] {
  if (open.isLoading && open.events.length === 0) return [line('Loading ...', 'dim')];
  switch (open.tab) {
    case 'timeline':
      return timelineRows(open.events, width);
    case 'plan':
      return planRows(open.plan, width);
    case 'difference':
      return viewDifference(open.plan, open.folded, open.search.text);
    case 'observed':
      return observedRows(open.events, width);
    case 'memory':
      return adviceRows(open.plan, width);
  }
}

/** Title, state, what is waited for, and the names of the pages. */
export function ticketHead(state: State, width: number): Line[] {
  const { open } = state;
  const ticket = currentTicket(state);
  if (open === undefined) return [];
  if (ticket === undefined) return [line(`Loading ${open.id} ...`, 'dim'), line(), viewTabs(open.tab, width)];
  const status = toStatusWord(ticket.status);
  const risk = state.risks.get(ticket.id) ?? 'none';
  return [
    spread([span(ticket.title, 'bold')], [span(`${toAge(ticket.createdAt, state.nowMs)} old`, 'dim')], width),
    [
      span(status.text, status.tone),
      span(
        `  ${ticket.application ?? 'no application yet'}${toTargetWord(state, ticket)}  ${ticket.priority} priority`,
      ),
      ...(risk === 'none' ? [] : [span('  risk '), span(risk, toRiskTone(risk))]),
      span(ticket.attempt > 1 ? `  attempt ${ticket.attempt}` : '', 'dim'),
      ...viewSoak(open),
    ],
    // A question is its own reason.
    ...(ticket.hold?.kind === 'question'
      ? []
      : paragraph(ticket.ending?.sentence ?? ticket.reason, width).slice(0, state.size.height >= 30 ? 5 : 2)),
    ...viewHold(ticket, width),
    viewTabs(open.tab, width),
  ];
}

/** Whether it is watched on, or went bad later; a ticket's status does not tell. */
function viewSoak({ events }: OpenTicket): Span[] {
  const last = events.findLast(({ type }) => type === 'soak' || type === 'regressed');
  if (last?.type === 'regressed') return [span('  went bad later', 'bad')];
  return last?.type === 'soak' && last.data.state === 'watching' ? [span('  watched on', 'dim')] : [];
}

function viewHold({ hold }: TicketView, width: number): Line[] {
  if (hold === null) return [];
  const until = (iso: string) => `until ${iso.slice(5, 16).replace('T', ' ')} UTC`;
  switch (hold.kind) {
    case 'plan_approval':
      return [
        [
          span('> ', 'warn'),
          span('p', 'bold'),
          span(' approve plan '),
          span(toShortHash(hold.changeHash), 'info'),
          span('   '),
          span('n', 'bold'),
          span(' reject   '),
          span('d', 'bold'),
          span(' difference   '),
          span(until(hold.expiresAt), 'dim'),
        ],
      ];
    case 'approval':
      return [
        ...paragraph(hold.sentence, width, { label: span('> ', 'warn') }).slice(0, 3),
        [
          span('  '),
          span('y', 'bold'),
          span(` grant the ${hold.purpose.replace('_', ' ')} `),
          span(toShortHash(hold.changeHash), 'info'),
          span('   '),
          span('n', 'bold'),
          span(' deny   '),
          span(until(hold.expiresAt), 'dim'),
        ],
      ];
    case 'question':
      return [
        ...paragraph(hold.question, width, { label: span('> ', 'warn') }).slice(0, 4),
        [span('  '), span('a', 'bold'), span(' answer'), span(toOptions(hold.options), 'dim')],
      ];
    case 'merge':
      return paragraph(`merge pull request ${hold.number} on the git host: ${hold.url}`, width, {
        label: span('> ', 'warn'),
      }).slice(0, 3);
  }
}

function toOptions(options: readonly string[]): string {
  return options.length === 0 ? '' : `   (${options.join(', ')})`;
}

function viewTabs(shown: TicketTab, width: number): Line {
  const tabs = TICKET_TABS.flatMap((tab, index): Span[] => [
    tab === shown ? { text: ` ${index + 1} ${tab} `, isReverse: true } : span(` ${index + 1} ${tab} `),
    span('│', 'dim'),
  ]);
  return [...tabs, span('─'.repeat(Math.max(0, width)), 'dim')];
}
