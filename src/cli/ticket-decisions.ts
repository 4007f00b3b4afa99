import type { TicketView } from '../api/contract.ts';
import { AppError } from '../lib/errors.ts';
import type { ApiClient } from '../client/api-client.ts';
import { connect, type ConnectionOptions } from './connect.ts';
import { toCell } from './table.ts';
import type { Terminal } from './terminal.ts';
import { finish, readText, type MoveOptions } from './ticket-actions.ts';
import { toShortId } from '../client/words.ts';
import { findTicket } from './ticket-id.ts';
import { renderPlan } from './ticket-render.ts';

// What a person decides about a ticket. Nothing is agreed to without saying or having seen what.

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
  if (ticket.hold?.kind !== 'plan_approval')
    throw new AppError('conflict', `no plan waits for approval: the ticket is ${ticket.status}`);
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
  const approvalId = options.approval ?? (hold !== null && 'approvalId' in hold ? hold.approvalId : undefined);
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
