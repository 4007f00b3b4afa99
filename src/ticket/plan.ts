import { canonicalJson, sha256Hex, type ChangeHash } from '../lib/ids.ts';
import type { ObjectChange } from '../manifest/object.ts';
import type { PlannedStep } from '../model/planning.ts';
import type { Finding } from '../validation/finding.ts';
import type { Risk } from '../validation/risk.ts';

/** What memory said when the plan was made, and what was done about it. */
export interface PlanAdvice {
  /** P(fail) with its 80 % interval; null when memory holds nothing about the service. */
  probability: number | null;
  low: number | null;
  high: number | null;
  strategy: 'direct' | 'canary' | 'blue_green' | 'hold';
  /** Sentences with counts, as a person reads them. */
  remembered: string[];
  /** Why the rollout is more careful than usual; empty when it is not. */
  careReasons: string[];
  /** How long a healthy verdict must hold before it counts. */
  settleSeconds: number;
}

/** What the planner decided to do, before anything was edited. */
export interface PlanIntent {
  summary: string;
  steps: PlannedStep[];
  assumptions: string[];
  advice: PlanAdvice;
  /** How each service that is named rolls out, as it renders when the plan is made. */
  strategies: Record<string, 'direct' | 'canary' | 'blue_green'>;
}

/** What the edits come to, made in a private work tree. */
export interface PlanDraft {
  changes: ObjectChange[];
  /** Source files the steps touch; rendered files are in `changes`. */
  sourceFiles: string[];
  differenceHash: string;
}

/** What the checks and the policy said about the draft. */
export interface PlanReview {
  findings: Finding[];
  risk: Risk;
  policy: { decision: 'allow' | 'require_approval' | 'deny'; rule: string; reasons: string[]; version: string };
  changeHash: ChangeHash;
}

/** A plan as far as it has come: the steps, then the rendered difference, then what a person approves. */
export interface StoredPlan {
  ticketId: string;
  attempt: number;
  /** Grows when the difference is made anew, because the base moved or the plan was repaired. */
  revision: number;
  baseCommit: string;
  intent: PlanIntent;
  draft: PlanDraft | null;
  review: PlanReview | null;
  createdAt: string;
}

/** The identity of a rendered difference: which objects change, and exactly how. */
export function toDifferenceHash(changes: readonly ObjectChange[]): string {
  const essence = changes.map(({ type, ref, service, before, after }) => ({ type, ref, service, before, after }));
  return sha256Hex(canonicalJson(essence));
}

/** What an approval signs: the steps, the commit they start from, the rendered difference and the policy in force. */
export function toChangeHash(input: {
  /** Two tickets that ask for the same are two changes: one must not pass for the other. */
  ticketId: string;
  steps: readonly PlannedStep[];
  baseCommit: string;
  differenceHash: string;
  policyVersion: string;
}): ChangeHash {
  return sha256Hex(canonicalJson(input)) as ChangeHash;
}
