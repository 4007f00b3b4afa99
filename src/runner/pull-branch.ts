import { toErrorMessage } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { TrackedPull } from '../ticket/pull-request-store.ts';
import type { PullLookDeps } from './pull-deps.ts';

/**
 * Takes away the branch of a pull request that is closed and was not merged, where nobody but us has pushed to it. Safe to call
 * again. What the host refuses, or cannot answer now, is left: a branch too many harms nobody.
 */
export async function dropBranch(
  { repo, logger }: Pick<PullLookDeps, 'repo' | 'logger'>,
  pull: TrackedPull,
  signal: AbortSignal,
): Promise<void> {
  if (pull.editedSha !== null) return;
  const { branch, head } = pull;
  try {
    const outcome = await repo.removeBranch({ branch, head: head as CommitSha }, signal);
    if (outcome.kind === 'rejected' || outcome.kind === 'unknown')
      logger.warn({ branch, reason: outcome.reason }, 'the branch of a closed pull request could not be deleted');
  } catch (error) {
    if (signal.aborted) throw error;
    logger.warn({ branch, error: toErrorMessage(error) }, 'the branch of a closed pull request could not be deleted');
  }
}
