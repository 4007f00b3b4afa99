import { createSystemClock } from '../lib/clock.ts';
import { createStyle } from './demo/style.ts';
import { reportFailure } from './failure.ts';
import type { Host } from './host.ts';
import { createProgram } from './program.ts';
import type { Terminal } from './terminal.ts';

interface Situation {
  server: string;
  /** The key in the environment. */
  key?: string;
  /** What standard input holds. */
  input?: string;
  /** What the person answers, in order; with it, a person is there. */
  answers?: readonly string[];
}

interface Said {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const refuse = () => Promise.reject(new Error('no command here starts a server or a screen'));
const host: Host = { startApp: refuse, openTui: refuse, runMcp: refuse };

/** One command line in this process, as the program would run it. */
export async function runCommand(args: readonly string[], situation: Situation): Promise<Said> {
  const said: Said = { exitCode: 0, stdout: '', stderr: '' };
  const answers = [...(situation.answers ?? [])];
  const terminal: Terminal = {
    out: (text) => void (said.stdout += `${text}\n`),
    err: (text) => void (said.stderr += `${text}\n`),
    style: createStyle({ isTty: false, noColor: undefined }),
    isInteractive: situation.answers !== undefined,
    env: { TIPHYS_SERVER_URL: situation.server, TIPHYS_API_KEY: situation.key },
    clock: createSystemClock(),
    readInput: () => Promise.resolve(situation.input ?? ''),
    ask: (question) => {
      said.stdout += `${question}\n`;
      return Promise.resolve(answers.shift() ?? '');
    },
    exit: (code) => {
      said.exitCode = code;
    },
  };
  try {
    await createProgram(host, terminal).parseAsync([...args], { from: 'user' });
  } catch (error) {
    said.exitCode = reportFailure(error, args, {
      err: (text) => void (said.stderr += text),
      out: (text) => void (said.stdout += text),
    });
  }
  return said;
}
