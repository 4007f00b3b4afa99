import { spawn } from 'node:child_process';

export interface ExecOptions {
  cwd?: string;
  /** The whole environment of the child: nothing is inherited. */
  env: Record<string, string>;
  input?: string | Uint8Array;
  timeoutMs: number;
  /** Cap on stdout and stderr each; the child is killed when it is passed. */
  maxBytes: number;
  signal?: AbortSignal | undefined;
  onStdout?: (chunk: Buffer) => void;
}

export interface ExecResult {
  /** Undefined when the child was killed or never started. */
  exitCode: number | undefined;
  ended: 'exited' | 'timed_out' | 'output_limit' | 'aborted' | 'killed' | 'not_started';
  stdout: string;
  stderr: string;
  durationMs: number;
}

/**
 * Runs a program without a shell, in its own process group so that a time-out ends its children too.
 * Never throws for what the program does: the outcome is in `ended` and `exitCode`.
 */
export async function exec(file: string, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
  const startedAt = performance.now();
  return await new Promise((resolve) => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const sizes = { out: 0, err: 0 };
    let cause: ExecResult['ended'] | undefined;
    const child = spawn(file, [...args], {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stop = (why: ExecResult['ended']) => {
      cause ??= why;
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
    };
    const timer = setTimeout(() => stop('timed_out'), options.timeoutMs);
    const onAbort = () => stop('aborted');
    if (options.signal?.aborted) onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const finish = (exitCode: number | undefined, ended: ExecResult['ended']) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      resolve({
        exitCode,
        ended,
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
        durationMs: performance.now() - startedAt,
      });
    };
    const collect = (chunk: Buffer, into: Buffer[], which: 'out' | 'err') => {
      const room = options.maxBytes - sizes[which];
      if (room > 0) into.push(chunk.subarray(0, room));
      sizes[which] += chunk.length;
      if (sizes[which] > options.maxBytes) stop('output_limit');
    };
    child.stdout.on('data', (chunk: Buffer) => {
      options.onStdout?.(chunk);
      collect(chunk, out, 'out');
    });
    child.stderr.on('data', (chunk: Buffer) => collect(chunk, err, 'err'));
    child.on('error', (error) => {
      err.push(Buffer.from(error.message));
      finish(undefined, cause ?? 'not_started');
    });
    child.on('close', (code) => {
      if (cause !== undefined) finish(undefined, cause);
      else if (code === null) finish(undefined, 'killed');
      else finish(code, 'exited');
    });
    // A child that closes its input early must not bring us down.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}
