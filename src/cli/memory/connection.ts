import { AppError, toErrorMessage, type ErrorCode } from '../../lib/errors.ts';
import { toPlain } from '../../lib/plain-text.ts';
import { problemSchema } from '../../api/contract.ts';
import { toServer, type ConnectionOptions } from '../connect.ts';
import { toJsonText } from '../json.ts';
import type { Terminal } from '../terminal.ts';

/** Narrows a service to where it runs. */
export interface PlaceOptions {
  environment?: string;
  namespace?: string;
  cluster?: string;
}

const CODES: Readonly<Record<number, ErrorCode>> = { 400: 'invalid_input', 401: 'unauthorized', 404: 'not_found' };
const TRANSFER_TIMEOUT_MS = 10 * 60_000;

/** A request with lines instead of JSON, which may take minutes. The body of the answer is the caller's to read. */
export async function transfer(
  options: ConnectionOptions,
  terminal: Terminal,
  request: { method: 'GET' | 'POST'; path: string; lines?: string },
): Promise<Response> {
  const { url, key } = toServer(options, terminal);
  let response: Response;
  try {
    response = await fetch(`${url}${request.path}`, {
      method: request.method,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
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
export function print(
  options: ConnectionOptions,
  terminal: Pick<Terminal, 'out'>,
  value: unknown,
  lines: readonly string[],
): void {
  terminal.out(options.json === true ? toJsonText(value, 2) : lines.map(toPlain).join('\n'));
}
