import { ArgoError } from './error.ts';
import type { Transport, TransportAnswer, TransportRequest } from './transport.ts';

const MAX_REDIRECTS = 3;

/**
 * Sends a request and follows redirects of reads within the origin and path of the server: anywhere else the token would be
 * handed to a stranger, be it another host, plain http, or another program behind the same proxy.
 */
export async function sendFollowing(
  transport: Transport,
  what: string,
  request: TransportRequest,
): Promise<TransportAnswer> {
  let { path } = request;
  for (let hop = 0; ; hop += 1) {
    const answer = await transport.send(what, { ...request, path });
    if (answer.status < 300 || answer.status >= 400) return answer;
    answer.destroy();
    const target = toTarget(transport.baseUrl, path, answer.headers.location ?? '');
    const next = target === undefined ? undefined : toInsidePath(transport.baseUrl, target);
    if (request.method !== 'GET' || next === undefined || hop >= MAX_REDIRECTS)
      throw new ArgoError('redirected', what, `the server redirects to ${toPlace(transport.baseUrl, target)}`, {
        upstreamStatus: answer.status,
      });
    path = next;
  }
}

function toTarget(baseUrl: string, path: string, location: string): URL | undefined {
  const current = `${baseUrl}${path}`;
  return location !== '' && URL.canParse(location, current) ? new URL(location, current) : undefined;
}

/** The path below the base address, when the target is there. */
function toInsidePath(baseUrl: string, target: URL): string | undefined {
  const base = new URL(baseUrl);
  const prefix = base.pathname.replace(/\/+$/, '');
  const isInside = target.pathname === prefix || target.pathname.startsWith(`${prefix}/`);
  if (target.origin !== base.origin || !isInside) return undefined;
  return `${target.pathname.slice(prefix.length)}${target.search}`;
}

/** Without the query, which a login page may have filled with anything. */
function toPlace(baseUrl: string, target: URL | undefined): string {
  if (target === undefined) return 'an unknown place';
  return target.origin === new URL(baseUrl).origin ? `${target.origin}${target.pathname}` : target.origin;
}
