import { toObjectRef } from '../../manifest/object.ts';
import { isSameJson } from '../json.ts';
import { isAutomated, isFinal, isMultiSource } from './application.ts';
import type { Application, Operation, ResourceId } from './application.ts';
import type { ComparedResource } from './compare.ts';
import { toSourceFields } from './targets.ts';

export type AutoSyncDecision =
  | { kind: 'start'; operation: Operation }
  | { kind: 'skip' }
  /** Self-heal pauses longer after every attempt; ask again after this much simulated time. */
  | { kind: 'later'; simulatedMs: number }
  /** Becomes a SyncError condition. */
  | { kind: 'refuse'; message: string };

interface AutoSyncFacts {
  revisions: readonly string[];
  resources: readonly ComparedResource[];
  mayAutoSync: boolean;
  /** Simulated time since the last operation ended. */
  sinceFinishedMs: number;
}

const HEAL_BACKOFF_MS = 2000;
const HEAL_FACTOR = 3;
const HEAL_MAX_MS = 300_000;

/** Whether the controller starts an operation by itself. One attempt per revision: what failed once is not tried again. */
export function decideAutoSync(application: Application, facts: AutoSyncFacts): AutoSyncDecision {
  const { spec, status } = application;
  const { automated } = spec.syncPolicy ?? {};
  const state = status.operationState;
  const isBusy = application.operation !== undefined || (state !== undefined && !isFinal(state.phase));
  const isDeleting = application.metadata.deletionTimestamp !== undefined;
  if (!isAutomated(spec) || automated === undefined || isBusy || isDeleting) return { kind: 'skip' };
  if (status.sync.status !== 'OutOfSync') return { kind: 'skip' };
  const prune = automated.prune === true;
  const differing = facts.resources.filter((resource) => resource.status === 'OutOfSync' && !resource.isIgnored);
  if (!prune && differing.every((resource) => resource.requiresPruning)) return { kind: 'skip' };
  if (!facts.mayAutoSync) return { kind: 'skip' };

  const pinned = isMultiSource(spec) ? { revisions: [...facts.revisions] } : { revision: facts.revisions[0] ?? '' };
  const sync = {
    ...pinned,
    prune,
    ...(spec.syncPolicy?.syncOptions === undefined ? {} : { syncOptions: spec.syncPolicy.syncOptions }),
  };
  const retry = spec.syncPolicy?.retry ?? { limit: 5 };
  const operation: Operation = { sync, initiatedBy: { automated: true }, retry };

  const isAttempted = state !== undefined && isSameAttempt(application, facts.revisions);
  if (isAttempted) {
    if (state.phase !== 'Succeeded') {
      const message = `Failed last sync attempt to [${facts.revisions.join(' ')}]: ${state.message ?? ''}`;
      return { kind: 'refuse', message };
    }
    if (automated.selfHeal !== true) return { kind: 'skip' };
    const attempts = state.operation.sync?.autoHealAttemptsCount ?? 0;
    const pauseMs = attempts === 0 ? 0 : Math.min(HEAL_MAX_MS, HEAL_BACKOFF_MS * HEAL_FACTOR ** (attempts - 1));
    if (facts.sinceFinishedMs < pauseMs) return { kind: 'later', simulatedMs: pauseMs - facts.sinceFinishedMs };
    const resources = differing.map(toResourceId).filter((id) => id !== undefined);
    return {
      kind: 'start',
      operation: { ...operation, sync: { ...sync, resources, autoHealAttemptsCount: attempts + 1 } },
    };
  }
  const left = facts.resources.filter((resource) => resource.target !== undefined);
  if (prune && automated.allowEmpty !== true && left.length === 0 && differing.length > 0) {
    return {
      kind: 'refuse',
      message: `Skipping sync attempt to [${facts.revisions.join(' ')}]: auto-sync will wipe out all resources`,
    };
  }
  return { kind: 'start', operation };
}

function isSameAttempt(application: Application, revisions: readonly string[]): boolean {
  const state = application.status.operationState;
  const attempted = state?.syncResult?.revisions ?? [
    state?.syncResult?.revision ?? state?.operation.sync?.revision ?? '',
  ];
  if (!isSameJson(attempted, revisions)) return false;
  const { source, sources } = state?.syncResult ?? {};
  // An operation that failed before it had a result says nothing about its source.
  if (source === undefined && sources === undefined) return true;
  const now = toSourceFields(application);
  return isSameJson({ source, sources }, { source: now.source, sources: now.sources });
}

function toResourceId(resource: ComparedResource): ResourceId | undefined {
  const object = resource.target ?? resource.live;
  if (object === undefined) return undefined;
  const { group, kind, name } = toObjectRef(object);
  return { ...(group === '' ? {} : { group }), kind, name };
}
