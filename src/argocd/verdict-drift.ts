import type { CommitSha } from '../lib/ids.ts';
import { toRefLabel } from '../manifest/object.ts';
import { toResourceRef } from './application.ts';
import { conclude, type Context, evidence, fail, read, short, type Step, toList, toSeconds, wait } from './context.ts';
import type { Outcome } from './outcome.ts';
import { toOperationRevision } from './source.ts';
import type { OperationStep } from './verdict-operation.ts';
import { isClosed, toWindowsText } from './windows.ts';

/** OutOfSync that may stay, with why; `objects` are those that may differ, all of them when it is left out. */
export type DriftStep = { kind: 'accepted'; caveat: string; objects?: string[] } | Step;

/** OutOfSync at a revision that contains our commit, with no operation under way. */
export function judgeDrift(context: Context, revision: CommitSha, operation: OperationStep): DriftStep {
  const { app, input } = context;
  const differing = app.status.resources.filter((resource) => resource.status === 'OutOfSync' && !resource.hook);
  // `requiresDeletionConfirmation` marks objects by their options, those that are merely different as well.
  const prunable = differing.filter((resource) => resource.requiresPruning);
  const pruneOnly = differing.length > 0 && prunable.length === differing.length;
  const automated = app.status.sync.status === 'OutOfSync' && isAutomated(context);
  const leftOver = operation.kind === 'succeeded' || (automated && input.snapshot.automated?.prune === false);
  if (pruneOnly && leftOver) {
    const objects = prunable.map((resource) => toRefLabel(toResourceRef(resource)));
    return { kind: 'accepted', caveat: `waits to be pruned: ${toList(objects, 10)}`, objects };
  }
  if (operation.kind === 'succeeded' && !automated) {
    const applied = toOperationRevision(operation.state, input.snapshot.sourceIndex);
    // Somebody pushed after us and nobody has pressed sync for that: what differs is theirs.
    if (applied !== revision)
      return { kind: 'accepted', caveat: `the later commit ${short(revision)} has not been applied yet` };
  }
  if (operation.kind === 'succeeded')
    return judgeReturning(context, revision, differing.map(toResourceRef).map(toRefLabel));
  return judgeDeclined(context, revision, automated);
}

function isAutomated({ app }: Context): boolean {
  return app.spec.syncPolicy?.automated?.enabled === true;
}

/** Applied, and different again. */
function judgeReturning(context: Context, revision: CommitSha, objects: string[]): Step {
  const { trace, budgets, label, nowMs, since } = context;
  const read = [
    evidence(label, 'status.sync.status', 'OutOfSync'),
    evidence(label, 'OutOfSync resources', toList(objects, 10)),
    evidence(label, 'successful operations at our commit', String(trace.operations.length)),
  ];
  if (trace.operations.length > budgets.maxOperations)
    return fail(context, undefined, {
      reason: 'stuck',
      sentence: `Argo CD has applied commit ${short(revision)} ${trace.operations.length} times and something changes ${toList(objects)} back each time.`,
      message: `fighting over ${toList(objects)}`,
      evidence: read,
    });
  if (nowMs - since(`drift:${revision}`) < toPatience(context))
    return wait('operation', `applied, but ${toList(objects)} differs from the repository`);
  return fail(context, undefined, {
    reason: 'timeout',
    sentence: `Commit ${short(revision)} was applied, but after ${toSeconds(toPatience(context))} ${toList(objects)} still differs from the repository.`,
    message: `still OutOfSync: ${toList(objects, 10)}`,
    evidence: read,
  });
}

function toPatience({ budgets }: Context): number {
  return budgets.healthMs ?? Math.max(budgets.healthMarginMs, budgets.unknownMs);
}

function judgeDeclined(context: Context, revision: CommitSha, automated: boolean): Step {
  const { app, facts, trace, label, input } = context;
  // Auto-sync is decided before the controller answers a refresh: without such an answer "no operation" means nothing.
  if (trace.refreshes.length === 0) return wait('operation', 'waiting for Argo CD to compare before asking for a sync');
  const refused = app.status.conditions.find(({ type }) => type === 'SyncError');
  if (refused !== undefined)
    return fail(context, revision, {
      reason: 'sync',
      sentence: `Argo CD refuses to sync commit ${short(revision)}: ${refused.message}`,
      message: refused.message,
      evidence: [evidence(label, 'status.conditions[SyncError].message', refused.message)],
    });
  const answer = judgeRefusal(context, revision);
  if (answer !== undefined) return answer;
  if (facts.windows === undefined) {
    if (facts.unreadable.windows === undefined) return read(context, 'windows', 'operation');
  } else if (isClosed(facts.windows, automated)) {
    const windows = toWindowsText(facts.windows);
    return blocked(
      'sync_window',
      `A sync window keeps Application ${app.metadata.name} from syncing (${windows}). The commit is pushed and will be applied when it opens.`,
      [evidence(label, 'syncwindows', windows), evidence(label, 'status.sync.status', 'OutOfSync')],
    );
  }
  return automated ? judgeAutomated(context, revision) : judgeManual(context, revision, input.policy.mayRequestSync);
}

