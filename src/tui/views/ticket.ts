import { toCount, toRiskTone, toShortHash, toShortId, toStatusWord } from '../../client/words.ts';
import type { TicketView } from '../../api/contract.ts';
import { TICKET_TABS, type OpenTicket, type State, type TicketTab } from '../model.ts';
import { clamp, currentTicket, toTargetWord } from '../select.ts';
import { cleanLines, fitCells } from '../text/cells.ts';
import { cutLines, line, paragraph, span, spread, type Line, type Span } from '../text/lines.ts';
import { viewDifference } from './difference.ts';
import { observedRows } from './observed.ts';
import { adviceRows, planRows } from './plan.ts';
import { timelineRows } from './timeline.ts';
import { toAge, toWait } from './words.ts';

/** The open ticket as it is laid out on the screen. */
export interface TicketLayout {
  head: Line[];
  /** Every line of the page, of which `room` are shown from `top` on. */
  rows: Line[];
  top: number;
  room: number;
}

/** Costs as much as the page is long, so it is made once for what is shown and for what is said of it. */
export function layOutTicket(state: State, width: number, height: number): TicketLayout {
  const { open } = state;
  if (open === undefined) return { head: [line('No ticket is open.', 'dim')], rows: [], top: 0, room: 0 };
  const head = ticketHead(state, width);
  const rows = tabRows(state, open, width);
  const room = Math.max(1, height - head.length);
  return { head, rows, top: topOf(open, rows.length, room), room };
}

/** One ticket: what it is and what it waits for, always in sight, and one of five pages under it. */
export function viewTicket({ head, rows, top, room }: TicketLayout): Line[] {
  return [...head, ...rows.slice(top, top + room)];
}

/** First line shown of the page; a timeline that follows shows its end. */
export function topOf(open: OpenTicket, count: number, room: number): number {
  const last = Math.max(0, count - room);
  if (open.tab === 'timeline' && open.isFollowing) return last;
  // Every line of a difference can come to the top: that is how an object is chosen for folding.
  return clamp(open.tops[open.tab], 0, open.tab === 'difference' ? Math.max(0, count - 1) : last);
}

/** Every line of the page that is shown. */
export function tabRows(state: State, open: OpenTicket, width: number): Line[] {
  if (open.isLoading && open.events.length === 0) return [line('Loading ...', 'dim')];
  switch (open.tab) {
    case 'timeline':
      return [...timelineRows(open.events, width, state.nowMs), ...answerRows(currentTicket(state), width)];
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
    titleLine(ticket, state.nowMs, width),
    [
      span(status.text, status.tone),
      span(
        `  ${ticket.application ?? 'no application yet'}${toTargetWord(state, ticket)}  ${ticket.priority} priority`,
      ),
      ...(risk === 'none' ? [] : [span('  risk '), span(risk, toRiskTone(risk))]),
      span(ticket.attempt > 1 ? `  attempt ${ticket.attempt}` : '', 'dim'),
    ],
    ...viewOutcome(ticket),
    ...viewSoak(open, state.nowMs, width),
    // A question is its own reason.
    ...(ticket.hold?.kind === 'question'
      ? []
      : cutLines(paragraph(ticket.ending?.sentence ?? ticket.reason, width), state.size.height >= 30 ? 6 : 3, width)),
    ...viewHold(ticket, state.nowMs, width),
    viewTabs(open.tab, width),
  ];
}

/** The id as lists and commands abbreviate it, and the age, behind the title. */
function titleLine(ticket: TicketView, nowMs: number, width: number): Line {
  const right = `${toShortId(ticket.id)}  ${toAge(ticket.createdAt, nowMs)} old`;
  const title = fitCells(ticket.title, Math.max(1, width - right.length - 2)).trimEnd();
  return spread([span(title, 'bold')], [span(right, 'dim')], width);
}

/** Of a ticket that did not end well: what became of what it had pushed. The sentence under it says why. */
function viewOutcome({ status, ending }: TicketView): Line[] {
  if (ending === null || status === 'resolved' || ending.commits.length === 0) return [];
  if (ending.code === 'reverted') return [line('Taken back in git: the state before is live again.', 'good')];
  if (ending.reverted) return [line('Taken back in git, but that is not healthy: a person has to look.', 'bad')];
  return [line(`What it pushed was not taken back: ${toCount(ending.commits.length, 'commit')}.`, 'warn')];
}

/** Whether it is watched on, or went bad later; a ticket's status does not tell. */
function viewSoak({ events }: OpenTicket, nowMs: number, width: number): Line[] {
  const last = events.findLast(({ type }) => type === 'soak' || type === 'regressed');
  if (last?.type === 'regressed')
    return cutLines(paragraph(`It went bad later: ${last.data.sentence}`, width, { tone: 'bad' }), 2, width);
  if (last?.type !== 'soak' || last.data.state !== 'watching') return [];
  const until = `${last.data.until.slice(11, 16)} UTC, ${toWait(last.data.until, nowMs)} more`;
  return [line(`Live, and watched on until ${until}: if it goes bad, it is told here.`, 'info')];
}

function viewHold({ hold }: TicketView, nowMs: number, width: number): Line[] {
  if (hold === null) return [];
  const until = (iso: string) => `${toWait(iso, nowMs)} left to decide`;
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
      return [
        ...paragraph(`Merge pull request ${hold.number} on the git host, or close it there: ${hold.url}`, width, {
          label: span('> ', 'warn'),
        }).slice(0, 4),
        line(`  branch ${hold.branch}; what is merged is watched from there`, 'dim'),
      ];
  }
}

/** The answer of a ticket that was a question; one line of it stands in the head already. */
function answerRows(ticket: TicketView | undefined, width: number): Line[] {
  const answer = ticket?.ending?.answer?.trimEnd() ?? '';
  if (!answer.includes('\n')) return [];
  return [line(), line('Answer', 'bold'), ...cleanLines(answer).flatMap((text) => paragraph(text, width))];
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
