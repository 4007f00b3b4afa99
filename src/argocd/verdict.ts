import type { ApplicationRef } from './application.ts';
import { conclude, type Context, evidence, type Step, toSeconds, type Waiting, wait } from './context.ts';
import type { ObservationFacts, Trace } from './facts.ts';
import type { Decision, ObservationInput } from './observation.ts';
import { toSourceIdentities } from './snapshot.ts';
import { listSources } from './source.ts';
import { judgeDrift } from './verdict-drift.ts';
import { judgeHealth } from './verdict-health.ts';
import { isAboutUs, judgeOperation, toOperationKey } from './verdict-operation.ts';
import { judgeRevision } from './verdict-revision.ts';
import { judgeSettled } from './verdict-settle.ts';
import type { Application, OperationState } from './schema.ts';

export interface Verdict {
  decision: Decision;
  /** The trace to give to the next look. */
  trace: Trace;
}

/**
 * What the facts say about our commit: wait, act, or conclude. Pure: the same input, facts and trace give the same verdict, and
 * no other clock, network or memory is asked.
 */
export function decide(input: ObservationInput, facts: ObservationFacts, before: Trace): Verdict {
  const { nowMs } = facts;
  const held: Record<string, number> = {};
  const since = (key: string) => (held[key] ??= before.since[key] ?? nowMs);
  const booked = facts.reading.state === 'read' ? book(input, facts, facts.reading.application, before) : before;
  const step = judge(input, facts, booked, since);
  // An unreadable look, or one that needs more facts first, says nothing about conditions it did not reach: they go on.
  const blind = facts.reading.state !== 'read' || (step.kind === 'act' && step.action.type === 'read');
  const trace = { ...booked, since: blind ? { ...before.since, ...held } : held };
  return { decision: step.kind === 'waiting' ? toDecision(input, facts, trace, step) : step, trace };
}

type Since = Context['since'];

function judge(input: ObservationInput, facts: ObservationFacts, trace: Trace, since: Since): Step {
  const { reading } = facts;
  const label = toLabel(input.application);
  if (reading.state !== 'read') return judgeAbsent(input, facts, reading, since, label);
  const { budgets } = input;
  const context: Context = { input, budgets, facts, trace, nowMs: facts.nowMs, app: reading.application, label, since };
  const step = judgeIdentity(context) ?? judgeApplication(context);
  if (step.kind === 'conclude' || facts.nowMs - trace.startedAtMs < budgets.overallMs) return step;
  return conclude({
    kind: 'failed',
    reason: 'timeout',
    message: step.reason,
    sentence: `No verdict after ${toSeconds(budgets.overallMs)}; last: ${step.reason}.`,
    evidence: [evidence(label, 'waiting for', step.reason)],
  });
}

export function toLabel({ namespace = '', name }: ApplicationRef): string {
  return `Application ${namespace}/${name}`.replace(' /', ' ');
}

function judgeAbsent(
  input: ObservationInput,
  facts: ObservationFacts,
  reading: Exclude<ObservationFacts['reading'], { state: 'read' }>,
  since: Since,
  label: string,
): Step {
  const { budgets } = input;
  const elapsedMs =
    facts.nowMs - since(reading.state === 'missing' ? 'missing' : reading.denied ? 'denied' : 'unreachable');
  if (reading.state === 'missing') {
    // Two looks: a project or cache in change may answer "not found" once.
    if (elapsedMs < Math.min(budgets.tickMs, budgets.confirmMs)) return wait('reach', `not found: ${reading.message}`);
    return conclude({
      kind: 'lost',
      reason: 'deleted',
      sentence: `${label} is gone: it was deleted or moved to another project.`,
      evidence: [evidence(label, 'answer', reading.message)],
    });
  }
  // A refused account stays refused; a silent server may come back.
  if (elapsedMs < (reading.denied ? budgets.confirmMs : budgets.unreachableMs))
    return wait('reach', `Argo CD cannot be asked: ${reading.message}`);
  return conclude({
    kind: 'unreachable',
    denied: reading.denied,
    sentence: reading.denied
      ? `Argo CD refuses our account: ${reading.message}`
      : `Argo CD has not answered for ${toSeconds(elapsedMs)}: ${reading.message}`,
    evidence: [evidence(label, 'answer', reading.message)],
  });
}

/** Is it still the application, and the source, we pushed for? */
export function judgeIdentity({ app, input, label }: Context): Step | undefined {
  const { snapshot } = input;
  if (app.metadata.uid !== snapshot.uid)
    return conclude({
      kind: 'lost',
      reason: 'recreated',
      sentence: `${label} was deleted and created anew since the push.`,
      evidence: [evidence(label, 'metadata.uid', app.metadata.uid), evidence('snapshot', 'metadata.uid', snapshot.uid)],
    });
  if (app.metadata.deletionTimestamp !== '')
    return conclude({
      kind: 'lost',
      reason: 'deleted',
      sentence: `${label} is being deleted.`,
      evidence: [evidence(label, 'metadata.deletionTimestamp', app.metadata.deletionTimestamp)],
    });
  const now = JSON.stringify(toSourceIdentities(app));
  const then = JSON.stringify(snapshot.sources);
  if (now === then) return undefined;
  return conclude({
    kind: 'lost',
    reason: 'source_changed',
    sentence: `${label} was pointed at another source since the push.`,
    evidence: [
      evidence(label, listSources(app).length > 1 ? 'spec.sources' : 'spec.source', now),
      evidence('snapshot', 'source', then),
    ],
  });
}

