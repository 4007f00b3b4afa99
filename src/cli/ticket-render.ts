import type { PlanView, TicketView } from '../api/contract.ts';
import { toPlain } from '../lib/plain-text.ts';
import { renderDifference } from './demo/render.ts';
import type { Style } from './demo/style.ts';
import { toAge, toCell, toTable } from './table.ts';
import { toShortId } from '../client/words.ts';

/** The colour of a status: green and red for good and bad ends, yellow where a person is needed. */
function paintStatus(status: string, text: string, style: Style): string {
  if (status === 'resolved') return style.green(text);
  if (status === 'failed' || status === 'errored') return style.red(text);
  if (status.startsWith('pending_') || status === 'paused') return style.yellow(text);
  return status === 'cancelled' || status === 'draft' ? style.dim(text) : style.cyan(text);
}

/** A table of tickets, one a line. */
export function renderTickets(tickets: readonly TicketView[], nowMs: number, style: Style): string[] {
  // Where all tickets are for the same instance, its name tells nothing.
  const hasTargets = new Set(tickets.map(({ target }) => target.instance)).size > 1;
  const head = ['ID', 'STATUS', 'PRIORITY', 'SERVICE', ...(hasTargets ? ['TARGET'] : []), 'AGE', 'TITLE'];
  const rows = tickets.map((one) => [
    toShortId(one.id),
    one.status,
    one.priority,
    one.application ?? '-',
    ...(hasTargets ? [one.target.instance ?? '-'] : []),
    toAge(one.createdAt, nowMs),
    one.title,
  ]);
  return toTable(head, rows, (row, column, text) => {
    if (row < 0) return style.dim(text);
    return column === 1 ? paintStatus(tickets[row]?.status ?? '', text, style) : text;
  });
}

/** Everything about one ticket but its events. */
export function renderTicket(ticket: TicketView, style: Style): string[] {
  const row = (name: string, text: string) => `${style.dim(name.padEnd(11))} ${toCell(text)}`;
  const optional = (name: string, text: string | null) => (text === null || text === '' ? [] : [row(name, text)]);
  const { ending } = ticket;
  return [
    style.bold(toCell(ticket.title)),
    row('id', ticket.id),
    `${style.dim('status'.padEnd(11))} ${paintStatus(ticket.status, ticket.status, style)}`,
    ...optional('why', ticket.reason),
    row('priority', ticket.priority),
    ...optional('service', ticket.application),
    ...optional('environment', ticket.target.environment ?? null),
    ...optional('target', ticket.target.instance ?? null),
    row('by', ticket.actor),
    row('opened', ticket.createdAt),
    ...optional('started', ticket.startedAt),
    ...optional('ended', ticket.endedAt),
    ...(ticket.attempt > 1 ? [row('attempt', String(ticket.attempt))] : []),
    ...(ending === null
      ? []
      : [
          ...(ending.sentence === ticket.reason ? [] : [row('ending', ending.sentence)]),
          ...ending.commits.map((sha) => row('commit', sha)),
          ...ending.revertCommits.map((sha) => row('revert', sha)),
        ]),
    ...optional('takes back', ticket.follows?.ticketId ?? null),
    ...(ticket.soaks ?? []).map((soak) => row('watched on', toSoakText(soak))),
    ...toBlock(ticket.description),
    ...toBlock(ending?.answer ?? ''),
    ...toNextLines(ticket, style),
  ];
}

function toSoakText(soak: NonNullable<TicketView['soaks']>[number]): string {
  const { application, state, until, sentence, followUp } = soak;
  if (state === 'watching') return `${application}, until ${until}`;
  const taken = followUp === null ? '' : ` Taken back by ${followUp}.`;
  return `${application}, ${state}: ${sentence ?? ''}${taken}`;
}

/** Words of others that may be many lines: set in, so that none of them looks like one of ours. */
export function toBlock(text: string): string[] {
  if (text.trim() === '') return [];
  return [
    '',
    ...toPlain(text.trimEnd())
      .split('\n')
      .map((line) => `  ${line}`),
  ];
}

/** What a person can do now, as commands to copy; nothing where the ticket needs nobody. */
export function toNextLines(ticket: TicketView, style: Style): string[] {
  const id = toShortId(ticket.id);
  const { hold } = ticket;
  const lines = (sentence: string, ...commands: string[]) => [
    '',
    style.yellow(toCell(sentence)),
    ...commands.map((command) => `  tiphys ticket ${command}`),
  ];
  if (ticket.status === 'draft') return lines('It is a draft.', `start ${id}`);
  if (ticket.status === 'paused') return lines('It is paused.', `resume ${id}`);
  if (hold === null) return [];
  switch (hold.kind) {
    case 'plan_approval':
      return lines(
        `Its plan waits for you until ${hold.expiresAt}.`,
        `plan ${id}`,
        `approve ${id} --hash HASH`,
        `reject ${id} --reason TEXT`,
      );
    case 'approval':
      return lines(
        `${hold.sentence} It waits for you until ${hold.expiresAt}.`,
        `grant ${id} --approval ${hold.approvalId}`,
        `deny ${id} --reason TEXT`,
      );
    case 'question':
      return lines(
        `${hold.question}${hold.options.length === 0 ? '' : ` (${hold.options.join(', ')})`}`,
        `answer ${id} TEXT`,
      );
    case 'merge':
      return lines(`Pull request ${hold.number} waits to be merged on the git host: ${hold.url}`, `cancel ${id}`);
  }
}

/** The plan as a person reads it before approving: steps, risk, advice, findings, the whole rendered difference, the hash. */
export function renderPlan(plan: PlanView, style: Style): string[] {
  const plain = (lines: readonly string[], paint = (text: string) => text) =>
    lines.map((line) => `  ${paint(toCell(line))}`);
  const part = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', style.bold(title), ...lines];
  const { risk, advice } = plan;
  const warnings = plan.findings.filter(({ severity }) => severity !== 'info');
  return [
    style.bold(toCell(plan.summary)),
    ...part('Steps', plain(plan.steps.map(({ title }, index) => `${index + 1}. ${title}`))),
    ...part('Assumptions', plain(plan.assumptions)),
    ...part('Risk', risk === null ? ['  not known yet'] : renderRisk(risk, style)),
    ...part('Memory', plain([...advice.remembered, ...advice.careReasons, `strategy: ${advice.strategy}`])),
    ...part(
      'Findings',
      plain(
        warnings.map(({ severity, message, fix }) => `${severity}: ${message} ${fix}`),
        style.yellow,
      ),
    ),
    ...part('Difference', renderDifference(plan, style, Infinity)),
    ...part('Policy', plain(plan.policy === null ? [] : [plan.policy.decision, ...plan.policy.reasons])),
    '',
    plan.changeHash === null ? style.dim('not checked yet: no hash') : `hash ${toCell(plan.changeHash)}`,
  ];
}

function renderRisk(risk: NonNullable<PlanView['risk']>, style: Style): string[] {
  const paint = risk.level === 'low' ? style.green : risk.level === 'medium' ? style.yellow : style.red;
  const { objects, services, namespaces } = risk.blastRadius;
  return [
    `  ${paint(risk.level)} (score ${risk.score})`,
    ...risk.reasons.map(({ detail }) => `  ${toCell(detail)}`),
    `  ${toCell(`touches ${objects} ${objects === 1 ? 'object' : 'objects'} of ${services.join(', ')} in ${namespaces.join(', ')}`)}`,
  ];
}