function judgeAutomated(context: Context, revision: CommitSha): Step {
  const { trace, budgets, nowMs, since, label, input } = context;
  const sinceMs = since(`declined:${revision}`);
  const looked = trace.refreshes.filter((startedAtMs) => startedAtMs >= sinceMs).length;
  if (nowMs - sinceMs < budgets.declinedMs || looked < 2)
    return wait('operation', 'out of sync; waiting for auto-sync to begin', {
      refresh: { everyMs: Math.ceil(budgets.declinedMs / 3) },
      untilMs: sinceMs + budgets.declinedMs,
    });
  if (input.policy.mayRequestSync) return requestSync(context, '', 'auto-sync did not begin and gives no reason');
  return blocked(
    'auto_sync_declined',
    `Argo CD sees commit ${short(revision)} and does not sync it, without giving a reason; policy does not let us ask for a sync.`,
    [
      evidence(label, 'status.sync.status', 'OutOfSync'),
      evidence(label, 'operation', 'none'),
      evidence('our refreshes', 'answered since', String(looked)),
    ],
  );
}

function judgeManual(context: Context, revision: CommitSha, mayRequestSync: boolean): Step {
  // Asked for by commit, so that nothing pushed after this look is applied by our request.
  if (mayRequestSync) return requestSync(context, revision, 'the application syncs on request only');
  return blocked(
    'manual_sync',
    `Application ${context.app.metadata.name} syncs on request only: somebody has to press sync for commit ${short(revision)}.`,
    [
      evidence(context.label, 'spec.syncPolicy.automated', 'off'),
      evidence(context.label, 'status.sync.status', 'OutOfSync'),
    ],
  );
}

const MAX_SYNCS = 3;

function requestSync(context: Context, revision: CommitSha | '', reason: string): Step {
  const { trace, budgets, nowMs, label } = context;
  const { accepted, lastAtMs } = trace.syncs;
  if (lastAtMs !== undefined && nowMs - lastAtMs < budgets.declinedMs)
    return wait('operation', 'a sync was requested', { untilMs: lastAtMs + budgets.declinedMs });
  if (accepted >= MAX_SYNCS)
    return fail(context, undefined, {
      reason: 'stuck',
      sentence: `Argo CD accepted ${accepted} sync requests and the application is still out of sync with no operation to show for it.`,
      message: '',
      evidence: [
        evidence(label, 'status.sync.status', 'OutOfSync'),
        evidence('our syncs', 'accepted', String(accepted)),
      ],
    });
  // Auto-sync was switched on since the last look: such an application takes no revision.
  const target = trace.syncs.refusal?.reason === 'auto_sync_revision' ? '' : revision;
  return { kind: 'act', phase: 'operation', action: { type: 'sync', revision: target }, reason };
}

/** What Argo CD's refusal of our own sync request means. */
function judgeRefusal(context: Context, revision: CommitSha): Step | undefined {
  const { trace, label } = context;
  const refusal = trace.syncs.refusal;
  if (refusal === undefined) return undefined;
  const said = [evidence(label, 'sync request', refusal.message)];
  switch (refusal.reason) {
    case 'sync_window':
      return blocked(
        'sync_window',
        `A closed sync window refuses the sync of commit ${short(revision)}: ${refusal.message}`,
        said,
      );
    case 'denied':
    case 'missing_or_denied':
    case 'unauthenticated':
      return blocked('denied', `Our account may not sync the application: ${refusal.message}`, said);
    case 'being_deleted':
      return conclude({
        kind: 'lost',
        reason: 'deleted',
        sentence: `The application is being deleted: ${refusal.message}`,
        evidence: said,
      });
    case 'rejected':
    case 'failed':
    case 'not_found':
    case 'unsupported':
    case 'redirected':
      return fail(context, revision, {
        reason: 'sync',
        sentence: `Argo CD refused the sync request: ${refusal.message}`,
        message: refusal.message,
        evidence: said,
      });
    case 'operation_in_progress':
    case 'no_operation':
    case 'conflict':
    case 'auto_sync_revision':
    case 'unreachable':
    case 'timed_out':
    case 'overloaded':
    case 'unreadable':
      // Passing: the request is made again after a while, if it is still needed then.
      return undefined;
  }
}

function blocked(by: Extract<Outcome, { kind: 'blocked' }>['by'], sentence: string, read: Outcome['evidence']): Step {
  return conclude({ kind: 'blocked', by, sentence, evidence: read });
}
