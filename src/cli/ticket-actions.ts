import type { TicketView } from '../api/contract.ts';
import { AppError } from '../lib/errors.ts';
import { toCell } from './table.ts';
import type { ApiClient, NewTicket } from './client.ts';
import { connect, type ConnectionOptions } from './connect.ts';
import { toJsonText } from './json.ts';
import type { Terminal } from './terminal.ts';
import { findTicket, toShortId } from './ticket-id.ts';
import { renderPlan, renderTicket, renderTickets, toBlock, toNextLines } from './ticket-render.ts';
import { showEvent, toExitCode, watchTicket } from './watch.ts';

export type PlainOptions = ConnectionOptions;
export interface MoveOptions extends ConnectionOptions {
  wait?: true;
}
export interface CreateOptions extends MoveOptions {
  description?: string;
  priority?: string;
  application?: string;
  environment?: string;
  draft?: true;
}
export interface ListOptions extends ConnectionOptions {
  status?: string;
  priority?: string;
  application?: string;
  text?: string;
  limit: number;
}
export interface WatchTicketOptions extends ConnectionOptions {
  follow?: true;
}
export interface ApproveOptions extends MoveOptions {
  hash?: string;
}
export interface RejectOptions extends ConnectionOptions {
  reason: string;
  revise?: true;
}
export interface GrantOptions extends MoveOptions {
  approval?: string;
}
export interface DenyOptions extends ConnectionOptions {
  approval?: string;
  reason: string;
}

export async function createTicket(terminal: Terminal, title: string, options: CreateOptions): Promise<void> {
  const { application, environment } = options;
  const description = await readText(terminal, options.description ?? '');
  await openTicket(terminal, options, {
    title,
    description,
    target: {
      ...(application === undefined ? {} : { application }),
      ...(environment === undefined ? {} : { environment }),
    },
    ...(options.priority === undefined ? {} : { priority: options.priority }),
    start: options.draft !== true,
  });
}

/** Opens a ticket and says so; with `--wait` follows it. */
export async function openTicket(terminal: Terminal, options: MoveOptions, input: NewTicket): Promise<void> {
  const client = connect(options, terminal);
  const ticket = await client.createTicket(input);
  if (options.json === undefined) terminal.out(`Opened ${ticket.id}: ${toCell(ticket.title)}`);
  if (options.wait !== true && options.json === undefined)
    terminal.out(`Follow it with: tiphys ticket watch ${toShortId(ticket.id)}`);
  await finish(terminal, client, options, ticket, 0);
}

export async function listTickets(terminal: Terminal, options: ListOptions): Promise<void> {
  const { status, priority, application, text, limit } = options;
  const client = connect(options, terminal);
  const items: TicketView[] = [];
  let cursor: string | null | undefined;
  do {
    const size = Math.min(limit - items.length, MAX_PAGE);
    const page = await client.listTickets({
      status,
      priority,
      application,
      text,
      limit: size,
      cursor: cursor ?? undefined,
    });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && items.length < limit);
  if (options.json === true) {
    terminal.out(toJsonText({ items, nextCursor: cursor }, 2));
    return;
  }
  if (items.length === 0) terminal.err('No tickets.');
  else for (const line of renderTickets(items, terminal.clock.now(), terminal.style)) terminal.out(line);
  if (cursor !== null) terminal.err(`There are more: --limit shows more than ${limit}.`);
}

const MAX_PAGE = 200;

export async function showTicket(terminal: Terminal, given: string, options: PlainOptions): Promise<void> {
  print(terminal, options, await findTicket(connect(options, terminal), given));
}

export async function showPlan(terminal: Terminal, given: string, options: PlainOptions): Promise<void> {
  const client = connect(options, terminal);
  const plan = await client.getPlan((await findTicket(client, given)).id);
  if (options.json === true) terminal.out(toJsonText(plan, 2));
  else for (const line of renderPlan(plan, terminal.style)) terminal.out(line);
}

