import type { DeployFact, DeployRecord, FailureFingerprint, OutcomeFact, Scope, Strategy } from './facts.ts';
import { isFailure } from './facts.ts';

/** How many deploys of a scope are kept in full; older ones live on in the counts. */
const RECENT = 64;

/** Deploys after which half of what was learned is forgotten. Counted in deploys, so that a quiet service keeps its memory. */
export const FAST_HALF_LIFE = 5;
export const SLOW_HALF_LIFE = 80;
const FAST_DECAY = 0.5 ** (1 / FAST_HALF_LIFE);
const SLOW_DECAY = 0.5 ** (1 / SLOW_HALF_LIFE);

/** Counts that fade: `deploys` deploys of which `failures` failed, the older ones counting less. */
export interface FadingCount {
  deploys: number;
  failures: number;
}

export interface FailurePattern {
  fingerprint: FailureFingerprint;
  count: number;
  firstAtMs: number;
  lastAtMs: number;
  lastDeployId: string;
}

/** Everything remembered about one scope. */
export interface ServiceState {
  scope: Scope;
  /** Deploys begun. */
  started: number;
  /** Deploys whose end is known and says something about the change. */
  deploys: number;
  failures: number;
  /** Failures in a row up to the newest known end. */
  run: number;
  fast: FadingCount;
  slow: FadingCount;
  lastStartedAtMs?: number;
  lastVersion?: string;
  lastStrategy?: Strategy;
  lastFailure?: DeployRecord;
  /** Oldest first. */
  recent: DeployRecord[];
  patterns: Map<string, FailurePattern>;
}

export function createServiceState(scope: Scope): ServiceState {
  return {
    scope: {
      cluster: scope.cluster,
      environment: scope.environment,
      namespace: scope.namespace,
      service: scope.service,
    },
    started: 0,
    deploys: 0,
    failures: 0,
    run: 0,
    fast: { deploys: 0, failures: 0 },
    slow: { deploys: 0, failures: 0 },
    recent: [],
    patterns: new Map(),
  };
}

export function addStart(state: ServiceState, record: DeployRecord): void {
  const { deploy } = record;
  state.started += 1;
  state.lastStartedAtMs = deploy.startedAtMs;
  if (deploy.version !== undefined) state.lastVersion = deploy.version;
  state.lastStrategy = deploy.strategy;
  state.recent.push(record);
  if (state.recent.length > RECENT) state.recent.shift();
}

export function addEnd(state: ServiceState, deploy: DeployFact, outcome: OutcomeFact): void {
  const failed = isFailure(outcome.outcome);
  if (failed === undefined) return;
  state.deploys += 1;
  fade(state.fast, FAST_DECAY, failed);
  fade(state.slow, SLOW_DECAY, failed);
  if (!failed) {
    state.run = 0;
    return;
  }
  state.failures += 1;
  state.run += 1;
  state.lastFailure = { deploy, outcome };
  const { fingerprint } = outcome;
  if (fingerprint !== undefined) addPattern(state, fingerprint, deploy.id, outcome.atMs);
}

function addPattern(state: ServiceState, fingerprint: FailureFingerprint, deployId: string, atMs: number): void {
  const key = `${fingerprint.class}\n${fingerprint.signature}`;
  const known = state.patterns.get(key);
  if (known === undefined) {
    state.patterns.set(key, { fingerprint, count: 1, firstAtMs: atMs, lastAtMs: atMs, lastDeployId: deployId });
    return;
  }
  known.count += 1;
  known.lastAtMs = atMs;
  known.lastDeployId = deployId;
}

function fade(count: FadingCount, decay: number, failed: boolean): void {
  count.deploys = count.deploys * decay + 1;
  count.failures = count.failures * decay + (failed ? 1 : 0);
}
