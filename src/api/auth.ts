import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../lib/errors.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks: the name of the API key, or `local` where none are configured. */
    actor: string;
    /** What the key lets its holder do. */
    access: Access;
  }
}

export type Access = 'read' | 'write';

interface ApiKey {
  name: string;
  digest: Buffer;
  access: Access;
}

export interface AuthOptions {
  /** Keys that may do everything. */
  apiKeys: readonly string[];
  /** Keys that may read and do nothing else. */
  readOnlyApiKeys: readonly string[];
}

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Keys are `NAME:SECRET`; a bare secret is named by its place in the list. */
function toApiKeys(keys: readonly string[], access: Access): ApiKey[] {
  return keys.map((key, index) => {
    const colon = key.indexOf(':');
    return colon > 0
      ? { name: key.slice(0, colon), digest: digest(key.slice(colon + 1)), access }
      : { name: access === 'read' ? `reader-${index + 1}` : `key-${index + 1}`, digest: digest(key), access };
  });
}

// Webhooks are signed instead, and come from other machines under whatever name the server has there.
const OPEN_PATHS = new Set(['/api/health', '/api/webhooks/github', '/api/webhooks/gitlab', '/api/webhooks/gitea']);
/** The page in the browser: a browser cannot send a key when it opens an address, and the files hold nothing secret. */
const isPage = (path: string) => path === '/' || path.startsWith('/page/');
/** Reading, whatever the method: what is asked for through it comes to the API once more, with the same key. */
const READING_PATHS = new Set(['/mcp']);
const READING_METHODS = new Set(['GET', 'HEAD']);
const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/**
 * Guards every route, those that do not exist included. With keys, a bearer token is needed everywhere but for health, and
 * a key that only reads gets no further than GET.
 * Without keys the server listens on loopback only, and requests that a web page could have sent are refused.
 */
export function addAuth(app: FastifyInstance, { apiKeys, readOnlyApiKeys }: AuthOptions): void {
  const keys = [...toApiKeys(apiKeys, 'write'), ...toApiKeys(readOnlyApiKeys, 'read')];
  app.decorateRequest('actor', 'local');
  app.decorateRequest<Access>('access', 'write');
  app.addHook('onRequest', async (request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    if (OPEN_PATHS.has(path)) return;
    if (keys.length > 0 && isPage(path) && !request.is404) return;
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
    request.access = key.access;
    if (key.access === 'read' && !READING_METHODS.has(request.method) && !READING_PATHS.has(path))
      throw new AppError('forbidden', `the key ${key.name} may only read`, {
        hint: 'Use one of the keys of TIPHYS_SERVER_API_KEYS.',
      });
  });
}

/** The token of an `Authorization` header; undefined where it holds none. */
export function parseBearer(header: string | undefined): string | undefined {
  return /^Bearer\s+(\S+)\s*$/i.exec(header ?? '')?.[1];
}

function findKey(keys: readonly ApiKey[], header: string | undefined): ApiKey | undefined {
  const token = parseBearer(header);
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
