import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { PullRequest } from '../forge/forge.ts';
import { listApprovals } from '../ticket/approval-store.ts';
import { bookEffect, findEffect, settleEffect, type Effect } from '../ticket/effect-store.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import { findPullAt, savePull, updatePull, type TrackedPull } from '../ticket/pull-request-store.ts';
import { findTicket } from '../ticket/ticket-store.ts';
import type { Hold } from '../ticket/ticket.ts';
import type { AgentDeps, Proposals, RunContext } from './deps.ts';
import type { Made } from './made.ts';
import { prepareApplications, toPusherNote } from './prepare-applications.ts';
import { toBranchName, toSlot } from './proposal-slot.ts';
import { toPullBody, toPullTitle } from './pull-text.ts';
import { checkWanted } from './run-context.ts';
import type { AgentStateValue, AgentUpdate } from './state.ts';

// In place of a push: the commits go to a branch of their own, and a pull request asks for them to be merged. Every step is
// booked and found again, so that a crash anywhere leaves one branch and one pull request.

export interface ProposalInput {
  plan: StoredPlan;
  /** Value of the `Tiphys-Change` trailer. */
  key: string;
  isRevert: boolean;
}

export type ProposalOutcome = { kind: 'waits'; hold: Hold } | { kind: 'refused'; sentence: string };

/**
 * Proposes what was made. Only a branch that is exactly as we left it is written to. Throws `git_unavailable` where the host
 * does not answer; calling it again then goes on where it stopped.
 */
export async function propose(
  deps: AgentDeps & { proposals: Proposals },
  state: AgentStateValue,
  context: RunContext,
  input: ProposalInput & { base: CommitSha; made: Made },
): Promise<ProposalOutcome> {
  const known = await findPullAt(deps.db.knex, state.ticketId, toSlot(state));
  const branch = known?.branch ?? toBranchName(deps.proposals.branchPrefix, state, input.plan);
  const there = await deps.repo.findBranch(branch, context.signal);
  const booked = there === undefined ? undefined : await findBooked(deps, branch, there);
  if (there !== undefined && booked === undefined) return await leaveAlone(deps, context, known, branch, there);

  const isPushed = booked !== undefined && booked.intent['key'] === input.key && known?.state !== 'conflict';
  if (there !== undefined && isPushed) {
    const base = String(booked.intent['base']) as CommitSha;
    return await openOnce(deps, state, context, { ...input, known, branch, head: there, base });
  }
  const refusal = await pushBranch(deps, state, context, { ...input, branch, expected: there ?? null });
  if (refusal !== undefined) return { kind: 'refused', sentence: refusal };
  return await openOnce(deps, state, context, { ...input, known, branch, head: input.made.head });
}

async function findBooked(deps: AgentDeps, branch: string, head: string): Promise<Effect | undefined> {
  return await findEffect(deps.db.knex, 'branch_push', `${branch}@${head}`);
}

/** Somebody else has put commits there: they are theirs, and the pull request goes on without us. */
async function leaveAlone(
  deps: AgentDeps,
  context: RunContext,
  known: TrackedPull | undefined,
  branch: string,
  there: string,
): Promise<ProposalOutcome> {
  if (known === undefined) {
    const sentence = `A branch ${branch} is there already, and its head ${there.slice(0, 9)} is not of this ticket. Rename or remove it, then retry.`;
    return { kind: 'refused', sentence };
  }
  await context.emit('pusher', [
    toPusherNote(`somebody has changed branch ${branch}; it is left as it is, and the change is not made anew`),
  ]);
  await updatePull(deps.db.knex, known.id, { state: 'open', isConflicting: false });
  return { kind: 'waits', hold: toHold(known) };
}

/** Pushes the commits to the branch, snapshot and intent first. Gives the reason where the host refuses. */
async function pushBranch(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  input: ProposalInput & { base: CommitSha; made: Made; branch: string; expected: CommitSha | null },
): Promise<string | undefined> {
  const { base, made, branch, key, isRevert, expected } = input;
  const at = () => toIsoTime(deps.clock.now());
  // Whoever merges decides when; whether the Applications are ready then is seen while watching.
  await prepareApplications(deps, state, context, { base, head: made.head, isUrgent: true });
  const { effect } = await bookEffect(deps.db.knex, {
    id: deps.ids.next('effect'),
    ticketId: state.ticketId,
    kind: 'branch_push',
    naturalKey: `${branch}@${made.head}`,
    intent: { base, head: made.head, branch, key, commits: made.commits },
    at: at(),
  });
  checkWanted(context);
  await context.fence();
  const outcome = await deps.repo.pushBranch({ branch, expected, head: made.head });
  const effectState = outcome.kind === 'pushed' ? 'done' : outcome.kind === 'unknown' ? 'unknown' : 'failed';
  await settleEffect(deps.db.knex, effect.id, { state: effectState, outcome: { ...outcome }, at: at() });
  const push = (said: 'proposed' | 'rejected' | 'unknown' | 'non_fast_forward', detail?: string): TicketEventBody => ({
    type: 'push',
    data: {
      branch,
      base,
      head: made.head,
      commits: [...made.commits],
      outcome: said,
      purpose: isRevert ? 'revert' : 'change',
      ...(detail === undefined ? {} : { detail }),
    },
  });
  switch (outcome.kind) {
    case 'pushed':
      await context.emit('pusher', [...made.events, push('proposed')]);
      return undefined;
    case 'rejected':
      await context.emit('pusher', [push('rejected', outcome.reason)]);
      return `The git host refused branch ${branch}: ${outcome.reason} ${outcome.hint}`;
    case 'elsewhere':
      await context.emit('pusher', [push('non_fast_forward')]);
      throw new AppError('git_unavailable', `branch ${branch} moved while it was pushed; it is looked at again`);
    case 'unknown':
      await context.emit('pusher', [push('unknown', outcome.reason)]);
      throw new AppError('git_unavailable', `pushing branch ${branch} ended without an answer: ${outcome.reason}`);
  }
}

