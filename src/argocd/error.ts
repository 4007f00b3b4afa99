import { z } from 'zod';
import { AppError, type ErrorCode } from '../lib/errors.ts';

/**
 * What Argo CD's answer means to us. Several meanings share an HTTP status there (a refused precondition and bad input are
 * both 400, a sync window and a missing right are both 403), so callers branch on this and never on the status.
 */
export type ArgoErrorReason =
  | 'unreachable'
  | 'timed_out'
  | 'overloaded'
  | 'unauthenticated'
  | 'denied'
  /** 403 without a project: the application is missing, or we may not see it; the server does not say which. */
  | 'missing_or_denied'
  | 'not_found'
  | 'conflict'
  | 'operation_in_progress'
  | 'no_operation'
  | 'auto_sync_revision'
  | 'sync_window'
  | 'being_deleted'
  | 'rejected'
  | 'unsupported'
  | 'redirected'
  | 'unreadable'
  | 'failed';

const CODES: Record<ArgoErrorReason, ErrorCode> = {
  unreachable: 'argocd_unavailable',
  timed_out: 'argocd_unavailable',
  overloaded: 'argocd_unavailable',
  unauthenticated: 'argocd_denied',
  denied: 'argocd_denied',
  missing_or_denied: 'argocd_denied',
  sync_window: 'argocd_denied',
  not_found: 'not_found',
  conflict: 'argocd_failed',
  operation_in_progress: 'argocd_failed',
  no_operation: 'argocd_failed',
  auto_sync_revision: 'argocd_failed',
  being_deleted: 'argocd_failed',
  rejected: 'argocd_failed',
  unsupported: 'argocd_failed',
  redirected: 'argocd_failed',
  unreadable: 'argocd_unavailable',
  failed: 'argocd_failed',
};

const HINTS: Partial<Record<ArgoErrorReason, string>> = {
  unreachable: 'Check the server address, the network and, for https, the certificate authority.',
  timed_out: 'Argo CD did not answer in time; its controller or repository server may be down.',
  unauthenticated: 'Check the API token (it may have expired or been revoked) or the account name and password.',
  denied: 'Give the account the right in argocd-rbac-cm or in the project role.',
  missing_or_denied: 'Check the application name and namespace, and that the account may get it.',
  redirected: 'Use the address the server redirects to, usually the https one.',
  sync_window: 'Wait for the sync window to open, or allow manual syncs in it.',
};

interface ArgoErrorOptions {
  cause?: unknown;
  upstreamStatus?: number | undefined;
  grpcCode?: number | undefined;
}

/** A failed call to Argo CD. `reason` is its meaning, `upstreamStatus` and `grpcCode` what the server sent. */
export class ArgoError extends AppError {
  readonly reason: ArgoErrorReason;
  readonly upstreamStatus: number | undefined;
  readonly grpcCode: number | undefined;
  /** The server's own words, or what went wrong on the way to it. */
  readonly upstreamMessage: string;

  constructor(reason: ArgoErrorReason, what: string, upstreamMessage: string, options: ArgoErrorOptions = {}) {
    const hint = HINTS[reason];
    super(CODES[reason], `${what}: ${upstreamMessage}`, {
      cause: options.cause,
      ...(hint === undefined ? {} : { hint }),
      details: { reason, status: options.upstreamStatus, grpcCode: options.grpcCode },
    });
    this.name = 'ArgoError';
    this.reason = reason;
    this.upstreamStatus = options.upstreamStatus;
    this.grpcCode = options.grpcCode;
    this.upstreamMessage = upstreamMessage;
  }
}

export function isArgoError(error: unknown, ...reasons: ArgoErrorReason[]): error is ArgoError {
  return error instanceof ArgoError && (reasons.length === 0 || reasons.includes(error.reason));
}

const bodySchema = z.looseObject({
  error: z.unknown().optional(),
  message: z.unknown().optional(),
  code: z.unknown().optional(),
});

interface Answer {
  status: number;
  body: string;
  /** True when the call named the application's project, which turns "missing" from 403 into 404. */
  withProject: boolean;
}

/** An unary error answer as a typed error. */
export function toArgoError(what: string, answer: Answer): ArgoError {
  const { message, code } = parseBody(answer.body);
  const text = message === '' ? `HTTP ${answer.status}` : message;
  return new ArgoError(toReason(answer.status, code, message, answer.withProject), what, text, {
    upstreamStatus: answer.status,
    grpcCode: code,
  });
}

const streamErrorSchema = z.looseObject({
  message: z.string().default(''),
  grpc_code: z.number().optional(),
  http_code: z.number().optional(),
});

/** The error object a stream carries as its last item; the HTTP status was 200 long before. */
export function toStreamError(what: string, error: unknown): ArgoError {
  const parsed = streamErrorSchema.safeParse(error);
  const { message, grpc_code: code, http_code: status } = parsed.success ? parsed.data : { message: '' };
  return new ArgoError(
    toReason(status ?? 500, code, message, false),
    what,
    message === '' ? 'the stream ended with an error' : message,
    { upstreamStatus: status, grpcCode: code },
  );
}

function parseBody(body: string): { message: string; code: number | undefined } {
  try {
    const parsed = bodySchema.parse(JSON.parse(body));
    const message = [parsed.message, parsed.error].find((part) => typeof part === 'string' && part !== '');
    return {
      message: typeof message === 'string' ? message : '',
      code: typeof parsed.code === 'number' ? parsed.code : undefined,
    };
  } catch {
    // Proxies in front of the server answer in HTML or plain text; the first line is what a person can use.
    return {
      message:
        body
          .replace(/<[^>]*>/g, ' ')
          .trim()
          .split('\n')[0]
          ?.slice(0, 200) ?? '',
      code: undefined,
    };
  }
}

// The server's own sentences, matched because the code alone is ambiguous.
const MESSAGES: readonly { pattern: RegExp; reason: ArgoErrorReason }[] = [
  { pattern: /another operation is already in progress/i, reason: 'operation_in_progress' },
  { pattern: /no operation is in progress/i, reason: 'no_operation' },
  { pattern: /auto-sync currently set to/i, reason: 'auto_sync_revision' },
  { pattern: /blocked by (a )?sync window/i, reason: 'sync_window' },
  { pattern: /application is deleting/i, reason: 'being_deleted' },
];

const GRPC_REASONS: Record<number, ArgoErrorReason> = {
  1: 'unreachable',
  3: 'rejected',
  4: 'timed_out',
  5: 'not_found',
  6: 'conflict',
  8: 'overloaded',
  9: 'rejected',
  10: 'conflict',
  12: 'unsupported',
  14: 'unreachable',
  16: 'unauthenticated',
};

function toReason(status: number, code: number | undefined, message: string, withProject: boolean): ArgoErrorReason {
  const known = MESSAGES.find(({ pattern }) => pattern.test(message));
  if (known !== undefined) return known.reason;
  if (code === 7 || (code === undefined && status === 403)) return withProject ? 'denied' : 'missing_or_denied';
  const reason = code === undefined ? undefined : GRPC_REASONS[code];
  if (reason !== undefined) return reason;
  if (status === 401) return 'unauthenticated';
  if (status === 404) return 'not_found';
  if (status === 409) return 'conflict';
  if (status === 415 || status === 501) return 'unsupported';
  if (status === 429) return 'overloaded';
  if (status === 502 || status === 503 || status === 504) return 'unreachable';
  if (status >= 400 && status < 500) return 'rejected';
  // Untyped errors of the server all become 500: not proof that trying again helps.
  return 'failed';
}
