import { simpleGit } from 'simple-git';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { createRedactor } from '../lib/redact.ts';
import { toRemoteAccess, type GitCredentials } from './credentials.ts';
import { toGitEnvironment } from './git-environment.ts';
import type { RepoUrl } from './repo-url.ts';

/** How a git command ended. Standard error has been cleaned of secrets; standard output is verbatim. */
export interface GitResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

interface GitRunOptions {
  gitDir: string;
  /** The folder with the files; commands without one run inside `gitDir`. */
  workTree?: string;
  /** Standard input; must not be empty. */
  input?: string;
  /** Commands that talk to the remote get the credentials, no other command does. */
  remote?: boolean;
  env?: Record<string, string>;
  timeoutMs?: number;
  maxBytes?: number;
  signal?: AbortSignal | undefined;
}

/** Runs git. Resolves for every exit code; throws `AppError` when git did not get to its end. */
export interface Git {
  run(args: readonly string[], options: GitRunOptions): Promise<GitResult>;
}

interface GitOptions {
  url: RepoUrl;
  home: string;
  credentials: GitCredentials | undefined;
  host: Readonly<Record<string, string | undefined>>;
  logger: Logger;
}

const LOCAL_TIMEOUT_MS = 120_000;
const REMOTE_TIMEOUT_MS = 600_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** The one place where simple-git is made. Throws `config_invalid` where credentials and address do not fit. */
export function createGit(options: GitOptions): Git {
  const access = toRemoteAccess(options.url, options.credentials);
  if (access.secrets.length > 0) refuseDebugOutput(options.host['DEBUG']);
  const redactor = createRedactor(access.secrets);
  const input = {
    home: options.home,
    protocol: options.url.protocol,
    sshCommand: access.sshCommand,
    host: options.host,
  };
  return {
    run: async (args, run) => {
      const env = {
        ...toGitEnvironment(input, run.remote ? access.config : []),
        GIT_DIR: run.gitDir,
        ...(run.workTree === undefined ? {} : { GIT_WORK_TREE: run.workTree }),
        ...run.env,
      };
      const startedAt = performance.now();
      const result = await runSimpleGit(args, env, run);
      const stderr = redactor.text(result.stderr);
      options.logger.debug(
        { command: args[0], exitCode: result.exitCode, durationMs: Math.round(performance.now() - startedAt) },
        'git command ended',
      );
      return { ...result, stderr };
    },
  };
}

/** simple-git writes the environment of every command to standard error when DEBUG names it, the token with it. */
function refuseDebugOutput(debug: string | undefined): void {
  if (!(debug ?? '').split(/[\s,]+/).some((name) => /^(?:\*|simple-git)/.test(name))) return;
  throw new AppError('config_invalid', 'DEBUG is set so that the git library would print the git token', {
    hint: 'Unset DEBUG, or let it name other modules only.',
  });
}

async function runSimpleGit(
  args: readonly string[],
  env: Record<string, string>,
  run: GitRunOptions,
): Promise<GitResult> {
  if (run.signal?.aborted) throw aborted(args);
  const timeoutMs = run.timeoutMs ?? (run.remote ? REMOTE_TIMEOUT_MS : LOCAL_TIMEOUT_MS);
  const timeout = AbortSignal.timeout(timeoutMs);
  const flood = new AbortController();
  const signals = [timeout, flood.signal, ...(run.signal === undefined ? [] : [run.signal])];
  let ended: GitResult | undefined;
  const input = run.input;
  const client = simpleGit({
    baseDir: run.workTree ?? run.gitDir,
    abort: AbortSignal.any(signals),
    // Every guarded variable below is a constant or checked by us; nothing of the process environment gets through.
    allowEnvironment: Object.keys(env),
    unsafe: {
      allowUnsafeConfigPaths: true,
      allowUnsafeConfigEnvCount: true,
      allowUnsafeHooksPath: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeCredentialHelper: true,
      allowUnsafeAskPass: true,
      allowUnsafeSshCommand: true,
      allowUnsafeEditor: true,
      allowUnsafePager: true,
      allowUnsafeTemplateDir: true,
    },
    ...(input === undefined ? {} : { input: () => input }),
    // simple-git takes a failure without words on standard error for a success, so exit codes are kept here
    // and judged by the caller.
    errors: (_error, result) => {
      ended = {
        exitCode: result.exitCode,
        stdout: Buffer.concat(result.stdOut).toString('utf8'),
        stderr: Buffer.concat(result.stdErr).toString('utf8'),
      };
      return undefined;
    },
  }).env(env);
  client.outputHandler((_command, stdout, stderr) => {
    limitOutput([stdout, stderr], run.maxBytes ?? MAX_OUTPUT_BYTES, () => flood.abort());
    // simple-git waits 50 ms after a command that printed nothing; an empty chunk counts as print.
    stdout.once('end', () => stdout.emit('data', Buffer.alloc(0)));
  });
  try {
    await client.raw([...args]);
  } catch (error) {
    // Only what simple-git refuses to start ends here, and its text may quote an argument.
    throw new AppError('internal', `git ${args[0]} could not be started: ${toErrorMessage(error).slice(0, 200)}`);
  }
  if (run.signal?.aborted) throw aborted(args);
  if (timeout.aborted) throw new AppError('timeout', `git ${args[0]} took longer than ${timeoutMs} ms`);
  if (flood.signal.aborted) throw new AppError('payload_too_large', `git ${args[0]} printed too much`);
  if (ended === undefined) throw new AppError('internal', `git ${args[0]} ended without a result`);
  if (ended.exitCode < 0 && ended.stderr.includes('ENOENT'))
    throw new AppError('config_invalid', 'the git program was not found', {
      hint: 'Install git 2.32 or newer and make sure that it is on the PATH.',
    });
  return ended;
}

function limitOutput(streams: NodeJS.ReadableStream[], maxBytes: number, onFlood: () => void): void {
  let bytes = 0;
  for (const stream of streams)
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) onFlood();
    });
}

function aborted(args: readonly string[]): AppError {
  return new AppError('aborted', `git ${args[0]} was stopped before its end`);
}
