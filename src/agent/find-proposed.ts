import { findPullAt, updatePull } from '../ticket/pull-request-store.ts';
import type { AgentDeps, Proposals, RunContext } from './deps.ts';
import { landMerged, readEnd, toClosedSentence } from './landing.ts';
import { toSlot } from './proposal-slot.ts';
import { toHold, toPullEvent, type ProposalInput } from './propose.ts';
import type { AgentStateValue, AgentUpdate } from './state.ts';

/**
 * What has become of this change where it has been proposed before: merged, closed, or waiting still. Undefined where it is
 * to be made, for the first time or anew.
 */
export async function findProposed(
  deps: AgentDeps & { proposals: Proposals },
  state: AgentStateValue,
  context: RunContext,
  input: ProposalInput,
): Promise<AgentUpdate | undefined> {
  const { knex } = deps.db;
  const known = await findPullAt(knex, state.ticketId, toSlot(state));
  if (known === undefined) return undefined;
  // The host is asked again: what was written down may be old, and nothing is pushed over a merge.
  const seen = await deps.proposals.forge.get(known.number, context.signal);
  const end = await readEnd(deps.repo, known, seen, context.signal);
  if (end === undefined) {
    const isWaiting = known.state === 'open' && known.changeKey === input.key;
    return isWaiting ? { hold: toHold(known) } : undefined;
  }
  const pull = { ...known, ...end };
  if (known.state !== end.state) {
    await updatePull(knex, known.id, end);
    await context.emit('pusher', [
      toPullEvent(pull, end.state === 'merged' ? 'merged' : 'closed', {
        ...(end.mergeCommit === null ? {} : { commit: end.mergeCommit }),
        ...(end.endedBy === null ? {} : { by: end.endedBy }),
      }),
    ]);
  }
  if (end.state === 'merged') return await landMerged(deps, state, context, { ...input, pull });
  await updatePull(knex, known.id, { isWatched: false });
  return {
    ending: {
      status: state.pushed === null ? 'cancelled' : 'failed',
      code: 'closed_unmerged',
      sentence: `${input.isRevert ? `${state.failure?.sentence ?? 'The change did not work.'} ` : ''}${toClosedSentence(pull)}`,
      commits: [...state.earlier, ...(state.pushed?.commits ?? [])],
      reverted: false,
      revertCommits: [],
    },
  };
}
