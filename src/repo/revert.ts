import type { CommitSha } from '../lib/ids.ts';
import { AppError } from '../lib/errors.ts';
import { toGitError } from './git-error.ts';
import type { RunInTree } from './stage.ts';

/** How an attempt to undo commits in a work tree ended. */
export type RevertOutcome =
  | { kind: 'reverted' }
  /** Later changes touched the same lines; the work tree is as it was before. */
  | { kind: 'conflict'; paths: string[] }
  /** What the commits did is already undone. */
  | { kind: 'empty' };

interface RevertTree {
  run: RunInTree;
  /** git asks for an identity even where it does not commit. */
  env: Record<string, string>;
}

/** Undoes the commits in files and index, newest first. Everything in the work tree must be staged. */
export async function revertCommits(tree: RevertTree, commits: readonly CommitSha[]): Promise<RevertOutcome> {
  if (commits.length === 0) throw new AppError('invalid_input', 'no commits to revert were named');
  const before = await read(tree, ['write-tree']);
  for (const commit of await sortNewestFirst(tree, commits)) {
    const conflict = await revertOne(tree, commit);
    if (conflict === undefined) continue;
    await read(tree, ['read-tree', '--reset', '-u', before]);
    return { kind: 'conflict', paths: conflict };
  }
  return (await read(tree, ['write-tree'])) === before ? { kind: 'empty' } : { kind: 'reverted' };
}

/** The paths in conflict; undefined when it went well. */
async function revertOne(tree: RevertTree, commit: CommitSha): Promise<string[] | undefined> {
  const parents = (await read(tree, ['rev-list', '--parents', '--max-count=1', commit])).split(' ').slice(1);
  if (parents.length === 0)
    throw new AppError('unsupported', `commit ${commit} is the first of the repository and cannot be reverted`);
  // Of a merge the first parent stays: it is the branch into which was merged.
  const mainline = parents.length > 1 ? ['--mainline', '1'] : [];
  const result = await tree.run(['revert', '--no-commit', '--no-edit', ...mainline, commit], { env: tree.env });
  if (result.exitCode === 0) {
    // Otherwise git takes the next revert, or the commit, for a part of this one.
    await tree.run(['revert', '--quit']);
    return undefined;
  }
  const unmerged = await tree.run(['diff', '--name-only', '--diff-filter=U', '-z', '--']);
  const paths = [...new Set(unmerged.stdout.split('\0').filter((path) => path !== ''))];
  await tree.run(['revert', '--quit']);
  if (paths.length === 0) throw toGitError(`revert ${commit}`, result);
  return paths;
}

/** By ancestry, not by date: several commits of one second, or from machines with wrong clocks, are common. */
async function sortNewestFirst(tree: RevertTree, commits: readonly CommitSha[]): Promise<CommitSha[]> {
  const sorted: CommitSha[] = [];
  let rest = [...new Set(commits)];
  while (rest.length > 1) {
    const tips = new Set((await read(tree, ['merge-base', '--independent', ...rest])).split('\n'));
    sorted.push(...rest.filter((commit) => tips.has(commit)));
    rest = rest.filter((commit) => !tips.has(commit));
  }
  return [...sorted, ...rest];
}

async function read(tree: RevertTree, args: readonly string[]): Promise<string> {
  const result = await tree.run(args);
  if (result.exitCode !== 0) throw toGitError('revert', result);
  return result.stdout.trim();
}
