import { CommanderError } from 'commander';
import { isAppError, toErrorMessage } from '../lib/errors.ts';
import { toPlain } from '../lib/plain-text.ts';
import { toJsonText } from './json.ts';

/** What a command's exit code says. */
export const EXIT = { ok: 0, failed: 1, usage: 2, needsPerson: 3, unreachable: 4 } as const;

/** Where it is told: `out` only where JSON was asked for. */
interface Telling {
  err: (text: string) => void;
  out?: (text: string) => void;
}

/**
 * Tells a person what went wrong and what to do, and gives the exit code for it. With `--json` among the arguments a program
 * is told as well, so that what it reads is JSON in every case.
 */
export function reportFailure(error: unknown, args: readonly string[], { err, out }: Telling = PROCESS): number {
  const exitCode = toExitCode(error);
  if (exitCode === EXIT.ok) return exitCode;
  const message = error instanceof CommanderError ? error.message.replace(/^error: /, '') : toErrorMessage(error);
  const hint = isAppError(error) ? error.hint : undefined;
  const code = error instanceof CommanderError ? 'invalid_input' : isAppError(error) ? error.code : 'internal';
  if (args.includes('--json')) out?.(`${toJsonText({ error: { code, message, hint: hint ?? null, exitCode } })}\n`);
  // Commander has said it already.
  if (error instanceof CommanderError) return exitCode;
  err(`tiphys: ${toPlain(message)}\n`);
  if (hint !== undefined) err(`${toPlain(hint)}\n`);
  if (!isAppError(error) && error instanceof Error && error.stack !== undefined) err(`${error.stack}\n`);
  return exitCode;
}

const PROCESS: Telling = {
  err: (text) => void process.stderr.write(text),
  out: (text) => void process.stdout.write(text),
};

function toExitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (!isAppError(error)) return EXIT.failed;
  if (error.code === 'config_invalid' || error.code === 'invalid_input') return EXIT.usage;
  return error.retryable ? EXIT.unreachable : EXIT.failed;
}
