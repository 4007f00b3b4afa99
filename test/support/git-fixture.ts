import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { exec } from '../../src/lib/exec.ts';
import { parseCommitSha, type CommitSha } from '../../src/lib/ids.ts';

/** Files of a commit by path; null removes the file. A value with `mode` makes a link (120000) or a program (100755). */
type FixtureFiles = Record<string, string | { mode: '100755' | '120000'; content: string } | null>;

export interface BareRepo {
  readonly dir: string;
  /** The `file://` address. */
  readonly url: string;
  readonly branch: string;
  /** Commits on top of the branch (of `branch` where given) as another person would, and moves it. */
  commit(files: FixtureFiles, options?: { message?: string; author?: string; branch?: string }): Promise<CommitSha>;
  head(branch?: string): Promise<CommitSha>;
  /** Runs git in the repository; throws with git's words when it fails. Returns trimmed standard output. */
  git(...args: string[]): Promise<string>;
  /** Text of a file at the head of the branch. */
  show(path: string): Promise<string>;
}

/** Makes a bare repository with a first commit of these files, without touching any configuration of the machine. */
export async function createBareRepo(
  dir: string,
  files: FixtureFiles,
  options: { branch?: string; message?: string } = {},
): Promise<BareRepo> {
  const branch = options.branch ?? 'main';
  await mkdir(dir, { recursive: true });
  await runGit(dir, ['init', '--quiet', '--bare', '--template=', `--initial-branch=${branch}`, '.']);
  // Commit times count up, so that each commit has its own and "newest first" is well defined.
  let seconds = Date.UTC(2026, 0, 1) / 1000;
  const repo: BareRepo = {
    dir,
    url: pathToFileURL(dir).href,
    branch,
    commit: async (changes, commit = {}) => {
      const ref = `refs/heads/${commit.branch ?? branch}`;
      const parent = (await tryGit(dir, ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`])).stdout.trim();
      seconds += 1;
      const author = commit.author ?? 'Someone Else <someone@example.com>';
      const message = commit.message ?? 'A change';
      const lines = [`commit ${ref}`, `author ${author} ${seconds} +0000`, `committer ${author} ${seconds} +0000`];
      let stream = `${lines.join('\n')}\ndata ${Buffer.byteLength(message)}\n${message}\n`;
      if (parent !== '') stream += `from ${parent}\n`;
      for (const [path, change] of Object.entries(changes)) {
        const quoted = JSON.stringify(path);
        if (change === null) {
          stream += `D ${quoted}\n`;
          continue;
        }
        const { mode, content } = typeof change === 'string' ? { mode: '100644', content: change } : change;
        stream += `M ${mode} inline ${quoted}\ndata ${Buffer.byteLength(content)}\n${content}\n`;
      }
      await runGit(dir, ['fast-import', '--quiet', '--date-format=raw'], stream);
      return await repo.head(commit.branch);
    },
    head: async (name) => parseCommitSha(await runGit(dir, ['rev-parse', '--verify', `refs/heads/${name ?? branch}`])),
    git: (...args) => runGit(dir, args),
    show: (path) => runGit(dir, ['show', `refs/heads/${branch}:${path}`]),
  };
  if (Object.keys(files).length > 0) await repo.commit(files, { message: options.message ?? 'First commit' });
  return repo;
}

async function runGit(cwd: string, args: string[], input?: string): Promise<string> {
  const result = await tryGit(cwd, args, input);
  if (result.exitCode === 0) return result.stdout.trim();
  throw new Error(`git ${args.join(' ')} failed in ${cwd}: ${result.stderr}`);
}

async function tryGit(cwd: string, args: string[], input?: string) {
  return await exec('git', args, {
    cwd,
    env: toPlainGitEnvironment(cwd),
    timeoutMs: 60_000,
    maxBytes: 64 * 1024 * 1024,
    ...(input === undefined ? {} : { input }),
  });
}

/** An environment in which git sees no configuration but that of the repository. */
export function toPlainGitEnvironment(home: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: join(home, 'no-such-home'),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'Someone Else',
    GIT_AUTHOR_EMAIL: 'someone@example.com',
    GIT_COMMITTER_NAME: 'Someone Else',
    GIT_COMMITTER_EMAIL: 'someone@example.com',
  };
}
