import type { FixAttempt } from './escalation.ts';
import type { DeployFact, DeployRecord, FailureFingerprint } from './facts.ts';
import { findFailure, isFailure } from './facts.ts';

/** Names a change as a fix: the same version again, or the same kind of change where no version tells. */
export function toFixName(change: Pick<DeployFact, 'changeKind' | 'version'>): string {
  const { changeKind, version } = change;
  return changeKind === 'set_image' && version !== undefined ? `${changeKind} ${version}` : changeKind;
}

/**
 * What was done about failures, read from the history of a target, newest first: each healthy deploy that followed a failure
 * was a fix that worked. Whether its symptom came back shows in the failures after it.
 */
export function listFixAttempts(history: readonly DeployRecord[]): FixAttempt[] {
  const attempts: FixAttempt[] = [];
  let symptom: FailureFingerprint | undefined;
  for (const { deploy, outcome, regression } of [...history].reverse()) {
    if (outcome === undefined) continue;
    const failed = isFailure(outcome.outcome);
    if (failed === undefined) continue;
    if (failed) symptom = outcome.fingerprint;
    else if (symptom !== undefined) {
      attempts.push({ atMs: outcome.atMs, symptom, fix: toFixName(deploy), worked: true });
      symptom = undefined;
    }
    // It was well for a while, and then it was not.
    if (regression !== undefined) symptom = regression.fingerprint;
  }
  return attempts;
}

/** What the target suffers from now: the fingerprint of its newest failure, where nothing has been healthy since. */
export function findSymptom(history: readonly DeployRecord[]): FailureFingerprint | undefined {
  for (const record of history) {
    const failure = findFailure(record);
    if (failure !== undefined) return failure.fingerprint;
    if (record.outcome?.outcome === 'healthy') return undefined;
  }
  return undefined;
}
