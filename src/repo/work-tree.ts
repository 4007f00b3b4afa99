import { mkdir, mkdtemp, readFile, readdir, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import { parseCommitSha, type CommitSha } from '../lib/ids.ts';
import type { Logger } from '../lib/logger.ts';
import { toCommitMessage, type CommitAuthor } from './commit.ts';
import type { Git, GitResult } from './git.ts';
import { toGitError } from './git-error.ts';
import type { Mirror } from './mirror.ts';
import { createMutex } from './mutex.ts';
import { parseRepoPath } from './paths.ts';
import { findProcessMark } from './process-mark.ts';
import { revertCommits, type RevertOutcome } from './revert.ts';
import { listPresent, stageChanges, type ChangeLimits } from './stage.ts';
import { readTreeFile, removeTreeFile, writeTreeFile } from './tree-files.ts';

/** A private checkout. Nothing in it is seen by anyone else until its commits are pushed. */
export interface WorkTree {
  readonly dir: string;
  /** The commit it was made from. */
  readonly base: CommitSha;
  /** The text of a regular file as it is now; undefined where there is none. */
  read(path: string): Promise<string | undefined>;
  /** Creates or replaces a file. What was written here is committed even where `.gitignore` names it. */
  write(path: string, content: string): Promise<void>;
  /** Removes a file or a folder; a missing one is fine. */
  remove(path: string): Promise<void>;
  /** Files that are there and not ignored, sorted; all of them, or those of a folder. */
  list(under?: string): Promise<string[]>;
  /** Unified difference of everything not committed, new files included; empty when nothing changed. */
  diff(): Promise<string>;
  /** Commits everything changed; undefined when nothing changed. Hooks never run. */
  commit(input: { message: string; trailers: Record<string, string> }): Promise<CommitSha | undefined>;
  /** Undoes commits, newest first whatever their order here, without committing. After a conflict the files are as before. */
  revert(commits: CommitSha[]): Promise<RevertOutcome>;
  head(): Promise<CommitSha>;
}

interface WorkTreeOptions {
  git: Git;
  mirror: Mirror;
  /** The folder of all work trees of this repository. */
  treesDir: string;
  author: CommitAuthor;
  limits: ChangeLimits;
  clock: Clock;
  logger: Logger;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$/;

/** Makes a work tree, lends it to `use`, and removes it however that ends. */
export async function withWorkTree<T>(
  options: WorkTreeOptions,
  commit: CommitSha,
  name: string,
  use: (workTree: WorkTree) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (!NAME.test(name))
    throw new AppError('invalid_input', `${JSON.stringify(name.slice(0, 100))} is no name for a work tree`, {
      hint: 'Use letters, digits, - and _.',
    });
  await options.mirror.requireCommit(commit, signal);
  const ownDir = await toOwnDir(options.treesDir);
  await mkdir(ownDir, { recursive: true });
  const dir = await realpath(await mkdtemp(join(ownDir, `${name}.`)));
  try {
    const gitDir = await addWorkTree(options, commit, dir, signal);
    return await use(createWorkTree(options, { dir, gitDir, base: commit }, signal));
  } finally {
    await dropWorkTree(options, dir);
  }
}

async function addWorkTree(
  { git, mirror }: WorkTreeOptions,
  commit: CommitSha,
  dir: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const args = ['worktree', 'add', '--quiet', '--detach', '--', dir, commit];
  const added = await mirror.turns.run(() => git.run(args, { gitDir: mirror.gitDir, signal }));
  if (added.exitCode !== 0) throw toGitError('make a work tree', added);
  // Read once, now: code that runs in the tree later may rewrite this file to point git at a folder of its own. From
  // here on git is told where its folder is and never looks.
  const pointer = /^gitdir: (.+)$/m.exec(await readFile(join(dir, '.git'), 'utf8'))?.[1];
  if (pointer === undefined || dirname(dirname(pointer)) !== (await realpath(mirror.gitDir)))
    throw new AppError('internal', 'the new work tree does not belong to the mirror');
  return pointer;
}

async function dropWorkTree({ git, mirror, logger }: WorkTreeOptions, dir: string): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    await mirror.turns.run(() => git.run(['worktree', 'prune', '--expire=now'], { gitDir: mirror.gitDir }));
  } catch (error) {
    // The work is done or its error is on the way: a leftover is cleaned at the next opening.
    logger.warn({ tree: basename(dir), error: toErrorMessage(error) }, 'work tree was not removed');
  }
}