export async function watchOne(terminal: Terminal, given: string, options: WatchTicketOptions): Promise<void> {
  const client = connect(options, terminal);
  const { id, title } = await findTicket(client, given);
  if (options.json === undefined) terminal.out(terminal.style.bold(toCell(`${title}  ${id}`)));
  const show = options.json === true ? (event: unknown) => void terminal.out(toJsonText(event)) : showEvent(terminal);
  const ticket = await watchTicket(client, id, terminal, { after: 0, untilEnded: options.follow === true, show });
  if (options.json === true) terminal.out(toJsonText({ type: 'ticket', ticket }));
  else printNext(terminal, ticket);
  terminal.exit(toExitCode(ticket));
}

export async function approve(terminal: Terminal, given: string, options: ApproveOptions): Promise<void> {
  const client = connect(options, terminal);
  const ticket = await findTicket(client, given);
  const hash = options.hash ?? (await askForPlan(terminal, client, ticket, options));
  if (!/^[0-9a-f]{64}$/.test(hash))
    throw new AppError('invalid_input', 'the hash must be the 64 characters that "tiphys ticket plan" shows');
  await act(terminal, client, options, ticket, async () => await client.approvePlan(ticket.id, hash));
}

/** Shows the plan and asks; gives the hash of exactly what was shown. */
async function askForPlan(
  terminal: Terminal,
  client: ApiClient,
  ticket: TicketView,
  options: ApproveOptions,
): Promise<string> {
  requirePerson(terminal, options, {
    problem: 'nothing is approved without saying what: --hash is missing',
    hint: `Read "tiphys ticket plan ${toShortId(ticket.id)}", then give the hash it shows.`,
  });
  const plan = await client.getPlan(ticket.id);
  for (const line of renderPlan(plan, terminal.style)) terminal.out(line);
  if (plan.changeHash === null) throw new AppError('conflict', 'the plan has not been checked yet');
  await confirm(terminal, `Approve this plan, risk ${plan.risk?.level ?? 'unknown'}, hash ${plan.changeHash}?`);
  return plan.changeHash;
}

export async function reject(terminal: Terminal, given: string, options: RejectOptions): Promise<void> {
  const client = connect(options, terminal);
  const ticket = await findTicket(client, given);
  const input = { reason: await readText(terminal, options.reason), revise: options.revise === true };
  await act(terminal, client, options, ticket, async () => await client.rejectPlan(ticket.id, input));
}

export async function grant(terminal: Terminal, given: string, options: GrantOptions): Promise<void> {
  const client = connect(options, terminal);
  const ticket = await findTicket(client, given);
  const approvalId = options.approval ?? (await askForGrant(terminal, ticket, options));
  await act(terminal, client, options, ticket, async () => await client.grant(ticket.id, approvalId));
}

async function askForGrant(terminal: Terminal, ticket: TicketView, options: GrantOptions): Promise<string> {
  const { hold } = ticket;
  const id = toShortId(ticket.id);
  if (hold?.kind === 'plan_approval')
    throw new AppError('invalid_input', 'what waits is its plan', { hint: `Use "tiphys ticket approve ${id}".` });
  if (hold?.kind !== 'approval')
    throw new AppError('conflict', `nothing waits to be granted: the ticket is ${ticket.status}`);
  requirePerson(terminal, options, {
    problem: 'nothing is granted without saying what: --approval is missing',
    hint: `Read "tiphys ticket show ${id}", then give the approval it names.`,
  });
  terminal.out(toCell(hold.sentence));
  if (hold.purpose === 'changed_difference') terminal.out(`The difference: tiphys ticket plan ${id}`);
  await confirm(terminal, `Grant this ${hold.purpose.replace('_', ' ')}, hash ${hold.changeHash}?`);
  return hold.approvalId;
}

export async function deny(terminal: Terminal, given: string, options: DenyOptions): Promise<void> {
  const client = connect(options, terminal);
  const ticket = await findTicket(client, given);
  const { hold } = ticket;
  const approvalId = options.approval ?? (hold === null || hold.kind === 'question' ? undefined : hold.approvalId);
  if (approvalId === undefined)
    throw new AppError('conflict', `nothing waits to be denied: the ticket is ${ticket.status}`);
  const reason = await readText(terminal, options.reason);
  await act(terminal, client, options, ticket, async () => await client.deny(ticket.id, approvalId, reason));
}

