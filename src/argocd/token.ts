import { z } from 'zod';

const claimsSchema = z.looseObject({ exp: z.number().optional() });

/** When the token ends, from its `exp` claim; undefined for tokens without one and for anything that is no JWT. */
export function parseTokenExpiry(token: string): number | undefined {
  const part = token.split('.')[1];
  if (part === undefined) return undefined;
  try {
    const claims = claimsSchema.parse(JSON.parse(Buffer.from(part, 'base64url').toString('utf8')));
    return claims.exp === undefined ? undefined : claims.exp * 1000;
  } catch {
    return undefined;
  }
}

export type TokenExpiry =
  { state: 'none' } | { state: 'never' } | { state: 'valid' | 'expiring' | 'expired'; expiresAtMs: number };

const WARN_AHEAD_MS = 7 * 24 * 60 * 60 * 1000;

/** Where a token stands in its life. API tokens are never renewed by the server, so `expiring` is said a week ahead. */
export function toTokenExpiry(token: string | undefined, nowMs: number): TokenExpiry {
  if (token === undefined) return { state: 'none' };
  const expiresAtMs = parseTokenExpiry(token);
  if (expiresAtMs === undefined) return { state: 'never' };
  if (expiresAtMs <= nowMs) return { state: 'expired', expiresAtMs };
  return { state: expiresAtMs - nowMs <= WARN_AHEAD_MS ? 'expiring' : 'valid', expiresAtMs };
}
