import { AppError } from '../lib/errors.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import { askAgain } from './ask-again.ts';
import { recordDeploys } from './deploys.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { end } from './ending.ts';
import { getPlan } from './executor.ts';
import { findProposed } from './find-proposed.ts';
import { makeChange, makeRevert } from './make-commits.ts';
import { prepareApplications } from './prepare-applications.ts';
import { isProposed, propose, toProposalUpdate } from './propose.ts';
import { bookFound, findPushed, pushBooked } from './push-booked.ts';
import { checkWanted } from './run-context.ts';
import type { AgentStateValue, AgentUpdate, Pushed } from './state.ts';

// The one node that changes the branch, or proposes that somebody changes it. What it pushes is made anew on the newest base from the approved steps; if that
// comes to another rendered difference than the approved one, it is not pushed but asked about.

export async function runPusher(deps: AgentDeps, state: AgentStateValue, context: RunContext): Promise<AgentUpdate> {
  const plan = await getPlan(deps, state);
  const approved = plan.review;
  const draft = plan.draft;
  if (approved === null || draft === null) throw new AppError('internal', 'a plan without review came to be pushed');
  const isRevert = state.purpose === 'revert';
  const key = isRevert ? `${approved.changeHash}/revert` : approved.changeHash;

  if (isProposed(deps, isRevert)) {
    const proposed = await findProposed(deps, state, context, { plan, key, isRevert });
    if (proposed !== undefined) return proposed;
  }

  for (let attempt = 1; attempt <= deps.settings.pushAttempts; attempt += 1) {
    checkWanted(context);
    const base = await deps.repo.fetch(context.signal);
    const found = await findPushed(deps, key);
    if (found !== undefined) {
      await bookFound(deps, state, context, { key, pushed: found, isRevert });
      return await finish(deps, state, { plan, pushed: found, isRevert });
    }

    const made = isRevert
      ? await makeRevert(deps, state, context, { base, key })
      : await makeChange(deps, context, { plan, base, key });
    if (made.kind === 'differs') return await askAgain(deps, state, context, plan, base);
    if (made.kind === 'failed') return end(state, 'failed', 'push_refused', made.sentence);
    if (isProposed(deps, isRevert)) {
      const outcome = await propose(deps, state, context, { plan, key, isRevert, base, made });
      return toProposalUpdate(outcome, (sentence) => end(state, 'failed', 'push_refused', sentence));
    }
    const ready = await prepareApplications(deps, state, context, { base, head: made.head, isUrgent: isRevert });
    if (ready !== undefined) return end(state, 'failed', 'not_ready', `Nothing was pushed: ${ready}`);
    const outcome = await pushBooked(deps, state, context, { key, base, made, isRevert });
    switch (outcome.kind) {
      case 'pushed':
      case 'already_pushed': {
        const pushed = { base, head: made.head, commits: made.commits, atMs: deps.clock.now() };
        return await finish(deps, state, { plan, pushed, isRevert });
      }
      case 'non_fast_forward':
      case 'unknown':
        // Somebody else was first, or the answer was lost: look again before doing anything.
        continue;
      case 'rejected':
        return end(
          state,
          'failed',
          'push_refused',
          `The repository refused the push: ${outcome.reason} ${outcome.hint}`,
        );
    }
  }
  throw new AppError('git_unavailable', `the branch moved on ${deps.settings.pushAttempts} times while pushing`, {
    hint: 'Retry the ticket when the branch is quieter.',
  });
}

async function finish(
  deps: AgentDeps,
  { ticketId }: AgentStateValue,
  { plan, pushed, isRevert }: { plan: StoredPlan; pushed: Pushed; isRevert: boolean },
): Promise<AgentUpdate> {
  await recordDeploys(deps, { ticketId, plan, pushed, isRevert });
  const next = { observed: null, decision: null, feedback: [] };
  return isRevert ? { reverted: pushed, ...next } : { pushed, ...next };
}
