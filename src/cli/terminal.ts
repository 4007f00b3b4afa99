import { createInterface } from 'node:readline/promises';
import { processEnvironment } from '../config/environment.ts';
import type { Environment } from '../config/sources.ts';
import { createSystemClock, type Clock } from '../lib/clock.ts';
import { createStyle, type Style } from './demo/style.ts';

/** Where a command reads and writes. */
export interface Terminal {
  /** To standard output; a line break is added. */
  out(text: string): void;
  /** To standard error; a line break is added. */
  err(text: string): void;
  style: Style;
  /** Whether a person is at both ends and can be asked. */
  isInteractive: boolean;
  env: Environment;
  clock: Clock;
  /** All of standard input. */
  readInput(): Promise<string>;
  /** What the person answers in one line; empty where they end the input. */
  ask(question: string): Promise<string>;
  /** The exit code of the program when it is done. */
  exit(code: number): void;
}

/** The terminal of this process. */
export function createTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  const env = processEnvironment();
  // `tiphys ticket list | head` closes the pipe early: nothing more to say, and nothing went wrong.
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  };
  if (stdout.listenerCount('error') === 0) stdout.on('error', onError);
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    style: createStyle({ isTty: stdout.isTTY, noColor: env['NO_COLOR'] }),
    isInteractive: stdin.isTTY && stdout.isTTY,
    env,
    clock: createSystemClock(),
    readInput: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of stdin) chunks.push(Buffer.from(chunk as Uint8Array));
      return Buffer.concat(chunks).toString('utf8');
    },
    ask: async (question) => {
      const prompt = createInterface({ input: stdin, output: stdout });
      try {
        const ended = new Promise<string>((resolve) => prompt.once('close', () => resolve('')));
        return (await Promise.race([prompt.question(question), ended])).trim();
      } finally {
        prompt.close();
      }
    },
    exit: (code) => {
      process.exitCode = code;
    },
  };
}
