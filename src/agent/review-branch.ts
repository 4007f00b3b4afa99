import { toIsoTime } from '../lib/clock.ts';
import { isAppError, toErrorMessage } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import { bookEffect, listUnsettled, settleEffect, type Effect } from '../ticket/effect-store.ts';
import type { AgentDeps, GraphDeps, RunContext } from './deps.ts';
import { checkWanted } from './run-context.ts';

// A commit that nobody has approved yet stands on a branch of its own for as long as Argo CD is asked about it. That it has
// to go is written down before it is there, so that it goes whatever happens between.

type BranchDeps = Pick<GraphDeps, 'db' | 'repo' | 'clock'>;

export interface ReviewCommit {
  ticketId: string;
  /** What the name of the branch begins with. */
  branchPrefix: string;
  base: CommitSha;
  head: CommitSha;
}

export type Shown<T> =
  { kind: 'shown'; value: T; branch: string } | { kind: 'refused'; branch: string; sentence: string };

/** Lends `use` a branch that is exactly at the commit, and removes it however that ends. */
export async function withReviewBranch<T>(
  deps: AgentDeps,
  context: RunContext,
  commit: ReviewCommit,
  use: () => Promise<T>,
): Promise<Shown<T>> {
  const { ticketId, head } = commit;
  for (const left of await listUnsettled(deps.db.knex, 'review_branch_removal', { ticketId }))
    await tellRemoval(context, await removeReviewBranch(deps, left));
  const owner = ticketId.slice(-8).toLowerCase();
  const id = deps.ids.next('effect');
  const branch = `${commit.branchPrefix}${owner}-${id.slice(-12).toLowerCase()}`;
  const booking = { ticketId, naturalKey: `${branch}@${head}`, intent: { branch, base: commit.base, head } };
  const at = () => toIsoTime(deps.clock.now());
  checkWanted(context);
  await context.fence();
  const removal = await bookEffect(deps.db.knex, {
    ...booking,
    ...{ id: deps.ids.next('effect'), kind: 'review_branch_removal', at: at() },
  });
  let isInDoubt = false;
  try {
    const { refusal, ...pushed } = await push(deps, { ...booking, id }, branch, head);
    ({ isInDoubt } = pushed);
    if (refusal !== undefined) return { kind: 'refused', branch, sentence: refusal };
    return { kind: 'shown', branch, value: await use() };
  } finally {
    // A push without an answer may still arrive, after its branch was found to be absent: that is looked at later.
    if (!isInDoubt) await tellRemoval(context, await removeReviewBranch(deps, removal.effect));
  }
}

interface Pushed {
  /** The reason where the branch is not there, as far as we know. */
  refusal?: string;
  isInDoubt: boolean;
}

async function push(
  deps: BranchDeps,
  booking: { id: string; ticketId: string; naturalKey: string; intent: Record<string, unknown> },
  branch: string,
  head: CommitSha,
): Promise<Pushed> {
  const at = () => toIsoTime(deps.clock.now());
  const { effect } = await bookEffect(deps.db.knex, { ...booking, kind: 'review_branch', at: at() });
  const outcome = await deps.repo.pushBranch({ branch, expected: null, head });
  const state = outcome.kind === 'pushed' ? 'done' : outcome.kind === 'unknown' ? 'unknown' : 'failed';
  await settleEffect(deps.db.knex, effect.id, { state, outcome: { ...outcome }, at: at() });
  switch (outcome.kind) {
    case 'pushed':
      return { isInDoubt: false };
    case 'rejected':
      return {
        refusal: `The git host refused branch ${branch}: ${outcome.reason} ${outcome.hint}`,
        isInDoubt: false,
      };
    case 'elsewhere':
      return { refusal: `A branch ${branch} is there already, and it is not of this ticket.`, isInDoubt: false };
    case 'unknown':
      return { refusal: `Pushing branch ${branch} ended without an answer: ${outcome.reason}`, isInDoubt: true };
  }
}

/** What is to be said of a removal that did not go as it should; undefined where the branch is gone. */
export type RemovalRemark = { ticketId: string; text: string; isFinal: boolean } | undefined;

/**
 * Removes the branch of a booked removal, if it is exactly at our commit. What the host did not answer stays booked and is
 * made up for later. Safe to call again.
 */
export async function removeReviewBranch(deps: BranchDeps, removal: Effect): Promise<RemovalRemark> {
  const { ticketId } = removal;
  const branch = String(removal.intent['branch']);
  const head = String(removal.intent['head']) as CommitSha;
  const settle = async (state: 'done' | 'failed' | 'unknown', outcome: object) =>
    await settleEffect(deps.db.knex, removal.id, {
      ...{ state, outcome: { ...outcome }, at: toIsoTime(deps.clock.now()) },
    });
  // Not ended by what ends the work: a cancelled ticket is no reason to leave it there.
  const outcome = await deps.repo.removeBranch({ branch, head }).catch((error: unknown) => {
    if (isAppError(error)) return { kind: 'unknown' as const, reason: toErrorMessage(error) };
    throw error;
  });
  switch (outcome.kind) {
    case 'removed':
    case 'absent':
      await settle('done', outcome);
      return undefined;
    case 'elsewhere': {
      await settle('failed', outcome);
      const text = `somebody has pushed to branch ${branch}, which was made for a question to Argo CD; it is left to them`;
      return { ticketId, text, isFinal: true };
    }
    case 'rejected': {
      await settle('failed', outcome);
      const text = `the git host does not let branch ${branch} be removed: ${outcome.reason} Remove it, and let this account remove branches below that name, or switch argocd.renderGate off.`;
      return { ticketId, text, isFinal: true };
    }
    case 'unknown': {
      await settle('unknown', outcome);
      const text = `branch ${branch} could not be removed yet: ${outcome.reason}; it is tried again`;
      return { ticketId, text, isFinal: false };
    }
  }
}

async function tellRemoval(context: RunContext, remark: RemovalRemark): Promise<void> {
  if (remark === undefined) return;
  await context.emit('validator', [{ type: 'note', data: { node: 'validator', text: remark.text } }]);
}
