import type { ObjectRef } from '../manifest/object.ts';
import { toRefKey } from '../manifest/object.ts';
import { type ApplicationRef, type CallOptions, toApplicationKey, toApplicationRef } from './application.ts';
import { findSourceIndex } from './affected.ts';
import { readChildren } from './children.ts';
import { isArgoError } from './error.ts';
import type { ArgoReads } from './reads.ts';
import type { Application, ResourceTree } from './schema.ts';
import { isFollowing, isMultiSource, listSources, toOperationRevision, toRevisionAt } from './source.ts';
import { listAllPods } from './tree.ts';
import { isClosed, toWindowsText } from './windows.ts';

interface SourceIdentity {
  repoURL: string;
  path: string;
  chart: string;
  targetRevision: string;
}

/** The application as it was before the push. Plain JSON: it is stored with the ticket and survives a restart. */
export interface ApplicationSnapshot {
  application: ApplicationRef;
  uid: string;
  sources: SourceIdentity[];
  /** Which of several sources is ours; left out for single-source applications. */
  sourceIndex?: number;
  /** Left out when a person has to press sync. */
  automated?: { prune: boolean; selfHeal: boolean };
  revision: string;
  syncStatus: string;
  healthStatus: string;
  /** An operation was requested or running. */
  busy: boolean;
  operation?: { phase: string; startedAt: string; revision: string; message: string };
  conditions: { type: string; message: string }[];
  /** Health per resource, by `toBaselineKey`. */
  resources: Record<string, { health: string; message: string }>;
  /** Restarts per pod uid. */
  pods: Record<string, { restarts: number; reason: string }>;
  images: string[];
  /** Text of the windows that keep a sync from starting now. */
  closedWindows?: string;
  hydrated: boolean;
  deleting: boolean;
}

interface SnapshotOptions extends CallOptions {
  /** Names our source among several; without it the first source with a path is taken. */
  source?: { repoUrl: string; branch: string; changedPaths: readonly string[] };
}

/** Reads only; safe to call at any time. */
export async function takeSnapshot(
  argo: ArgoReads,
  ref: ApplicationRef,
  options: SnapshotOptions = {},
): Promise<ApplicationSnapshot> {
  const { signal } = options;
  const application = await argo.getApplication(ref, { signal });
  const known = { ...ref, ...toApplicationRef(application) };
  const [tree, windows, children] = await Promise.all([
    readTree(argo, known, signal),
    argo.syncWindows(known, { signal }),
    readChildren(argo, application, signal),
  ]);
  const snapshot = toSnapshot(known, application, tree, children, options.source);
  if (!isClosed(windows, snapshot.automated !== undefined)) return snapshot;
  return { ...snapshot, closedWindows: toWindowsText(windows) || 'no window is open' };
}

/** A new application has no tree yet. */
async function readTree(argo: ArgoReads, ref: ApplicationRef, signal: AbortSignal | undefined): Promise<ResourceTree> {
  try {
    return await argo.resourceTree(ref, { signal });
  } catch (error) {
    if (isArgoError(error, 'not_found', 'failed')) return { nodes: [] };
    throw error;
  }
}

/** The snapshot of facts already read. */
export function toSnapshot(
  ref: ApplicationRef,
  application: Application,
  tree: ResourceTree,
  children: readonly Application[] = [],
  source?: SnapshotOptions['source'],
): ApplicationSnapshot {
  const { status, spec, metadata } = application;
  const index = isMultiSource(application) ? toSourceIndex(application, source) : undefined;
  const automated = spec.syncPolicy?.automated;
  const state = status.operationState;
  const resources = [application, ...children].flatMap((owner) => {
    const via = owner === application ? undefined : toApplicationKey(toApplicationRef(owner));
    return owner.status.resources.map((resource) => {
      const node = tree.nodes.find((candidate) => toRefKey(candidate) === toRefKey(resource));
      const health = resource.health ?? node?.health;
      return [toBaselineKey(resource, via), { health: health?.status ?? '', message: health?.message ?? '' }] as const;
    });
  });
  return {
    application: ref,
    uid: metadata.uid,
    sources: toSourceIdentities(application),
    ...(index === undefined ? {} : { sourceIndex: index }),
    ...(automated?.enabled === true ? { automated: { prune: automated.prune, selfHeal: automated.selfHeal } } : {}),
    revision: toRevisionAt(status.sync, index),
    syncStatus: status.sync.status,
    healthStatus: status.health.status,
    busy: application.operation !== undefined || state?.phase === 'Running' || state?.phase === 'Terminating',
    ...(state === undefined
      ? {}
      : {
          operation: {
            phase: state.phase,
            startedAt: state.startedAt,
            revision: toOperationRevision(state, index),
            message: state.message,
          },
        }),
    conditions: status.conditions.map(({ type, message }) => ({ type, message })),
    resources: Object.fromEntries(resources),
    pods: Object.fromEntries(
      listAllPods(tree).map(({ node, restarts, reason }) => [node.uid, { restarts, reason }] as const),
    ),
    images: status.summary.images,
    hydrated: spec.sourceHydrator !== undefined && spec.sourceHydrator !== null,
    deleting: metadata.deletionTimestamp !== '',
  };
}

export function toSourceIdentities(application: Application): SourceIdentity[] {
  return listSources(application).map(({ repoURL, path, chart, targetRevision }) => ({
    repoURL,
    path,
    chart,
    targetRevision,
  }));
}

/** Key of a resource's baseline; `via` is the key of the child application that manages it. */
export function toBaselineKey(ref: ObjectRef, via: string | undefined): string {
  return via === undefined ? toRefKey(ref) : `${via}|${toRefKey(ref)}`;
}

function toSourceIndex(application: Application, source: SnapshotOptions['source']): number {
  const found = source === undefined ? undefined : findSourceIndex(application, source);
  if (found !== undefined) return found;
  const first = listSources(application).findIndex(({ chart, path }) => chart === '' && path !== '');
  return Math.max(first, 0);
}

export type Readiness = { kind: 'ready' } | { kind: 'not_ready'; sentence: string };

/** Whether a push to the branch can be observed now. Called before the push. */
export function checkReady(snapshot: ApplicationSnapshot, branch: string): Readiness {
  const name = snapshot.application.name;
  const no = (sentence: string): Readiness => ({ kind: 'not_ready', sentence });
  if (snapshot.deleting) return no(`Application ${name} is being deleted.`);
  if (snapshot.hydrated)
    return no(`Application ${name} takes its manifests from a source hydrator, which cannot be followed to a commit.`);
  const source = snapshot.sources[snapshot.sourceIndex ?? 0];
  if (source === undefined) return no(`Application ${name} has no source.`);
  if (!isFollowing(source.targetRevision, branch))
    return no(`Application ${name} follows ${source.targetRevision}, not the branch ${branch} that would be pushed.`);
  const invalid = snapshot.conditions.find((condition) => condition.type === 'InvalidSpecError');
  if (invalid !== undefined) return no(`Argo CD refuses the definition of Application ${name}: ${invalid.message}`);
  if (snapshot.busy) {
    const message = snapshot.operation?.message ?? '';
    return no(`Another operation is under way in Application ${name}${message === '' ? '' : `: ${message}`}.`);
  }
  if (snapshot.closedWindows !== undefined)
    return no(`A sync window is closed for Application ${name} (${snapshot.closedWindows}).`);
  return { kind: 'ready' };
}
