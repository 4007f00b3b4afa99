import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { exec, type ExecResult } from '../../src/lib/exec.ts';
import { packageDir } from '../../src/lib/package.ts';

const PROGRAM = join(packageDir, 'bin/tiphys.js');

interface RunOptions {
  /** Exactly this, beside PATH: nothing of the caller's settings takes part. */
  env?: Record<string, string>;
  cwd: string;
  /** For node itself, before the program. */
  nodeArgs?: readonly string[];
  timeoutMs?: number;
}

/** Runs one command of the program to its end, with neither a terminal nor input. */
export async function runTiphys(args: readonly string[], options: RunOptions): Promise<ExecResult> {
  return await exec(process.execPath, [...(options.nodeArgs ?? []), PROGRAM, ...args], {
    cwd: options.cwd,
    env: toEnv(options.env),
    timeoutMs: options.timeoutMs ?? 60_000,
    maxBytes: 20_000_000,
  });
}

/** A command that runs until it is told to stop. */
interface RunningTiphys {
  /** The first line of standard output. */
  line: string;
  /** Asks it to stop and waits; gives the exit code, null where a signal ended it, and everything it printed. */
  stop(): Promise<{ exitCode: number | null; stdout: string; stderr: string }>;
}

/** Starts a command and waits for its first line; throws with what it said where it ends before that. */
export async function startTiphys(args: readonly string[], options: RunOptions): Promise<RunningTiphys> {
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), PROGRAM, ...args], {
    cwd: options.cwd,
    env: toEnv(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  const closed = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said.stdout += chunk.toString();
      const end = said.stdout.indexOf('\n');
      if (end >= 0) resolve(said.stdout.slice(0, end));
    });
    void closed.then((code) => reject(new Error(`tiphys ${args.join(' ')} ended with ${code}: ${said.stderr}`)));
  });
  return {
    line,
    stop: async () => {
      child.kill('SIGTERM');
      return { exitCode: await closed, ...said };
    },
  };
}

function toEnv(env: Record<string, string> | undefined): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...env };
}
