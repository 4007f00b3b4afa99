import { startApp } from './app.ts';
import { createProgram } from './cli/program.ts';
import { reportFailure } from './cli/failure.ts';

/** Runs one command line, `argv` without node and script, and leaves the exit code in `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await createProgram({ startApp }).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    process.exitCode = reportFailure(error);
  }
}
