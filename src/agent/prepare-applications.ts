import { findAffectedApplications } from '../argocd/affected.ts';
import { toApplicationKey } from '../argocd/application.ts';
import { checkReady, takeSnapshot, type ApplicationSnapshot, type Readiness } from '../argocd/snapshot.ts';
import { toIsoTime } from '../lib/clock.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import { saveSnapshot } from '../ticket/observation-store.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { checkWanted } from './run-context.ts';
import type { AgentStateValue } from './state.ts';

/**
 * Remembers how every touched Application stands before the push; without it an old fault would look like ours. Waits
 * a while for Applications that cannot take a change now, and says why in the end. What is urgent, as a revert, does not wait.
 */
export async function prepareApplications(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  change: { base: CommitSha; head: CommitSha; isUrgent: boolean },
): Promise<string | undefined> {
  const { branch } = deps.repo;
  const { budgets } = deps.settings;
  const deadline = deps.clock.now() + budgets.revisionMs;
  let told = '';
  for (;;) {
    checkWanted(context);
    const snapshots = await takeSnapshots(deps, change);
    const hindrances = change.isUrgent ? [] : snapshots.flatMap((one) => toHindrance(checkReady(one, branch)));
    if (hindrances.length === 0) {
      await keepSnapshots(deps, state, context, change.head, snapshots);
      return undefined;
    }
    const sentence = hindrances.join(' ');
    if (deps.clock.now() >= deadline) return sentence;
    if (sentence !== told) await context.emit('pusher', [toPusherNote(`waiting before the push: ${sentence}`)]);
    told = sentence;
    await deps.clock.sleep(budgets.tickMs, context.signal);
  }
}

/** How every Application stands that the step from one commit to the other touches. Reads only. */
export async function takeSnapshots(
  deps: Pick<AgentDeps, 'repo' | 'argo'>,
  change: { base: CommitSha; head: CommitSha },
): Promise<ApplicationSnapshot[]> {
  const changedPaths = await deps.repo.changedPaths(change.base, change.head);
  const { url: repoUrl, branch } = deps.repo;
  const source = { repoUrl, branch, changedPaths };
  const affected = await findAffectedApplications(deps.argo, source);
  return await Promise.all(affected.map(async (application) => await takeSnapshot(deps.argo, application, { source })));
}

function toHindrance(readiness: Readiness): string[] {
  return readiness.kind === 'ready' ? [] : [readiness.sentence];
}

/** A remark of the pusher. */
export function toPusherNote(text: string): TicketEventBody {
  return { type: 'note', data: { node: 'pusher', text } };
}

async function keepSnapshots(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  commit: CommitSha,
  snapshots: readonly ApplicationSnapshot[],
): Promise<void> {
  const names = snapshots.map(({ application }) => toApplicationKey(application));
  for (const [index, snapshot] of snapshots.entries()) {
    await saveSnapshot(deps.db.knex, {
      ticketId: state.ticketId,
      application: names[index] ?? '',
      commit,
      snapshot,
      pushedAt: toIsoTime(deps.clock.now()),
    });
  }
  const text =
    names.length === 0 ? 'no Application deploys these paths yet' : `Applications affected: ${names.join(', ')}`;
  await context.emit('pusher', [toPusherNote(text)]);
}
