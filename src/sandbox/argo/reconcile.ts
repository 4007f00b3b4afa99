import { toErrorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { toObjectRef } from '../../manifest/object.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { FaultKnobs } from '../faults.ts';
import type { Timeline } from '../timeline.ts';
import {
  CASCADE_FINALIZER,
  listSources,
  REFRESH_ANNOTATION,
  toApplicationId,
  toApplicationKey,
} from './application.ts';
import type { Application, ApplicationId } from './application.ts';
import { GitReadError } from './git.ts';
import type { Live } from './live.ts';
import type { Operations } from './operations.ts';
import { findInvalidSpec } from './project.ts';
import type { Project } from './project.ts';
import type { Registry } from './registry.ts';
import { withComparison, withFailure } from './status.ts';
import type { CompareLevel } from './status.ts';
import type { TargetLoader, Targets } from './targets.ts';

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
  /** Whether Applications of this namespace are heeded at all. */
  isHeeded(namespace: string): boolean;
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
    if (application === undefined || !deps.isHeeded(id.namespace)) return;
    if (application.metadata.deletionTimestamp !== undefined) {
      finishDeletion(application);
      return;
    }
    const asked = application.metadata.annotations?.[REFRESH_ANNOTATION];
    const { refresh } = faults.get();
    if (asked !== undefined && refresh === 'never_returns') return;
    const effective: CompareLevel =
      asked === undefined || refresh === 'old_revision' ? (asked === undefined ? level : 1) : 3;
    const invalid = findInvalidSpec(application, deps.findProject(application.spec.project), deps.controllerNamespace);
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
