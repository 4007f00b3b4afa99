import { diagnose, toFingerprint } from '../argocd/diagnose.ts';
import type { ApplicationSnapshot } from '../argocd/snapshot.ts';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import { evaluatePolicy } from '../policy/evaluate.ts';
import { listObservations } from '../ticket/observation-store.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import { recordOutcomes } from './deploys.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { end, toPushed } from './ending.ts';
import { toEnvironment } from './facts.ts';
import type { AgentStateValue, AgentUpdate, Failure, Observed } from './state.ts';
import { requestHold } from './validator.ts';

/** Reads why it failed, remembers it, and starts the revert, with a person's leave where policy wants it. */
export async function takeBack(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  const failure = await readFailure(deps, state, context, plan, observed);
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

/** Why it failed, from events, pod states and logs as Argo CD shows them; the verdict alone where they cannot be read. */
async function readFailure(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<Failure> {
  const observations = await listObservations(deps.db.knex, state.ticketId, toPushed(state).head);
  const observation = observations.find((one) => one.application === observed.application);
  const verdict: Failure = {
    failureClass: observed.reason === '' ? observed.kind : observed.reason,
    signature: observed.sentence.replace(/[0-9a-f]{7,40}|\d+/g, '#').slice(0, 200),
    sentence: observed.sentence,
  };
  if (observation === undefined) return verdict;
  const snapshot = observation.snapshot as ApplicationSnapshot;
  const started = deps.clock.now();
  try {
    const diagnosis = await diagnose(deps.argo, snapshot.application, {
      changed: (plan.draft?.changes ?? []).map((change) => change.ref),
      redactor: deps.redactor,
      clock: deps.clock,
      signal: context.signal,
    });
    const output = [diagnosis.sentence, ...diagnosis.logTail.slice(-20)].join('\n');
    await context.emit('resolver', [
      {
        type: 'tool_call',
        data: {
          tool: 'argocd.diagnose',
          input: `resource tree, events and logs of ${observed.application}`,
          output,
          durationMs: deps.clock.now() - started,
          ok: true,
        },
      },
    ]);
    if (diagnosis.class === 'unknown') return { ...verdict, sentence: `${observed.sentence} ${diagnosis.sentence}` };
    const fingerprint = toFingerprint(diagnosis);
    return {
      failureClass: fingerprint.class,
      signature: fingerprint.signature,
      sentence: `${observed.sentence} ${diagnosis.sentence}`,
    };
  } catch (error) {
    if (context.signal.aborted) throw error;
    const text = `reading why it failed did not work: ${toErrorMessage(error)}`;
    await context.emit('resolver', [{ type: 'note', data: { node: 'resolver', text } }]);
    return verdict;
  }
}
