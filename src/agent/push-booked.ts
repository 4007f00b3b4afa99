import { toIsoTime } from '../lib/clock.ts';
import type { CommitSha } from '../lib/ids.ts';
import { CHANGE_TRAILER } from '../repo/commit.ts';
import type { PushOutcome } from '../repo/push.ts';
import { bookEffect, settleEffect } from '../ticket/effect-store.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import type { Made } from './made.ts';
import { checkWanted } from './run-context.ts';
import type { AgentStateValue, Pushed } from './state.ts';

/** The commits of this change, if they are on the branch already: after a crash the world knows more than we do. */
export async function findPushed(deps: AgentDeps, key: string): Promise<Pushed | undefined> {
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

/** Snapshot, intent, push, outcome: in this order, so that a crash anywhere between leaves something to look at. */
export async function pushBooked(
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

/** Found on the branch: we pushed it before a crash and did not live to write it down. */
export async function bookFound(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  { key, pushed, isRevert }: { key: string; pushed: Pushed; isRevert: boolean },
): Promise<void> {
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
