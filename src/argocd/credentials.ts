import type { Clock } from '../lib/clock.ts';
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

/** An API token: used as it is until it ends, never renewed. */
export function createTokenCredentials(token: string | undefined, clock: Clock): Credentials {
  return {
    token: () => Promise.resolve(token),
    refuse: () => false,
    expiry: () => toTokenExpiry(token, clock.now()),
  };
}

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
