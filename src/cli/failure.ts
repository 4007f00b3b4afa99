import { CommanderError } from 'commander';
import { isAppError, toErrorMessage } from '../lib/errors.ts';
import { toPlain } from '../lib/plain-text.ts';

/** What a command's exit code says. */
export const EXIT = { ok: 0, failed: 1, usage: 2, needsPerson: 3, unreachable: 4 } as const;

/** Tells a person what went wrong and what to do, and gives the exit code for it. */
export function reportFailure(
  error: unknown,
  write: (text: string) => void = (text) => void process.stderr.write(text),
): number {
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  write(`tiphys: ${toPlain(toErrorMessage(error))}\n`);
  if (!isAppError(error)) {
    if (error instanceof Error && error.stack !== undefined) write(`${error.stack}\n`);
    return EXIT.failed;
  }
  if (error.hint !== undefined) write(`${toPlain(error.hint)}\n`);
  if (error.code === 'config_invalid' || error.code === 'invalid_input') return EXIT.usage;
  return error.retryable ? EXIT.unreachable : EXIT.failed;
}
