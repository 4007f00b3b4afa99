import type { ApplicationSnapshot } from '../argocd/snapshot.ts';
import { toIsoTime } from '../lib/clock.ts';
import { sha256Hex } from '../lib/ids.ts';
import { assertNever, AppError } from '../lib/errors.ts';
import type { FailureFingerprint } from '../memory/facts.ts';
import { evaluatePolicy } from '../policy/evaluate.ts';
import { bookEffect, settleEffect } from '../ticket/effect-store.ts';
import { listObservations } from '../ticket/observation-store.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import { askPerson } from './ask-person.ts';
import { recordOutcomes } from './deploys.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { getPlan } from './executor.ts';
import { toEnvironment } from './facts.ts';
import { readFailure, toVerdictFailure } from './read-failure.ts';
import { beginSoaks } from './soak.ts';
import type { AgentStateValue, AgentUpdate, Failure, FinalStatus, Observed } from './state.ts';
import { findTakeBack } from './take-back.ts';
import { requestHold } from './validator.ts';

/** Draws the consequence of what was observed: done, take it back, ask, or go on watching. Writes the outcome to memory. */
export async function runResolver(deps: AgentDeps, state: AgentStateValue, context: RunContext): Promise<AgentUpdate> {
  const plan = await getPlan(deps, state);
  const decided = await onDecision(deps, state, context, plan);
  if (decided !== undefined) return decided;
  const observed = state.observed;
  if (observed === null) throw new AppError('internal', 'nothing was observed that could be resolved');
  if (state.purpose === 'revert') return await resolveRevert(deps, state, plan, observed);
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
      return await ask(deps, state, context, observed);
    case 'promotion':
      return await decidePromotion(deps, state, context, plan, observed);
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

/** A rollout stands still at a step without end: policy, or a person, says whether it moves on. */
async function decidePromotion(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  const { draft, review } = plan;
  if (draft === null || review === null) throw new AppError('internal', 'a push without a reviewed plan');
  const decision = evaluatePolicy({
    ...deps.policy,
    risk: review.risk,
    changes: draft.changes,
    environment: toEnvironment(draft.changes.flatMap((change) => change.after ?? change.before ?? [])),
    findings: [],
    at: deps.clock.now(),
    purpose: 'promotion',
  });
  // Numbers that came out neither good nor bad are for a person to read, whatever the policy.
  const isOpen = observed.pause === 'InconclusiveAnalysisRun';
  if (decision.decision === 'allow' && !isOpen) return await promote(deps, state, context, observed);
  return { hold: await requestHold(deps, context, { plan, review, kind: 'promotion', sentence: observed.sentence }) };
}

/** Moves the paused rollout on, and goes back to watching. */
async function promote(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  observed: Observed,
): Promise<AgentUpdate> {
  await actOnRollout(deps, state, context, observed, 'resume');
  return { observed: null, decision: null };
}

/** Stops the rollout, which brings all traffic back to the old version, and takes the change back in git. */
async function abort(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  await actOnRollout(deps, state, context, observed, 'abort');
  const sentence = `${observed.sentence} Promotion was not granted, so the rollout was aborted.`;
  return await takeBack(deps, state, context, plan, { ...observed, kind: 'failed', reason: 'analysis', sentence });
}

/** A rollout action is an effect: booked before and after, and known again by rollout, commit and step. */
async function actOnRollout(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  observed: Observed,
  action: 'resume' | 'abort',
): Promise<void> {
  const rollout = observed.rollout;
  if (rollout === undefined) throw new AppError('internal', 'a promotion without a rollout');
  const observations = await listObservations(deps.db.knex, state.ticketId, toPushed(state).head);
  const snapshot = observations.find((one) => one.application === observed.application)?.snapshot;
  const { application } = snapshot as ApplicationSnapshot;
  const at = () => toIsoTime(deps.clock.now());
  await context.fence();
  const { effect } = await bookEffect(deps.db.knex, {
    id: deps.ids.next('effect'),
    ticketId: state.ticketId,
    kind: 'rollout_action',
    naturalKey: `${observed.application}@${toPushed(state).head}/${action}/${sha256Hex(observed.sentence).slice(0, 16)}`,
    intent: { rollout, action },
    at: at(),
  });
  await deps.argo.runResourceAction(application, { ...rollout, version: 'v1alpha1' }, action, {
    signal: context.signal,
  });
  await settleEffect(deps.db.knex, effect.id, { state: 'done', outcome: { action }, at: at() });
  const text = `${action} of ${rollout.kind} ${rollout.name} was sent`;
  await context.emit('resolver', [{ type: 'note', data: { node: 'resolver', text } }]);
}

/** A change that was applied and does not work is taken back. What never arrived, or cannot be judged, is a person's matter. */
async function onFailed(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  if (observed.reason === 'unknown') return await ask(deps, state, context, observed);
  if (observed.reason !== 'not_seen') return await takeBack(deps, state, context, plan, observed);
  await recordOutcomes(deps, { plan, pushed: toPushed(state), outcome: 'cancelled', verdict: 'not_seen' });
  const sentence = `${observed.sentence} The commit is on the branch, nothing was applied, and nothing was taken back.`;
  return end(state, 'failed', 'not_seen', sentence);
}

function toPushed(state: AgentStateValue) {
  if (state.pushed === null) throw new AppError('internal', 'an observation without a push');
  return state.pushed;
}

function end(state: AgentStateValue, status: FinalStatus, code: string, sentence: string): AgentUpdate {
  return {
    ending: {
      status,
      code,
      sentence: [sentence, state.pushed?.remark, state.reverted?.remark].filter((one) => one !== undefined).join(' '),
      commits: [...state.earlier, ...(state.pushed?.commits ?? [])],
      reverted: state.reverted !== null,
      revertCommits: state.reverted?.commits ?? [],
    },
  };
}

/** How a ticket ends whose revert nobody granted: denied, forgotten and overtaken are told apart. */
const UNDECIDED = { denied: 'revert_denied', expired: 'approval_expired', superseded: 'superseded' } as const;

const KEEP_WATCHING = 'keep watching';
const TAKE_BACK = 'take it back';
const LEAVE = 'leave it as it is';

/** What a person decided about a change that is already out. Undefined where nothing was asked. */
async function onDecision(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
): Promise<AgentUpdate | undefined> {
  const { decision, observed } = state;
  if (decision === null || observed === null) return undefined;
  switch (decision.kind) {
    case 'answered': {
      const answer = decision.answer.trim().toLowerCase();
      if (answer === TAKE_BACK) return await takeBack(deps, state, context, plan, observed);
      if (answer === LEAVE) return end(state, 'failed', 'left', `${observed.sentence} It was left as it is.`);
      // Asked again at once it would be the same answer.
      await deps.clock.sleep(deps.settings.budgets.refreshEveryMs, context.signal);
      return { observed: null, decision: null };
    }
    case 'granted':
      return observed.kind === 'promotion' ? await promote(deps, state, context, observed) : undefined;
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
      if (observed.kind === 'promotion') return await abort(deps, state, context, plan, observed);
      return end(
        state,
        'failed',
        UNDECIDED[decision.kind],
        `${observed.sentence} Taking it back was not approved (${decision.kind}), so the change is still on the branch.`,
      );
  }
}

async function ask(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  observed: Observed,
): Promise<AgentUpdate> {
  const question = `${observed.sentence} What should happen?`;
  const options = [KEEP_WATCHING, TAKE_BACK, LEAVE];
  const asking = { question, options, field: 'watching', returnTo: 'observing' as const };
  return { hold: await askPerson(deps, state, context, { ...asking, node: 'resolver' }) };
}

/** Reads why it failed, remembers it, and starts the revert, with a person's leave where policy wants it. */
async function takeBack(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  const failure = await toObservedFailure(deps, state, context, plan, observed);
  const isTakeBack = findTakeBack(plan) !== undefined;
  const fingerprint: FailureFingerprint = { class: failure.failureClass, signature: failure.signature };
  await recordOutcomes(deps, {
    plan,
    pushed: toPushed(state),
    outcome: 'failed',
    verdict: observed.reason === '' ? observed.kind : observed.reason,
    fingerprint,
  });
  // A revert is never reverted.
  if (isTakeBack)
    return { failure, ...end(state, 'failed', 'revert_unhealthy', `${failure.sentence} A person has to look.`) };
  const { draft, review } = plan;
  if (draft === null || review === null) throw new AppError('internal', 'a push without a reviewed plan');
  const decision = evaluatePolicy({
    ...deps.policy,
    risk: review.risk,
    changes: draft.changes,
    environment: toEnvironment(draft.changes.flatMap((change) => change.after ?? change.before ?? [])),
    findings: [],
    at: deps.clock.now(),
    purpose: 'revert',
  });
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
  await context.emit('resolver', [read.event]);
  return read.failure;
}
async function resolveRevert(
  deps: AgentDeps,
  state: AgentStateValue,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  const reverted = state.reverted;
  // Approved, or allowed, but not pushed yet.
  if (reverted === null) return {};
  const why = state.failure?.sentence ?? 'The change did not work.';
  const isBack = observed.kind === 'live' || observed.kind === 'live_noop';
  await recordOutcomes(deps, {
    plan,
    pushed: reverted,
    outcome: isBack ? 'healthy' : observed.kind === 'failed' ? 'failed' : 'cancelled',
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
