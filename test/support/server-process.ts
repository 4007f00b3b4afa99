import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { packageDir } from '../../src/lib/package.ts';

/** The server as a process of its own, which can be killed. */
export interface ServerProcess {
  url: string;
  /** Everything it has printed so far, standard error included. */
  output(): string;
  /** `kill -9`, and waits until it is gone. */
  kill(): Promise<void>;
  /** Asks it to stop and waits; gives the exit code. */
  stop(): Promise<number | null>;
}

/** Starts `tiphys serve` with exactly this environment and waits until it listens. */
export async function startServerProcess(env: Record<string, string>): Promise<ServerProcess> {
  const child = spawn(process.execPath, [join(packageDir, 'bin/tiphys.js'), 'serve'], {
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: process.env['HOME'] ?? '/', ...env },
    cwd: packageDir,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const url = await readUrl(child, exited);
  return {
    url,
    output: () => output,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    stop: async () => {
      child.kill('SIGTERM');
      return await exited;
    },
  };
}

async function readUrl(child: ChildProcess, exited: Promise<number | null>): Promise<string> {
  let output = '';
  const listening = new Promise<string>((resolve) => {
    const look = (chunk: Buffer) => {
      output += chunk.toString();
      const url = /Tiphys listens on (\S+)/.exec(output)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
  });
  const ended = exited.then((code) => Promise.reject(new Error(`the server ended with ${code}: ${output}`)));
  return await Promise.race([listening, ended]);
}
