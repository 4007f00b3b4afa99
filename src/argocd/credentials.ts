import { type Clock, toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type ArgoError, isArgoError } from './error.ts';
import { parseTokenExpiry, toTokenExpiry, type TokenExpiry } from './token.ts';

export interface ArgoSession {
  username: string;
  password: string;
}

/** Where the bearer token of each call comes from. */
export interface Credentials {
  /** Undefined for anonymous access. May log in; rejects when the last login was refused. */
  token(): Promise<string | undefined>;
  /** Called when the server refused a token. True when another attempt with a new one makes sense. */
  refuse(token: string | undefined): boolean;
  expiry(): TokenExpiry;
}

/**
 * An API token: used as it is until it ends, never renewed. Its end is logged ahead, once for each day that is left. Throws
 * `config_invalid` for what cannot be a token.
 */
export function createTokenCredentials(given: string | undefined, clock: Clock, logger: Logger): Credentials {
  const token = given === undefined ? undefined : parseToken(given);
  const expiry = () => toTokenExpiry(token, clock.now());
  let told = '';
  const warn = () => {
    const now = expiry();
    if (now.state !== 'expiring' && now.state !== 'expired') return;
    const daysLeft = Math.floor((now.expiresAtMs - clock.now()) / DAY_MS);
    const news = now.state === 'expired' ? now.state : `${daysLeft}`;
    if (told === news) return;
    told = news;
    logger.warn(
      { endsAt: toIsoTime(now.expiresAtMs) },
      now.state === 'expired' ? 'the argocd token has ended' : 'the argocd token ends soon and is not renewed',
    );
  };
  return {
    token: () => {
      warn();
      return Promise.resolve(token);
    },
    refuse: () => false,
    expiry,
  };
}

/** Tokens come out of files and secrets with a newline at their end, which no header may carry. */
function parseToken(text: string): string {
  const token = text.trim().replace(/^Bearer\s+/i, '');
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new AppError(
    'config_invalid',
    `the Argo CD token ${token === '' ? 'is empty' : 'holds spaces or line breaks'}`,
    {
      hint: 'Give exactly what argocd account generate-token printed.',
    },
  );
}

const DAY_MS = 24 * 60 * 60 * 1000;

// After five failed logins the server refuses even the right password until five minutes have passed since the last one, so a
// refused login is remembered and not tried again before that.
const LOGIN_PAUSE_MS = 330_000;
const RENEW_AHEAD_MS = 60_000;

/** Logs in with name and password when a token is needed and shortly before it ends; concurrent calls share one login. */
export function createSessionCredentials(
  session: ArgoSession,
  clock: Clock,
  login: (session: ArgoSession) => Promise<string>,
): Credentials {
  let current: string | undefined;
  let pending: Promise<string> | undefined;
  let refused: { atMs: number; error: ArgoError } | undefined;
  const isFresh = (token: string) => (parseTokenExpiry(token) ?? Infinity) - clock.now() > RENEW_AHEAD_MS;

  const logIn = async (): Promise<string> => {
    try {
      current = await login(session);
      refused = undefined;
      return current;
    } catch (error) {
      if (isArgoError(error, 'unauthenticated', 'denied', 'missing_or_denied', 'overloaded'))
        refused = { atMs: clock.now(), error };
      throw error;
    } finally {
      pending = undefined;
    }
  };

  return {
    token: () => {
      if (current !== undefined && isFresh(current)) return Promise.resolve(current);
      if (refused !== undefined && clock.now() - refused.atMs < LOGIN_PAUSE_MS) return Promise.reject(refused.error);
      pending ??= logIn();
      return pending;
    },
    refuse: (token) => {
      if (token === undefined) return false;
      // Another call may have logged in anew in the meantime; its token must not be thrown away.
      if (token === current) current = undefined;
      return true;
    },
    expiry: () => toTokenExpiry(current, clock.now()),
  };
}
