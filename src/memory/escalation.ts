import type { DeployRecord, FailureFingerprint } from './facts.ts';
import { isFailure } from './facts.ts';

const HOUR_MS = 3_600_000;

export interface EscalationRules {
  /** The same fix may succeed this often before the returning symptom goes to a person. */
  maxSameFix: number;
  /** How long a success of a fix is remembered against it. */
  sameFixWindowMs: number;
  /** Above this probability of failure a person is asked before anything is pushed. */
  holdAbove: number;
  /** This many failures of one kind of change within the window block the target. */
  maxIneffective: number;
  ineffectiveWindowMs: number;
}

const DEFAULT_ESCALATION_RULES: EscalationRules = {
  maxSameFix: 2,
  sameFixWindowMs: 14 * 24 * HOUR_MS,
  holdAbove: 0.7,
  maxIneffective: 3,
  ineffectiveWindowMs: 6 * HOUR_MS,
};

/** A fix that was made for a symptom, and whether the target was well afterwards. */
export interface FixAttempt {
  atMs: number;
  symptom: FailureFingerprint;
  /** Names the fix: the same text is the same fix. */
  fix: string;
  worked: boolean;
}

export interface EscalationInput {
  atMs: number;
  /** What is about to be done; the same text is the same change. */
  fix?: string;
  /** What it is to cure, where it is a cure. */
  symptom?: FailureFingerprint;
  attempts: readonly FixAttempt[];
  /** Recent deploys of the target, newest first. */
  history: readonly DeployRecord[];
  changeKind?: string;
  probability: number;
}

/** Why a person must be asked, with what to tell them. */
export type Escalation =
  | { rule: 'symptom_returned'; reason: string; times: number }
  | { rule: 'risk_above_hold'; reason: string; probability: number }
  | { rule: 'target_blocked'; reason: string; failures: number; untilMs: number };

/** The first rule that asks for a person, gravest first; undefined when the change may go on. Pure. */
export function findEscalation(
  input: EscalationInput,
  rules: EscalationRules = DEFAULT_ESCALATION_RULES,
): Escalation | undefined {
  return findBlocked(input, rules) ?? findReturned(input, rules) ?? findRisky(input, rules);
}

function findBlocked(input: EscalationInput, rules: EscalationRules): Escalation | undefined {
  const since = input.atMs - rules.ineffectiveWindowMs;
  const repeats = input.history.filter(
    ({ deploy, outcome }) =>
      outcome !== undefined &&
      outcome.atMs >= since &&
      outcome.atMs <= input.atMs &&
      isFailure(outcome.outcome) === true &&
      (input.changeKind === undefined || deploy.changeKind === input.changeKind),
  );
  if (repeats.length < rules.maxIneffective) return undefined;
  const times = repeats.map(({ outcome }) => outcome?.atMs ?? 0).sort((a, b) => b - a);
  const untilMs = (times[rules.maxIneffective - 1] ?? input.atMs) + rules.ineffectiveWindowMs;
  return {
    rule: 'target_blocked',
    failures: repeats.length,
    untilMs,
    reason:
      `${repeats.length} changes of this kind failed here within ${formatHours(rules.ineffectiveWindowMs)}; ` +
      `the target is blocked until a person looks or that time has passed.`,
  };
}

function findReturned(input: EscalationInput, rules: EscalationRules): Escalation | undefined {
  const { symptom, fix } = input;
  if (symptom === undefined || fix === undefined) return undefined;
  const times = input.attempts.filter(
    (attempt) =>
      attempt.worked &&
      attempt.fix === fix &&
      attempt.symptom.class === symptom.class &&
      attempt.symptom.signature === symptom.signature &&
      attempt.atMs >= input.atMs - rules.sameFixWindowMs,
  ).length;
  if (times < rules.maxSameFix) return undefined;
  return {
    rule: 'symptom_returned',
    times,
    reason: `The same fix worked ${times} times and the symptom (${symptom.class}) came back each time: it does not cure the cause.`,
  };
}

function findRisky(input: EscalationInput, rules: EscalationRules): Escalation | undefined {
  if (input.probability <= rules.holdAbove) return undefined;
  return {
    rule: 'risk_above_hold',
    probability: input.probability,
    reason: `The risk of failure is ${Math.round(input.probability * 100)} %, above the ${Math.round(rules.holdAbove * 100)} % at which a person is asked.`,
  };
}

function formatHours(ms: number): string {
  const hours = ms / HOUR_MS;
  return `${Number.isInteger(hours) ? hours : hours.toFixed(1)} hours`;
}
