import type { FailureFingerprint, Scope, Strategy } from './facts.ts';

/** One thing the memory knows that moves the estimate. */
export interface RiskSignal {
  name: string;
  /** One sentence with the counts behind it. */
  detail: string;
  /** Log-odds it adds: 0.7 doubles the odds of failure, -0.7 halves them. */
  effect: number;
}

/** How likely the next deploy is to fail, and why. */
export interface RiskAssessment {
  scope: Scope;
  atMs: number;
  probability: number;
  /** 80 % interval of the probability. */
  low: number;
  high: number;
  /** Strongest first. */
  signals: RiskSignal[];
  /** Deploys of this scope whose end is known and says something about the change. */
  deploys: number;
  failures: number;
  /** Nothing was ever deployed in this scope. */
  firstDeploy: boolean;
  lastStrategy?: Strategy;
  lastFailure?: { deployId: string; atMs: number; version?: string; fingerprint?: FailureFingerprint };
}

/** What is known about a deploy before it begins. */
export interface RiskInput {
  scope: Scope;
  atMs: number;
  version?: string;
  changeKind?: string;
  size?: number;
  stateful?: boolean;
}

/** The bare numbers of an assessment. */
export interface Prediction {
  probability: number;
  low: number;
  high: number;
}
