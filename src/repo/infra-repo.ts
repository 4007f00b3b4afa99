import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { sha256Hex, type CommitSha } from '../lib/ids.ts';
import type { Logger } from '../lib/logger.ts';
import { isLoopback } from '../lib/loopback.ts';
import { createRecall } from '../lib/recall.ts';
import { parseAuthor, type CommitAuthor } from './commit.ts';
import type { GitCredentials } from './credentials.ts';
import { createGit, type Git } from './git.ts';
import { toGitError } from './git-error.ts';
import { drawGraph, findCommitsByTrailer, listCommits, type CommitInfo } from './history.ts';
import { openMirror, removeLeftovers, type Mirror } from './mirror.ts';
import { parseRepoPath } from './paths.ts';
import { createPush, type Push } from './push.ts';
import { createSideBranches, type SideBranches } from './side-branch.ts';
import { parseBranchName, parseRepoUrl } from './repo-url.ts';
import type { ChangeLimits } from './stage.ts';
import { claimWorkTrees, withWorkTree, type WorkTree } from './work-tree.ts';

export interface RepoOptions {
  /** `https://`, `http://`, `ssh://`, `user@host:path`, `file://` or an absolute path; never with a password in it. */
  url: string;
  branch: string;
  /** Our data folder for the mirror and the work trees; on a local disk of this machine. */
  dir: string;
  credentials?: GitCredentials;
  author: CommitAuthor;
  clock: Clock;
  logger: Logger;
  /** The environment to take PATH, proxies and certificate files from; nothing else of it reaches git. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Defaults: 5 MiB a file, 5,000 files a change. */
  limits?: Partial<ChangeLimits>;
}

