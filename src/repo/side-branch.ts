import type { Clock } from '../lib/clock.ts';
import { AppError, isAppError } from '../lib/errors.ts';
import { isCommitSha, type CommitSha } from '../lib/ids.ts';
import type { Logger } from '../lib/logger.ts';
import { retry } from '../lib/retry.ts';
import type { Git } from './git.ts';
import { toGitError } from './git-error.ts';
import type { Mirror } from './mirror.ts';
import { runPush } from './push.ts';
import { parseBranchName, type RepoUrl } from './repo-url.ts';

// Branches beside the one that is followed: changes are proposed on them.

export type BranchPushOutcome =
  | { kind: 'pushed'; head: CommitSha }
  /** The branch is not where it was said to be; nothing was changed. Undefined where there is none. */
  | { kind: 'elsewhere'; remoteHead: CommitSha | undefined }
  /** The git host said no; asking again will not help. */
  | { kind: 'rejected'; reason: string; hint: string }
  /** The connection died, and the branch was not at the commit when we looked. Look before acting. */
  | { kind: 'unknown'; reason: string };

export type BranchRemoval =
  | { kind: 'removed' }
  /** There is no such branch: it was removed before. */
  | { kind: 'absent' }
  /** Somebody has put other commits there; nothing was changed. */
  | { kind: 'elsewhere'; remoteHead: CommitSha }
  /** The git host said no; asking again will not help. */
  | { kind: 'rejected'; reason: string; hint: string }
  /** The connection died. It is safe to ask again. */
  | { kind: 'unknown'; reason: string };

export interface SideBranches {
  /** Where a branch is now, its commits fetched; undefined where there is none. */
  findBranch(branch: string, signal?: AbortSignal): Promise<CommitSha | undefined>;
  /**
   * Puts a branch at `head`, if it is exactly at `expected` now, or is not there where that is null. This replaces what is
   * on the branch, so `expected` must be what we put there ourselves. Never the followed branch. Safe to call again.
   */
  pushBranch(
    change: { branch: string; expected: CommitSha | null; head: CommitSha },
    signal?: AbortSignal,
  ): Promise<BranchPushOutcome>;
  /** Removes a branch that is exactly at `head`. Never the followed branch. Safe to call again. */
  removeBranch(change: { branch: string; head: CommitSha }, signal?: AbortSignal): Promise<BranchRemoval>;
}

interface SideBranchOptions {
  git: Git;
  mirror: Mirror;
  url: RepoUrl;
  /** The followed branch. */
  branch: string;
  clock: Clock;
  logger: Logger;
}

export function createSideBranches(options: SideBranchOptions): SideBranches {
  const { git, mirror, url, clock, logger } = options;
  const { gitDir } = mirror;

  const findOnce = async (branch: string, signal: AbortSignal | undefined): Promise<CommitSha | undefined> => {
    const listed = await git.run(['ls-remote', '--heads', '--', url.remote, `refs/heads/${branch}`], {
      gitDir,
      remote: true,
      signal,
    });
    if (listed.exitCode !== 0) throw toGitError(`look for branch ${branch} of ${url.given}`, listed);
    const [sha = ''] = listed.stdout.split(/\s/);
    if (!isCommitSha(sha)) return undefined;
    if (await mirror.has(sha)) return sha;
    const args = ['fetch', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--no-auto-maintenance'];
    args.push('--', url.remote, `+refs/heads/${branch}:refs/tiphys/branches/${branch}`);
    const fetched = await mirror.turns.run(() => git.run(args, { gitDir, remote: true, signal }));
    if (fetched.exitCode !== 0) throw toGitError(`fetch branch ${branch} of ${url.given}`, fetched);
    return sha;
  };

  const findBranch: SideBranches['findBranch'] = async (branch, signal) => {
    parseBranchName(branch);
    return await retry(() => findOnce(branch, signal), {
      clock,
      attempts: 4,
      baseMs: 500,
      maxMs: 4_000,
      isRetryable: (error) => isAppError(error, 'git_unavailable'),
      signal,
    });
  };

  /** Moves a branch from `expected` to `head`, either of which may be that there is none. */
  const move = async (
    branch: string,
    { expected, head }: { expected: CommitSha | null; head: CommitSha | null },
    signal: AbortSignal | undefined,
  ) => {
    parseBranchName(branch);
    if (branch === options.branch)
      throw new AppError('internal', `branch ${branch} is followed and is not written to as a side branch`);
    if (signal?.aborted) throw new AppError('aborted', 'the push was stopped before it began');
    const args = ['push', '--porcelain', '--no-verify', '--no-follow-tags', '--recurse-submodules=no', '--no-signed'];
    // An empty expectation is that there is no such branch; an empty source removes it.
    args.push(`--force-with-lease=refs/heads/${branch}:${expected ?? ''}`);
    args.push('--', url.remote, `${head ?? ''}:refs/heads/${branch}`);
    return await runPush(() => git.run(args, { gitDir, remote: true, signal }));
  };

  const pushBranch: SideBranches['pushBranch'] = async ({ branch, expected, head }, signal) => {
    const report = await move(branch, { expected, head }, signal);
    switch (report.kind) {
      case 'done':
      case 'up_to_date':
        // Kept under a reference of our own, so that maintenance leaves the commits alone.
        await mirror.turns.run(() => git.run(['update-ref', `refs/tiphys/branches/${branch}`, head], { gitDir }));
        return { kind: 'pushed', head };
      case 'refused':
        return { kind: 'rejected', reason: report.reason, hint: report.hint };
      case 'moved':
      case 'unknown': {
        if (report.kind === 'unknown') logger.warn({ branch, reason: report.reason }, 'push ended without an answer');
        if (signal?.aborted) return { kind: 'unknown', reason: report.reason };
        const remoteHead = await findBranch(branch, signal);
        if (remoteHead === head) return { kind: 'pushed', head };
        if (report.kind === 'moved' && remoteHead !== (expected ?? undefined)) return { kind: 'elsewhere', remoteHead };
        return { kind: 'unknown', reason: report.reason };
      }
    }
  };

  const removeBranch: SideBranches['removeBranch'] = async ({ branch, head }, signal) => {
    const report = await move(branch, { expected: head, head: null }, signal);
    switch (report.kind) {
      case 'done':
      case 'up_to_date':
        await mirror.turns.run(() => git.run(['update-ref', '-d', `refs/tiphys/branches/${branch}`], { gitDir }));
        return { kind: 'removed' };
      case 'refused':
        return { kind: 'rejected', reason: report.reason, hint: report.hint };
      case 'moved':
      case 'unknown': {
        if (signal?.aborted) return { kind: 'unknown', reason: report.reason };
        const remoteHead = await findBranch(branch, signal);
        if (remoteHead === undefined) return { kind: 'absent' };
        return remoteHead === head ? { kind: 'unknown', reason: report.reason } : { kind: 'elsewhere', remoteHead };
      }
    }
  };
  return { findBranch, pushBranch, removeBranch };
}