function judgeApplication(context: Context): Step {
  const { app } = context;
  const revision = judgeRevision(context);
  if (revision.kind !== 'contains') {
    // An earlier operation that is stuck shows before our revision does, and is a reason of its own.
    if (revision.kind === 'conclude') return revision;
    const operation = judgeOperation(context, undefined);
    return operation.kind === 'act' || operation.kind === 'conclude' ? operation : revision;
  }
  const operation = judgeOperation(context, revision.revision);
  if (operation.kind !== 'none' && operation.kind !== 'succeeded') return operation;
  // An operation may have ended after the comparison that is shown: what is shown is then the state before it.
  if (operation.kind === 'succeeded' && !isComparedSince(context, operation.state))
    return wait('operation', 'applied; waiting for a comparison newer than the operation', {
      refresh: { startedAfterMs: context.since(`ended:${operation.key}`) },
    });
  const good = { revision: revision.revision, operation: operation.kind === 'succeeded' ? operation.key : undefined };
  if (app.status.sync.status === 'Synced')
    return judgeGood(context, { ...good, caveats: [], mayDiffer: [], laterCommit: false });
  const drift = judgeDrift(context, revision.revision, operation);
  if (drift.kind !== 'accepted') return drift;
  return judgeGood(context, {
    ...good,
    caveats: [drift.caveat],
    mayDiffer: drift.objects ?? [],
    laterCommit: drift.objects === undefined,
  });
}

function judgeGood(context: Context, good: Parameters<typeof judgeSettled>[1]): Step {
  const health = judgeHealth(context, good.revision);
  if (health.kind !== 'good') return health;
  return judgeSettled(context, { ...good, caveats: [...good.caveats, ...health.caveats] });
}

/** Their times have whole seconds only, so equal times prove nothing: newer must be really newer, or asked for afterwards. */
function isComparedSince(context: Context, state: OperationState): boolean {
  const endedMs = context.since(`ended:${toOperationKey(state)}`);
  if (Date.parse(context.app.status.reconciledAt) > Date.parse(state.finishedAt)) return true;
  return context.trace.refreshes.some((startedAtMs) => startedAtMs >= endedMs);
}

/** Adds to the trace what this look shows for the first time. */
function book(input: ObservationInput, facts: ObservationFacts, app: Application, trace: Trace): Trace {
  const state = app.status.operationState;
  const succeeded =
    state?.phase === 'Succeeded' &&
    !trace.operations.includes(state.startedAt) &&
    isAboutUs(
      { input, facts, trace, budgets: input.budgets, nowMs: facts.nowMs, app, label: '', since: () => 0 },
      state,
    );
  return {
    ...trace,
    operations: succeeded ? [...trace.operations, state.startedAt] : trace.operations,
    renderErrors: bookRenderError(app, trace),
  };
}

/** Counts refreshes whose answer carried the error; one without it clears the count. */
function bookRenderError(app: Application, trace: Trace): Trace['renderErrors'] {
  const condition = app.status.conditions.find(({ type }) => type === 'ComparisonError' || type === 'InvalidSpecError');
  const refreshMs = trace.refreshes.at(-1);
  if (condition === undefined || refreshMs === undefined) return undefined;
  const known = trace.renderErrors;
  const { message } = condition;
  if (known === undefined) return { firstRefreshMs: refreshMs, refreshMs, count: 1, message };
  if (known.refreshMs === refreshMs) return known;
  return { ...known, refreshMs, count: known.count + 1, message };
}

/** A wait becomes a refresh when one is due; otherwise it says when to look again at the latest. */
function toDecision(input: ObservationInput, facts: ObservationFacts, trace: Trace, step: Waiting): Decision {
  const { budgets } = input;
  const { nowMs } = facts;
  const dueMs = toRefreshDue(input, trace, step);
  if (facts.reading.state === 'read' && nowMs >= dueMs) {
    const silentFor =
      trace.failedRefreshes > 0 && trace.lastRefresh !== undefined
        ? `, asking again after ${trace.failedRefreshes} without answer`
        : '';
    return { kind: 'act', phase: step.phase, action: { type: 'refresh' }, reason: `${step.reason}${silentFor}` };
  }
  const nextMs = Math.min(nowMs + budgets.tickMs, dueMs, step.untilMs ?? Infinity);
  return { kind: 'wait', phase: step.phase, reason: step.reason, recheckMs: Math.max(nextMs - nowMs, MIN_RECHECK_MS) };
}

const MIN_RECHECK_MS = 50;

function toRefreshDue({ budgets }: ObservationInput, trace: Trace, step: Waiting): number {
  const last = trace.lastRefresh;
  if (last === undefined) return trace.startedAtMs;
  if (trace.failedRefreshes > 0) {
    const backoffMs = budgets.refreshRetryMs * 2 ** Math.min(trace.failedRefreshes - 1, 10);
    return last.endedAtMs + Math.min(backoffMs, budgets.refreshEveryMs);
  }
  const usualMs = last.startedAtMs + Math.min(step.refresh?.everyMs ?? Infinity, budgets.refreshEveryMs);
  const { startedAfterMs } = step.refresh ?? {};
  return startedAfterMs === undefined || last.startedAtMs >= startedAfterMs
    ? usualMs
    : Math.min(startedAfterMs, usualMs);
}
