import { type CommitSha, isCommitSha } from '../lib/ids.ts';
import type { ObjectRef } from '../manifest/object.ts';
import { type ApplicationRef, isSameObject, toResourceRef } from './application.ts';
import { type Context, evidence, short, type Step } from './context.ts';
import { createTrace, type ObservationFacts } from './facts.ts';
import type { FactName, ObservationBudgets, ObservationInput } from './observation.ts';
import type { Evidence, FailureReason } from './outcome.ts';
import type { Application } from './schema.ts';
import type { ApplicationSnapshot } from './snapshot.ts';
import { toRevisionAt } from './source.ts';
import { judgeIdentity, toLabel } from './verdict.ts';
import { judgeHealth } from './verdict-health.ts';

/** What is watched on after a commit was found live. Stored, it is enough to go on after a restart. */
export interface SoakInput {
  application: ApplicationRef;
  /** Taken before the push. */
  snapshot: ApplicationSnapshot;
  commit: CommitSha;
  pushedAtMs: number;
  changed: ObjectRef[];
  untilMs: number;
  budgets: ObservationBudgets;
}

export interface SoakFacts extends ObservationFacts {
  /** For each later revision, whether it changed what our commit had changed; one git could not tell of is absent. */
  touched: Record<string, boolean>;
}

/** How watching on ended for one Application. */
export type SoakOutcome = { sentence: string; evidence: Evidence[] } & (
  | { kind: 'quiet' }
  /** It was live and healthy, and by itself it is no longer. */
  | {
      kind: 'regressed';
      reason: Extract<FailureReason, 'early' | 'degraded'>;
      object: ObjectRef | undefined;
      message: string;
    }
  | { kind: 'superseded'; by: CommitSha }
  | { kind: 'lost' }
  /** Argo CD could not be asked, until long after the end. */
  | { kind: 'unseen' }
);

export type SoakDecision =
  | { kind: 'wait'; reason: string; recheckMs: number }
  | { kind: 'read'; what: FactName }
  | { kind: 'conclude'; outcome: SoakOutcome };

/** Since when each condition has held without a break. Lost in a restart without harm. */
export type SoakTrace = Readonly<Record<string, number>>;

export interface SoakVerdict {
  decision: SoakDecision;
  trace: SoakTrace;
}

/** How long after its end a soak still waits for an Argo CD that does not answer. */
const GIVE_UP_MS = 24 * 3_600_000;

/**
 * What the facts say about a commit that was live: goes on, or concludes. Pure, like the verdict itself, whose rules about
 * health, confirmation and baseline it uses. It never asks Argo CD to do anything.
 */
export function decideSoak(input: SoakInput, facts: SoakFacts, before: SoakTrace): SoakVerdict {
  const held: Record<string, number> = {};
  const since = (key: string) => (held[key] ??= before[key] ?? facts.nowMs);
  const step = judge(input, facts, since);
  if (step.kind === 'healthy' || step.kind === 'pending') {
    const isDoubtful = Object.keys(held).some((key) => key.startsWith('degraded:') || key.startsWith('pod:'));
    // What has begun to go bad is seen to its end, even past the end of the time.
    if (facts.nowMs >= input.untilMs && !isDoubtful) return { decision: conclude(toQuiet(input, step)), trace: held };
    const reason = step.kind === 'healthy' ? 'healthy' : step.reason;
    return { decision: wait(input, facts.nowMs, reason, isDoubtful), trace: held };
  }
  if (step.kind === 'blind')
    return { decision: wait(input, facts.nowMs, step.reason, true), trace: { ...before, ...held } };
  const isReading = step.kind === 'read';
  return { decision: step, trace: isReading ? { ...before, ...held } : held };
}

type SoakStep =
  | { kind: 'healthy'; revision: CommitSha }
  | { kind: 'pending'; revision: CommitSha; reason: string }
  /** This look says nothing: what held before goes on. */
  | { kind: 'blind'; reason: string }
  | Exclude<SoakDecision, { kind: 'wait' }>;

function judge(input: SoakInput, facts: SoakFacts, since: (key: string) => number): SoakStep {
  const { reading } = facts;
  const label = toLabel(input.application);
  if (reading.state === 'missing') return judgeMissing(input, reading.message, facts.nowMs - since('missing'), label);
  if (reading.state === 'unreachable') {
    if (facts.nowMs < input.untilMs + GIVE_UP_MS)
      return { kind: 'blind', reason: `Argo CD cannot be asked: ${reading.message}` };
    const sentence = 'Argo CD could not be asked until long after the watch should have ended; nothing is known.';
    return conclude({ kind: 'unseen', sentence, evidence: [evidence(label, 'answer', reading.message)] });
  }
  const context = toContext(input, facts, { app: reading.application, since, label });
  const identity = judgeIdentity(context);
  if (identity?.kind === 'conclude')
    return conclude({
      kind: 'lost',
      sentence: identity.outcome.sentence,
      evidence: identity.outcome.evidence,
    });
  return judgeRevision(context, facts);
}

function judgeMissing(input: SoakInput, message: string, elapsedMs: number, label: string): SoakStep {
  const { budgets } = input;
  // Two looks: a project or cache in change may answer "not found" once.
  if (elapsedMs < Math.min(budgets.tickMs, budgets.confirmMs))
    return { kind: 'blind', reason: `not found: ${message}` };
  return conclude({
    kind: 'lost',
    sentence: `${label} is gone: it was deleted or moved to another project.`,
    evidence: [evidence(label, 'answer', message)],
  });
}

