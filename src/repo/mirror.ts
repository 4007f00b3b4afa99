import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { AppError, isAppError } from '../lib/errors.ts';
import { parseCommitSha, randomHex, type CommitSha } from '../lib/ids.ts';
import type { Logger } from '../lib/logger.ts';
import { createRecall } from '../lib/recall.ts';
import { retry } from '../lib/retry.ts';
import type { Git } from './git.ts';
import { saysShallow, toGitError } from './git-error.ts';
import { createMutex, type Mutex } from './mutex.ts';
import type { RepoUrl } from './repo-url.ts';

/** Our bare copy of the repository: one branch of it, and the objects of the commits we make. */
export interface Mirror {
  readonly gitDir: string;
  /** The full name of our copy of the remote branch. */
  readonly ref: string;
  /** Brings the branch up to date and says where it is; follows it also when it was rewritten. */
  fetch(signal?: AbortSignal): Promise<CommitSha>;
  has(commit: CommitSha): Promise<boolean>;
  /** Fetches once where the commit is unknown; throws `not_found` where it stays so. */
  requireCommit(commit: CommitSha, signal?: AbortSignal): Promise<void>;
  /** Answers from what is here, without the remote; both commits must be known. */
  isAncestor(ancestor: CommitSha, descendant: CommitSha): Promise<boolean>;
  /** Remembers a push of ours, unless the branch has moved on here meanwhile. */
  noteBranch(from: CommitSha, to: CommitSha): Promise<void>;
  /** Whatever changes the mirror takes its turn here: git fails under concurrent `worktree add` and reference writes. */
  readonly turns: Mutex;
}

interface MirrorOptions {
  git: Git;
  url: RepoUrl;
  branch: string;
  gitDir: string;
  clock: Clock;
  logger: Logger;
}

const CLONE_TIMEOUT_MS = 1_800_000;
const MAX_KNOWN = 10_000;

// The mirror's own configuration is written by us at every opening: what somebody else put there is gone.
const CONFIG = '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n[gc]\n\tauto = 0\n';
// Bytes are taken as they stand in the repository: no filter or merge drivers, no line-end conversion, no expanded keywords.
// This file has the last word over the `.gitattributes` of the repository.
const ATTRIBUTES = '* -filter -text -ident -working-tree-encoding !eol !merge\n';

// Installed packages are linked into work trees, and `node_modules/` in a .gitignore does not cover a link.
const EXCLUDED = 'node_modules\n.tiphys-*.tmp\n';

