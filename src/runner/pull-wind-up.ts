import { readEnd } from '../agent/landing.ts';
import { toPullEvent } from '../agent/propose.ts';
import { inTransaction } from '../database/transaction.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import { updatePull, type TrackedPull } from '../ticket/pull-request-store.ts';
import { dropBranch } from './pull-branch.ts';
import type { PullLookDeps } from './pull-deps.ts';
import { sayOnce } from './pull-words.ts';

const OVER = 'The ticket of this pull request has ended in Tiphys, so nobody would watch what it deploys.';

/**
 * The ticket has ended while its pull request was open: that is closed, unless a person has made the branch theirs. One that
 * was merged after all is only told of.
 */
export async function windUp(deps: PullLookDeps, pull: TrackedPull, signal: AbortSignal): Promise<void> {
  const { forge } = deps.proposals;
  const seen = await forge.get(pull.number, signal);
  const end = await readEnd(deps.repo, pull, seen, signal);
  if (end !== undefined) {
    const isMerged = end.state === 'merged';
    if (!isMerged && seen.head.sha === pull.head) await dropBranch(deps, pull, signal);
    const detail = isMerged ? 'merged after the ticket had ended: nobody watches what it deploys' : undefined;
    const by = end.endedBy === null ? {} : { by: end.endedBy };
    const told = { ...by, ...(detail === undefined ? {} : { detail }) };
    await tell(deps, pull, [toPullEvent(pull, isMerged ? 'merged' : 'closed', told)], end);
    return;
  }
  const said = await forge.listRemarks(pull.number, Date.parse(pull.createdAt), signal);
  if (pull.editedSha !== null || seen.head.sha !== pull.head) {
    await sayOnce(
      forge,
      pull.number,
      'over',
      said,
      `${OVER} Its branch has commits of others, so it stays open.`,
      signal,
    );
    await tell(deps, pull, [], {});
    return;
  }
  await sayOnce(forge, pull.number, 'over', said, `${OVER} It is closed.`, signal);
  await forge.close(pull.number, signal);
  await dropBranch(deps, pull, signal);
  await tell(deps, pull, [toPullEvent(pull, 'closed', { detail: 'closed by Tiphys, since the ticket has ended' })], {
    state: 'closed',
  });
}

async function tell(
  deps: PullLookDeps,
  pull: TrackedPull,
  events: readonly TicketEventBody[],
  patch: Parameters<typeof updatePull>[2],
): Promise<void> {
  await inTransaction(deps.db, async (trx) => {
    await updatePull(trx, pull.id, { ...patch, isWatched: false });
    await deps.journal.append(trx, pull.ticketId, 'system', events);
  });
  deps.journal.published();
}