function judgeRevision(context: Context, facts: SoakFacts): SoakStep {
  const { app, input, label } = context;
  const { sync } = app.status;
  const revision = toRevisionAt(sync, input.snapshot.sourceIndex);
  const read = [evidence(label, 'status.sync.revision', revision)];
  if (!isCommitSha(revision) || sync.status === 'Unknown')
    return { kind: 'blind', reason: 'Argo CD cannot say which revision it compares with' };
  const place = facts.ancestry[revision];
  if (place === undefined || (!place.containsCommit && place.insideCommit))
    return { kind: 'blind', reason: `waiting for git and Argo CD to agree about ${short(revision)}` };
  if (!place.containsCommit)
    return conclude({
      kind: 'lost',
      sentence: `Argo CD deploys ${short(revision)}, which does not contain our commit: the branch was rewritten.`,
      evidence: read,
    });
  if (revision === input.commit) return judgeWell(context, revision);
  const touched = facts.touched[revision];
  if (touched === undefined)
    return { kind: 'blind', reason: `it is not known yet what the later commit ${short(revision)} changed` };
  if (touched)
    return conclude({
      kind: 'superseded',
      by: revision,
      sentence: `The later commit ${short(revision)} changed the same service, so what runs is no longer ours to watch.`,
      evidence: read,
    });
  return judgeWell(context, revision);
}

/** The rules of the verdict about health, of which those count that say: worse than it was. */
function judgeWell(context: Context, revision: CommitSha): SoakStep {
  const { facts, input, app } = context;
  if (facts.tree === undefined && facts.unreadable.tree !== undefined)
    return { kind: 'blind', reason: `Argo CD does not give the resource tree: ${facts.unreadable.tree}` };
  const own = revision === input.commit ? app : toOurs(app, input.changed);
  const step = judgeHealth({ ...context, app: own }, revision);
  if (step.kind === 'good') return { kind: 'healthy', revision };
  if (step.kind === 'act' && step.action.type === 'read') return { kind: 'read', what: step.action.what };
  return toRegression(step) ?? { kind: 'pending', revision, reason: toReason(step) };
}

function toRegression(step: Step): SoakStep | undefined {
  if (step.kind !== 'conclude' || step.outcome.kind !== 'failed') return undefined;
  const { reason, object, message, sentence, evidence: read } = step.outcome;
  if (reason !== 'early' && reason !== 'degraded') return undefined;
  return conclude({ kind: 'regressed', reason, object, message, sentence, evidence: read });
}

function toReason(step: Step): string {
  if (step.kind === 'conclude') return step.outcome.sentence;
  return step.reason;
}

/** Under a later commit only what we changed is ours to judge. */
function toOurs(app: Application, changed: readonly ObjectRef[]): Application {
  const resources = app.status.resources.filter((resource) =>
    changed.some((ref) => isSameObject(toResourceRef(resource), ref)),
  );
  return { ...app, status: { ...app.status, resources } };
}

function toContext(input: SoakInput, facts: SoakFacts, parts: Pick<Context, 'app' | 'since' | 'label'>): Context {
  const { budgets } = input;
  const observation: ObservationInput = {
    ...input,
    snapshot: withoutOurs(input.snapshot, input.changed),
    policy: { mayRequestSync: false, mayTerminate: false },
  };
  return { input: observation, budgets, facts, trace: createTrace(facts.nowMs), nowMs: facts.nowMs, ...parts };
}

/** What we changed was found healthy since the snapshot, so a fault it had before excuses nothing. */
function withoutOurs(snapshot: ApplicationSnapshot, changed: readonly ObjectRef[]): ApplicationSnapshot {
  const kept = Object.entries(snapshot.resources).filter(([key]) => {
    const [group = '', kind = '', namespace = '', name = ''] = (key.split('|').at(-1) ?? '').split('/');
    return !changed.some((ref) => isSameObject({ group, kind, namespace, name }, ref));
  });
  return { ...snapshot, resources: Object.fromEntries(kept) };
}

function toQuiet(input: SoakInput, step: Extract<SoakStep, { kind: 'healthy' | 'pending' }>): SoakOutcome {
  const { revision } = step;
  const carried = revision === input.commit ? '' : `, under the later commit ${short(revision)}`;
  const end = step.kind === 'healthy' ? 'stayed healthy' : `did not fail (at the end ${step.reason})`;
  return {
    kind: 'quiet',
    sentence: `Commit ${short(input.commit)} ${end}${carried}.`,
    evidence: [evidence(toLabel(input.application), 'status.sync.revision', revision)],
  };
}

function conclude(outcome: SoakOutcome): { kind: 'conclude'; outcome: SoakOutcome } {
  return { kind: 'conclude', outcome };
}

const MIN_RECHECK_MS = 50;

/** Seldom while all is well, since every change of the Application wakes us; soon while something is in doubt. */
function wait({ budgets, untilMs }: SoakInput, nowMs: number, reason: string, isDoubtful: boolean): SoakDecision {
  const usualMs = isDoubtful ? budgets.tickMs : budgets.refreshEveryMs;
  const leftMs = untilMs - nowMs;
  const recheckMs = leftMs > 0 ? Math.min(usualMs, leftMs) : budgets.tickMs;
  return { kind: 'wait', reason, recheckMs: Math.max(recheckMs, MIN_RECHECK_MS) };
}
