import type { CommitSha } from '../lib/ids.ts';
import type { ObjectRef } from '../manifest/object.ts';
import { toRefLabel } from '../manifest/object.ts';
import { isSameObject } from './application.ts';
import type { ObservationFacts, Trace } from './facts.ts';
import type { Decision, FactName, ObservationBudgets, ObservationInput, ObservationPhase } from './observation.ts';
import type { Evidence, FailureReason, Outcome } from './outcome.ts';
import type { Application } from './schema.ts';

/** What every rule of the verdict sees. */
export interface Context {
  input: ObservationInput;
  budgets: ObservationBudgets;
  facts: ObservationFacts;
  trace: Trace;
  nowMs: number;
  app: Application;
  /** `Application production/web`, for evidence. */
  label: string;
  /** Since when the condition named by the key has held; naming it is what keeps it. */
  since(key: string): number;
}

/** A wait, with what would help: a refresh not older than a time, or more often than usual. */
export interface Waiting {
  kind: 'waiting';
  phase: ObservationPhase;
  reason: string;
  refresh?: { everyMs?: number; startedAfterMs?: number };
  /** The condition is known to change then at the latest. */
  untilMs?: number;
}

export type Step = Waiting | Exclude<Decision, { kind: 'wait' }>;

export function wait(
  phase: ObservationPhase,
  reason: string,
  more: Pick<Waiting, 'refresh' | 'untilMs'> = {},
): Waiting {
  return { kind: 'waiting', phase, reason, ...more };
}

/** Asks for a fact, or waits when it was asked for in this look and could not be read. */
export function read(context: Context, what: FactName, phase: ObservationPhase): Step {
  const failure = context.facts.unreadable[what];
  if (failure !== undefined) return wait(phase, `Argo CD does not give the ${FACT_WORDS[what]}: ${failure}`);
  return { kind: 'act', phase, action: { type: 'read', what }, reason: `read the ${FACT_WORDS[what]}` };
}

const FACT_WORDS: Record<FactName, string> = {
  tree: 'resource tree',
  managed: 'managed resources',
  windows: 'sync windows',
  children: 'child applications',
  analyses: 'analyses of its rollout',
};

export function conclude(outcome: Outcome): Step {
  return { kind: 'conclude', outcome };
}

export function evidence(object: string, field: string, value: string): Evidence {
  return { object, field, value };
}

export interface Failure {
  reason: FailureReason;
  sentence: string;
  message: string;
  evidence: Evidence[];
  object?: ObjectRef;
}

/**
 * A failure of our commit, or of the later commit that carries it: what breaks under a later revision, on an object we did not
 * touch, is not ours to judge.
 */
export function fail(context: Context, via: CommitSha | undefined, failure: Failure): Step {
  const { input } = context;
  const { object } = failure;
  const foreign =
    via !== undefined &&
    via !== input.commit &&
    object !== undefined &&
    input.changed.length > 0 &&
    !isChanged(context, object);
  if (foreign)
    return conclude({
      kind: 'superseded',
      by: via,
      sentence:
        `Commit ${short(via)} came after ours and ${toRefLabel(object)}, which our change does not touch, is not well: ` +
        failure.sentence,
      evidence: failure.evidence,
    });
  return conclude({ kind: 'failed', ...failure });
}

/**
 * Whether the snapshot shows the time before our commit. That of an application which the commit itself brought into being is
 * taken afterwards, and what it shows is no excuse for anything.
 */
export function hasBaseline({ input, facts }: Context): boolean {
  return facts.ancestry[input.snapshot.revision]?.containsCommit !== true;
}

export function isChanged(context: Context, ref: ObjectRef): boolean {
  return context.input.changed.some((changed) => isSameObject(changed, ref));
}

export function short(commit: string): string {
  return commit.slice(0, 8);
}

export function toSeconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** `a, b, c and 4 more`. */
export function toList(items: readonly string[], most = 3): string {
  const shown = items.slice(0, most).join(', ');
  return items.length > most ? `${shown} and ${items.length - most} more` : shown;
}
