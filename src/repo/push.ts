import type { Clock } from '../lib/clock.ts';
import { AppError, isAppError, toErrorMessage } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { Logger } from '../lib/logger.ts';
import type { Git, GitResult } from './git.ts';
import { readPushReport, type PushReport } from './git-error.ts';
import type { Mirror } from './mirror.ts';
import { createMutex } from './mutex.ts';
import type { RepoUrl } from './repo-url.ts';

/** How a push ended. `head` is the commit that was to be pushed and is now in the branch. */
export type PushOutcome =
  | { kind: 'pushed'; head: CommitSha }
  /** The branch held the commit before: an earlier push got through that we did not hear of. */
  | { kind: 'already_pushed'; head: CommitSha }
  /** The branch is no longer at the base; nothing was changed. */
  | { kind: 'non_fast_forward'; remoteHead: CommitSha }
  /** The git host said no (protected branch, hook, rights); asking again will not help. */
  | { kind: 'rejected'; reason: string; hint: string }
  /** The connection died and the branch did not hold the commit when we looked. It may still arrive: look before acting. */
  | { kind: 'unknown'; reason: string };

/** Moves the remote branch from `base` to `head`, or changes nothing. Safe to call again after any outcome. */
export type Push = (commits: { base: CommitSha; head: CommitSha }, signal?: AbortSignal) => Promise<PushOutcome>;

interface PushOptions {
  git: Git;
  mirror: Mirror;
  url: RepoUrl;
  branch: string;
  clock: Clock;
  logger: Logger;
}

// A reference that is locked for a moment by another push or by maintenance of the host.
const LOCKED_ATTEMPTS = 3;
const LOCKED_WAIT_MS = 300;

export function createPush(options: PushOptions): Push {
  // Pushes of one process queue up: side by side, all but one would be turned down.
  const turns = createMutex();
  return (commits, signal) =>
    turns.run(async () => {
      await requireLine(options.mirror, commits);
      for (let attempt = 1; ; attempt += 1) {
        const outcome = await pushOnce(options, commits, signal);
        if (outcome !== 'locked') return outcome;
        if (attempt >= LOCKED_ATTEMPTS)
          return {
            kind: 'rejected',
            reason: 'the git host could not lock the branch',
            hint: 'A lock was left behind on the git host, or another push hangs there; look at the host.',
          };
        await options.clock.sleep(LOCKED_WAIT_MS * attempt, signal);
      }
    });
}

async function requireLine(mirror: Mirror, { base, head }: { base: CommitSha; head: CommitSha }): Promise<void> {
  const known = (await mirror.has(base)) && (await mirror.has(head));
  if (known && base !== head && (await mirror.isAncestor(base, head))) return;
  throw new AppError('invalid_input', `commit ${head} does not follow its base ${base}, so it is not pushed`, {
    hint: 'Make the commit again in a work tree of the base.',
  });
}

async function pushOnce(
  options: PushOptions,
  { base, head }: { base: CommitSha; head: CommitSha },
  signal: AbortSignal | undefined,
): Promise<PushOutcome | 'locked'> {
  const { git, mirror, url, branch, logger } = options;
  const args = ['push', '--porcelain', '--no-verify', '--no-follow-tags', '--recurse-submodules=no', '--no-signed'];
  // The lease makes this a compare-and-swap: the branch moves only if it is exactly at our base. A plain push would
  // also succeed when somebody has taken commits back (reset the branch to before our base) and bring them back. As
  // head follows base, which was checked above, the move is always a fast-forward.
  args.push(`--force-with-lease=refs/heads/${branch}:${base}`, '--', url.remote, `${head}:refs/heads/${branch}`);
  if (signal?.aborted) throw new AppError('aborted', 'the push was stopped before it began');
  const report = await runPush(() => git.run(args, { gitDir: mirror.gitDir, remote: true, signal }));
  switch (report.kind) {
    case 'done':
      await mirror.noteBranch(base, head);
      return { kind: 'pushed', head };
    case 'up_to_date':
      await mirror.noteBranch(base, head);
      return { kind: 'already_pushed', head };
    case 'refused':
      return { kind: 'rejected', reason: report.reason, hint: report.hint };
    case 'moved': {
      const remoteHead = await mirror.fetch(signal);
      if (remoteHead === base) return 'locked';
      if (await mirror.isAncestor(head, remoteHead)) return { kind: 'already_pushed', head };
      return { kind: 'non_fast_forward', remoteHead };
    }
    case 'unknown':
      logger.warn({ head, reason: report.reason }, 'push ended without an answer');
      return await look(mirror, head, report.reason, signal);
  }
}

/** A push that was stopped or took too long ends like one whose connection died: nobody here knows how far it got. */
export async function runPush(push: () => Promise<GitResult>): Promise<PushReport> {
  try {
    return readPushReport(await push());
  } catch (error) {
    if (isAppError(error, 'timeout') || isAppError(error, 'aborted')) return { kind: 'unknown', reason: error.message };
    throw error;
  }
}

/** After a lost connection: a commit that is there is pushed, whoever heard it; one that is not may still arrive. */
async function look(
  mirror: Mirror,
  head: CommitSha,
  reason: string,
  signal: AbortSignal | undefined,
): Promise<PushOutcome> {
  if (signal?.aborted) return { kind: 'unknown', reason };
  try {
    const remoteHead = await mirror.fetch(signal);
    if (remoteHead === head || (await mirror.isAncestor(head, remoteHead))) return { kind: 'pushed', head };
    return { kind: 'unknown', reason };
  } catch (error) {
    return { kind: 'unknown', reason: `${reason}; and then: ${toErrorMessage(error)}` };
  }
}
