import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../lib/errors.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks: the name of the API key, or `local` where none are configured. */
    actor: string;
  }
}

interface ApiKey {
  name: string;
  digest: Buffer;
}

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Keys are `NAME:SECRET`; a bare secret is named by its place in the list. */
function toApiKeys(keys: readonly string[]): ApiKey[] {
  return keys.map((key, index) => {
    const colon = key.indexOf(':');
    return colon > 0
      ? { name: key.slice(0, colon), digest: digest(key.slice(colon + 1)) }
      : { name: `key-${index + 1}`, digest: digest(key) };
  });
}

const OPEN_PATHS = new Set(['/api/health']);
const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/**
 * Guards every route, those that do not exist included. With keys, a bearer token is needed everywhere but for health.
 * Without keys the server listens on loopback only, and requests that a web page could have sent are refused.
 */
export function addAuth(app: FastifyInstance, apiKeys: readonly string[]): void {
  const keys = toApiKeys(apiKeys);
  app.decorateRequest('actor', 'local');
  app.addHook('onRequest', async (request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    if (OPEN_PATHS.has(path)) return;
    if (keys.length === 0) {
      checkLocal(request);
      return;
    }
    const key = findKey(keys, request.headers.authorization);
    if (key === undefined) {
      void reply.header('www-authenticate', 'Bearer');
      throw new AppError('unauthorized', 'this server needs an API key', {
        hint: 'Send "Authorization: Bearer KEY" with one of the keys of TIPHYS_SERVER_API_KEYS.',
      });
    }
    request.actor = key.name;
  });
}

function findKey(keys: readonly ApiKey[], header: string | undefined): ApiKey | undefined {
  const token = /^Bearer\s+(\S+)\s*$/i.exec(header ?? '')?.[1];
  if (token === undefined) return undefined;
  const given = digest(token);
  let found: ApiKey | undefined;
  // Every key is compared, so that the time taken does not tell which one came close.
  for (const key of keys) if (timingSafeEqual(key.digest, given)) found = key;
  return found;
}

/** A page in a browser can reach loopback too, under its own name (DNS rebinding) or with its own origin. */
function checkLocal(request: FastifyRequest): void {
  const host = request.headers.host ?? '';
  const origin = request.headers.origin;
  const isForeign = origin !== undefined && origin !== `http://${host}`;
  if (LOOPBACK_HOST.test(host) && !isForeign) return;
  throw new AppError('forbidden', 'without API keys only this machine may ask, under a loopback name', {
    hint: 'Use http://127.0.0.1, or set TIPHYS_SERVER_API_KEYS.',
  });
}