interface Opening extends ProposalInput {
  known: TrackedPull | undefined;
  branch: string;
  base: CommitSha;
  head: CommitSha;
}

/** Opens the pull request, or takes the one that is there; then the row waits. */
async function openOnce(
  deps: AgentDeps & { proposals: Proposals },
  state: AgentStateValue,
  context: RunContext,
  opening: Opening,
): Promise<ProposalOutcome> {
  const { branch, key, isRevert, base, head } = opening;
  const { knex } = deps.db;
  const { forge } = deps.proposals;
  const at = () => toIsoTime(deps.clock.now());
  const booked = await bookEffect(knex, {
    id: deps.ids.next('effect'),
    ticketId: state.ticketId,
    kind: 'pull_request',
    naturalKey: branch,
    intent: { branch, base: deps.repo.branch, key },
    at: at(),
  });
  const text = await toText(deps, state, opening);
  checkWanted(context);
  await context.fence();
  const found = booked.isNew ? undefined : await forge.find(branch, deps.repo.branch, context.signal);
  const outcome = await openOrUpdate(deps, { found, branch, text }, context.signal);
  if (outcome.kind === 'refused') {
    await settleEffect(knex, booked.effect.id, { state: 'failed', outcome: { ...outcome }, at: at() });
    const sentence = `The git host does not take the pull request: ${outcome.reason}. ${outcome.hint} Branch ${branch} has the commits.`;
    return { kind: 'refused', sentence };
  }
  const { pull } = outcome;
  const { number, url } = pull;
  const pullRequest = await savePull(knex, {
    id: deps.ids.next('pull'),
    ticketId: state.ticketId,
    attempt: state.attempt,
    slot: toSlot(state),
    purpose: isRevert ? 'revert' : 'change',
    changeKey: key,
    branch,
    baseBranch: deps.repo.branch,
    number,
    url,
    head,
    base,
    at: at(),
    nextLookAt: toIsoTime(deps.clock.now() + deps.proposals.pollMs),
  });
  await settleEffect(knex, booked.effect.id, { state: 'done', outcome: { number, url }, at: at() });
  await context.emit('pusher', [toPullEvent(pullRequest, outcome.kind)]);
  return { kind: 'waits', hold: toHold(pullRequest) };
}

type OpenedOutcome =
  { kind: 'opened' | 'found' | 'updated'; pull: PullRequest } | { kind: 'refused'; reason: string; hint: string };

async function openOrUpdate(
  { repo, proposals }: AgentDeps & { proposals: Proposals },
  { found, branch, text }: { found: PullRequest | undefined; branch: string; text: { title: string; body: string } },
  signal: AbortSignal,
): Promise<OpenedOutcome> {
  const { forge } = proposals;
  if (found !== undefined) {
    if (found.state === 'open') await forge.update(found.number, text, signal);
    return { kind: 'updated', pull: found };
  }
  const opened = await forge.open({ ...text, head: branch, base: repo.branch }, signal);
  if (opened.kind !== 'exists') return opened;
  const other = await forge.find(branch, repo.branch, signal);
  if (other === undefined)
    throw new AppError('git_unavailable', `the git host says that ${branch} has a pull request, and does not show it`);
  return { kind: 'found', pull: other };
}

async function toText(
  deps: AgentDeps,
  state: AgentStateValue,
  { plan, isRevert }: ProposalInput,
): Promise<{ title: string; body: string }> {
  const ticket = await findTicket(deps.db.knex, state.ticketId);
  const approvals = await listApprovals(deps.db.knex, state.ticketId);
  const hash = plan.review?.changeHash;
  const approval = approvals.findLast((one) => one.state === 'granted' && one.changeHash === hash);
  const reason = state.failure?.sentence ?? 'the change did not become healthy';
  const approvedBy = approval?.decidedBy ?? null;
  const input = { plan, isRevert, reason, approvedBy, ticketTitle: ticket?.title ?? '' };
  // It leaves the house: what looks like a secret is masked as everywhere.
  return { title: deps.redactor.text(toPullTitle(input)), body: deps.redactor.text(toPullBody(input)) };
}

export function toHold(pull: TrackedPull): Hold {
  const { id: pullRequestId, number, url, branch, purpose } = pull;
  return { kind: 'merge', pullRequestId, number, url, branch, purpose };
}

type PullEvent = Extract<TicketEventBody, { type: 'pull_request' }>;

export function toPullEvent(
  pull: Pick<TrackedPull, 'number' | 'url' | 'branch' | 'purpose'> & { head: string },
  state: PullEvent['data']['state'],
  more: Pick<PullEvent['data'], 'commit' | 'by' | 'detail'> = {},
): PullEvent {
  const { number, url, branch, purpose, head } = pull;
  return { type: 'pull_request', data: { number, url, branch, purpose, head, state, ...more } };
}

/** Whether this change is proposed; a revert may be pushed where changes are proposed. */
export function isProposed(deps: AgentDeps, isRevert: boolean): deps is AgentDeps & { proposals: Proposals } {
  return deps.proposals !== null && (!isRevert || deps.proposals.proposesReverts);
}

/** A refusal ends the ticket; otherwise it waits. */
export function toProposalUpdate(outcome: ProposalOutcome, refuse: (sentence: string) => AgentUpdate): AgentUpdate {
  return outcome.kind === 'waits' ? { hold: outcome.hold } : refuse(outcome.sentence);
}
