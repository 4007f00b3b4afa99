import { InvalidArgumentError, Option, type Command } from 'commander';
import { PRIORITIES } from '../ticket/ticket.ts';
import { TICKET_STATUSES } from '../ticket/status.ts';
import { addConnectionOptions } from './connect.ts';
import type * as Actions from './ticket-actions.ts';
import type * as Decisions from './ticket-decisions.ts';
import type { Terminal } from './terminal.ts';

/** Everything about tickets. */
export function addTicketCommands(program: Command, terminal: Terminal): void {
  const ticket = program.command('ticket').description('open, read, decide and follow tickets');
  ticket.addHelpText('after', GROUP_HELP);
  const create = addConnectionOptions(
    ticket.command('create').description('open a ticket').argument('<title>', 'what should be done, in one line'),
  )
    .option('-d, --description <text>', 'more words; - reads standard input')
    .addOption(priorityOption().default('medium'))
    .option('--application <name>', 'the Argo CD Application that is meant')
    .option('--environment <name>', 'the environment that is meant')
    .option('--target <name>', 'the Argo CD instance it is for; the default one where it is left out')
    .option('--draft', 'do not start yet')
    .addOption(waitOption());
  create.action(async (title: string, options: Actions.CreateOptions) =>
    (await load()).createTicket(terminal, title, options),
  );
  addReading(ticket, terminal);
  addDeciding(ticket, terminal);
}

/** `--priority`, for commands that open a ticket. */
export function priorityOption(): Option {
  return new Option('--priority <level>', 'how urgent it is').choices([...PRIORITIES]);
}

/** `--wait`, for commands that move a ticket; `--watch` is the same. */
export function waitOption(): Option {
  return new Option('--watch, --wait', 'tell what happens until it has ended or needs a person');
}

const load = async () => await import('./ticket-actions.ts');
const decide = async () => await import('./ticket-decisions.ts');

const GROUP_HELP = `
An ID may be abbreviated to four or more characters of its beginning or end, as long as that leaves one ticket.

Exit codes: 0 done or resolved, 1 failed, 2 wrong usage, 3 needs a person, 4 no server answers.`;

const ID = ['<id>', 'a ticket id, or its beginning or end'] as const;

function addReading(ticket: Command, terminal: Terminal): void {
  const list = addConnectionOptions(ticket.command('list').alias('ls').description('list tickets, newest first'))
    .option('--status <list>', `comma-separated: ${TICKET_STATUSES.join(', ')}`, parseList(TICKET_STATUSES))
    .option('--priority <list>', `comma-separated: ${PRIORITIES.join(', ')}`, parseList(PRIORITIES))
    .option('--application <name>', 'only of this service')
    .option('--target <name>', 'only for this Argo CD instance')
    .option('--text <words>', 'only with these words in title or description')
    .option('--limit <number>', 'how many at most', parseLimit, 50);
  list.action(async (options: Actions.ListOptions) => (await load()).listTickets(terminal, options));
  addConnectionOptions(
    ticket
      .command('show')
      .description('one ticket, and what it waits for')
      .argument(...ID),
  ).action(async (id: string, options: Actions.PlainOptions) => (await load()).showTicket(terminal, id, options));
  const plan = ticket
    .command('plan')
    .description('its plan: steps, risk, rendered difference, hash')
    .argument(...ID);
  addConnectionOptions(plan).action(async (id: string, options: Actions.PlainOptions) =>
    (await load()).showPlan(terminal, id, options),
  );
  const watch = addConnectionOptions(
    ticket
      .command('watch')
      .description('tell its story from the start and as it happens, until it has ended or needs a person')
      .argument(...ID),
  ).option('-f, --follow', 'go on where it needs a person, until it has ended');
  watch.addHelpText('after', '\nWith --json: one event a line, and {"type":"ticket","ticket":...} as the last line.');
  watch.action(async (id: string, options: Actions.WatchTicketOptions) =>
    (await load()).watchOne(terminal, id, options),
  );
}

function addDeciding(ticket: Command, terminal: Terminal): void {
  const about = (name: string, description: string) =>
    addConnectionOptions(
      ticket
        .command(name)
        .description(description)
        .argument(...ID),
    );
  const waiting = (command: Command) => command.addOption(waitOption());
  const approve = waiting(
    about('approve', 'approve exactly the plan with this hash').option(
      '--hash <hash>',
      'the hash that "ticket plan" shows',
    ),
  );
  approve.addHelpText('after', '\nWithout --hash the plan is shown and you are asked, which needs a terminal.');
  approve.action(async (id: string, options: Decisions.ApproveOptions) =>
    (await decide()).approve(terminal, id, options),
  );
  about('reject', 'reject the plan')
    .requiredOption('--reason <text>', 'why; - reads standard input')
    .option('--revise', 'plan again with the reason in mind, instead of ending the ticket')
    .action(async (id: string, options: Decisions.RejectOptions) => (await decide()).reject(terminal, id, options));
  waiting(about('grant', 'agree to what it asks for after the push: a revert, a promotion, a changed difference'))
    .option('--approval <id>', 'the approval that "ticket show" names')
    .action(async (id: string, options: Decisions.GrantOptions) => (await decide()).grant(terminal, id, options));
  about('deny', 'refuse what it asks for')
    .option('--approval <id>', 'the approval that "ticket show" names; what it waits for by default')
    .option('--reason <text>', 'why; - reads standard input', '')
    .action(async (id: string, options: Decisions.DenyOptions) => (await decide()).deny(terminal, id, options));
  waiting(about('answer', 'answer its question').argument('[text]', 'the answer; - reads standard input')).action(
    async (id: string, text: string | undefined, options: Actions.MoveOptions) =>
      (await decide()).answer(terminal, id, text, options),
  );
  about('cancel', 'end it; what was pushed stays')
    .option('--reason <text>', 'why; - reads standard input', '')
    .action(async (id: string, options: Decisions.DenyOptions) => (await decide()).cancel(terminal, id, options));
  about('pause', 'stop it where that is safe').action(async (id: string, options: Actions.MoveOptions) =>
    (await decide()).move(terminal, 'pause', id, options),
  );
  for (const [name, description] of MOVES)
    waiting(about(name, description)).action(async (id: string, options: Actions.MoveOptions) =>
      (await decide()).move(terminal, name, id, options),
    );
}

const MOVES = [
  ['start', 'start a draft'],
  ['resume', 'go on with a paused ticket'],
  ['retry', 'try a failed ticket again'],
] as const;

/** A comma-separated list of known words. */
function parseList(known: readonly string[]): (text: string) => string {
  return (text) => {
    const words = text.split(',').filter((word) => word !== '');
    const strange = words.find((word) => !known.includes(word));
    if (strange !== undefined) throw new InvalidArgumentError(`"${strange}" is none of ${known.join(', ')}.`);
    if (words.length === 0) throw new InvalidArgumentError(`It must be some of ${known.join(', ')}.`);
    return words.join(',');
  };
}

/** A count of things to list. */
export function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
    throw new InvalidArgumentError('It must be a whole number from 1 to 10000.');
  return limit;
}
