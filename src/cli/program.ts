import { Command, InvalidArgumentError } from 'commander';
import { packageVersion } from '../lib/package.ts';
import { addDeployCommand } from './deploy-commands.ts';
import { addExamples } from './examples.ts';
import type { Host } from './host.ts';
import { addMcpCommand } from './mcp.ts';
import { addMemoryCommands } from './memory-commands.ts';
import { addSystemCommands } from './system-commands.ts';
import { createTerminal, type Terminal } from './terminal.ts';
import { addTicketCommands } from './ticket-commands.ts';
import { addTuiCommand } from './tui.ts';

/**
 * Every command and its options. Parsing is commander's; errors are thrown, not printed and exited. A command's own
 * code is loaded when it is called.
 */
export function createProgram(host: Host, terminal: Terminal = createTerminal()): Command {
  const program = new Command('tiphys')
    .description('Tickets in, approved changes to a GitOps repository out, watched until live.')
    .version(packageVersion)
    .exitOverride()
    // `deploy web --version 1.5.0` means the version of web: options of the program itself stand before the command.
    .enablePositionalOptions()
    .showHelpAfterError('Run "tiphys --help" for what there is.');
  program.addHelpText('after', EXIT_CODES);
  program
    .command('serve')
    .description('start the server; without configuration against an embedded sandbox')
    .action(async () => await (await import('./serve.ts')).runServe(host));
  program
    .command('demo')
    .description('watch three tickets travel from request to remembered outcome, on this machine alone')
    .option('--json', 'one event a line on standard output, and a summary as the last line')
    .option('--keep', 'keep the temporary folder with repository and database')
    .action(async (options: { json?: boolean; keep?: boolean }) => {
      process.exitCode = await (
        await import('./demo/run.ts')
      ).runDemo(host, { json: options.json === true, keep: options.keep === true });
    });
  program
    .command('sandbox')
    .description('start the Argo CD stand-in alone with a bare repository, and print its addresses as JSON')
    .option('--dir <folder>', 'where repository and live state are kept; a temporary folder by default')
    .option('--port <number>', 'port to listen on; a free one by default', parsePort, 0)
    .option('--speed <factor>', 'simulated seconds for each second', parseSpeed, 10)
    .action(
      async (options: { dir?: string; port: number; speed: number }) =>
        await (await import('./sandbox.ts')).runSandbox(options),
    );
  program
    .command('init')
    .description('write a cdk8s infrastructure repository to start from')
    .argument('<folder>', 'an empty or missing folder')
    .option('--force', 'add what is missing to a folder that holds something; nothing there is overwritten')
    .action(
      async (folder: string, options: { force?: boolean }) =>
        await (await import('./init.ts')).runInit(folder, { force: options.force === true }),
    );
  program
    .command('migrate')
    .description('bring the database up to date')
    .action(async () => await (await import('./migrate.ts')).runMigrate());
  addTuiCommand(program, host, terminal);
  addMcpCommand(program, host, terminal);
  addTicketCommands(program, terminal);
  addDeployCommand(program, terminal);
  addMemoryCommands(program, terminal);
  const config = program.command('config').description('look at the configuration');
  config
    .command('check')
    .alias('show')
    .description('print the effective configuration, secrets masked, and where each value came from')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) =>
      (await import('./config-check.ts')).checkConfig(options.json === true),
    );
  addSystemCommands(program, terminal);
  addExamples(program);
  return program;
}

const EXIT_CODES = `
Commands that talk to a server find it by --server or TIPHYS_SERVER_URL (default http://127.0.0.1:3000), and send the key
in TIPHYS_API_KEY. Exit codes: 0 done or resolved, 1 failed, 2 wrong usage, 3 needs a person, 4 no server answers.`;

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('It must be a number from 0 to 65535.');
  return port;
}

function parseSpeed(text: string): number {
  const speed = Number(text);
  if (!(speed >= 0.1 && speed <= 1000)) throw new InvalidArgumentError('It must be a number from 0.1 to 1000.');
  return speed;
}
