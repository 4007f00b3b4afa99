import type { TicketView } from '../api/contract.ts';
import { AppError, isAppError } from '../lib/errors.ts';
import { toCell } from './table.ts';
import type { ApiClient, NewTicket } from '../client/api-client.ts';
import { connect, type ConnectionOptions } from './connect.ts';
import { toJsonText } from './json.ts';
import type { Terminal } from './terminal.ts';
import { toShortId } from '../client/words.ts';
import { findTicket } from './ticket-id.ts';
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
  target?: string;
  draft?: true;
}
export interface ListOptions extends ConnectionOptions {
  status?: string;
  priority?: string;
  application?: string;
  target?: string;
  text?: string;
  limit: number;
}
export interface WatchTicketOptions extends ConnectionOptions {
  follow?: true;
}

export async function createTicket(terminal: Terminal, title: string, options: CreateOptions): Promise<void> {
  const { application, environment, target } = options;
  const description = await readText(terminal, options.description ?? '');
  await openTicket(terminal, options, {
    title,
    description,
    target: {
      ...(application === undefined ? {} : { application }),
      ...(environment === undefined ? {} : { environment }),
      ...(target === undefined ? {} : { instance: target }),
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
  const { status, priority, application, target, text, limit } = options;
  const client = connect(options, terminal);
  const items: TicketView[] = [];
  let cursor: string | null | undefined;
  do {
    const size = Math.min(limit - items.length, MAX_PAGE);
    const page = await client.listTickets({
      status,
      priority,
      application,
      target,
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
  const { id, status } = await findTicket(client, given);
  const plan = await client.getPlan(id).catch((error: unknown) => {
    if (!isAppError(error, 'not_found')) throw error;
    const hint = `It is ${status}; "tiphys ticket show ${toShortId(id)}" says why.`;
    throw new AppError('not_found', error.message, { cause: error, hint });
  });
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

/** Follows the ticket where that was asked for, and sets the exit code for where it then stands. */
export async function finish(
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

/** The text of an argument; `-` stands for standard input. */
export async function readText(terminal: Terminal, text: string): Promise<string> {
  return text === '-' ? (await terminal.readInput()).trimEnd() : text;
}
