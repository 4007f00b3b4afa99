import type { CommitSha } from '../lib/ids.ts';
import { AppError } from '../lib/errors.ts';
import type { PlannedStep } from '../model/planning.ts';
import { CHANGE_TRAILER, STEP_TRAILER, TICKET_TRAILER } from '../repo/commit.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import { toDifferenceHash, type StoredPlan } from '../ticket/plan.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { makeAgain, type AfterStep, type AppliedPlan } from './draft.ts';
import type { Made } from './made.ts';
import type { AgentStateValue } from './state.ts';
import { listBlocking, reviewDraft, toRendered } from './validator.ts';

// The commits of a change or of its revert, made in a private work tree and nowhere else yet.

type MadeOutcome = Made | { kind: 'differs' } | { kind: 'failed'; sentence: string };

/** Commits the approved steps on `base`, one commit a step, in a private work tree. */
export async function makeChange(
  deps: AgentDeps,
  context: RunContext,
  input: { plan: StoredPlan; base: CommitSha; key: string },
): Promise<MadeOutcome> {
  const { plan, base, key } = input;
  const { repo } = deps;
  return await repo.withWorkTree(
    base,
    `${plan.ticketId}-push`,
    async (workTree): Promise<MadeOutcome> => {
      const commits: CommitSha[] = [];
      const events: TicketEventBody[] = [];
      const { steps } = plan.intent;
      const commitStep: AfterStep = async (index, step) => {
        const sha = await workTree.commit({
          message: toMessage(step, plan),
          trailers: { [TICKET_TRAILER]: plan.ticketId, [STEP_TRAILER]: String(index + 1), [CHANGE_TRAILER]: key },
        });
        if (sha === undefined) return;
        commits.push(sha);
        const files = await repo.changedPaths((commits.at(-2) ?? base) as CommitSha, sha);
        events.push({
          type: 'commit',
          data: { sha, subject: toSubject(step.title), step: index + 1, purpose: 'change', files: files.length },
        });
      };
      const outcome = await makeAgain(deps, workTree, { base, steps }, context.signal, commitStep);
      if (outcome.kind !== 'applied') return { kind: 'differs' };
      if (toDifferenceHash(outcome.changes) !== plan.draft?.differenceHash) return { kind: 'differs' };
      const refusal = await checkAgain(deps, plan, outcome);
      if (refusal !== undefined) return refusal;
      const head = commits.at(-1);
      if (head === undefined) return { kind: 'differs' };
      return { kind: 'made', head, commits, events };
    },
    context.signal,
  );
}

/** What was approved is checked once more where it will be pushed: the base, the rules or the hour may be others now. */
async function checkAgain(
  deps: AgentDeps,
  plan: StoredPlan,
  outcome: AppliedPlan,
): Promise<Exclude<MadeOutcome, Made> | undefined> {
  const { draft, review } = plan;
  if (draft === null || review === null) return { kind: 'differs' };
  const now = await reviewDraft(deps, plan, draft, toRendered(outcome));
  if (now.policy.version !== review.policy.version) return { kind: 'differs' };
  const errors = listBlocking(plan, now.findings);
  if (errors.length === 0 && now.policy.decision !== 'deny') return undefined;
  const reasons = errors.length > 0 ? errors.map(({ message, fix }) => `${message} ${fix}`) : now.policy.reasons;
  return { kind: 'failed', sentence: `Checked again before the push, the change is refused: ${reasons.join(' ')}` };
}

/** One commit that takes back what this ticket pushed, rendered files and source alike. */
export async function makeRevert(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  input: { base: CommitSha; key: string },
): Promise<MadeOutcome> {
  const pushed = state.pushed;
  if (pushed === null) throw new AppError('internal', 'a revert without a push');
  return await deps.repo.withWorkTree(
    input.base,
    `${state.ticketId}-revert`,
    async (workTree): Promise<MadeOutcome> => {
      const newestFirst = [...pushed.commits].reverse() as CommitSha[];
      const reverted = await workTree.revert(newestFirst);
      if (reverted.kind === 'conflict') {
        const paths = reverted.paths.join(', ');
        return {
          kind: 'failed',
          sentence: `The change did not work and cannot be taken back by itself: later commits changed ${paths} too. A person has to look.`,
        };
      }
      if (reverted.kind === 'empty')
        return { kind: 'failed', sentence: 'The change did not work, and somebody has already taken it back.' };
      const reason = state.failure?.sentence ?? 'the change did not become healthy';
      const subject = toSubject(`revert: ${state.failure?.failureClass ?? 'failed'} after ${pushed.head.slice(0, 9)}`);
      const body = newestFirst.map((sha) => `This reverts commit ${sha}.`).join('\n');
      const sha = await workTree.commit({
        message: `${subject}\n\n${reason}\n\n${body}`,
        trailers: { [TICKET_TRAILER]: state.ticketId, [STEP_TRAILER]: 'revert', [CHANGE_TRAILER]: input.key },
      });
      if (sha === undefined) return { kind: 'failed', sentence: 'Taking the change back changes nothing.' };
      const files = await deps.repo.changedPaths(input.base, sha);
      const event: TicketEventBody = {
        type: 'commit',
        data: { sha, subject, step: 0, purpose: 'revert', files: files.length },
      };
      return { kind: 'made', head: sha, commits: [sha], events: [event] };
    },
    context.signal,
  );
}

const MAX_SUBJECT = 72;

function toSubject(title: string): string {
  const line = title.replace(/\s+/g, ' ').trim();
  return line.length <= MAX_SUBJECT ? line : `${line.slice(0, MAX_SUBJECT - 1)}…`;
}

function toMessage(step: PlannedStep, plan: StoredPlan): string {
  return `${toSubject(step.title)}\n\n${step.why}\n\nPart of: ${plan.intent.summary}`;
}
