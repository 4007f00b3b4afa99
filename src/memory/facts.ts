/** Where a service runs. A memory is kept per scope: what happens in staging does not change production by itself. */
export interface Scope {
  cluster: string;
  environment: string;
  namespace: string;
  service: string;
}

/** How new pods take over. `hold` is not one of these: it means that a person is asked first. */
export type Strategy = 'direct' | 'canary' | 'blue_green';

export const DEPLOY_OUTCOMES = ['healthy', 'failed', 'rolled_back', 'inconclusive', 'superseded', 'cancelled'] as const;

/**
 * How a deploy ended. `inconclusive` (its analysis could not measure enough), `superseded` and `cancelled` say nothing about
 * the change itself and are not learned from.
 */
export type DeployOutcome = (typeof DEPLOY_OUTCOMES)[number];

/** What broke, as a stable class and a normalised text of the evidence: the same cause gives the same pair. */
export interface FailureFingerprint {
  class: string;
  signature: string;
}

/** A deploy has begun. Known in full before anything about its end is. */
export interface DeployFact extends Scope {
  /** Unique among all deploys. */
  id: string;
  application?: string;
  /** Registry and repository of the image, without tag and digest. */
  image?: string;
  version?: string;
  digest?: string;
  /** A kind of edit, `revert`, or `mixed`. */
  changeKind: string;
  commit?: string;
  ticket?: string;
  actor?: string;
  startedAtMs: number;
  strategy: Strategy;
  /** How many objects the change touches. */
  size?: number;
  /** The installation that observed it, where it was not this one. */
  origin?: string;
}

/** A deploy has ended. Written by the observer only; nothing is learned from a deploy before this is read. */
export interface OutcomeFact {
  deployId: string;
  atMs: number;
  outcome: DeployOutcome;
  verdict?: string;
  fingerprint?: FailureFingerprint;
  durationMs?: number;
  /** What a failure is worth as evidence, above 0 and up to 1; less where a person said that it tells little. */
  weight?: number;
}

/**
 * A deploy that had been told healthy went bad by itself while it was watched on. One a deploy at most. What was believed in
 * between stays believed of that time: it is a failure that became known at `atMs`.
 */
export interface RegressionFact {
  deployId: string;
  atMs: number;
  verdict?: string;
  fingerprint?: FailureFingerprint;
  /** As with an outcome. */
  weight?: number;
}

/** A deploy with its end, once there is one. */
export interface DeployRecord {
  deploy: DeployFact;
  outcome?: OutcomeFact;
  regression?: RegressionFact;
}

/** A stable text key: equal scopes give equal keys. */
export function toScopeKey(scope: Scope): string {
  return `${scope.cluster}/${scope.environment}/${scope.namespace}/${scope.service}`;
}

/** Equal for scopes of one environment, which learns from itself alone. */
export function toEnvironmentKey(scope: { cluster: string; environment: string }): string {
  return `${scope.cluster}/${scope.environment}`;
}

/** As a person would write it: `web in production`. */
export function toScopeLabel(scope: Scope): string {
  return `${scope.service} in ${scope.environment}`;
}

/** Whether the outcome counts as a failure of the change; undefined where it says nothing about it. */
export function isFailure(outcome: DeployOutcome): boolean | undefined {
  if (outcome === 'failed' || outcome === 'rolled_back') return true;
  return outcome === 'healthy' ? false : undefined;
}

/** The failure a deploy is known to have come to, at its end or later; undefined where there was none. */
export function findFailure({ outcome, regression }: Omit<DeployRecord, 'deploy'>): OutcomeFact | undefined {
  if (regression !== undefined) return { ...regression, outcome: 'failed' };
  return outcome !== undefined && isFailure(outcome.outcome) === true ? outcome : undefined;
}