/** Opens the mirror; makes it, with a first fetch, where there is none or where it is broken. */
export async function openMirror(options: MirrorOptions): Promise<Mirror> {
  const { gitDir, logger } = options;
  if (await isPresent(join(gitDir, 'HEAD'))) {
    await settle(gitDir);
    const mirror = createMirror(options);
    if (await isUsable(options, mirror)) return mirror;
    logger.warn({ gitDir }, 'the mirror is damaged and is made anew');
    await rm(gitDir, { recursive: true, force: true });
  }
  // Made aside and renamed when complete, so that a crash leaves no half mirror behind.
  const fresh = `${gitDir}.new-${randomHex(4)}`;
  await mkdir(fresh, { recursive: true });
  try {
    const made = await options.git.run(['init', '--bare', '--quiet', '--template='], { gitDir: fresh });
    if (made.exitCode !== 0) throw toGitError('make the mirror', made);
    await settle(fresh);
    await createMirror({ ...options, gitDir: fresh }, CLONE_TIMEOUT_MS).fetch();
    await rename(fresh, gitDir).catch(async (error: unknown) => {
      // Somebody else was faster; theirs is as good.
      if (!(await isPresent(join(gitDir, 'HEAD')))) throw error;
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  logger.info({ url: options.url.given, branch: options.branch }, 'mirror of the repository made');
  return createMirror(options);
}

async function settle(gitDir: string): Promise<void> {
  await mkdir(join(gitDir, 'info'), { recursive: true });
  await writeFile(join(gitDir, 'config'), CONFIG);
  await writeFile(join(gitDir, 'info', 'attributes'), ATTRIBUTES);
  await writeFile(join(gitDir, 'info', 'exclude'), EXCLUDED);
  await rm(join(gitDir, 'config.worktree'), { force: true });
}

async function isUsable(options: MirrorOptions, mirror: Mirror): Promise<boolean> {
  const args = ['rev-parse', '--verify', '--quiet', `${mirror.ref}^{tree}`];
  const found = await options.git.run(args, { gitDir: mirror.gitDir });
  if (found.exitCode !== 0) return false;
  return (await options.git.run(['cat-file', '-t', found.stdout.trim()], { gitDir: mirror.gitDir })).exitCode === 0;
}

function createMirror(options: MirrorOptions, timeoutMs?: number): Mirror {
  const { git, gitDir, url, branch, clock } = options;
  const ref = `refs/remotes/origin/${branch}`;
  const turns = createMutex();
  // A watched deploy asks the same about the same commits again and again. What is here stays: maintenance is for openings.
  const here = new Set<CommitSha>();
  const ancestors = createRecall<boolean>(MAX_KNOWN);

  const fetchOnce = async (signal?: AbortSignal): Promise<CommitSha> => {
    // The plus lets our copy follow a branch that was rewritten; nobody's work is lost by it, ours is elsewhere.
    const args = ['fetch', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--no-auto-maintenance'];
    args.push('--', url.remote, `+refs/heads/${branch}:${ref}`);
    const run = { gitDir, remote: true, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    const result = await git.run(args, run);
    if (saysShallow(result))
      throw new AppError('unsupported', 'the repository is shallow: its history is cut off', {
        hint: 'Push the whole history to the repository (git fetch --unshallow in the clone it came from).',
      });
    if (result.exitCode !== 0) throw toGitError(`fetch branch ${branch} of ${url.given}`, result);
    const head = await git.run(['rev-parse', '--verify', '--quiet', `${ref}^{commit}`], { gitDir });
    if (head.exitCode !== 0) throw toGitError(`read branch ${branch} of ${url.given}`, head);
    return parseCommitSha(head.stdout);
  };

  const mirror: Mirror = {
    gitDir,
    ref,
    turns,
    fetch: (signal) =>
      turns.run(() =>
        retry(() => fetchOnce(signal), {
          clock,
          attempts: 4,
          baseMs: 500,
          maxMs: 4_000,
          isRetryable: (error) => isAppError(error, 'git_unavailable'),
          signal,
          onRetry: (attempt, waitMs) => options.logger.warn({ attempt, waitMs }, 'fetch failed and is tried again'),
        }),
      ),
    has: async (commit) => {
      if (here.has(commit)) return true;
      // Asked by everybody for themselves: an answer from before a fetch is none after it.
      const result = await git.run(['cat-file', '-t', commit], { gitDir });
      if (result.exitCode !== 0 || result.stdout.trim() !== 'commit') return false;
      if (here.size >= MAX_KNOWN) here.clear();
      here.add(commit);
      return true;
    },
    requireCommit: async (commit, signal) => {
      if (await mirror.has(commit)) return;
      await mirror.fetch(signal);
      if (await mirror.has(commit)) return;
      throw new AppError('not_found', `commit ${commit} is not in branch ${branch} of ${url.given}`, {
        hint: 'The branch may have been rewritten; start again from where it is now.',
        details: { commit },
      });
    },
    isAncestor: (ancestor, descendant) =>
      ancestors.get(`${ancestor} ${descendant}`, async () => {
        const result = await git.run(['merge-base', '--is-ancestor', ancestor, descendant], { gitDir });
        if (result.exitCode > 1) throw toGitError('compare two commits', result);
        return result.exitCode === 0;
      }),
    noteBranch: async (from, to) => {
      await turns.run(() => git.run(['update-ref', ref, to, from], { gitDir }));
    },
  };
  return mirror;
}

/**
 * Removes the half-made mirrors and the locks of processes that died in the middle; git itself never does. Only for
 * when no other process works with the mirror.
 */
export async function removeLeftovers(gitDir: string): Promise<void> {
  const top = (await readdir(gitDir)).map((name) => join(gitDir, name));
  const refs = (await readdir(join(gitDir, 'refs'), { recursive: true })).map((name) => join(gitDir, 'refs', name));
  const beside = (await readdir(dirname(gitDir))).filter((name) => name.startsWith(`${basename(gitDir)}.new-`));
  for (const name of beside) await rm(join(dirname(gitDir), name), { recursive: true, force: true });
  for (const path of [...top, ...refs]) if (path.endsWith('.lock')) await rm(path, { force: true });
}

async function isPresent(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
