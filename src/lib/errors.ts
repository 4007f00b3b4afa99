/** Every code the product raises, with the HTTP status a client sees and whether trying again can help. */
const ERROR_CODES = {
  invalid_input: { httpStatus: 400, retryable: false },
  unauthorized: { httpStatus: 401, retryable: false },
  forbidden: { httpStatus: 403, retryable: false },
  not_found: { httpStatus: 404, retryable: false },
  conflict: { httpStatus: 409, retryable: false },
  illegal_transition: { httpStatus: 409, retryable: false },
  stale_change: { httpStatus: 409, retryable: false },
  payload_too_large: { httpStatus: 413, retryable: false },
  unknown_target: { httpStatus: 422, retryable: false },
  unsupported: { httpStatus: 422, retryable: false },
  config_invalid: { httpStatus: 500, retryable: false },
  git_unavailable: { httpStatus: 503, retryable: true },
  git_rejected: { httpStatus: 502, retryable: false },
  git_failed: { httpStatus: 502, retryable: false },
  argocd_unavailable: { httpStatus: 503, retryable: true },
  argocd_denied: { httpStatus: 502, retryable: false },
  argocd_failed: { httpStatus: 502, retryable: false },
  model_unavailable: { httpStatus: 503, retryable: true },
  model_failed: { httpStatus: 502, retryable: false },
  budget_exhausted: { httpStatus: 429, retryable: false },
  synth_failed: { httpStatus: 422, retryable: false },
  lease_lost: { httpStatus: 503, retryable: true },
  database_unavailable: { httpStatus: 503, retryable: true },
  timeout: { httpStatus: 504, retryable: true },
  aborted: { httpStatus: 503, retryable: true },
  internal: { httpStatus: 500, retryable: false },
} as const satisfies Record<string, { httpStatus: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERROR_CODES;

interface AppErrorOptions {
  cause?: unknown;
  /** What the reader can do about it, one sentence. */
  hint?: string;
  /** Facts a client may show or act on; never secrets. */
  details?: Record<string, unknown>;
}

/** A surprise with a name. Expected outcomes are unions, not errors. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get httpStatus(): number {
    return ERROR_CODES[this.code].httpStatus;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** The message of anything that was thrown. */
export function toErrorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Any thrown thing as an AppError, keeping the original as its cause. */
export function toAppError(error: unknown, fallback: ErrorCode = 'internal'): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof Error && error.name === 'AbortError')
    return new AppError('aborted', error.message, { cause: error });
  return new AppError(fallback, toErrorMessage(error), { cause: error });
}

/** Makes a forgotten variant a compile error and, should one slip through at run time, a loud one. */
export function assertNever(value: never, what: string): never {
  throw new AppError('internal', `unexpected ${what}: ${JSON.stringify(value)}`);
}