/**
 * Removes work trees of processes that are gone; those of running ones, this one included, stay. Marks the folder as
 * used by this process. Resolves to whether it was used by nobody else.
 */
export async function claimWorkTrees(
  options: Pick<WorkTreeOptions, 'git' | 'mirror' | 'treesDir' | 'logger'>,
): Promise<boolean> {
  const { git, mirror, treesDir } = options;
  const own = await toOwnDir(treesDir);
  const owners = await readdir(treesDir).catch(() => []);
  let running = 0;
  for (const owner of owners) {
    const pid = /^(\d{1,10})-\d+$/.exec(owner)?.[1];
    if (pid !== undefined && (await findProcessMark(Number(pid))) === owner) running += 1;
    else await rm(join(treesDir, owner), { recursive: true, force: true, maxRetries: 3 });
  }
  await mkdir(own, { recursive: true });
  await mirror.turns.run(() => git.run(['worktree', 'prune', '--expire=now'], { gitDir: mirror.gitDir }));
  if (running < owners.length)
    options.logger.info({ processes: owners.length - running }, 'work trees of dead processes removed');
  return running === 0;
}

async function toOwnDir(treesDir: string): Promise<string> {
  return join(treesDir, (await findProcessMark(process.pid)) ?? `${process.pid}-0`);
}

function createWorkTree(
  options: WorkTreeOptions,
  place: { dir: string; gitDir: string; base: CommitSha },
  signal: AbortSignal | undefined,
): WorkTree {
  const { dir, gitDir, base } = place;
  const { limits, author, clock } = options;
  const written = new Set<string>();
  // The index of a work tree has one lock and git does not wait for it.
  const turns = createMutex();
  const run = (args: readonly string[], extra: { input?: string; env?: Record<string, string> } = {}) =>
    options.git.run(args, { gitDir, workTree: dir, signal, ...extra });
  const expect = async (doing: string, result: Promise<GitResult>): Promise<string> => {
    const ended = await result;
    if (ended.exitCode !== 0) throw toGitError(doing, ended);
    return ended.stdout;
  };
  const stage = () => stageChanges({ run, dir, limits, written });
  const readHead = async () =>
    parseCommitSha(await expect('read HEAD', run(['rev-parse', '--verify', 'HEAD^{commit}'])));
  const identity = () => {
    const date = `@${Math.floor(clock.now() / 1000)} +0000`;
    return {
      GIT_AUTHOR_NAME: author.name,
      GIT_AUTHOR_EMAIL: author.email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: author.name,
      GIT_COMMITTER_EMAIL: author.email,
      GIT_COMMITTER_DATE: date,
    };
  };
  return {
    dir,
    base,
    read: (path) => readTreeFile(dir, path, limits.maxFileBytes),
    write: async (path, content) => {
      await writeTreeFile(dir, path, content, limits.maxFileBytes);
      written.add(path);
    },
    remove: (path) => removeTreeFile(dir, path),
    list: async (under) => {
      if (under !== undefined) parseRepoPath(under);
      return await turns.run(() => listPresent({ run, dir, written }, under));
    },
    diff: () =>
      turns.run(async () => {
        await stage();
        const args = ['diff', '--cached', '--no-color', '--no-ext-diff', '--no-textconv', '--no-renames', 'HEAD', '--'];
        return await expect('compare the work tree', run(args));
      }),
    commit: (input) =>
      turns.run(async () => {
        const message = toCommitMessage(input.message, input.trailers);
        if ((await stage()).length === 0) return undefined;
        const args = ['commit', '--quiet', '--no-verify', '--no-gpg-sign', '--cleanup=verbatim', '--file=-'];
        await expect('commit', run(args, { input: message, env: identity() }));
        return await readHead();
      }),
    revert: (commits) =>
      turns.run(async () => {
        for (const commit of commits) await options.mirror.requireCommit(commit, signal);
        await stage();
        return await revertCommits({ run, env: identity() }, commits);
      }),
    head: readHead,
  };
}
