import { isAppError } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import { findPlan, savePlan } from '../ticket/plan-store.ts';
import { toDifferenceHash, type StoredPlan } from '../ticket/plan.ts';
import { AppError } from '../lib/errors.ts';
import { askPerson } from './ask-person.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { applyPlan, toDraftDeps, type DraftOutcome } from './draft.ts';
import { investigate } from './investigate.ts';
import { tellOtherInstances } from './other-instances.ts';
import type { AgentStateValue, AgentUpdate } from './state.ts';

/** Drafts the plan in a private work tree and keeps its rendered difference. Nothing leaves the work tree. */
export async function runExecutor(deps: AgentDeps, state: AgentStateValue, context: RunContext): Promise<AgentUpdate> {
  const plan = await getPlan(deps, state);
  if (plan.intent.steps.every((step) => step.kind === 'investigate')) return await investigate(deps, plan, context);
  const outcome = await draft(deps, plan, context);
  switch (outcome.kind) {
    case 'applied':
      return await keepDraft(deps, plan, outcome, context);
    case 'synth_failed':
      return refuseOrReplan(
        deps,
        state,
        `Step ${outcome.step + 1} does not render: ${outcome.message}`,
        'synth_failed',
      );
    case 'step_failed':
      return await onFailedStep(deps, state, context, outcome, plan);
  }
}

export async function getPlan(deps: AgentDeps, state: AgentStateValue): Promise<StoredPlan> {
  const plan = await findPlan(deps.db.knex, state);
  if (plan === undefined)
    throw new AppError('internal', `plan ${state.attempt}.${state.revision} of ${state.ticketId} is missing`);
  return plan;
}

async function draft(deps: AgentDeps, plan: StoredPlan, context: RunContext): Promise<DraftOutcome> {
  const started = deps.clock.now();
  const outcome = await deps.repo.withWorkTree(
    plan.baseCommit as CommitSha,
    `${plan.ticketId}-draft`,
    async (workTree) => {
      try {
        return await applyPlan(toDraftDeps(deps), workTree, plan.intent.steps, context.signal);
      } catch (error) {
        // A path the guard refuses is the plan's fault, not ours.
        if (!isAppError(error, 'invalid_input') && !isAppError(error, 'forbidden')) throw error;
        const reason = {
          kind: 'unsupported' as const,
          reason: error.message,
          hint: error.hint ?? 'Write inside the charts.',
        };
        return { kind: 'step_failed' as const, step: 0, outcome: reason };
      }
    },
    context.signal,
  );
  await context.emit('executor', [
    {
      type: 'tool_call',
      data: {
        tool: 'draft',
        input: plan.intent.steps.map((step, index) => `${index + 1}. ${step.title}`).join('\n'),
        output: toSummary(outcome),
        durationMs: Math.round(deps.clock.now() - started),
        ok: outcome.kind === 'applied',
      },
    },
  ]);
  return outcome;
}

function toSummary(outcome: DraftOutcome): string {
  switch (outcome.kind) {
    case 'applied':
      return [...outcome.summaries, `rendered objects that differ: ${outcome.changes.length}`].join('\n');
    case 'synth_failed':
      return `step ${outcome.step + 1} does not render: ${outcome.message}`;
    case 'step_failed':
      return `step ${outcome.step + 1}: ${outcome.outcome.kind}`;
  }
}

async function keepDraft(
  deps: AgentDeps,
  plan: StoredPlan,
  outcome: Extract<DraftOutcome, { kind: 'applied' }>,
  context: RunContext,
): Promise<AgentUpdate> {
  if (outcome.isEmpty) {
    const sentence = `Nothing to change: ${outcome.summaries.join('; ')}.`;
    await context.emit('executor', [{ type: 'note', data: { node: 'executor', text: sentence } }]);
    return {
      ending: { status: 'resolved', code: 'already_so', sentence, commits: [], reverted: false, revertCommits: [] },
    };
  }
  deps.drafts.keep(plan.baseCommit, plan.intent.steps, outcome);
  const { changes } = outcome;
  const draft = {
    changes,
    sourceFiles: outcome.sourceFiles.map(({ path }) => path),
    differenceHash: toDifferenceHash(changes),
  };
  await savePlan(deps.db.knex, { ...plan, draft });
  await tellOtherInstances(deps, context, outcome);
  return { feedback: [] };
}

/** A planner that can think again gets told what was wrong; otherwise the ticket ends with the reason. */
export function refuseOrReplan(deps: AgentDeps, state: AgentStateValue, reason: string, code: string): AgentUpdate {
  if (deps.settings.plannerCanRevise && state.plannerRuns < deps.settings.plannerAttempts)
    return { feedback: [reason] };
  return {
    ending: {
      status: 'failed',
      code,
      sentence: `${reason} Nothing was pushed.`,
      commits: [],
      reverted: false,
      revertCommits: [],
    },
  };
}

async function onFailedStep(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  failed: Extract<DraftOutcome, { kind: 'step_failed' }>,
  plan: StoredPlan,
): Promise<AgentUpdate> {
  const { outcome } = failed;
  const title = plan.intent.steps[failed.step]?.title ?? `step ${failed.step + 1}`;
  switch (outcome.kind) {
    case 'unsupported':
      return refuseOrReplan(deps, state, `Cannot do "${title}": ${outcome.reason} ${outcome.hint}`, 'edit_unsupported');
    case 'not_found': {
      const near = outcome.candidates.length === 0 ? '' : ` There is: ${outcome.candidates.join(', ')}.`;
      return refuseOrReplan(deps, state, `Cannot do "${title}": ${outcome.what} was not found.${near}`, 'not_found');
    }
    case 'ambiguous': {
      const question = `"${title}" could mean several: which ${outcome.what}?`;
      const asking = { question, options: outcome.candidates, field: 'target', returnTo: 'planning' as const };
      return { hold: await askPerson(deps, state, context, { ...asking, node: 'executor' }) };
    }
  }
}
