import { InvalidArgumentError, type Command } from 'commander';
import { addConnectionOptions, type ConnectionOptions } from './connect.ts';
import type { PlaceOptions } from './memory/connection.ts';
import type { Terminal } from './terminal.ts';

type Asked = ConnectionOptions & PlaceOptions;
type Corrected = Asked & { class?: string; signature?: string; reason?: string };

/** What is asked of a server, and what people tell it, about the deploy memory; and what is done with histories offline. */
export function addMemoryCommands(program: Command, terminal: Terminal): void {
  withPlace(addConnectionOptions(program.command('context')))
    .description('what to expect of the next deploy of a service, and why')
    .argument('<service>')
    .action(async (service: string, options: Asked) => {
      await (await import('./memory/ask.ts')).showContext(service, options, terminal);
    });
  withPlace(addConnectionOptions(program.command('history')))
    .description('deploys of a service, newest first')
    .argument('<service>')
    .option('--limit <number>', 'how many', parseLimit, 20)
    .action(async (service: string, options: Asked & { limit: number }) => {
      await (await import('./memory/ask.ts')).showHistory(service, options, terminal);
    });
  const memory = program.command('memory').description('look at the deploy memory and correct it');
  addReads(memory, terminal);
  addCorrections(memory, terminal);
  addExchange(memory, terminal);
}

function addReads(memory: Command, terminal: Terminal): void {
  addConnectionOptions(memory.command('services'))
    .description('every place something is remembered about')
    .action(
      async (options: ConnectionOptions) => await (await import('./memory/ask.ts')).showServices(options, terminal),
    );
  withPlace(addConnectionOptions(memory.command('graph')))
    .description('services, versions and failures, and how they hang together')
    .argument('[service]', 'only what hangs together with this one')
    .option('--dot', 'in the DOT language, for Graphviz')
    .option('--svg', 'as a picture')
    .action(async (service: string | undefined, options: Asked & { dot?: boolean; svg?: boolean }) => {
      await (await import('./memory/ask.ts')).showGraph(service, options, terminal);
    });
  addConnectionOptions(memory.command('explain'))
    .description('why a ticket was done the way it was: what was remembered, which strategy, what came of it')
    .argument('<ticket>', 'a ticket id, or its beginning or end')
    .action(async (ticket: string, options: ConnectionOptions) => {
      await (await import('./memory/ask.ts')).showExplanation(ticket, options, terminal);
    });
}

function addCorrections(memory: Command, terminal: Terminal): void {
  const correct = async () => await import('./memory/correct.ts');
  withPattern(withPlace(addConnectionOptions(memory.command('pin'))), true)
    .description('keep a kind of failure in mind, however long ago it was')
    .argument('<service>')
    .option('--reason <text>', 'why')
    .action(async (service: string, options: Corrected) => await (await correct()).pin(service, options, terminal));
  withPattern(withPlace(addConnectionOptions(memory.command('unpin'))), true)
    .description('let a pinned failure fade again')
    .argument('<service>')
    .action(async (service: string, options: Corrected) => await (await correct()).unpin(service, options, terminal));
  withPattern(withPlace(addConnectionOptions(memory.command('forget'))), false)
    .description('let deploys up to now, or failures of one kind, no longer count')
    .argument('<service>')
    .option('--reason <text>', 'why')
    .option('--remove', 'delete all records of the service as well, wherever it runs unless that is narrowed')
    .action(async (service: string, options: Corrected & { remove?: boolean }) => {
      await (await correct()).forget(service, options, terminal);
    });
  withPattern(withPlace(addConnectionOptions(memory.command('weaken'))), false)
    .description('let failures up to now count less')
    .argument('<service>')
    .option('--factor <number>', 'what such a failure is worth, from 0 to 1', parseFactor, 0.5)
    .option('--reason <text>', 'why')
    .action(async (service: string, options: Corrected & { factor: number }) => {
      await (await correct()).weaken(service, options, terminal);
    });
  withPlace(addConnectionOptions(memory.command('note')))
    .description('tell whoever deploys the service next')
    .argument('<service>')
    .argument('<text>')
    .action(async (service: string, text: string, options: Corrected) => {
      await (await correct()).note(service, text, options, terminal);
    });
  withPlace(addConnectionOptions(memory.command('override')))
    .description('set the strategy of a service, or "none" to choose it by cost again')
    .argument('<service>')
    .argument('<strategy>', 'direct, canary, blue-green or none', parseStrategy)
    .option('--reason <text>', 'why')
    .action(async (service: string, strategy: string, options: Corrected) => {
      await (await correct()).override(service, strategy, options, terminal);
    });
}

function addExchange(memory: Command, terminal: Terminal): void {
  addConnectionOptions(memory.command('export'))
    .description('write everything remembered as JSON lines')
    .argument('[file]', 'standard output when left out')
    .option('--service <name>', 'of one service alone')
    .action(async (file: string | undefined, options: ConnectionOptions & { service?: string }) => {
      const exchange = await import('./memory/exchange.ts');
      await exchange.exportMemory({ ...options, ...(file === undefined ? {} : { out: file }) }, terminal);
    });
  addConnectionOptions(memory.command('import'))
    .description('take in an export, or a history of deploy and outcome lines')
    .argument('<file>', 'JSON lines, also as .gz; - for standard input')
    .requiredOption('--source <name>', 'where the history comes from')
    .option('--cluster <name>', 'for lines that name no cluster')
    .action(async (file: string, options: ConnectionOptions & { source: string; cluster?: string }) => {
      await (await import('./memory/exchange.ts')).importMemory(file, options, terminal);
    });
  memory
    .command('replay')
    .description('predict every deploy of a history from the lines before it; needs no server')
    .argument('<history>', 'JSON lines, also as .gz; - for standard input')
    .option('--predictions <file>', 'write id,probability,low,high,strategy of each deploy')
    .option('--summary <file>', 'write counts and scores as JSON')
    .option('--json', 'print the summary as JSON')
    .action(async (history: string, options: { predictions?: string; summary?: string; json?: true }) => {
      await (await import('./memory/replay.ts')).replay(history, options, terminal);
    });
  memory
    .command('import-git')
    .description('print the deploys that the commit titles of a git repository tell of, as lines for replay and import')
    .argument('<repository>', 'a folder')
    .option('--branch <name>', 'the branch that is deployed', 'HEAD')
    .option('--environment <name>', 'where titles name none', 'production')
    .action(async (repository: string, options: { branch: string; environment: string }) => {
      await (await import('./memory/replay.ts')).importGit(repository, options, terminal);
    });
}

function withPlace(command: Command): Command {
  return command
    .option('--environment <name>', 'where the service runs, if in several places')
    .option('--namespace <name>')
    .option('--cluster <name>');
}

function withPattern(command: Command, isNeeded: boolean): Command {
  const description = 'kind of failure, such as crash_loop';
  const narrowed = isNeeded
    ? command.requiredOption('--class <name>', description)
    : command.option('--class <name>', description);
  return narrowed.option('--signature <text>', 'one cause of that kind, as the context shows it');
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 500)
    throw new InvalidArgumentError('It must be a number from 1 to 500.');
  return limit;
}

function parseFactor(text: string): number {
  const factor = Number(text);
  if (text.trim() === '' || !(factor >= 0 && factor <= 1))
    throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return factor;
}

function parseStrategy(text: string): string {
  if (['direct', 'canary', 'blue-green', 'blue_green', 'none'].includes(text)) return text;
  throw new InvalidArgumentError('It must be direct, canary, blue-green or none.');
}
