import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { PlannedStep } from '../model/planning.ts';
import type { PushOutcome } from '../repo/push.ts';
import { bookEffect, settleEffect } from '../ticket/effect-store.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import { nextRevision, savePlan } from '../ticket/plan-store.ts';
import { toDifferenceHash, type StoredPlan } from '../ticket/plan.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { findProposed } from './find-proposed.ts';
import type { Made } from './made.ts';
import { isProposed, propose, toProposalUpdate } from './propose.ts';
import { recordDeploys } from './deploys.ts';
import { applyPlan, makeAgain, toDraftDeps, type AfterStep, type AppliedPlan } from './draft.ts';
import { getPlan } from './executor.ts';
import { prepareApplications, toPusherNote } from './prepare-applications.ts';
import { checkWanted } from './run-context.ts';
import type { AgentStateValue, AgentUpdate, Pushed } from './state.ts';
import { listBlocking, requestHold, reviewDraft, reviewWithArgo, toRendered } from './validator.ts';

// The one node that changes the branch, or proposes that somebody changes it. What it pushes is made anew on the newest base from the approved steps; if that
// comes to another rendered difference than the approved one, it is not pushed but asked about.

const TICKET_TRAILER = 'Tiphys-Ticket';
const STEP_TRAILER = 'Tiphys-Step';
const CHANGE_TRAILER = 'Tiphys-Change';

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
    if (found !== undefined)
      return await finish(deps, state, context, { plan, key, pushed: found, isRevert, fresh: false });

    const made = isRevert
      ? await makeRevert(deps, state, context, { base, key })
      : await makeChange(deps, context, { plan, base, key });
    if (made.kind === 'differs') return await askAgain(deps, state, context, plan, base);
    if (made.kind === 'failed') return toFailure(state, made.sentence);
    if (isProposed(deps, isRevert)) {
      const outcome = await propose(deps, state, context, { plan, key, isRevert, base, made });
      return toProposalUpdate(outcome, (sentence) => toFailure(state, sentence));
    }
    const ready = await prepareApplications(deps, state, context, { base, head: made.head, isUrgent: isRevert });
    if (ready !== undefined) return toFailure(state, `Nothing was pushed: ${ready}`, 'not_ready');
    const outcome = await pushBooked(deps, state, context, { key, base, made, isRevert });
    switch (outcome.kind) {
      case 'pushed':
      case 'already_pushed': {
        const pushed = { base, head: made.head, commits: made.commits, atMs: deps.clock.now() };
        return await finish(deps, state, context, { plan, key, pushed, isRevert, fresh: true });
      }
      case 'non_fast_forward':
      case 'unknown':
        // Somebody else was first, or the answer was lost: look again before doing anything.
        continue;
      case 'rejected':
        return toFailure(state, `The repository refused the push: ${outcome.reason} ${outcome.hint}`);
    }
  }
  throw new AppError('git_unavailable', `the branch moved on ${deps.settings.pushAttempts} times while pushing`, {
    hint: 'Retry the ticket when the branch is quieter.',
  });
}

function toFailure(state: AgentStateValue, sentence: string, code = 'push_refused'): AgentUpdate {
  const commits = state.pushed?.commits ?? [];
  return { ending: { status: 'failed', code, sentence, commits, reverted: false, revertCommits: [] } };
}

/** The commits of this change, if they are on the branch already: after a crash the world knows more than we do. */
async function findPushed(deps: AgentDeps, key: string): Promise<Pushed | undefined> {
  const commits = await deps.repo.findByTrailer(CHANGE_TRAILER, key);
  const newest = commits[0];
  const oldest = commits.at(-1);
  if (newest === undefined || oldest === undefined) return undefined;
  return {
    base: oldest.parents[0] ?? oldest.sha,
    head: newest.sha,
    commits: commits.map(({ sha }) => sha).reverse(),
    atMs: Date.parse(newest.at),
  };
}

type MadeOutcome = Made | { kind: 'differs' } | { kind: 'failed'; sentence: string };

