import { AppError, type ErrorCode } from '../lib/errors.ts';
import { problemSchema } from '../api/contract.ts';

// What a server's refusal, its silence, or a stranger in its place means to whoever asked.

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_input',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  413: 'payload_too_large',
  415: 'invalid_input',
  422: 'unsupported',
  502: 'database_unavailable',
  503: 'database_unavailable',
  504: 'timeout',
};

/** A refusal in the server's own words; `details.code` is its stable code. */
export function toRefusal(baseUrl: string, what: string, status: number, text: string, hasToken: boolean): AppError {
  const problem = problemSchema.safeParse(toJsonOrUndefined(text));
  const code = CODES[status] ?? (status >= 500 ? 'internal' : 'conflict');
  if (!problem.success) {
    const hint = `Is ${baseUrl} really Tiphys, or something in between?`;
    return new AppError(code, `${what} was answered ${status}`, { hint });
  }
  const { detail, hint, code: problemCode, details } = problem.data;
  const better =
    status === 401
      ? hasToken
        ? 'The server does not know the key in TIPHYS_API_KEY.'
        : 'Put your key into the environment: export TIPHYS_API_KEY=...'
      : hint;
  return new AppError(code, detail, {
    ...(better === undefined ? {} : { hint: better }),
    details: { code: problemCode, ...details },
  });
}

/** Nobody answered: not there, or not in time. */
export function toSilence(baseUrl: string, cause: unknown): AppError {
  return new AppError('timeout', `no server answers at ${baseUrl}${toReason(cause)}`, {
    cause,
    hint: 'Start one with "tiphys serve", or name another with --server or TIPHYS_SERVER_URL.',
  });
}

/** The code of the connection's failure: what fetch itself says is "fetch failed", and the rest is in its cause. */
function toReason(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error.name === 'TimeoutError') return ' (no answer in time)';
  const { cause } = error;
  return cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
}

/** Somebody answered, and it was not what this version of Tiphys says. */
export function toStranger(baseUrl: string, cause: unknown): AppError {
  return new AppError('internal', `${baseUrl} answered with something this version does not understand`, {
    cause,
    hint: 'Is it Tiphys, and is its version the same as that of this command?',
  });
}

/** Text as JSON; undefined where it is none. */
export function toJsonOrUndefined(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
