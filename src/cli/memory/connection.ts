import { processEnvironment } from '../../config/environment.ts';
import { AppError, toErrorMessage, type ErrorCode } from '../../lib/errors.ts';
import { toPlain } from '../../lib/plain-text.ts';
import { problemSchema } from '../../api/contract.ts';
import { createApiClient, type ApiClient } from '../client.ts';

/** Where a command asks, and how it answers. */
export interface ServerOptions {
  server?: string;
  json?: boolean;
}

/** Narrows a service to where it runs. */
export interface PlaceOptions {
  environment?: string;
  namespace?: string;
  cluster?: string;
}

export const DEFAULT_SERVER = 'http://127.0.0.1:3000';

function findServer({ server }: ServerOptions): { url: string; key: string | undefined } {
  const env = processEnvironment();
  const url = (server ?? env['TIPHYS_SERVER_URL'] ?? DEFAULT_SERVER).replace(/\/+$/, '');
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new AppError('invalid_input', `--server ${url} is no http or https address`, {
      hint: `Write it like ${DEFAULT_SERVER}.`,
    });
  return { url, key: env['TIPHYS_API_KEY'] };
}

/** The server that is asked; the key comes from the environment, where no other user of the machine can read it. */
export function connect(options: ServerOptions): ApiClient {
  const { url, key } = findServer(options);
  return createApiClient(url, key === '' ? undefined : key);
}

const CODES: Readonly<Record<number, ErrorCode>> = { 400: 'invalid_input', 401: 'unauthorized', 404: 'not_found' };
const TRANSFER_TIMEOUT_MS = 10 * 60_000;

/** A request with lines instead of JSON, which may take minutes. The body of the answer is the caller's to read. */
export async function transfer(
  options: ServerOptions,
  request: { method: 'GET' | 'POST'; path: string; lines?: string },
): Promise<Response> {
  const { url, key } = findServer(options);
  let response: Response;
  try {
    response = await fetch(`${url}${request.path}`, {
      method: request.method,
      headers: {
        ...(key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` }),
        ...(request.lines === undefined ? {} : { 'content-type': 'application/x-ndjson' }),
      },
      ...(request.lines === undefined ? {} : { body: request.lines }),
      signal: AbortSignal.timeout(TRANSFER_TIMEOUT_MS),
      redirect: 'error',
    });
  } catch (error) {
    throw new AppError('timeout', `no server answers at ${url}: ${toErrorMessage(error)}`, {
      cause: error,
      hint: 'Start it with "tiphys serve", or name another with --server.',
    });
  }
  if (response.ok) return response;
  const problem = problemSchema.safeParse(await response.json().catch(() => undefined));
  const code = CODES[response.status] ?? (response.status >= 500 ? 'internal' : 'conflict');
  if (!problem.success) throw new AppError(code, `${request.path} was answered ${response.status}`);
  const { detail, hint } = problem.data;
  throw new AppError(code, detail, hint === undefined ? {} : { hint });
}

/** Prints what a command found: as it is for programs, as sentences for people. */
export function print(options: ServerOptions, value: unknown, lines: readonly string[]): void {
  const text = options.json === true ? JSON.stringify(value, null, 2) : lines.map(toPlain).join('\n');
  process.stdout.write(`${text}\n`);
}
