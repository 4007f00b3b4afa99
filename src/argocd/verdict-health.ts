import type { CommitSha } from '../lib/ids.ts';
import { toRefLabel } from '../manifest/object.ts';
import {
  type Context,
  evidence,
  fail,
  hasBaseline,
  isChanged,
  read,
  type Step,
  toList,
  toSeconds,
  wait,
} from './context.ts';
import { type HealthItem, isApplication, listHealthItems } from './health-items.ts';
import { isRollout, toProgressDeadlineSeconds } from './live-state.ts';
import { judgeBlindAbort } from './inconclusive.ts';
import { judgePause, needsAnalyses } from './promotion.ts';
import { judgePods } from './verdict-pods.ts';

/** Every resource is healthy or accepted as it is, with the reason for each of the latter. */
export type HealthStep = { kind: 'good'; caveats: string[] } | Step;

/** Step 4: health, resource by resource, because the application's own word hides one state behind another. */
export function judgeHealth(context: Context, revision: CommitSha): HealthStep {
  const { facts, app } = context;
  if (facts.tree === undefined) return read(context, 'tree', 'health');
  if (facts.children === undefined && app.status.resources.some(isApplication))
    return read(context, 'children', 'health');
  // The clock of this step runs as long as the step is reached; a new operation starts it anew.
  const sinceMs = context.since(`health:${revision}`);
  const rated = listHealthItems(facts, app).map((item) => rate(context, item, revision));
  // A pod in a crash loop tells more than its workload, and no paused rollout is worth promoting with one.
  const early = judgePods(context, facts.tree, revision);
  if (early !== undefined) return early;
  for (const rating of rated) if (rating.kind === 'step') return rating.step;
  const pending = rated.flatMap((rating) => (rating.kind === 'pending' ? [rating.item] : []));
  const caveats = rated.flatMap((rating) => (rating.kind === 'accepted' ? [rating.caveat] : []));
  const accepted = rated.flatMap((rating) => (rating.kind === 'accepted' ? [rating.item.status] : []));
  const own = judgeOwnWord(context, accepted, pending);
  if (pending.length === 0 && own === undefined) return { kind: 'good', caveats };
  return judgePending(context, revision, { pending, own, caveats, sinceMs });
}

type Rating =
  | { kind: 'good' }
  | { kind: 'accepted'; item: HealthItem; caveat: string }
  | { kind: 'pending'; item: HealthItem }
  | { kind: 'step'; step: Step };

function rate(context: Context, item: HealthItem, revision: CommitSha): Rating {
  switch (item.status) {
    case 'Healthy':
    case '':
      return { kind: 'good' };
    case 'Suspended':
      return rateSuspended(context, item);
    case 'Degraded':
      return rateDegraded(context, item, revision);
    case 'Unknown':
      return rateUnknown(context, item, revision);
    default:
      // Progressing, Missing, and whatever a later version may add: nothing that may be taken for good.
      return { kind: 'pending', item };
  }
}

function rateSuspended(context: Context, item: HealthItem): Rating {
  const label = toRefLabel(item.ref);
  const before = wasSo(context, item);
  if (!isRollout(item.ref) || (before && !isChanged(context, item.ref)))
    return { kind: 'accepted', item, caveat: `${label} is suspended by its own definition` };
  return { kind: 'step', step: judgePause(context, item.ref, item.message, 'health') };
}

// States that do not pass by themselves: confirmed by their nature.
const FINAL = [
  { kind: 'Deployment', pattern: /progress deadline|ProgressDeadlineExceeded/i },
  { kind: 'Rollout', pattern: /RolloutAborted|aborted/i },
  { kind: 'Job', pattern: /./ },
];

function rateDegraded(context: Context, item: HealthItem, revision: CommitSha): Rating {
  const { nowMs, since, budgets } = context;
  const label = toRefLabel(item.ref);
  if (wasSo(context, item)) {
    // The same fault as before the push. On what we did not touch it is not ours; on what we did it may be a last look at the
    // old state, and the health budget decides.
    if (!isChanged(context, item.ref) && context.input.changed.length > 0)
      return { kind: 'accepted', item, caveat: `${label} was degraded before the change: ${item.message}` };
    return { kind: 'pending', item };
  }
  const final = FINAL.some(({ kind, pattern }) => kind === item.ref.kind && pattern.test(item.message));
  const lasting = nowMs - since(`degraded:${item.key}`) >= budgets.confirmMs;
  if (!final && !lasting) return { kind: 'pending', item };
  if (final && isRollout(item.ref)) {
    if (needsAnalyses(context)) return { kind: 'step', step: read(context, 'analyses', 'health') };
    const blind = judgeBlindAbort(context, item);
    if (blind !== undefined) return { kind: 'step', step: blind };
  }
  return {
    kind: 'step',
    step: fail(context, revision, {
      reason: 'degraded',
      object: item.ref,
      sentence: `${label} is degraded: ${item.message || 'no reason given'}.`,
      message: item.message,
      evidence: toItemEvidence(item),
    }),
  };
}

