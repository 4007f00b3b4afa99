import type { StoredPlan } from '../ticket/plan.ts';
import { askPerson } from './ask-person.ts';
import { decideLater } from './decide-later.ts';
import { recordOutcomes } from './deploys.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { end, toPushed } from './ending.ts';
import { actOnRollout, isStillPaused } from './rollout-action.ts';
import type { AgentStateValue, AgentUpdate, Observed } from './state.ts';
import { takeBackUnjudged } from './start-revert.ts';
import { requestHold } from './validator.ts';

/** Watches again from the start, after a moment: asked at once, Argo CD might show the same. */
export async function watchOn(deps: AgentDeps, context: RunContext, ms: number): Promise<AgentUpdate> {
  await deps.clock.sleep(ms, context.signal);
  return { observed: null, decision: null };
}

/** A rollout stands still at a step without end: policy, or a person, says whether it moves on. */
export async function decidePromotion(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  // What was shown may be older than what was decided last.
  if (!(await isStillPaused(deps, state, context, observed)))
    return await watchOn(deps, context, deps.settings.budgets.tickMs);
  const { decision, review } = decideLater(deps, plan, 'promotion');
  // Numbers that came out neither good nor bad are for a person to read, whatever the policy.
  const isOpen = observed.pause === 'InconclusiveAnalysisRun';
  if (decision.decision === 'allow' && !isOpen) return await promote(deps, state, context, observed);
  return { hold: await requestHold(deps, context, { plan, review, kind: 'promotion', sentence: observed.sentence }) };
}

/** Moves the paused rollout on, and goes back to watching; asks where it does not move. */
export async function promote(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  observed: Observed,
): Promise<AgentUpdate> {
  if (await actOnRollout(deps, state, context, observed, 'go_on')) return { observed: null, decision: null };
  return await askWatching(deps, state, context, {
    ...observed,
    kind: 'blocked',
    sentence: `${observed.sentence} It was told to go on, several times, and did not; is the Argo Rollouts controller running?`,
  });
}

/** Stops the rollout, which brings all traffic back to the old version, and takes the change back in git. */
export async function refusePromotion(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  plan: StoredPlan,
  observed: Observed,
): Promise<AgentUpdate> {
  const isAborted = await actOnRollout(deps, state, context, observed, 'abort');
  const isOpen = observed.pause === 'InconclusiveAnalysisRun';
  const how = isAborted ? 'the rollout was aborted' : 'the rollout was told to abort, and has not done so yet';
  return await takeBackUnjudged(deps, state, context, plan, {
    verdict: isOpen ? 'inconclusive' : 'not_promoted',
    sentence: `${observed.sentence} Promotion was not granted, so ${how}.`,
  });
}

// What a person may answer; anything else watches on.
const ANSWERS = {
  again: 'measure again',
  take_back: 'take it back',
  keep: 'keep it',
  leave: 'leave it as it is',
  watch: 'keep watching',
} as const;

export function isAnswer(answer: string, wanted: keyof typeof ANSWERS): boolean {
  return answer === ANSWERS[wanted];
}

/** Nothing is known about the new version: only a person can say what to make of that. */
export async function askInconclusive(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  observed: Observed,
): Promise<AgentUpdate> {
  const { again, take_back, keep, leave } = ANSWERS;
  const options = observed.reason === 'aborted' ? [again, take_back, leave] : [keep, take_back];
  const question = `${observed.sentence} What should happen?`;
  const asking = { question, options, field: 'inconclusive', returnTo: 'observing' as const };
  return { hold: await askPerson(deps, state, context, { ...asking, node: 'resolver' }) };
}

export async function onInconclusiveAnswer(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  { plan, observed, answer }: { plan: StoredPlan; observed: Observed; answer: string },
): Promise<AgentUpdate> {
  switch (answer) {
    case ANSWERS.take_back:
      return await takeBackUnjudged(deps, state, context, plan, {
        verdict: 'inconclusive',
        sentence: observed.sentence,
      });
    case ANSWERS.keep:
      await recordOutcomes(deps, { plan, pushed: toPushed(state), outcome: 'inconclusive', verdict: observed.reason });
      return end(state, 'resolved', 'kept', `${observed.sentence} A person decided to keep it.`);
    case ANSWERS.leave:
      await recordOutcomes(deps, { plan, pushed: toPushed(state), outcome: 'inconclusive', verdict: observed.reason });
      return end(state, 'failed', 'left', `${observed.sentence} It was left as it is.`);
    default:
      if (observed.reason === 'aborted') await actOnRollout(deps, state, context, observed, 'retry');
      return await watchOn(deps, context, deps.settings.budgets.tickMs);
  }
}

/** Asks what to do about something that neither goes on nor fails. */
export async function askWatching(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  observed: Observed,
): Promise<AgentUpdate> {
  const question = `${observed.sentence} What should happen?`;
  const options = [ANSWERS.watch, ANSWERS.take_back, ANSWERS.leave];
  const asking = { question, options, field: 'watching', returnTo: 'observing' as const };
  return { observed, decision: null, hold: await askPerson(deps, state, context, { ...asking, node: 'resolver' }) };
}
