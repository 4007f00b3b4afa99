import { readFileSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { createConnection, type Connection } from './connection.ts';
import { type ArgoSession, type Credentials, createSessionCredentials, createTokenCredentials } from './credentials.ts';
import { createReads, type ArgoReads } from './reads.ts';
import { sessionSchema } from './schema.ts';
import { createStreams, type ArgoStreams } from './streams.ts';
import { createFileCredentials } from './token-file.ts';
import type { TokenExpiry } from './token.ts';
import { createTransport } from './transport.ts';
import { createWrites, type ArgoWrites } from './writes.ts';

export interface ArgoClientOptions {
  /** `https://host[:port][/prefix]`; without a scheme https is meant. */
  baseUrl: string;
  /** An API token. Wins over `session`. */
  token?: string | undefined;
  /** The file such a token stands in, where `token` is not given. */
  tokenFile?: string | undefined;
  /** Told of every token that is read from the file. */
  learn?: ((token: string) => void) | undefined;
  session?: ArgoSession | undefined;
  /** A PEM certificate authority, or the file it is in. */
  ca?: string | undefined;
  caFile?: string | undefined;
  requestTimeoutMs: number;
  clock: Clock;
  logger: Logger;
  /** In [0, 1); spreads the waits between repeated reads. */
  random?: (() => number) | undefined;
}

/**
 * The one client of Argo CD's HTTP API. Every call rejects with an `ArgoError`, or with the reason of the caller's signal.
 * Reads are repeated a few times on connection errors; writes are sent once.
 */
export interface ArgoClient extends ArgoReads, ArgoWrites, ArgoStreams {
  readonly baseUrl: string;
  /** How long the token in use still lives. */
  tokenExpiry(): TokenExpiry;
  /** Closes idle connections. */
  close(): void;
}

export function createArgoClient(options: ArgoClientOptions): ArgoClient {
  const { clock, logger } = options;
  const transport = createTransport(options.baseUrl, options.ca ?? loadCa(options.caFile));
  const base = { transport, requestTimeoutMs: options.requestTimeoutMs, clock, logger, random: options.random };
  const anonymous = createConnection({ ...base, credentials: createTokenCredentials(undefined, clock, logger) });
  const credentials = pickCredentials(options, anonymous);
  const connection = createConnection({ ...base, credentials });
  return {
    baseUrl: transport.baseUrl,
    ...createReads(connection),
    ...createWrites(connection),
    ...createStreams(connection),
    tokenExpiry: () => credentials.expiry(),
    close: () => transport.close(),
  };
}

function pickCredentials(options: ArgoClientOptions, anonymous: Connection): Credentials {
  const { token, tokenFile, session, clock, logger } = options;
  if (token === undefined && tokenFile !== undefined)
    return createFileCredentials(tokenFile, { clock, logger, learn: options.learn ?? (() => undefined) });
  if (token !== undefined || session === undefined) return createTokenCredentials(token, clock, logger);
  return createSessionCredentials(session, clock, async (given) => {
    const call = { what: 'log in', method: 'POST', path: '/api/v1/session', body: given } as const;
    return (await anonymous.json(sessionSchema, call)).token;
  });
}

function loadCa(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new AppError('config_invalid', `the Argo CD certificate authority file cannot be read: ${file}`, {
      cause: error,
      hint: 'Give the path of a PEM file this process may read.',
    });
  }
}
