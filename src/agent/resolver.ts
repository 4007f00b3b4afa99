import { assertNever, AppError } from '../lib/errors.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import { recordOutcomes } from './deploys.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { end, toPushed } from './ending.ts';
import { getPlan } from './executor.ts';
import {
  askInconclusive,
  askWatching,
  decidePromotion,
  isAnswer,
  onInconclusiveAnswer,
  promote,
  refusePromotion,
  watchOn,
} from './promotion.ts';
import { actOnRollout } from './rollout-action.ts';
import { beginSoaks } from './soak.ts';
import type { AgentStateValue, AgentUpdate, Observed } from './state.ts';
import { takeBack } from './start-revert.ts';

/** Draws the consequence of what was observed: done, take it back, ask, or go on watching. Writes the outcome to memory. */
export async function runResolver(deps: AgentDeps, state: AgentStateValue, context: RunContext): Promise<AgentUpdate> {
  const plan = await getPlan(deps, state);
  const decided = await onDecision(deps, state, context, plan);
  if (decided !== undefined) return decided;
  const observed = state.observed;
  if (observed === null) throw new AppError('internal', 'nothing was observed that could be resolved');
  if (state.purpose === 'revert') return await resolveRevert(deps, state, context, plan, observed);
  switch (observed.kind) {
    case 'live':
    case 'live_noop':
      await recordOutcomes(deps, { plan, pushed: toPushed(state), outcome: 'healthy', verdict: observed.kind });
      if (state.isPreparation) return await goOn(state, context);
      await beginSoaks(deps, state.ticketId, { plan, pushed: toPushed(state) });
      return end(state, 'resolved', 'live', observed.sentence);
    case 'failed':
      return await onFailed(deps, state, context, plan, observed);
    case 'superseded':
      await recordOutcomes(deps, { plan, pushed: toPushed(state), outcome: 'superseded', verdict: 'superseded' });
      return end(state, 'failed', 'superseded', observed.sentence);
    case 'lost':
      await recordOutcomes(deps, { plan, pushed: toPushed(state), outcome: 'cancelled', verdict: 'lost' });
      return end(state, 'failed', 'lost', observed.sentence);
    case 'blocked':
      return await askWatching(deps, state, context, observed);
    case 'promotion':
      return await decidePromotion(deps, state, context, plan, observed);
    case 'inconclusive':
      return await askInconclusive(deps, state, context, observed);
    default:
      return assertNever(observed.kind, 'observation');
  }
}

/** The preparation is live: the ticket is planned again, on what is there now. */
async function goOn(state: AgentStateValue, context: RunContext): Promise<AgentUpdate> {
  const text = 'the preparation is live; planning what the ticket asks';
  await context.emit('resolver', [{ type: 'note', data: { node: 'resolver', text } }]);
  const earlier = [...state.earlier, ...(state.pushed?.commits ?? [])];
  const preparations = state.preparations + 1;
  return { earlier, preparations, isPreparation: false, pushed: null, observed: null, decision: null, plannerRuns: 0 };
}

/** A change that was applied and does not work is taken back. What never arrived, or cannot be judged, is a person's matter. */
async function onFailed(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  if (observed.reason === 'unknown') return await askWatching(deps, state, context, observed);
  if (observed.reason !== 'not_seen') return await takeBack(deps, state, context, plan, observed);
  await recordOutcomes(deps, { plan, pushed: toPushed(state), outcome: 'cancelled', verdict: 'not_seen' });
  const sentence = `${observed.sentence} The commit is on the branch, nothing was applied, and nothing was taken back.`;
  return end(state, 'failed', 'not_seen', sentence);
}

/** How a ticket ends whose revert nobody granted: denied, forgotten and overtaken are told apart. */
const UNDECIDED = { denied: 'revert_denied', expired: 'approval_expired', superseded: 'superseded' } as const;

/** What a person decided about a change that is already out. Undefined where nothing was asked, or a revert was granted. */
async function onDecision(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
): Promise<AgentUpdate | undefined> {
  const { decision, observed } = state;
  if (decision === null || observed === null) return undefined;
  // Once the change is being taken back, what is decided is decided about that.
  const isPromotion = observed.kind === 'promotion' && state.purpose === 'change';
  switch (decision.kind) {
    case 'answered': {
      const answer = decision.answer.trim().toLowerCase();
      if (observed.kind === 'inconclusive')
        return await onInconclusiveAnswer(deps, state, context, { plan, observed, answer });
      if (isAnswer(answer, 'take_back')) return await takeBack(deps, state, context, plan, observed);
      if (isAnswer(answer, 'leave')) return end(state, 'failed', 'left', `${observed.sentence} It was left as it is.`);
      // Asked again at once it would be the same answer.
      return await watchOn(deps, context, deps.settings.budgets.refreshEveryMs);
    }
    case 'granted':
      return isPromotion ? await promote(deps, state, context, observed) : undefined;
    case 'merged':
    case 'conflict':
      return undefined;
    case 'closed':
      return end(
        state,
        'failed',
        'closed_unmerged',
        `${observed.sentence} ${decision.sentence} The change is still on the branch.`,
      );
    case 'denied':
    case 'expired':
    case 'superseded':
      if (isPromotion) return await refusePromotion(deps, state, context, plan, observed);
      return end(
        state,
        'failed',
        UNDECIDED[decision.kind],
        `${observed.sentence} Taking it back was not approved (${decision.kind}), so the change is still on the branch.`,
      );
  }
}

async function resolveRevert(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  const reverted = state.reverted;
  // Approved, or allowed, but not pushed yet.
  if (reverted === null) return {};
  // The way back was promoted already, so it has steps of its own. It was tried before, and waits for nobody.
  if (observed.kind === 'promotion' && (await actOnRollout(deps, state, context, observed, 'finish')))
    return { observed: null, decision: null };
  const why = state.failure?.sentence ?? 'The change did not work.';
  const isUnmeasured = observed.kind === 'inconclusive' && observed.reason === 'promoted';
  const isBack = observed.kind === 'live' || observed.kind === 'live_noop' || isUnmeasured;
  await recordOutcomes(deps, {
    plan,
    pushed: reverted,
    outcome: isUnmeasured ? 'inconclusive' : isBack ? 'healthy' : observed.kind === 'failed' ? 'failed' : 'cancelled',
    verdict: observed.kind,
  });
  if (isBack)
    return end(state, 'failed', 'reverted', `${why} It was taken back in git, and the state before is live again.`);
  return end(
    state,
    'failed',
    'revert_unhealthy',
    `${why} It was taken back in git, but that did not become healthy either: ${observed.sentence} A person has to look.`,
  );
}
