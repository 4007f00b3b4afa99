import { toIsoTime } from '../lib/clock.ts';
import type { CommitSha } from '../lib/ids.ts';
import { nextRevision, savePlan } from '../ticket/plan-store.ts';
import { toDifferenceHash, type StoredPlan } from '../ticket/plan.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { applyPlan, toDraftDeps } from './draft.ts';
import { end } from './ending.ts';
import { toPusherNote } from './prepare-applications.ts';
import type { AgentStateValue, AgentUpdate } from './state.ts';
import { listBlocking, requestHold, reviewWithArgo, toRendered } from './validator.ts';

/** The base moved and the steps now come to something else than was approved: a new plan revision, asked about anew. */
export async function askAgain(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  old: StoredPlan,
  base: CommitSha,
): Promise<AgentUpdate> {
  const { repo } = deps;
  const again = await repo.withWorkTree(
    base,
    `${state.ticketId}-again`,
    async (workTree) => {
      const outcome = await applyPlan(toDraftDeps(deps), workTree, old.intent.steps, context.signal);
      if (outcome.kind !== 'applied') return undefined;
      deps.drafts.keep(base, old.intent.steps, outcome);
      const { changes, summaries, isEmpty } = outcome;
      return { changes, summaries, isEmpty, ...toRendered(outcome) };
    },
    context.signal,
  );
  if (again === undefined) {
    const text = 'the branch moved on, and the plan no longer applies to it';
    await context.emit('pusher', [toPusherNote(text)]);
    return { feedback: [`${text}; plan again on the newest commit`] };
  }
  if (again.isEmpty) {
    // Somebody else has brought the branch to where the plan would bring it; their commits are not ours.
    const left = `Nothing to change any more on ${base.slice(0, 9)}: ${again.summaries.join('; ')}. Nothing was pushed.`;
    return end(state, 'resolved', 'already_so', left);
  }
  const revision = await nextRevision(deps.db.knex, state.ticketId, state.attempt);
  const draft = {
    changes: again.changes,
    sourceFiles: again.sourceFiles.map(({ path }) => path),
    differenceHash: toDifferenceHash(again.changes),
  };
  const plan: StoredPlan = {
    ...old,
    revision,
    baseCommit: base,
    draft,
    review: null,
    createdAt: toIsoTime(deps.clock.now()),
  };
  const review = await reviewWithArgo(deps, context, plan, draft, again);
  await savePlan(deps.db.knex, { ...plan, review });
  const errors = listBlocking(plan, review.findings);
  if (errors.length > 0)
    return end(
      state,
      'failed',
      'push_refused',
      `On the newest base the change is refused: ${errors.map(({ message }) => message).join(' ')}`,
    );
  const sentence = `The branch moved to ${base.slice(0, 9)}, and the difference is not the approved one any more.`;
  await context.emit('pusher', [toPusherNote(sentence)]);
  return { revision, hold: await requestHold(deps, context, { plan, review, kind: 'changed_difference', sentence }) };
}
