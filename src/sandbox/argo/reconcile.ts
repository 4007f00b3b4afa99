import { toErrorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { toObjectRef } from '../../manifest/object.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { FaultKnobs } from '../faults.ts';
import { toApplicationHealth } from '../health.ts';
import { listAt, textAt } from '../json.ts';
import type { Timeline } from '../timeline.ts';
import {
  CASCADE_FINALIZER,
  isMultiSource,
  listSources,
  REFRESH_ANNOTATION,
  toApplicationId,
  toApplicationKey,
} from './application.ts';
import type { Application, ApplicationId, ApplicationStatus, Condition } from './application.ts';
import { decideAutoSync } from './auto-sync.ts';
import { toResourceStatus, toSyncStatus } from './compare.ts';
import type { ComparedResource } from './compare.ts';
import { GitReadError } from './git.ts';
import { toResourceHealth } from './live.ts';
import type { Live } from './live.ts';
import type { Operations } from './operations.ts';
import { findInvalidSpec, toWindowVerdict } from './project.ts';
import type { Project } from './project.ts';
import type { Registry } from './registry.ts';
import { toSourceFields } from './targets.ts';
import type { TargetLoader, Targets } from './targets.ts';

/** 3: resolve the revision anew; 2: the same, but failures are kept quiet for a while; 1: against the revision known. */
export type CompareLevel = 1 | 2 | 3;

/** The application controller: keeps the status of every Application and starts operations by itself. */
export interface Reconciler {
  request(id: ApplicationId, level: CompareLevel): void;
  stop(): void;
}

export interface ReconcilerDeps {
  registry: Registry;
  cluster: Cluster;
  timeline: Timeline;
  live: Live;
  loader: TargetLoader;
  operations: Operations;
  faults: FaultKnobs;
  logger: Logger;
  random: () => number;
  findProject(name: string): Project | undefined;
  controllerNamespace: string;
  pollIntervalMs: number;
  missingRule: 'any' | 'all';
}

const QUEUE_MS = 20;

export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { registry, timeline, cluster, faults, logger } = deps;
  const wanted = new Map<string, { id: ApplicationId; level: CompareLevel }>();
  const busy = new Set<string>();
  const known = new Map<string, Targets>();
  const failingSince = new Map<string, number>();
  let stopped = false;

  const request = (id: ApplicationId, level: CompareLevel) => {
    const key = toApplicationKey(id);
    const waiting = wanted.get(key);
    wanted.set(key, { id, level: waiting !== undefined && waiting.level > level ? waiting.level : level });
    if (waiting === undefined && !busy.has(key)) timeline.after(QUEUE_MS, () => start(key));
  };

  const start = (key: string) => {
    const next = wanted.get(key);
    if (next === undefined || stopped || faults.get().controllerDown || busy.has(key)) return;
    wanted.delete(key);
    busy.add(key);
    reconcile(next.id, next.level)
      .catch((error: unknown) =>
        logger.error({ application: key, error: toErrorMessage(error) }, 'a reconcile broke down'),
      )
      .finally(() => {
        busy.delete(key);
        if (wanted.has(key)) timeline.after(QUEUE_MS, () => start(key));
      });
  };

  const reconcile = async (id: ApplicationId, level: CompareLevel) => {
    const application = registry.find(id);
    if (application === undefined) return;
    if (application.metadata.deletionTimestamp !== undefined) {
      finishDeletion(application);
      return;
    }
    const asked = application.metadata.annotations?.[REFRESH_ANNOTATION];
    const { refresh } = faults.get();
    if (asked !== undefined && refresh === 'never_returns') return;
    const effective: CompareLevel =
      asked === undefined || refresh === 'old_revision' ? (asked === undefined ? level : 1) : 3;
    const invalid = findInvalidSpec(application, deps.findProject(application.spec.project));
    const loaded =
      invalid === undefined
        ? await load(application, effective)
        : { kind: 'failed' as const, type: 'InvalidSpecError', message: invalid };
    if (loaded.kind === 'quiet') {
      scheduleRetry(id);
      return;
    }
    const decided = registry.update(id, (current) => {
      // Whatever was written while git was read stays; only the controller's own fields are replaced.
      if (current.metadata.uid !== application.metadata.uid) return current;
      const compared =
        loaded.kind === 'failed'
          ? withFailure(deps, current, loaded)
          : withComparison(deps, current, loaded.targets, effective, () => request(id, 1));
      return asked === undefined ? compared : withoutRefresh(compared, asked);
    });
    if (loaded.kind === 'failed') scheduleRetry(id);
    if (decided?.operation !== undefined) deps.operations.pickUp(id);
  };

  type Loaded =
    { kind: 'loaded'; targets: Targets } | { kind: 'failed'; type: string; message: string } | { kind: 'quiet' };

  const load = async (application: Application, level: CompareLevel): Promise<Loaded> => {
    const key = `${toApplicationKey(toApplicationId(application))} ${application.metadata.uid} ${JSON.stringify(listSources(application.spec))}`;
    const before = known.get(key);
    if (level === 1 && before !== undefined) return { kind: 'loaded', targets: before };
    try {
      const targets = await deps.loader.load(application);
      known.set(key, targets);
      failingSince.delete(key);
      return { kind: 'loaded', targets };
    } catch (error) {
      if (!(error instanceof GitReadError)) throw error;
      const since = failingSince.get(key) ?? timeline.now();
      failingSince.set(key, since);
      const quietMs = faults.get().gitErrorGraceSeconds * 1000;
      const isQuiet = level < 3 && before !== undefined && timeline.toSimulated(timeline.now() - since) < quietMs;
      return isQuiet ? { kind: 'quiet' } : { kind: 'failed', type: 'ComparisonError', message: error.message };
    }
  };

  const scheduleRetry = (id: ApplicationId) => void timeline.after(30_000, () => request(id, 2));

  const finishDeletion = (application: Application) => {
    const id = toApplicationId(application);
    const left =
      application.metadata.finalizers?.some((name) => name.startsWith(CASCADE_FINALIZER)) === true
        ? deps.live.listManaged(application)
        : [];
    for (const object of left) cluster.delete(toObjectRef(object));
    if (left.length === 0) registry.remove(id);
    else timeline.after(500, () => request(id, 1));
  };

  const poll = (id: ApplicationId, uid: string) => {
    const jitterMs = deps.random() * Math.min(60_000, deps.pollIntervalMs / 2);
    timeline.after(deps.pollIntervalMs + jitterMs, () => {
      if (registry.find(id)?.metadata.uid !== uid) return;
      request(id, 2);
      poll(id, uid);
    });
  };

  const unsubscribeRegistry = registry.onWrite(({ type, application }) => {
    const id = toApplicationId(application);
    if (type === 'ADDED') {
      request(id, 3);
      poll(id, application.metadata.uid);
      if (application.operation !== undefined) deps.operations.pickUp(id);
    } else if (type === 'MODIFIED') {
      if (application.metadata.annotations?.[REFRESH_ANNOTATION] !== undefined) request(id, 3);
      if (application.metadata.deletionTimestamp !== undefined) request(id, 1);
      if (application.operation !== undefined && !faults.get().controllerDown) deps.operations.pickUp(id);
    } else {
      for (const key of [...known.keys()]) if (key.startsWith(`${toApplicationKey(id)} `)) known.delete(key);
    }
  });
  const unsubscribeCluster = cluster.onChange(({ object }) => {
    const owner = deps.live.findOwner(object);
    // A change of a child touches the tree only; health and sync are computed from what the Application manages itself.
    if (owner?.isManaged !== true) return;
    const separator = owner.owner.indexOf('_');
    const namespace = separator < 0 ? deps.controllerNamespace : owner.owner.slice(0, separator);
    request({ namespace, name: owner.owner.slice(separator + 1) }, 1);
  });
  const unsubscribeFaults = faults.onChange((settings) => {
    if (settings.controllerDown || settings.refresh === 'never_returns') return;
    // What waited while the controller was away goes on now.
    for (const [key] of wanted) timeline.after(QUEUE_MS, () => start(key));
    for (const application of registry.list()) {
      const id = toApplicationId(application);
      if (application.metadata.annotations?.[REFRESH_ANNOTATION] !== undefined) request(id, 3);
      if (application.operation !== undefined) deps.operations.pickUp(id);
    }
  });

  return {
    request,
    stop: () => {
      stopped = true;
      unsubscribeRegistry();
      unsubscribeCluster();
      unsubscribeFaults();
    },
  };
}

