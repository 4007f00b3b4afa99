import { X509Certificate } from 'node:crypto';
import * as http from 'node:http';
import * as https from 'node:https';
import { toAbortError } from '../lib/clock.ts';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import { ArgoError } from './error.ts';

export interface TransportRequest {
  method: 'GET' | 'POST' | 'DELETE';
  /** Path and query below the base address, starting with a slash. */
  path: string;
  headers: Record<string, string>;
  body?: string | undefined;
  signal: AbortSignal;
}

export interface TransportAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  chunks: AsyncIterable<Uint8Array>;
  /** Drops the connection; safe to call at any time and more than once. */
  destroy(): void;
}

export interface Transport {
  /** Origin and path prefix, without a trailing slash. */
  readonly baseUrl: string;
  /** One request, no redirects followed, no retries. Rejects with `unreachable`, or with the signal's reason. */
  send(what: string, request: TransportRequest): Promise<TransportAnswer>;
  close(): void;
}

/**
 * Plain HTTP to one origin. Nothing is ever sent elsewhere, so a credential given to it cannot leave that origin.
 * @param address with or without a scheme (https is meant then) and with an optional path prefix.
 */
export function createTransport(address: string, ca: string | undefined): Transport {
  const url = parseBaseUrl(address);
  if (ca !== undefined) checkCertificate(ca);
  const secure = url.protocol === 'https:';
  const agent = secure
    ? new https.Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) })
    : new http.Agent({ keepAlive: true });
  const prefix = url.pathname.replace(/\/+$/, '');
  return {
    baseUrl: `${url.origin}${prefix}`,
    send: (what, request) =>
      new Promise((resolve, reject) => {
        // A kept-alive connection may have been closed by the other side just now. A GET can be repeated then; a write must
        // not be left in doubt for that reason, so it gets a connection of its own.
        const ownConnection = request.method !== 'GET';
        const options: https.RequestOptions = {
          method: request.method,
          headers: request.headers,
          signal: request.signal,
          ...(ownConnection ? { agent: false, ...(ca === undefined ? {} : { ca }) } : { agent }),
        };
        const target = `${url.origin}${prefix}${request.path}`;
        const outgoing = secure ? https.request(target, options) : http.request(target, options);
        const fail = (error: Error) => reject(toTransportError(what, error, request.signal));
        outgoing.on('error', fail);
        outgoing.on('response', (incoming) => {
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            chunks: readChunks(what, incoming, request.signal),
            destroy: () => incoming.destroy(),
          });
        });
        outgoing.end(request.body);
      }),
    close: () => agent.destroy(),
  };
}

async function* readChunks(
  what: string,
  incoming: http.IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    // Streams type their chunks as anything; without an encoding set they are bytes.
    const chunks: AsyncIterable<Uint8Array> = incoming;
    yield* chunks;
  } catch (error) {
    throw toTransportError(what, error, signal);
  }
}

function toTransportError(what: string, error: unknown, signal: AbortSignal): Error {
  // The reason of the abort says more than node's own AbortError: a time-out is not a cancelled ticket.
  if (signal.aborted) return toAbortError(signal);
  return new ArgoError('unreachable', what, toErrorMessage(error) || 'connection failed', { cause: error });
}

/** Left to TLS, a file that holds no certificate would only show as one that is not trusted. */
function checkCertificate(pem: string): void {
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw new AppError('config_invalid', 'the Argo CD certificate authority is not a certificate in PEM form', {
      cause: error,
      hint: 'It starts with -----BEGIN CERTIFICATE-----.',
    });
  }
}

function parseBaseUrl(address: string): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `https://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new AppError('config_invalid', 'the Argo CD server address is not an http or https address', {
      hint: 'Write it like https://argocd.example.com.',
    });
  if (url.username !== '' || url.password !== '')
    throw new AppError('config_invalid', 'the Argo CD server address must not hold a user name or password', {
      hint: 'Give the API token, or the account name and password, in their own settings.',
    });
  return url;
}
