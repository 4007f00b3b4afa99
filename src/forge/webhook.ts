import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ForgeKind } from '../config/git-host.ts';
import { sha256Hex } from '../lib/ids.ts';
import { readWebhookHint, type WebhookHint } from './webhook-hint.ts';

export interface WebhookRequest {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The bytes as they came: the signature is over these. */
  body: Buffer;
}

export type WebhookVerdict =
  | {
      kind: 'verified';
      /** Names of this delivery; one of them seen before makes it a repeat. */
      deliveries: string[];
      /** What it is about; undefined for what does not concern a pull request or a branch. */
      hint: WebhookHint | undefined;
    }
  | { kind: 'refused'; reason: string };

/** How far the time in a signature may be from ours. */
const MAX_SKEW_MS = 5 * 60_000;

/**
 * Checks that a webhook comes from who knows the secret. Nothing of the body is looked at before. The content is a hint and
 * nothing more: what has really happened is asked of the host.
 */
export function verifyWebhook(
  kind: ForgeKind,
  { headers, body }: WebhookRequest,
  secret: string,
  nowMs: number,
): WebhookVerdict {
  const header = (name: string) => {
    const value = headers[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const refusal = check(kind, header, body, secret, nowMs);
  if (refusal !== undefined) return { kind: 'refused', reason: refusal };
  // The id of the host is not under its signature, so somebody could send the same words under another: the words count too.
  const id = toDeliveryId(kind, header);
  const deliveries = [`body:${sha256Hex(body.toString('latin1'))}`, ...(id === undefined ? [] : [`id:${id}`])];
  return { kind: 'verified', deliveries, hint: readWebhookHint(kind, toEvent(kind, header), parseJson(body)) };
}

type Header = (name: string) => string | undefined;

/** Why it is refused; undefined where the signature is right. */
function check(kind: ForgeKind, header: Header, body: Buffer, secret: string, nowMs: number): string | undefined {
  switch (kind) {
    case 'github':
      return checkHex(header('x-hub-signature-256')?.replace(/^sha256=/, ''), 'X-Hub-Signature-256', body, secret);
    case 'gitea': {
      // Where the newer header is there, an older one that is right does not make up for it.
      const given = header('x-forgejo-signature') ?? header('x-gitea-signature');
      return checkHex(given, 'X-Gitea-Signature or X-Forgejo-Signature', body, secret);
    }
    case 'gitlab':
      return secret.startsWith(SIGNING_PREFIX)
        ? checkSigned(header, body, secret, nowMs)
        : checkToken(header('x-gitlab-token'), secret);
  }
}

function checkHex(given: string | undefined, name: string, body: Buffer, secret: string): string | undefined {
  if (given === undefined) return `it has no ${name}`;
  const wanted = createHmac('sha256', secret).update(body).digest();
  const bytes = /^[0-9a-f]{64}$/i.test(given) ? Buffer.from(given, 'hex') : Buffer.alloc(0);
  return isSame(wanted, bytes) ? undefined : `${name} does not fit the body`;
}

/** GitLab's secret token is sent along as it is. Compared by digests, so that its length does not show. */
function checkToken(given: string | undefined, secret: string): string | undefined {
  if (given === undefined) return 'it has no X-Gitlab-Token';
  const digest = (text: string) => createHmac('sha256', 'x-gitlab-token').update(text).digest();
  return isSame(digest(given), digest(secret)) ? undefined : 'X-Gitlab-Token is another one';
}

const SIGNING_PREFIX = 'whsec_';

/** GitLab's signing token: Standard Webhooks, an HMAC over id, time and body. */
function checkSigned(header: Header, body: Buffer, secret: string, nowMs: number): string | undefined {
  const [id, time, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(header);
  if (id === undefined || time === undefined || signatures === undefined)
    return 'it has no webhook-signature, and the secret is a signing token';
  const atMs = Number(time) * 1_000;
  if (!/^\d{1,12}$/.test(time) || Math.abs(nowMs - atMs) > MAX_SKEW_MS) return 'webhook-timestamp is not about now';
  const key = Buffer.from(secret.slice(SIGNING_PREFIX.length), 'base64');
  const wanted = createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest();
  const isSigned = signatures
    .split(' ')
    .filter((one) => one.startsWith('v1,'))
    .map((one) => Buffer.from(one.slice('v1,'.length), 'base64'))
    .some((one) => isSame(wanted, one));
  return isSigned ? undefined : 'webhook-signature does not fit the body';
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function toDeliveryId(kind: ForgeKind, header: Header): string | undefined {
  switch (kind) {
    case 'github':
      return header('x-github-delivery');
    case 'gitea':
      return header('x-forgejo-delivery') ?? header('x-gitea-delivery');
    case 'gitlab':
      // The event's own id is shared by hooks that hooks have caused; the key is that of one delivery.
      return header('webhook-id') ?? header('idempotency-key');
  }
}

function toEvent(kind: ForgeKind, header: Header): string {
  switch (kind) {
    case 'github':
      return header('x-github-event') ?? '';
    case 'gitea':
      return header('x-forgejo-event') ?? header('x-gitea-event') ?? '';
    case 'gitlab':
      return header('x-gitlab-event') ?? '';
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}
