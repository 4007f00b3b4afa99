import { createSystemClock, type Clock } from '../../lib/clock.ts';
import { isAppError, toErrorMessage } from '../../lib/errors.ts';
import type { Redactor } from '../../lib/redact.ts';

/** What was found about one thing. */
export interface Check {
  name: string;
  /** `warning` is weaker than it could be, `skipped` is not used with this configuration. */
  status: 'ok' | 'warning' | 'broken' | 'skipped';
  detail: string;
  /** What to do; null where there is nothing. */
  fix: string | null;
}

/** What is said of a repository and an Argo CD that are not configured. */
export const SANDBOX = 'not configured: a server would start an embedded sandbox';

export const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail, fix: null });
export const skipped = (name: string, detail: string): Check => ({ name, status: 'skipped', detail, fix: null });
export const warning = (name: string, detail: string, fix: string): Check => ({ name, status: 'warning', detail, fix });
export const broken = (name: string, detail: string, fix: string | null): Check => ({
  name,
  status: 'broken',
  detail,
  fix,
});

/** The check that a thrown error amounts to. */
export function toBroken(name: string, error: unknown): Check {
  return broken(name, toErrorMessage(error), isAppError(error) ? (error.hint ?? null) : null);
}

/** The same, and which setting it is about. */
export function withSetting(check: Check, setting: string): Check {
  return check.status === 'ok' ? check : { ...check, fix: `${check.fix ?? ''} The setting is ${setting}.`.trim() };
}

/** The same without anything secret in it. */
export function toClean(check: Check, redactor: Redactor): Check {
  return {
    ...check,
    detail: redactor.text(check.detail),
    fix: check.fix === null ? null : redactor.text(check.fix),
  };
}

/** Never waits between attempts: whoever wants a diagnosis wants the first failure, not the fifth. */
export function createHastyClock(): Clock {
  return { ...createSystemClock(), sleep: async () => await Promise.resolve() };
}
