import type { ApplicationSnapshot } from '../argocd/snapshot.ts';
import { listObservations } from '../ticket/observation-store.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import { decideLater } from './decide-later.ts';
import { recordOutcomes } from './deploys.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { end, toPushed } from './ending.ts';
import { readFailure, toVerdictFailure } from './read-failure.ts';
import type { AgentStateValue, AgentUpdate, Failure, Observed } from './state.ts';
import { findTakeBack } from './take-back.ts';
import { requestHold } from './validator.ts';

/** Reads why it failed, remembers it, and starts the revert, with a person's leave where policy wants it. */
export async function takeBack(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  const failure = await toObservedFailure(deps, state, context, plan, observed);
  await recordOutcomes(deps, {
    plan,
    pushed: toPushed(state),
    outcome: 'failed',
    verdict: observed.reason === '' ? observed.kind : observed.reason,
    fingerprint: { class: failure.failureClass, signature: failure.signature },
  });
  return await startRevert(deps, state, context, plan, failure);
}

/** Takes back what was never found bad: nobody promoted it, or nothing could be measured. No failure is remembered. */
export async function takeBackUnjudged(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  { verdict, sentence }: { verdict: 'inconclusive' | 'not_promoted'; sentence: string },
): Promise<AgentUpdate> {
  const outcome = verdict === 'inconclusive' ? 'inconclusive' : 'cancelled';
  await recordOutcomes(deps, { plan, pushed: toPushed(state), outcome, verdict });
  const failure = { failureClass: verdict, signature: verdict, sentence };
  return await startRevert(deps, state, context, plan, failure);
}

async function startRevert(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  failure: Failure,
): Promise<AgentUpdate> {
  // A revert is never reverted.
  if (findTakeBack(plan) !== undefined)
    return { failure, ...end(state, 'failed', 'revert_unhealthy', `${failure.sentence} A person has to look.`) };
  const { decision, review } = decideLater(deps, plan, 'revert');
  const next: AgentUpdate = { failure, purpose: 'revert', decision: null };
  if (decision.decision === 'deny') {
    return {
      failure,
      ...end(
        state,
        'failed',
        'revert_forbidden',
        `${failure.sentence} Policy forbids taking it back: ${decision.reasons.join(' ')}`,
      ),
    };
  }
  if (decision.decision === 'require_approval') {
    const hold = await requestHold(deps, context, { plan, review, kind: 'revert', sentence: failure.sentence });
    return { ...next, hold };
  }
  const text = `taking the change back: ${failure.sentence}`;
  await context.emit('resolver', [{ type: 'note', data: { node: 'resolver', text } }]);
  return next;
}

/** Why it failed, as far as Argo CD shows it; told as events. */
async function toObservedFailure(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<Failure> {
  const observations = await listObservations(deps.db.knex, state.ticketId, toPushed(state).head);
  const observation = observations.find((one) => one.application === observed.application);
  const verdict = toVerdictFailure(observed.reason === '' ? observed.kind : observed.reason, observed.sentence);
  if (observation === undefined) return verdict;
  const read = await readFailure(
    deps,
    {
      application: (observation.snapshot as ApplicationSnapshot).application,
      name: observed.application,
      changed: (plan.draft?.changes ?? []).map((change) => change.ref),
      verdict,
    },
    context.signal,
  );
  await context.emit('resolver', read.events);
  return read.failure;
}