/** One branch of the infrastructure repository: its history, private work trees, and the way back. */
export interface InfraRepo extends SideBranches {
  readonly url: string;
  readonly branch: string;
  /** The head of the remote branch now. Tries again on connection faults; throws `git_unavailable` when that is no use. */
  fetch(signal?: AbortSignal): Promise<CommitSha>;
  /** A regular file of a commit as text; undefined where there is none. */
  readFile(commit: CommitSha, path: string): Promise<string | undefined>;
  /** Regular files of a commit, sorted; all of them, or those of a folder. */
  listFiles(commit: CommitSha, under?: string): Promise<string[]>;
  /** A commit is its own ancestor. Fetches once where an id is unknown; one that stays unknown is no relative. */
  isAncestor(ancestor: CommitSha, descendant: CommitSha): Promise<boolean>;
  /** Paths that differ between two commits, sorted; a move is two paths. */
  changedPaths(from: CommitSha, to: CommitSha): Promise<readonly string[]>;
  /** Commits of the remote branch, as last fetched, with exactly this trailer; newest first, at most 100 by default. */
  findByTrailer(key: string, value: string, options?: { limit?: number }): Promise<CommitInfo[]>;
  /**
   * History from a commit or, without one, from the remote branch as last fetched; newest first. With `firstParent` only the
   * line of the branch itself: what was merged into it is left out.
   */
  log(options: { commit?: CommitSha; path?: string; limit: number; firstParent?: boolean }): Promise<CommitInfo[]>;
  /** The history of the branch drawn as text, with our trailers. */
  graph(limit: number): Promise<string>;
  /** Lends a private checkout of a commit to `use` and removes it however that ends. `name` shows in its path. */
  withWorkTree<T>(
    commit: CommitSha,
    name: string,
    use: (workTree: WorkTree) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T>;
  /** Moves the remote branch from `base` to `head`, or changes nothing. */
  push: Push;
}

const DEFAULT_LIMITS: ChangeLimits = { maxFileBytes: 5 * 1024 * 1024, maxFiles: 5_000 };

/**
 * Opens the repository: makes the mirror where it is missing, which needs the remote, and uses the one that is there
 * otherwise, which does not. Cleans up after processes that died. Throws `config_invalid` for options that cannot be used.
 */
export async function openInfraRepo(options: RepoOptions): Promise<InfraRepo> {
  const url = parseRepoUrl(options.url);
  const branch = parseBranchName(options.branch);
  const author = parseAuthor(options.author);
  const logger = options.logger.child({ part: 'repo' });
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  // One folder per address: after the address was changed nothing of the old repository is found in the new.
  const root = join(options.dir, sha256Hex(`${url.remote}\n${branch}`).slice(0, 16));
  const home = join(root, 'home');
  await mkdir(home, { recursive: true });
  const git = createGit({ url, home, credentials: options.credentials, host: options.environment ?? {}, logger });
  await requireGitVersion(git, root);
  if (url.protocol === 'http' && options.credentials !== undefined && !isLoopback(new URL(url.remote).hostname))
    logger.warn({ url: url.given }, 'the git token is sent without encryption');
  const { clock } = options;
  const mirror = await openMirror({ git, url, branch, gitDir: join(root, 'mirror.git'), clock, logger });
  const trees = { git, mirror, treesDir: join(root, 'trees'), author, limits, clock, logger };
  if (await claimWorkTrees(trees)) {
    await removeLeftovers(mirror.gitDir);
    // No maintenance runs on its own beside our commands; here nothing else is going on. Mostly it finds nothing to do.
    const args = ['-c', 'gc.auto=3000', '-c', 'gc.autoDetach=false', 'gc', '--auto', '--quiet'];
    await git.run(args, { gitDir: mirror.gitDir, timeoutMs: 600_000 });
  }
  const history = { git, gitDir: mirror.gitDir, from: mirror.ref };
  return {
    url: url.given,
    branch,
    fetch: (signal) => mirror.fetch(signal),
    ...createReader(git, mirror),
    findByTrailer: (key, value, find) => findCommitsByTrailer(history, key, value, find?.limit ?? 100),
    log: async (query) => {
      if (query.commit !== undefined) await mirror.requireCommit(query.commit);
      const { limit, path, firstParent = false } = query;
      return await listCommits({
        ...history,
        from: query.commit ?? mirror.ref,
        limit,
        firstParent,
        ...(path === undefined ? {} : { path }),
      });
    },
    graph: (limit) => drawGraph({ ...history, limit }),
    withWorkTree: (commit, name, use, signal) => withWorkTree(trees, commit, name, use, signal),
    push: createPush({ git, mirror, url, branch, clock, logger }),
    ...createSideBranches({ git, mirror, url, branch, clock, logger }),
  };
}

const MAX_READ_BYTES = 16 * 1024 * 1024;
const MAX_COMPARED = 200;

function createReader(
  git: Git,
  mirror: Mirror,
): Pick<InfraRepo, 'readFile' | 'listFiles' | 'isAncestor' | 'changedPaths'> {
  const { gitDir } = mirror;
  const compared = createRecall<readonly string[]>(MAX_COMPARED);
  const listTree = async (commit: CommitSha, flags: string[], under: string | undefined) => {
    await mirror.requireCommit(commit);
    const args = ['ls-tree', '-z', '--full-tree', ...flags, commit, '--', ...(under === undefined ? [] : [under])];
    const result = await git.run(args, { gitDir });
    if (result.exitCode !== 0) throw toGitError('list the files', result);
    // `<mode> <type> <id>\t<path>`; 100 is a regular file, 120 a link, 160 a submodule.
    return result.stdout
      .split('\0')
      .filter((record) => record.startsWith('100'))
      .map((record) => ({ id: record.split(/[ \t]/)[2] ?? '', path: record.slice(record.indexOf('\t') + 1) }));
  };
  return {
    readFile: async (commit, path) => {
      const [file] = await listTree(commit, [], parseRepoPath(path));
      if (file?.path !== path) return undefined;
      const result = await git.run(['cat-file', 'blob', file.id], { gitDir, maxBytes: MAX_READ_BYTES });
      if (result.exitCode !== 0) throw toGitError(`read ${path}`, result);
      return result.stdout;
    },
    listFiles: async (commit, under) => {
      const files = await listTree(commit, ['-r'], under === undefined ? undefined : parseRepoPath(under));
      return files.map((file) => file.path);
    },
    isAncestor: async (ancestor, descendant) => {
      for (const commit of [ancestor, descendant])
        if (!(await mirror.has(commit))) {
          await mirror.fetch();
          break;
        }
      if (!(await mirror.has(ancestor)) || !(await mirror.has(descendant))) return false;
      return await mirror.isAncestor(ancestor, descendant);
    },
    changedPaths: async (from, to) => {
      await mirror.requireCommit(from);
      await mirror.requireCommit(to);
      return await compared.get(`${from} ${to}`, async () => {
        const args = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to, '--'];
        const result = await git.run(args, { gitDir });
        if (result.exitCode !== 0) throw toGitError('compare two commits', result);
        return result.stdout.split('\0').filter((path) => path !== '');
      });
    },
  };
}

async function requireGitVersion(git: Git, dir: string): Promise<void> {
  const { stdout } = await git.run(['version'], { gitDir: dir });
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(stdout) ?? [];
  // 2.32 is the first that takes the place of the personal configuration from GIT_CONFIG_GLOBAL.
  if (Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 32)) return;
  throw new AppError('config_invalid', `git ${major}.${minor} is too old`, { hint: 'Install git 2.32 or newer.' });
}
