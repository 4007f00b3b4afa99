import type { CommitSha } from '../lib/ids.ts';
import { toRefLabel } from '../manifest/object.ts';
import { isSameObject, toResourceRef } from './application.ts';
import { conclude, type Context, evidence, fail, read, short, type Step, toList, toSeconds, wait } from './context.ts';
import { listUnpromoted, toProgressDeadlineSeconds } from './live-state.ts';
import { judgeSilentPromotion } from './inconclusive.ts';
import { needsAnalyses } from './promotion.ts';
import { toRevisionAt } from './source.ts';
import { listAllPods } from './tree.ts';

interface Good {
  revision: CommitSha;
  /** Identity of the operation that applied the commit; undefined when none was needed. */
  operation: string | undefined;
  caveats: string[];
  /** Objects that may differ from the repository; all of them when `laterCommit` is set. */
  mayDiffer: readonly string[];
  laterCommit: boolean;
}

/** The last part of step 4, and step 5: good once is not yet good. */
export function judgeSettled(context: Context, good: Good): Step {
  const { budgets, nowMs, since, trace, facts } = context;
  if (facts.tree === undefined) return read(context, 'tree', 'settle');
  const pods = listAllPods(facts.tree)
    .map(({ node }) => node.uid)
    .sort();
  // A new pod, a new operation or another revision is another state, whose holding starts anew.
  const sinceMs = since(`settled:${good.revision}:${good.operation ?? ''}:${pods.join(',')}`);
  const holdMs = hasUnratedChange(context) ? budgets.settleCustomMs : budgets.settleMs;
  const untilMs = sinceMs + holdMs;
  if (nowMs < untilMs)
    return wait('settle', `healthy; watching for ${toSeconds(holdMs)} whether it stays so`, { untilMs });
  // What is shown may be from before the hold. Only an answer asked for after it counts.
  if (!trace.refreshes.some((startedAtMs) => startedAtMs >= untilMs))
    return wait('settle', 'healthy; asking Argo CD to compare once more', { refresh: { startedAfterMs: untilMs } });
  return verify(context, good);
}

// Groups of Kubernetes itself; everything else is a custom resource, most of which Argo CD has no health rule for.
const BUILT_IN = /^(?:|apps|batch|autoscaling|policy|extensions|.*\.k8s\.io)$/;

function hasUnratedChange({ input, app }: Context): boolean {
  return input.changed
    .filter((ref) => !BUILT_IN.test(ref.group))
    .some((ref) => {
      const resource = app.status.resources.find((candidate) => isSameObject(toResourceRef(candidate), ref));
      return resource?.health === undefined;
    });
}

function verify(context: Context, good: Good): Step {
  const { facts, app, label, input, nowMs, since, budgets } = context;
  const skipped = facts.managed === undefined && nowMs - since('verify-unread') >= budgets.unknownMs;
  if (facts.managed === undefined && !skipped) return read(context, 'managed', 'verify');
  const managed = facts.managed ?? [];
  const doubts = [
    ...listModified(context, good),
    ...listUnpromoted(managed).map((ref) => `${toRefLabel(ref)} still serves its former version`),
  ];
  const missing = (input.expectedImages ?? []).filter((image) => !isRunning(image, app.status.summary.images));
  if (missing.length > 0 && good.revision !== input.commit)
    return conclude({
      kind: 'superseded',
      by: good.revision,
      sentence: `The later commit ${short(good.revision)} is live and no longer runs ${toList(missing)}.`,
      evidence: [evidence(label, 'status.summary.images', app.status.summary.images.join(', '))],
    });
  doubts.push(...missing.map((image) => `${image} is not among the images that run`));
  if (doubts.length > 0) return judgeDoubts(context, good, doubts);
  if (needsAnalyses(context)) return read(context, 'analyses', 'verify');
  const silent = judgeSilentPromotion(context);
  if (silent !== undefined) return silent;
  const unread = facts.unreadable.analyses !== undefined;
  const caveats = [
    ...good.caveats,
    ...(skipped ? ['the managed resources could not be read to verify them'] : []),
    ...(unread ? ['the analyses of its rollout could not be read'] : []),
  ];
  return toLive(context, good, caveats);
}

function listModified({ facts }: Context, good: Good): string[] {
  if (good.laterCommit) return [];
  return (facts.managed ?? [])
    .filter((resource) => resource.modified && !resource.hook)
    .map((resource) => toRefLabel(toResourceRef(resource)))
    .filter((object) => !good.mayDiffer.includes(object))
    .map((object) => `${object} differs from the repository`);
}

/** Caches behind these answers lag a little, so a doubt is given the time a rollout has. */
function judgeDoubts(context: Context, good: Good, doubts: string[]): Step {
  const { budgets, nowMs, since, facts, label, app } = context;
  const limitMs = budgets.healthMs ?? toProgressDeadlineSeconds(facts.managed) * 1000 + budgets.healthMarginMs;
  if (nowMs - since(`doubt:${good.revision}`) < limitMs) return wait('verify', toList(doubts));
  return fail(context, good.revision, {
    reason: 'timeout',
    sentence: `Argo CD calls it synced and healthy, but after ${toSeconds(limitMs)} ${toList(doubts)}.`,
    message: toList(doubts, 10),
    evidence: [evidence(label, 'status.summary.images', app.status.summary.images.join(', '))],
  });
}

/** Images as written in manifests and as the cluster names them: the default registry and library are often left out. */
function isRunning(image: string, running: readonly string[]): boolean {
  const wanted = toFullImage(image);
  return running.some((candidate) => toFullImage(candidate) === wanted);
}

function toFullImage(image: string): string {
  const bare = image.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, '');
  return /[:@][^/]*$/.test(bare) ? bare : `${bare}:latest`;
}

function toLive(context: Context, good: Good, caveats: string[]): Step {
  const { app, label, input, facts } = context;
  const { sync, health, operationState } = app.status;
  const deployed = toRevisionAt(app.status.history.at(-1), input.snapshot.sourceIndex);
  // Self-heal or a dry run may have overwritten the operation that applied us; the history still tells.
  const applied = good.operation !== undefined || facts.ancestry[deployed]?.containsCommit === true;
  const carried = good.revision === input.commit ? '' : `, carried by the later commit ${short(good.revision)}`;
  const read = [
    evidence(label, 'status.sync.status', sync.status),
    evidence(label, 'status.sync.revision', good.revision),
    evidence(label, 'status.health.status', health.status),
    evidence(label, 'status.operationState.phase', good.operation === undefined ? '' : (operationState?.phase ?? '')),
    evidence(label, 'status.reconciledAt', app.status.reconciledAt),
  ];
  const but = caveats.length === 0 ? '' : ` Note: ${toList(caveats)}.`;
  if (!applied)
    return conclude({
      kind: 'live_noop',
      via: good.revision,
      caveats,
      sentence: `Commit ${short(input.commit)} is in place${carried}; it changed nothing Argo CD had to apply, and everything is healthy.${but}`,
      evidence: read,
    });
  return conclude({
    kind: 'live',
    via: good.revision,
    caveats,
    sentence: `Commit ${short(input.commit)} is live and healthy${carried}.${but}`,
    evidence: read,
  });
}