function rateUnknown(context: Context, item: HealthItem, revision: CommitSha): Rating {
  const { nowMs, since, budgets } = context;
  if (nowMs - since(`unknown:${item.key}`) < budgets.unknownMs) return { kind: 'pending', item };
  return {
    kind: 'step',
    step: fail(context, revision, {
      reason: 'unknown',
      object: item.ref,
      sentence: `The health of ${toRefLabel(item.ref)} has been unknown for ${toSeconds(budgets.unknownMs)}: ${item.message || 'no reason given'}.`,
      message: item.message,
      evidence: toItemEvidence(item),
    }),
  };
}

/** The same state with the same words at the snapshot. */
function wasSo(context: Context, item: HealthItem): boolean {
  const before = hasBaseline(context) ? context.input.snapshot.resources[item.key] : undefined;
  return before !== undefined && before.health === item.status && before.message === item.message;
}

function toItemEvidence(item: HealthItem) {
  const label = toRefLabel(item.ref);
  return [evidence(label, 'health.status', item.status), evidence(label, 'health.message', item.message)];
}

/**
 * The application's own health is part of the same comparison as its sync status, the resources' health is filled in when it
 * is read: both must agree, or one of them is older than the other.
 */
function judgeOwnWord(context: Context, accepted: string[], pending: HealthItem[]): string | undefined {
  const { status } = context.app.status.health;
  if (status === 'Healthy' || accepted.includes(status) || pending.length > 0) return undefined;
  return status;
}

interface Pending {
  pending: HealthItem[];
  own: string | undefined;
  caveats: string[];
  sinceMs: number;
}

function judgePending(context: Context, revision: CommitSha, { pending, own, caveats, sinceMs }: Pending): HealthStep {
  const { budgets, nowMs, facts, label } = context;
  const elapsedMs = nowMs - sinceMs;
  // A deadline shorter than usual is worth reading once waiting gets long; before that it cannot matter.
  if (facts.managed === undefined && facts.unreadable.managed === undefined && elapsedMs >= budgets.healthMarginMs)
    return read(context, 'managed', 'health');
  const limitMs = budgets.healthMs ?? toProgressDeadlineSeconds(facts.managed) * 1000 + budgets.healthMarginMs;
  const names = toList(pending.map(describe));
  if (elapsedMs < limitMs)
    return wait('health', pending.length === 0 ? `Argo CD still calls the application ${own ?? ''}` : names, {
      untilMs: sinceMs + limitMs,
    });
  const late = pending.filter((item) => !(isPassive(item) && wasSo(context, item)));
  if (late.length === 0 && own === undefined)
    return { kind: 'good', caveats: [...caveats, ...pending.map((item) => `as before the change: ${describe(item)}`)] };
  const first = late.find((item) => isChanged(context, item.ref)) ?? late[0];
  return fail(context, revision, {
    reason: late.some((item) => item.status === 'Degraded') ? 'degraded' : 'timeout',
    ...(first === undefined ? {} : { object: first.ref }),
    sentence: `Not healthy after ${toSeconds(limitMs)}: ${toList(late.map(describe), 5) || `Argo CD calls the application ${own ?? ''}`}.`,
    message: first?.message ?? '',
    evidence: [
      ...late.flatMap(toItemEvidence),
      evidence(label, 'status.health.status', context.app.status.health.status),
    ],
  });
}

/** Kinds that wait on something outside the change, such as an address nobody on this cluster hands out. */
function isPassive({ ref }: HealthItem): boolean {
  return ['Ingress', 'Service', 'PersistentVolumeClaim', 'HorizontalPodAutoscaler'].includes(ref.kind);
}

function describe(item: HealthItem): string {
  return `${toRefLabel(item.ref)} is ${item.status}${item.message === '' ? '' : ` (${item.message})`}`;
}
