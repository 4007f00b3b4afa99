import { toClosedSentence, readEnd } from '../agent/landing.ts';
import { takeSnapshots } from '../agent/prepare-applications.ts';
import { toPullEvent } from '../agent/propose.ts';
import { toApplicationKey } from '../argocd/application.ts';
import type { ApplicationSnapshot } from '../argocd/snapshot.ts';
import { inTransaction, type Transaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { toErrorMessage } from '../lib/errors.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { PullRequest, Remark } from '../forge/forge.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import { findPushedCommits } from '../ticket/event-store.ts';
import { moveTicket, type Move } from '../ticket/move.ts';
import { replaceSnapshot } from '../ticket/observation-store.ts';
import { lockPull, noteRemarks, updatePull, type TrackedPull } from '../ticket/pull-request-store.ts';
import { findTicket, lockTicket } from '../ticket/ticket-store.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { PullLookDeps } from './pull-deps.ts';
import { isOwn, sayOnce, toReviewEvent } from './pull-words.ts';
import { dropBranch } from './pull-branch.ts';
import { windUp } from './pull-wind-up.ts';

/** What a look came to: whether something happened, and whether the next one should come soon. */
export interface LookOutcome {
  kind: 'quiet' | 'news' | 'soon' | 'over';
}

/** One look at a pull request that is waited for: what is new is written down, and the ticket moved where it moves. */
export async function lookAtPull(deps: PullLookDeps, pull: TrackedPull, signal: AbortSignal): Promise<LookOutcome> {
  const ticket = await findTicket(deps.db.knex, pull.ticketId);
  // Its rows go with it; there is nobody to tell.
  if (ticket === undefined) return { kind: 'over' };
  switch (toRole(ticket, pull)) {
    case 'busy':
      return { kind: 'quiet' };
    case 'over':
      await windUp(deps, pull, signal);
      return { kind: 'over' };
    case 'waits':
      // Decided while nobody was there to act on it, as when the ticket was paused.
      if (pull.state !== 'open') return await writeDown(deps, pull, NOTHING_NEW);
      return await writeDown(deps, pull, await observe(deps, pull, ticket, signal));
  }
}

function toRole(ticket: Ticket, pull: TrackedPull): 'waits' | 'busy' | 'over' {
  if (pull.attempt < ticket.attempt) return 'over';
  const status = ticket.status === 'paused' ? ticket.pausedFrom : ticket.status;
  if (status === 'resolved' || status === 'failed' || status === 'cancelled') return 'over';
  const isMeant = ticket.hold?.kind === 'merge' && ticket.hold.pullRequestId === pull.id;
  return status === 'pending_merge' && isMeant ? 'waits' : 'busy';
}

interface Seen {
  end: Awaited<ReturnType<typeof readEnd>>;
  remarks: Remark[];
  /** A head that is not ours, seen for the first time. */
  strangeHead: string | undefined;
  isConflicting: boolean;
  mustRemake: boolean;
  /** Where the base was before the host was asked. */
  baseSeen: CommitSha | undefined;
  snapshots: ApplicationSnapshot[] | undefined;
}

const NOTHING_NEW: Seen = {
  end: undefined,
  remarks: [],
  strangeHead: undefined,
  isConflicting: false,
  mustRemake: false,
  baseSeen: undefined,
  snapshots: undefined,
};

const SNAPSHOT_EVERY_MS = 5 * 60_000;
/** The clock of the host may be off, and what is said becomes visible a little later. */
const OVERLAP_MS = 10 * 60_000;

async function observe(deps: PullLookDeps, pull: TrackedPull, ticket: Ticket, signal: AbortSignal): Promise<Seen> {
  const { forge } = deps.proposals;
  const since = Date.parse(pull.lookedAt ?? pull.createdAt) - OVERLAP_MS;
  // In this order: what is read before an answer that says "open" is older than any merge.
  const baseSeen = await deps.repo.fetch(signal);
  const snapshots = await takeSnapshotsIfDue(deps, pull, ticket);
  const seen = await forge.get(pull.number, signal);
  const remarks = await forge.listRemarks(pull.number, since, signal);
  const end = await readEnd(deps.repo, pull, seen, signal);
  if (end?.state === 'closed' && isUnedited(pull, seen)) await dropBranch(deps, pull, signal);
  const isOpen = end === undefined;
  const isStrange = isOpen && seen.head.sha !== '' && seen.head.sha !== pull.head;
  const strangeHead = isStrange && pull.editedSha === null ? seen.head.sha : undefined;
  if (strangeHead !== undefined) await sayOnce(forge, pull.number, 'edited', remarks, EDITED, signal);
  const isConflicting = isOpen && seen.mergeable === 'conflict';
  return {
    end,
    remarks: remarks.filter((remark) => !isOwn(remark)),
    strangeHead,
    isConflicting,
    // Twice, since one host calls a pull request unmergeable until it has looked; and only where a new base can help.
    mustRemake: isConflicting && pull.isConflicting && isUnedited(pull, seen) && baseSeen !== pull.base,
    baseSeen: isOpen ? baseSeen : undefined,
    snapshots: isOpen ? snapshots : undefined,
  };
}

function isUnedited(pull: TrackedPull, seen: PullRequest): boolean {
  return pull.editedSha === null && seen.head.sha === pull.head;
}

const EDITED =
  'This branch now has commits that are not of Tiphys. It is left as it is from here on: nothing is pushed to it any more, also where it conflicts. ' +
  'Merging it is watched, and where it deploys something else than was approved, the ticket says so.';

async function takeSnapshotsIfDue(
  deps: PullLookDeps,
  pull: TrackedPull,
  { instance }: Ticket,
): Promise<ApplicationSnapshot[] | undefined> {
  const age = deps.clock.now() - Date.parse(pull.snapshotAt ?? pull.changedAt);
  if (age < SNAPSHOT_EVERY_MS) return undefined;
  try {
    const { argo } = deps.instances.get(instance);
    return await takeSnapshots({ repo: deps.repo, argo }, pull);
  } catch (error) {
    // Those of before still stand; the next look tries again.
    deps.logger.warn({ pull: pull.number, error: toErrorMessage(error) }, 'applications could not be read anew');
    return undefined;
  }
}

/** One transaction: what was said, what was seen, and the move that follows from it. */
async function writeDown(deps: PullLookDeps, pull: TrackedPull, seen: Seen): Promise<LookOutcome> {
  const at = toIsoTime(deps.clock.now());
  const moved = await inTransaction(deps.db, async (trx) => {
    const ticket = await lockTicket(trx, pull.ticketId);
    const now = await lockPull(trx, pull.id);
    // Made anew, or looked at by somebody else meanwhile: this look is of something that is gone.
    if (now === undefined || now.state !== pull.state || now.head !== pull.head) return undefined;
    const next = { ...now, ...seen.end, ...(seen.mustRemake ? { state: 'conflict' as const } : {}) };
    const events = [...(await toRemarkEvents(trx, pull, seen, at)), ...toStateEvents(now, next, seen)];
    await keepSnapshots(trx, pull, seen.snapshots);
    const isMoving = next.state !== 'open' && ticket.status === 'pending_merge';
    await updatePull(trx, pull.id, {
      ...seen.end,
      state: next.state,
      isConflicting: seen.isConflicting,
      lookedAt: at,
      ...(seen.strangeHead === undefined ? {} : { editedSha: seen.strangeHead }),
      ...(seen.baseSeen === undefined ? {} : { baseSeen: seen.baseSeen }),
      ...(seen.snapshots === undefined ? {} : { snapshotAt: at }),
      ...(events.length === 0 ? {} : { changedAt: at }),
      ...(isMoving && next.state === 'closed' ? { isWatched: false } : {}),
      failures: 0,
      lastError: null,
    });
    const by = { actor: 'system', at };
    if (isMoving) return await moveTicket(trx, deps.journal, ticket, await toMove(trx, next, events), by);
    await deps.journal.append(trx, ticket.id, 'system', events);
    return events.length === 0 ? undefined : ('told' as const);
  });
  if (moved === undefined) return { kind: seen.isConflicting && !pull.isConflicting ? 'soon' : 'quiet' };
  deps.journal.published();
  if (moved !== 'told') deps.changed(moved);
  return { kind: 'news' };
}

const MAX_REMARKS = 100;

async function toRemarkEvents(trx: Transaction, pull: TrackedPull, seen: Seen, at: string): Promise<TicketEventBody[]> {
  const remarks = seen.remarks.slice(-MAX_REMARKS);
  const fresh = await noteRemarks(
    trx,
    pull.id,
    remarks.map(({ id }) => id),
    at,
  );
  return remarks.filter(({ id }) => fresh.has(id)).map((remark) => toReviewEvent(pull, remark));
}

function toStateEvents(before: TrackedPull, after: TrackedPull, seen: Seen): TicketEventBody[] {
  const edited =
    seen.strangeHead === undefined
      ? []
      : [
          toPullEvent({ ...before, head: seen.strangeHead }, 'edited', {
            detail: 'its branch has commits that are not of this ticket; it is left alone from here on',
          }),
        ];
  if (before.state === after.state || after.state === 'open') return edited;
  const { mergeCommit, endedBy } = after;
  return [
    ...edited,
    toPullEvent(after, after.state, {
      ...(mergeCommit === null ? {} : { commit: mergeCommit }),
      ...(endedBy === null ? {} : { by: endedBy }),
      ...(after.state === 'conflict'
        ? { detail: 'it conflicts with the base and is made anew on the newest one' }
        : {}),
    }),
  ];
}

async function keepSnapshots(
  trx: Transaction,
  pull: TrackedPull,
  snapshots: readonly ApplicationSnapshot[] | undefined,
): Promise<void> {
  for (const snapshot of snapshots ?? [])
    await replaceSnapshot(trx, {
      ticketId: pull.ticketId,
      application: toApplicationKey(snapshot.application),
      commit: pull.head,
      snapshot,
      pushedAt: null,
    });
}

/** Where the ticket goes when its pull request was decided about. */
async function toMove(trx: Transaction, pull: TrackedPull, also: TicketEventBody[]): Promise<Move> {
  const by = pull.endedBy === null ? '' : ` by ${pull.endedBy}`;
  switch (pull.state) {
    case 'open':
    case 'merged':
      return { to: 'executing', code: 'merged', reason: `pull request ${pull.number} was merged${by}`, also };
    case 'conflict': {
      const reason = `pull request ${pull.number} conflicts with ${pull.baseBranch}; the change is made anew`;
      return { to: 'executing', code: 'merge_conflict', reason, also };
    }
    case 'closed': {
      const sentence = toClosedSentence(pull);
      // The change itself is out where a revert was closed: the resolver carries it on.
      if (pull.purpose === 'revert') return { to: 'observing', code: 'closed_unmerged', reason: sentence, also };
      const pushed = await findPushedCommits(trx, pull.ticketId);
      const ending = { code: 'closed_unmerged', sentence, ...pushed, reverted: pushed.revertCommits.length > 0 };
      return { to: 'cancelled', code: 'closed_unmerged', reason: sentence, ending, also };
    }
  }
}
