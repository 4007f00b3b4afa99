import { InvalidArgumentError, Option, type Command } from 'commander';
import { AppError } from '../lib/errors.ts';
import { createApiClient, type ApiClient } from '../client/api-client.ts';
import type { Terminal } from './terminal.ts';

/** What every command that talks to a server is given. */
export interface ConnectionOptions {
  server?: string;
  json?: true;
}

const DEFAULT_SERVER = 'http://127.0.0.1:3000';

/** Adds `--server` and `--json`. */
export function addConnectionOptions(command: Command): Command {
  return addServerOption(command).option('--json', 'as JSON');
}

/** Adds `--server`. */
export function addServerOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--server <url>',
      `the server to talk to (default: TIPHYS_SERVER_URL, else ${DEFAULT_SERVER})`,
    ).argParser(parseServerOption),
  );
}

/** The server that is meant, and the key of the environment: an argument could be read by every user. */
export function toServer(options: ConnectionOptions, { env }: Terminal): { url: string; key: string | undefined } {
  const fromEnvironment = toGiven(env['TIPHYS_SERVER_URL']);
  const address = options.server ?? fromEnvironment ?? DEFAULT_SERVER;
  const problem = findFault(address);
  if (problem !== undefined)
    throw new AppError('invalid_input', `TIPHYS_SERVER_URL ${problem}`, { hint: `Such as ${DEFAULT_SERVER}.` });
  return { url: address.replace(/\/+$/, ''), key: toGiven(env['TIPHYS_API_KEY']) };
}

/** The client for that server. */
export function connect(options: ConnectionOptions, terminal: Terminal): ApiClient {
  const { url, key } = toServer(options, terminal);
  return createApiClient(url, key);
}

function parseServerOption(text: string): string {
  const problem = findFault(text);
  if (problem !== undefined) throw new InvalidArgumentError(`It ${problem}.`);
  return text;
}

function findFault(address: string): string | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return 'must be an http:// or https:// address';
  if (url.username !== '' || url.password !== '') return 'must not hold a user or password; the key is TIPHYS_API_KEY';
  return undefined;
}

function toGiven(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
}
