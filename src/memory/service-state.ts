import type {
  DeployFact,
  DeployRecord,
  FailureFingerprint,
  OutcomeFact,
  RegressionFact,
  Scope,
  Strategy,
} from './facts.ts';
import { findFailure, isFailure, toEnvironmentKey } from './facts.ts';
import type { VersionTimes } from './version-times.ts';
import { createVersionTimes } from './version-times.ts';

/** How many deploys of a scope are kept in full; older ones live on in the counts. */
const RECENT = 20;
const DAY_MS = 86_400_000;
/** Different failures kept per scope; the least recent goes first. */
const MAX_PATTERNS = 64;

/** Deploys after which half of what was learned is forgotten. Counted in deploys, so that a quiet service keeps its memory. */
const FAST_DECAY = 0.5 ** (1 / 5);
const SLOW_DECAY = 0.5 ** (1 / 80);

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

/** Everything remembered about one scope. Plain data, so that it can be written down and read back. */
export interface ServiceState {
  scope: Scope;
  /** `toEnvironmentKey` of the scope. */
  environment: string;
  /** The environment and the name of the service: by this the failures anywhere are counted. */
  anywhere: string;
  /** Its number in the timeline of its environment. */
  place: number;
  /** Deploys begun. */
  started: number;
  /** Deploys whose end is known and says something about the change. */
  deploys: number;
  failures: number;
  /** Failures in a row up to the newest known end. */
  run: number;
  fast: FadingCount;
  slow: FadingCount;
  lastStrategy?: Strategy;
  lastFailure?: DeployRecord;
  /** When that became known; minus infinity where there is none. */
  lastFailedAtMs: number;
  /** The newest ones, as a ring: `oldest` is the place of the oldest once all are taken. */
  recent: { records: DeployRecord[]; oldest: number };
  patterns: Map<string, FailurePattern>;
  /** Start times within a day before the newest one. */
  startsMs: number[];
  versions: VersionTimes;
  failedVersions: Map<string, number>;
  lastVersion?: string;
  lastWasOlder: boolean;
  lastOlderAtMs: number;
  /** Weights of the forms of versions, in units that grow with every deploy. */
  shapes: Map<string, { weight: number }>;
  shapeTotal: number;
  shapeUnit: number;
}

export function createServiceState(scope: Scope, place: number): ServiceState {
  const { cluster, environment, namespace, service } = scope;
  const key = toEnvironmentKey(scope);
  return {
    scope: { cluster, environment, namespace, service },
    environment: key,
    anywhere: toAnywhereKey(key, service),
    place,
    started: 0,
    deploys: 0,
    failures: 0,
    run: 0,
    lastFailedAtMs: Number.NEGATIVE_INFINITY,
    fast: { deploys: 0, failures: 0 },
    slow: { deploys: 0, failures: 0 },
    recent: { records: [], oldest: 0 },
    patterns: new Map(),
    startsMs: [],
    versions: createVersionTimes(),
    failedVersions: new Map(),
    lastWasOlder: false,
    lastOlderAtMs: Number.NEGATIVE_INFINITY,
    shapes: new Map(),
    shapeTotal: 0,
    shapeUnit: 1,
  };
}

export function toAnywhereKey(environment: string, service: string): string {
  return `${environment}\n${service}`;
}

export function addStart(state: ServiceState, record: DeployRecord): void {
  const { startedAtMs, strategy } = record.deploy;
  state.started += 1;
  state.lastStrategy = strategy;
  while (state.startsMs.length > 0 && (state.startsMs[0] ?? 0) <= startedAtMs - DAY_MS) state.startsMs.shift();
  state.startsMs.push(startedAtMs);
  const { records, oldest } = state.recent;
  if (records.length < RECENT) {
    records.push(record);
    return;
  }
  records[oldest] = record;
  state.recent.oldest = (oldest + 1) % RECENT;
}

/** The deploys kept in full, newest first. */
export function listRecent({ recent: { records, oldest } }: ServiceState): DeployRecord[] {
  return [...records.slice(oldest), ...records.slice(0, oldest)].reverse();
}

/** @param weight what a failure is worth as evidence against this service; less where others failed with it */
export function addEnd(state: ServiceState, deploy: DeployFact, outcome: OutcomeFact, weight: number): void {
  const failed = isFailure(outcome.outcome);
  if (failed === undefined) return;
  state.deploys += 1;
  fade(state.fast, FAST_DECAY, failed ? weight : 0);
  fade(state.slow, SLOW_DECAY, failed ? weight : 0);
  if (!failed) {
    state.run = 0;
    return;
  }
  addFailure(state, deploy, outcome, true);
}

/**
 * A deploy counted as healthy before counts as failed from now on: the same deploys, one failure more. With `isNewest` nothing
 * has ended since, so the next deploy follows a failure.
 */
export function addRegressed(
  state: ServiceState,
  deploy: DeployFact,
  regression: RegressionFact,
  { weight, isNewest }: { weight: number; isNewest: boolean },
): void {
  const failure = findFailure({ regression });
  if (failure === undefined) return;
  state.fast.failures += weight;
  state.slow.failures += weight;
  addFailure(state, deploy, failure, isNewest);
}

function addFailure(state: ServiceState, deploy: DeployFact, failure: OutcomeFact, isNewest: boolean): void {
  state.failures += 1;
  // What a person gave little weight stays counted, but the next deploy is not judged by it.
  if ((failure.weight ?? 1) >= 0.5) {
    if (isNewest) state.run += 1;
    state.lastFailure = { deploy, outcome: failure };
    state.lastFailedAtMs = failure.atMs;
  }
  if (failure.fingerprint !== undefined) addPattern(state, failure.fingerprint, deploy.id, failure.atMs);
}

function addPattern(state: ServiceState, fingerprint: FailureFingerprint, deployId: string, atMs: number): void {
  const key = `${fingerprint.class}\n${fingerprint.signature}`;
  const known = state.patterns.get(key);
  // Taken out and put back, so that the map is in order of the last time seen.
  state.patterns.delete(key);
  state.patterns.set(key, {
    fingerprint,
    count: (known?.count ?? 0) + 1,
    firstAtMs: known?.firstAtMs ?? atMs,
    lastAtMs: atMs,
    lastDeployId: deployId,
  });
  const oldest = state.patterns.keys().next();
  if (state.patterns.size > MAX_PATTERNS && oldest.done !== true) state.patterns.delete(oldest.value);
}

function fade(count: FadingCount, decay: number, failures: number): void {
  count.deploys = count.deploys * decay + 1;
  count.failures = count.failures * decay + failures;
}