export async function answer(
  terminal: Terminal,
  given: string,
  text: string | undefined,
  options: MoveOptions,
): Promise<void> {
  const client = connect(options, terminal);
  const ticket = await findTicket(client, given);
  const words = text === undefined ? await askForAnswer(terminal, ticket, options) : await readText(terminal, text);
  if (words.trim() === '') throw new AppError('invalid_input', 'the answer is empty');
  await act(terminal, client, options, ticket, async () => await client.answer(ticket.id, words));
}

async function askForAnswer(terminal: Terminal, { hold, status }: TicketView, options: MoveOptions): Promise<string> {
  if (hold?.kind !== 'question') throw new AppError('conflict', `it asks nothing: the ticket is ${status}`);
  requirePerson(terminal, options, { problem: 'the answer is missing', hint: `It asks: ${hold.question}` });
  terminal.out(toCell(hold.question));
  for (const option of hold.options) terminal.out(`  ${toCell(option)}`);
  return await terminal.ask('> ');
}

export async function cancel(terminal: Terminal, given: string, options: DenyOptions): Promise<void> {
  const client = connect(options, terminal);
  const ticket = await findTicket(client, given);
  const reason = await readText(terminal, options.reason);
  await act(terminal, client, options, ticket, async () => await client.cancel(ticket.id, reason));
}

/** What needs no words: start, pause, resume, retry. */
export async function move(
  terminal: Terminal,
  name: 'start' | 'pause' | 'resume' | 'retry',
  given: string,
  options: MoveOptions,
): Promise<void> {
  const client = connect(options, terminal);
  const ticket = await findTicket(client, given);
  await act(terminal, client, options, ticket, async () =>
    name === 'start' ? await client.startTicket(ticket.id) : await client[name](ticket.id),
  );
}

/** Does one thing to a ticket and says where it stands then. */
async function act(
  terminal: Terminal,
  client: ApiClient,
  options: MoveOptions,
  before: TicketView,
  work: () => Promise<TicketView>,
): Promise<void> {
  // What happened before is not told again.
  const seen = options.wait === true ? ((await client.listEvents(before.id)).at(-1)?.id ?? 0) : 0;
  const ticket = await work();
  if (options.json === undefined)
    terminal.out(
      `${toCell(ticket.title)}: ${ticket.status}${ticket.reason === '' ? '' : ` (${toCell(ticket.reason)})`}`,
    );
  await finish(terminal, client, options, ticket, seen);
}

/** Follows the ticket where that was asked for, and sets the exit code for where it then stands. */
async function finish(
  terminal: Terminal,
  client: ApiClient,
  options: MoveOptions,
  ticket: TicketView,
  after: number,
): Promise<void> {
  if (options.wait !== true) {
    if (options.json === true) terminal.out(toJsonText(ticket, 2));
    return;
  }
  const show = options.json === true ? () => undefined : showEvent(terminal);
  const last = await watchTicket(client, ticket.id, terminal, { after, untilEnded: false, show });
  if (options.json === true) terminal.out(toJsonText(last, 2));
  else printNext(terminal, last);
  terminal.exit(toExitCode(last));
}

function print(terminal: Terminal, options: ConnectionOptions, ticket: TicketView): void {
  if (options.json === true) terminal.out(toJsonText(ticket, 2));
  else for (const line of renderTicket(ticket, terminal.style)) terminal.out(line);
}

function printNext(terminal: Terminal, ticket: TicketView): void {
  for (const line of toBlock(ticket.ending?.answer ?? '')) terminal.out(line);
  for (const line of toNextLines(ticket, terminal.style)) terminal.out(line);
}

function requirePerson(
  terminal: Terminal,
  { json }: ConnectionOptions,
  otherwise: { problem: string; hint: string },
): void {
  if (terminal.isInteractive && json === undefined) return;
  throw new AppError('invalid_input', otherwise.problem, { hint: otherwise.hint });
}

async function confirm(terminal: Terminal, question: string): Promise<void> {
  const said = await terminal.ask(`${toCell(question)} Type yes: `);
  if (said.toLowerCase() !== 'yes') throw new AppError('conflict', 'nothing was done: the answer was not yes');
}

async function readText(terminal: Terminal, text: string): Promise<string> {
  return text === '-' ? (await terminal.readInput()).trimEnd() : text;
}
