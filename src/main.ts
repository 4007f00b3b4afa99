import { createProgram } from './cli/program.ts';
import { reportFailure } from './cli/failure.ts';
import type { Host } from './cli/host.ts';

/** Runs one command line, `argv` without node and script, and leaves the exit code in `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    // The server's libraries take a second to load, and most commands do without them.
    const startApp: Host['startApp'] = async (loaded) => await (await import('./app.ts')).startApp(loaded);
    await createProgram({ startApp }).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    process.exitCode = reportFailure(error);
  }
}