function withComparison(
  deps: ReconcilerDeps,
  application: Application,
  targets: Targets,
  level: CompareLevel,
  again: () => void,
): Application {
  const stamp = deps.timeline.stamp();
  const resources = deps.live.compare(application, targets.objects);
  const revisions = isMultiSource(application.spec)
    ? { revisions: targets.revisions }
    : { revision: targets.revisions[0] ?? '' };
  const { destination } = application.spec;
  const images = toImages(deps, application);
  const status: ApplicationStatus = {
    ...application.status,
    sync: {
      status: toSyncStatus(resources),
      ...revisions,
      comparedTo: { ...toSourceFields(application), destination },
    },
    health: toHealthField(application, resources, deps.missingRule, stamp),
    resources: resources.map(toResourceStatus).filter((resource) => resource !== undefined),
    sourceType: 'Directory',
    summary: images.length > 0 ? { images } : {},
    ...(level >= 2 ? { reconciledAt: stamp } : {}),
  };
  const compared = { ...application, status };
  const verdict = toWindowVerdict(deps.findProject(application.spec.project), application, deps.timeline.now());
  const finishedMs = Date.parse(status.operationState?.finishedAt ?? '');
  const decision = decideAutoSync(compared, {
    revisions: targets.revisions,
    resources,
    mayAutoSync: verdict.mayAutoSync,
    sinceFinishedMs: Number.isNaN(finishedMs) ? Infinity : deps.timeline.toSimulated(deps.timeline.now() - finishedMs),
  });
  const wanted: Omit<Condition, 'lastTransitionTime'>[] = targets.repeated.map((name) => ({
    type: 'RepeatedResourceWarning',
    message: `Resource ${name} appeared 2 times among application resources.`,
  }));
  if (decision.kind === 'refuse') wanted.push({ type: 'SyncError', message: decision.message });
  if (decision.kind === 'later') deps.timeline.after(decision.simulatedMs, again);
  const result = { ...compared, status: withConditions(status, wanted, stamp) };
  if (decision.kind !== 'start') return result;
  // The same write that ends the refresh carries the operation: whoever waited for the refresh sees it.
  const { operationState: _previous, ...rest } = result.status;
  return { ...result, operation: decision.operation, status: rest };
}

