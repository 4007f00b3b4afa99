import { createProgram } from './cli/program.ts';
import { reportFailure } from './cli/failure.ts';

/** Runs one command line, `argv` without node and script, and leaves the exit code in `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    // The server's libraries take a second to load, and most commands do without them.
    const startApp = async (...args: Parameters<(typeof import('./app.ts'))['startApp']>) =>
      await (await import('./app.ts')).startApp(...args);
    await createProgram({ startApp }).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    process.exitCode = reportFailure(error);
  }
}
