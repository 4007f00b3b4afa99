import { CommanderError } from 'commander';
import { isAppError, toErrorMessage } from '../lib/errors.ts';
import { toPlain } from '../lib/plain-text.ts';

/** What a command's exit code says. */
export const EXIT = { ok: 0, failed: 1, usage: 2, needsPerson: 3, unreachable: 4 } as const;

/** Tells a person what went wrong and what to do, and gives the exit code for it. */
export function reportFailure(error: unknown): number {
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  process.stderr.write(`tiphys: ${toPlain(toErrorMessage(error))}\n`);
  if (!isAppError(error)) {
    if (error instanceof Error && error.stack !== undefined) process.stderr.write(`${error.stack}\n`);
    return EXIT.failed;
  }
  if (error.hint !== undefined) process.stderr.write(`${toPlain(error.hint)}\n`);
  if (error.code === 'config_invalid' || error.code === 'invalid_input') return EXIT.usage;
  return error.retryable ? EXIT.unreachable : EXIT.failed;
}
