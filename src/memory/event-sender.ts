import { lookup as resolve, type LookupAddress } from 'node:dns';
import * as http from 'node:http';
import * as https from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { toErrorMessage } from '../lib/errors.ts';
import { toCloudEventHeaders, type CdEvent } from './cd-event.ts';

/** What the receiver of an event said. */
export type SendAnswer =
  | { kind: 'accepted' }
  /** It will never take this event. */
  | { kind: 'refused'; error: string }
  | { kind: 'failed'; error: string; retryAfterMs?: number };

export type EventSender = (event: CdEvent, signal: AbortSignal) => Promise<SendAnswer>;

// Clouds give out credentials at link-local addresses; no receiver of events lives there.
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');
LINK_LOCAL.addAddress('fd00:ec2::254', 'ipv6');

/** The content is wrong in these cases, and stays so; everything else may pass. */
const REFUSALS = new Set([400, 413, 415, 422]);

/**
 * Sends events to one address over HTTP. Redirects are not followed, so event and token go nowhere else; what the receiver
 * answers beyond status and `Retry-After` is not read.
 */
export function createEventSender(options: { endpoint: string; token?: string }): EventSender {
  const url = new URL(options.endpoint);
  const send = url.protocol === 'https:' ? https.request : http.request;
  return async (event, signal) => {
    const body = JSON.stringify(event);
    const headers = {
      ...toCloudEventHeaders(event),
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    };
    try {
      const response = await new Promise<http.IncomingMessage>((done, fail) => {
        const literal = url.hostname.replace(/^\[|\]$/g, '');
        if (isLinkLocal(literal)) throw new Error(`${literal} is a link-local address`);
        // A connection of its own: one that was kept may be closed just now, and the event would be sent twice for it.
        const outgoing = send(url, { method: 'POST', headers, signal, agent: false, lookup: guardedLookup });
        outgoing.on('error', fail);
        outgoing.on('response', done);
        outgoing.end(body);
      });
      response.destroy();
      return toAnswer(response);
    } catch (error) {
      const reason: unknown = signal.aborted ? signal.reason : error;
      return { kind: 'failed', error: toErrorMessage(reason) || 'the connection failed' };
    }
  };
}

function toAnswer(response: http.IncomingMessage): SendAnswer {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return { kind: 'accepted' };
  const error = `the receiver answered ${status}`;
  if (status >= 300 && status < 400) return { kind: 'failed', error: `${error}; redirects are not followed` };
  if (REFUSALS.has(status)) return { kind: 'refused', error };
  const seconds = Number(response.headers['retry-after']);
  return { kind: 'failed', error, ...(seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}) };
}

function isLinkLocal(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LINK_LOCAL.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Looks at the address that is connected to, so that a name cannot lead where an address may not. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const bad = error === null ? addresses.find(({ address }) => isLinkLocal(address)) : undefined;
    const problem = bad === undefined ? error : new Error(`${hostname} is ${bad.address}, a link-local address`);
    const [first] = addresses ?? [];
    if (problem !== null) callback(problem, '', 4);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first?.address ?? '', first?.family ?? 4);
  });
};