/** Commits the approved steps on `base`, one commit a step, in a private work tree. */
async function makeChange(
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
async function makeRevert(
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

/** Snapshot, intent, push, outcome: in this order, so that a crash anywhere between leaves something to look at. */
async function pushBooked(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  input: { key: string; base: CommitSha; made: Made; isRevert: boolean },
): Promise<PushOutcome> {
  const { key, base, made, isRevert } = input;
  const at = toIsoTime(deps.clock.now());
  const booked = await bookEffect(deps.db.knex, {
    id: deps.ids.next('effect'),
    ticketId: state.ticketId,
    kind: 'push',
    naturalKey: key,
    intent: { base, head: made.head, branch: deps.repo.branch },
    at,
  });
  checkWanted(context);
  await context.fence();
  const outcome = await deps.repo.push({ base, head: made.head });
  const isDone = outcome.kind === 'pushed' || outcome.kind === 'already_pushed';
  const effectState = isDone ? 'done' : outcome.kind === 'unknown' ? 'unknown' : 'failed';
  await settleEffect(deps.db.knex, booked.effect.id, {
    state: effectState,
    outcome: { ...outcome },
    at: toIsoTime(deps.clock.now()),
  });
  await context.emit('pusher', [...(isDone ? made.events : []), toPushEvent(deps, { base, made, isRevert, outcome })]);
  return outcome;
}

function toPushEvent(
  deps: AgentDeps,
  input: {
    base: string;
    made: Pick<Made, 'head' | 'commits'>;
    isRevert: boolean;
    outcome: Pick<PushOutcome, 'kind'> & { reason?: string };
  },
): TicketEventBody {
  const { base, made, isRevert, outcome } = input;
  return {
    type: 'push',
    data: {
      branch: deps.repo.branch,
      base,
      head: made.head,
      commits: [...made.commits],
      outcome: outcome.kind,
      purpose: isRevert ? 'revert' : 'change',
      ...(outcome.reason === undefined ? {} : { detail: outcome.reason }),
    },
  };
}

async function finish(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  input: { plan: StoredPlan; key: string; pushed: Pushed; isRevert: boolean; fresh: boolean },
): Promise<AgentUpdate> {
  const { plan, key, pushed, isRevert, fresh } = input;
  if (!fresh) {
    // Found on the branch: we pushed it before a crash and did not live to write it down.
    const booked = await bookEffect(deps.db.knex, {
      id: deps.ids.next('effect'),
      ticketId: state.ticketId,
      kind: 'push',
      naturalKey: key,
      intent: { head: pushed.head },
      at: toIsoTime(deps.clock.now()),
    });
    if (booked.effect.state !== 'done') {
      const outcome = { kind: 'already_pushed', head: pushed.head };
      await settleEffect(deps.db.knex, booked.effect.id, { state: 'done', outcome, at: toIsoTime(deps.clock.now()) });
      const made = { head: pushed.head as CommitSha, commits: pushed.commits as CommitSha[] };
      await context.emit('pusher', [
        toPushEvent(deps, { base: pushed.base, made, isRevert, outcome: { kind: 'already_pushed' } }),
      ]);
    }
  }
  await recordDeploys(deps, { ticketId: state.ticketId, plan, pushed, isRevert });
  return isRevert
    ? { reverted: pushed, observed: null, decision: null, feedback: [] }
    : { pushed, observed: null, decision: null, feedback: [] };
}

/** The base moved and the steps now come to something else than was approved: a new plan revision, asked about anew. */
async function askAgain(
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
  if (again.isEmpty) return toNothingLeft(state, base, again.summaries);
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
    return toFailure(
      state,
      `On the newest base the change is refused: ${errors.map(({ message }) => message).join(' ')}`,
    );
  const sentence = `The branch moved to ${base.slice(0, 9)}, and the difference is not the approved one any more.`;
  await context.emit('pusher', [toPusherNote(sentence)]);
  return { revision, hold: await requestHold(deps, context, { plan, review, kind: 'changed_difference', sentence }) };
}

/** Somebody else has brought the branch to where the plan would bring it; their commits are not ours. */
function toNothingLeft(state: AgentStateValue, base: CommitSha, summaries: readonly string[]): AgentUpdate {
  const sentence = `Nothing to change any more on ${base.slice(0, 9)}: ${summaries.join('; ')}. Nothing was pushed.`;
  return {
    ending: {
      status: 'resolved',
      code: 'already_so',
      sentence,
      commits: state.earlier,
      reverted: false,
      revertCommits: [],
    },
  };
}

const MAX_SUBJECT = 72;

function toSubject(title: string): string {
  const line = title.replace(/\s+/g, ' ').trim();
  return line.length <= MAX_SUBJECT ? line : `${line.slice(0, MAX_SUBJECT - 1)}…`;
}

function toMessage(step: PlannedStep, plan: StoredPlan): string {
  return `${toSubject(step.title)}\n\n${step.why}\n\nPart of: ${plan.intent.summary}`;
}
