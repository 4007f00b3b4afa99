import { type CommitSha, isCommitSha } from '../lib/ids.ts';
import { conclude, type Context, evidence, fail, short, type Step, toSeconds, wait } from './context.ts';
import { toRevisionAt } from './source.ts';

/** Either the compared revision, which contains our commit, or what to do instead. */
export type RevisionStep = { kind: 'contains'; revision: CommitSha } | Step;

const ERROR_CONDITIONS = ['ComparisonError', 'InvalidSpecError'];

// Messages of a repository server or git host that could not be asked: they say nothing about our manifests.
const TRANSPORT =
  /code = (?:Unavailable|DeadlineExceeded|Canceled)|connection (?:refused|reset|error)|dial tcp|i\/o timeout|no such host|context deadline exceeded|failed to list refs|unable to resolve|authentication (?:required|failed)|repository not (?:found|accessible)|permission denied \(publickey/i;
const LIVE_STATE = /failed to load live state|failed to get cluster info|cluster .*(?:unreachable|not available)/i;

/** Step 2: is the live state compared with a revision that contains our commit? */
export function judgeRevision(context: Context): RevisionStep {
  const { app, input, facts } = context;
  const { sync } = app.status;
  const revision = toRevisionAt(sync, input.snapshot.sourceIndex);
  const condition = app.status.conditions.find(({ type }) => ERROR_CONDITIONS.includes(type));
  // When manifests cannot be made, the revision field holds the branch name, not a commit.
  if (!isCommitSha(revision) || sync.status === 'Unknown') return judgeUnknown(context, revision, condition);
  const place = facts.ancestry[revision];
  if (place === undefined) return judgeUnplaced(context, revision);
  if (place.containsCommit) return { kind: 'contains', revision };
  if (place.insideCommit) return judgeOld(context, revision);
  return judgeForeign(context, revision);
}

type Condition = { type: string; message: string } | undefined;

function judgeUnknown(context: Context, revision: string, condition: Condition): Step {
  const { label, budgets, nowMs, since, trace } = context;
  const read = [
    evidence(label, 'status.sync.status', context.app.status.sync.status),
    evidence(label, 'status.sync.revision', revision),
  ];
  if (condition === undefined) {
    if (nowMs - since('sync-unknown') < Math.max(budgets.unknownMs, budgets.revisionMs))
      return wait('revision', 'Argo CD cannot say yet which revision it compares with');
    return fail(context, undefined, {
      reason: 'unknown',
      sentence: `Argo CD could not compare the application for ${toSeconds(budgets.revisionMs)} and gives no reason.`,
      message: '',
      evidence: read,
    });
  }
  const said = [...read, evidence(label, `status.conditions[${condition.type}].message`, condition.message)];
  if (LIVE_STATE.test(condition.message)) {
    if (nowMs - since('live-state') < Math.max(budgets.unknownMs, budgets.revisionMs))
      return wait('revision', `Argo CD cannot read the cluster: ${condition.message}`);
    return fail(context, undefined, {
      reason: 'unknown',
      sentence: 'Argo CD cannot read the live state of the cluster, so nothing can be said about the change.',
      message: condition.message,
      evidence: said,
    });
  }
  if (TRANSPORT.test(condition.message)) {
    if (!isOverdue(context)) return wait('revision', `Argo CD cannot read the repository: ${condition.message}`);
    return fail(context, undefined, {
      reason: 'not_seen',
      sentence:
        'Argo CD could not read the repository: its repository server, its credentials or the git host is the cause.',
      message: condition.message,
      evidence: said,
    });
  }
  const errors = trace.renderErrors;
  const confirmed =
    errors !== undefined && errors.count >= 2 && errors.refreshMs - errors.firstRefreshMs >= budgets.renderConfirmMs;
  if (!confirmed)
    return wait('revision', `Argo CD cannot make the manifests, to be confirmed: ${condition.message}`, {
      refresh: { everyMs: budgets.renderConfirmMs },
    });
  return fail(context, undefined, {
    reason: 'render',
    sentence: `Argo CD cannot make manifests from the repository: ${condition.message}`,
    message: condition.message,
    evidence: [...said, evidence('our refreshes', 'same error', `${errors.count} times`)],
  });
}

/** A revision git could not place: our clone may be behind. Nothing may be concluded from that about the change. */
function judgeUnplaced(context: Context, revision: string): Step {
  const sinceMs = context.since(`unplaced:${revision}`);
  if (context.nowMs - sinceMs < context.budgets.revisionMs)
    return wait('revision', `the place of revision ${short(revision)} in the branch is not known yet`);
  return conclude({
    kind: 'unreachable',
    denied: false,
    sentence: `Argo CD compares with revision ${short(revision)}, which the repository could not be asked about.`,
    evidence: [evidence(context.label, 'status.sync.revision', revision)],
  });
}

function judgeOld(context: Context, revision: string): Step {
  const { budgets, label, trace, input } = context;
  if (!isOverdue(context))
    return wait('revision', `Argo CD still compares with ${short(revision)}, from before our commit`);
  const answered = trace.refreshes.length > 0;
  const cause = answered
    ? `it was asked ${trace.refreshes.length} times to look again. Check the branch it follows and its repository credentials`
    : 'it answered none of our refresh requests. Its application controller is probably down';
  return fail(context, undefined, {
    reason: 'not_seen',
    sentence: `Argo CD did not see commit ${short(input.commit)} within ${toSeconds(budgets.revisionMs)}: ${cause}.`,
    message: trace.lastRefresh?.error ?? '',
    evidence: [
      evidence(label, 'status.sync.revision', revision),
      evidence(label, 'status.reconciledAt', context.app.status.reconciledAt),
      evidence('our refreshes', 'answered', String(trace.refreshes.length)),
      evidence('our refreshes', 'failed in a row', String(trace.failedRefreshes)),
    ],
  });
}

function judgeForeign(context: Context, revision: string): Step {
  // Before the controller has looked anew this may be an answer from before the push.
  if (context.trace.refreshes.length === 0 && !isOverdue(context))
    return wait('revision', `revision ${short(revision)} is not on our branch; asking Argo CD to look again`);
  return conclude({
    kind: 'lost',
    reason: 'force_push',
    sentence:
      `Argo CD deploys ${short(revision)}, which neither contains our commit ${short(context.input.commit)} nor comes ` +
      'before it: the branch was rewritten.',
    evidence: [evidence(context.label, 'status.sync.revision', revision)],
  });
}

/** Counted from when we began to look, so that a restart does not eat up the time Argo CD is given. */
function isOverdue({ nowMs, trace, input, budgets }: Context): boolean {
  return nowMs - Math.max(input.pushedAtMs, trace.startedAtMs) >= budgets.revisionMs;
}
