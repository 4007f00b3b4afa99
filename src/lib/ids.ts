import { createHash, randomBytes } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import { AppError } from './errors.ts';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** 40 lower-case hex digits. */
export type CommitSha = Branded<string, 'CommitSha'>;
/** `tkt_` and a ULID. */
export type TicketId = Branded<string, 'TicketId'>;
/** `apr_` and a ULID. */
export type ApprovalId = Branded<string, 'ApprovalId'>;
/** 64 lower-case hex digits of SHA-256 over the canonical JSON of what is approved. */
export type ChangeHash = Branded<string, 'ChangeHash'>;

const COMMIT_SHA = /^[0-9a-f]{40}$/;

export function isCommitSha(text: string): text is CommitSha {
  return COMMIT_SHA.test(text);
}

export function parseCommitSha(text: string): CommitSha {
  const trimmed = text.trim();
  if (!isCommitSha(trimmed)) throw new AppError('internal', `not a commit id: ${JSON.stringify(text.slice(0, 60))}`);
  return trimmed;
}

const PREFIXES = {
  ticket: 'tkt',
  approval: 'apr',
  deploy: 'dep',
  effect: 'eff',
  request: 'req',
  pull: 'pul',
} as const;
const ID = /^[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}$/;

export function isTicketId(text: string): text is TicketId {
  return ID.test(text) && text.startsWith('tkt_');
}

export function isApprovalId(text: string): text is ApprovalId {
  return ID.test(text) && text.startsWith('apr_');
}

export interface IdSource {
  ticketId(): TicketId;
  approvalId(): ApprovalId;
  /** An id of one of the other kinds. */
  next(kind: keyof typeof PREFIXES): string;
}

/** Ids that sort by creation time; `now` gives the time part. */
export function createIdSource(now: () => number): IdSource {
  const ulid = monotonicFactory();
  const next = (kind: keyof typeof PREFIXES) => `${PREFIXES[kind]}_${ulid(now())}`;
  return {
    ticketId: () => next('ticket') as TicketId,
    approvalId: () => next('approval') as ApprovalId,
    next,
  };
}

export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** JSON with sorted keys and no `undefined`: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sortKeys(value));
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, field]) => [key, sortKeys(field)] as const);
  return Object.fromEntries(entries);
}
