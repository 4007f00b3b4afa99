import { isAppError, toErrorMessage } from '../lib/errors.ts';

/** What went wrong and what to do, as sentences. */
export function toErrorText(error: unknown): string {
  const message = toErrorMessage(error).replace(/\.$/, '');
  return isAppError(error) && error.hint !== undefined ? `${message}. ${error.hint}` : `${message}.`;
}
