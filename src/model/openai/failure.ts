import { AppError, toErrorMessage } from '../../lib/errors.ts';

/** Why a request to the model gave no answer. */
export interface ChatFailure {
  kind: 'failed';
  reason:
    'unauthorized' | 'not_found' | 'rejected' | 'rate_limited' | 'unavailable' | 'timed_out' | 'cut_off' | 'malformed';
  message: string;
  /** What had arrived until then. */
  text: string;
  retryAfterMs?: number;
}

const RETRYABLE: ReadonlySet<ChatFailure['reason']> = new Set([
  'rate_limited',
  'unavailable',
  'timed_out',
  'cut_off',
  'malformed',
]);
const MAX_RETRY_AFTER_MS = 60_000;

export function isRetryable(failure: ChatFailure): boolean {
  return RETRYABLE.has(failure.reason);
}

/** What the library threw, as a reason. The only place that looks into its errors. */
export function toChatFailure(error: unknown, seen: { timedOut: boolean; text: string }): ChatFailure {
  const message = toErrorMessage(error).slice(0, 500);
  const base = { kind: 'failed' as const, message, text: seen.text };
  if (seen.timedOut) return { ...base, reason: 'timed_out', message: 'no answer in time' };
  const status = toStatus(error);
  if (status === 401 || status === 403) return { ...base, reason: 'unauthorized' };
  if (status === 404) return { ...base, reason: 'not_found' };
  if (status === 429) {
    // A used-up account is answered like a burst of requests; waiting helps only against the latter.
    if (/insufficient_quota|billing/iu.test(message + toCode(error))) return { ...base, reason: 'rejected' };
    const retryAfterMs = toRetryAfterMs(error);
    return { ...base, reason: 'rate_limited', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  if (status !== undefined && (status >= 500 || status === 408 || status === 409))
    return { ...base, reason: 'unavailable' };
  if (status !== undefined) return { ...base, reason: 'rejected' };
  if (error instanceof SyntaxError || (error instanceof TypeError && !/fetch|terminated/iu.test(message)))
    return { ...base, reason: 'malformed' };
  if (
    /terminated|premature|aborted|socket hang up|other side closed/iu.test(
      `${message} ${toErrorMessage(toCause(error))}`,
    )
  )
    return { ...base, reason: 'cut_off' };
  return { ...base, reason: 'unavailable' };
}

function toStatus(error: unknown): number | undefined {
  if (error === null || typeof error !== 'object') return undefined;
  const status: unknown = 'status' in error ? error.status : undefined;
  return typeof status === 'number' ? status : undefined;
}

function toCode(error: unknown): string {
  return error !== null && typeof error === 'object' && 'code' in error ? String(error.code) : '';
}

function toCause(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function toRetryAfterMs(error: unknown): number | undefined {
  if (error === null || typeof error !== 'object' || !('headers' in error)) return undefined;
  const headers: unknown = error.headers;
  const text = headers instanceof Headers ? headers.get('retry-after') : undefined;
  const seconds = text === null || text === undefined || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : undefined;
}

/** The failure as the error a ticket ends with. */
export function toModelError(failure: ChatFailure, model: string): AppError {
  const details = { reason: failure.reason, model };
  const said = failure.message === '' ? '' : `: ${failure.message}`;
  switch (failure.reason) {
    case 'unauthorized':
      return new AppError('model_failed', `the model endpoint refused the key${said}`, {
        details,
        hint: 'Check TIPHYS_LLM_API_KEY.',
      });
    case 'not_found':
      return new AppError('model_failed', `the model endpoint does not know ${JSON.stringify(model)}${said}`, {
        details,
        hint: 'Check TIPHYS_LLM_MODEL and TIPHYS_LLM_BASE_URL.',
      });
    case 'rejected':
      return new AppError('model_failed', `the model endpoint rejected the request${said}`, {
        details,
        hint: 'See the message of the endpoint; its account or the model may not allow such requests.',
      });
    case 'malformed':
      return new AppError(
        'model_failed',
        `the model endpoint answered with something that is no chat completion${said}`,
        { details, hint: 'Check TIPHYS_LLM_BASE_URL; it should end in /v1 for most servers.' },
      );
    case 'rate_limited':
    case 'unavailable':
    case 'timed_out':
    case 'cut_off':
      return new AppError(
        'model_unavailable',
        `the model did not answer (${failure.reason.replaceAll('_', ' ')})${said}`,
        { details, hint: 'Try the ticket again later.' },
      );
  }
}
