import { homedir } from 'node:os';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { existsSync } from 'node:fs';
import { loadConfig } from '../config/load.ts';
import type { Environment } from '../config/sources.ts';
import { AppError } from '../lib/errors.ts';
import { randomHex } from '../lib/ids.ts';
import { packageDir } from '../lib/package.ts';
import { createApiClient } from '../client/api-client.ts';
import { addServerOption, connect } from './connect.ts';
import { untilStopped, type Host } from './host.ts';
import type { Terminal } from './terminal.ts';

interface TuiCommandOptions {
  server?: string;
  standalone?: boolean;
  config?: string;
  data?: string;
}

/** Adds `tiphys tui`: the screens, for a server elsewhere or with one of their own. */
export function addTuiCommand(program: Command, host: Host, terminal: Terminal): void {
  const command = program
    .command('tui')
    .description('tickets, plans, approvals and memory on the screen of a terminal')
    .addOption(
      new Option('--standalone', 'start a server too; without configuration against an embedded sandbox').conflicts(
        'server',
      ),
    )
    .option('--config <folder>', 'the configuration of the standalone server')
    .option('--data <folder>', 'what the standalone server keeps; a folder of your user by default')
    .action(async (options: TuiCommandOptions) => await runTuiCommand(host, terminal, options));
  addServerOption(command);
}

async function runTuiCommand(host: Host, terminal: Terminal, options: TuiCommandOptions): Promise<void> {
  const { env } = terminal;
  if (!terminal.isInteractive)
    throw new AppError('invalid_input', 'the screens need a terminal at both ends', {
      hint: 'Without one use "tiphys ticket" and its like.',
    });
  const hasColour = env['NO_COLOR'] === undefined || env['NO_COLOR'] === '';
  const stop = new AbortController();
  void untilStopped().then(() => stop.abort());
  if (options.standalone !== true) {
    const client = connect(options, terminal);
    return await host.openTui({ client, isStandalone: false, hasColour, signal: stop.signal });
  }
  terminal.out('Starting a server of its own ...');
  const key = `local:${randomHex(24)}`;
  const app = await host.startApp(loadStandaloneConfig(options, env, key));
  try {
    const client = createApiClient(app.url, key.slice(key.indexOf(':') + 1));
    await host.openTui({ client, isStandalone: true, hasColour, signal: stop.signal });
  } finally {
    terminal.out('Stopping; unfinished tickets go on at the next start.');
    await app.close();
  }
}

/** As for `tiphys serve`, but on a free port, with a key of its own, and silent: its log would spoil the screen. */
function loadStandaloneConfig(options: TuiCommandOptions, env: Environment, key: string) {
  const here = join(process.cwd(), 'config');
  const configDir = options.config ?? (existsSync(here) ? here : join(packageDir, 'config'));
  if (options.config !== undefined && !existsSync(configDir))
    throw new AppError('invalid_input', `there is no folder ${configDir}`, { hint: '--config names a folder.' });
  const given = options.data ?? env['TIPHYS_DATA_DIR'];
  const dir = given === undefined || given.trim() === '' ? toStateDir(process.platform, env) : given;
  return loadConfig({
    configDir,
    env,
    overrides: {
      server: { host: '127.0.0.1', port: 0, apiKeys: [key] },
      data: { dir },
      log: { level: 'silent' },
    },
  });
}

/** Where programs of this system keep what they want to find again. */
function toStateDir(platform: NodeJS.Platform, env: Environment): string {
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'tiphys');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'tiphys');
  const given = env['XDG_STATE_HOME'];
  return join(given === undefined || given === '' ? join(homedir(), '.local', 'state') : given, 'tiphys');
}
