import { createSystemClock } from './lib/clock.ts';
import { createProgram } from './cli/program.ts';
import { reportFailure } from './cli/failure.ts';
import type { Host } from './cli/host.ts';

/** Runs one command line, `argv` without node and script, and leaves the exit code in `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    // The server's libraries take a second to load, and most commands do without them.
    const startApp: Host['startApp'] = async (loaded) => await (await import('./app/start.ts')).startApp(loaded);
    const openTui: Host['openTui'] = async (options) => {
      const terminal = { input: process.stdin, output: process.stdout };
      await (await import('./tui/app.ts')).runTui({ ...options, terminal, clock: createSystemClock() });
    };
    const runMcp: Host['runMcp'] = async (...given) => await (await import('./mcp/stdio.ts')).runMcpOnStdio(...given);
    await createProgram({ startApp, openTui, runMcp }).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    process.exitCode = reportFailure(error, argv);
  }
}