function withFailure(
  deps: ReconcilerDeps,
  application: Application,
  failure: { type: string; message: string },
): Application {
  const stamp = deps.timeline.stamp();
  const sources = listSources(application.spec);
  const raw = isMultiSource(application.spec)
    ? { revisions: sources.map((source) => source.targetRevision ?? 'HEAD') }
    : { revision: sources[0]?.targetRevision ?? 'HEAD' };
  const { destination } = application.spec;
  const isLoaded = failure.type === 'ComparisonError';
  const status: ApplicationStatus = {
    ...application.status,
    sync: { status: 'Unknown', ...raw, comparedTo: { ...toSourceFields(application), destination } },
    ...(isLoaded ? {} : { health: { ...application.status.health, status: 'Unknown' } }),
    ...(application.status.resources === undefined
      ? {}
      : { resources: application.status.resources.map((resource) => ({ ...resource, status: 'Unknown' as const })) }),
    reconciledAt: stamp,
  };
  return { ...application, status: withConditions(status, [failure], stamp) };
}

function toHealthField(
  application: Application,
  resources: readonly ComparedResource[],
  missingRule: 'any' | 'all',
  stamp: string,
): ApplicationStatus['health'] {
  const counted = resources.filter((resource) => !resource.isHook).map(toResourceHealth);
  const status = toApplicationHealth(counted, missingRule);
  const before = application.status.health;
  return status === before.status ? before : { status, lastTransitionTime: stamp };
}

/** Conditions the controller sets in every compare; those that stay keep their time. */
function withConditions(
  status: ApplicationStatus,
  wanted: readonly Omit<Condition, 'lastTransitionTime'>[],
  stamp: string,
): ApplicationStatus {
  const { conditions: before = [], ...rest } = status;
  const conditions = wanted.map((condition) => {
    const same = before.find((other) => other.type === condition.type && other.message === condition.message);
    return { type: condition.type, message: condition.message, lastTransitionTime: same?.lastTransitionTime ?? stamp };
  });
  return conditions.length > 0 ? { ...rest, conditions } : rest;
}

function withoutRefresh(application: Application, asked: string): Application {
  const { annotations = {}, ...metadata } = application.metadata;
  // A harder refresh asked for meanwhile stays for the next round.
  if (annotations[REFRESH_ANNOTATION] !== asked) return application;
  const { [REFRESH_ANNOTATION]: _done, ...others } = annotations;
  return {
    ...application,
    metadata: { ...metadata, ...(Object.keys(others).length > 0 ? { annotations: others } : {}) },
  };
}

/** Images of everything that is live, pods included. */
function toImages(deps: ReconcilerDeps, application: Application): string[] {
  const images = new Set<string>();
  const visit = (uid: string, depth: number) => {
    for (const child of deps.cluster.childrenOf(uid)) {
      if (child.kind === 'Pod') {
        const containers = [...listAt(child, 'spec', 'initContainers'), ...listAt(child, 'spec', 'containers')];
        for (const container of containers) images.add(textAt(container, 'image') ?? '');
      }
      if (depth < 5) visit(child.metadata.uid, depth + 1);
    }
  };
  for (const object of deps.live.listManaged(application)) {
    for (const container of listAt(object, 'spec', 'template', 'spec', 'containers'))
      images.add(textAt(container, 'image') ?? '');
    visit(object.metadata.uid, 0);
  }
  return [...images].filter((image) => image !== '').sort();
}
