import type { Cluster } from '../cluster/cluster.ts';
import { toApplicationHealth } from '../health.ts';
import { listAt, textAt } from '../json.ts';
import type { Timeline } from '../timeline.ts';
import { isMultiSource, listSources } from './application.ts';
import type { Application, ApplicationStatus, Condition, ResourceStatus } from './application.ts';
import { decideAutoSync } from './auto-sync.ts';
import { toResourceStatus, toSyncStatus } from './compare.ts';
import type { ComparedResource } from './compare.ts';
import { toResourceHealth } from './live.ts';
import type { Live } from './live.ts';
import { toTrackedOwner } from './manifests.ts';
import { toWindowVerdict } from './project.ts';
import type { Project } from './project.ts';
import { toSourceFields } from './targets.ts';
import type { Targets } from './targets.ts';

/** 3: resolve the revision anew; 2: the same, but failures are kept quiet for a while; 1: against the revision known. */
export type CompareLevel = 1 | 2 | 3;

interface StatusDeps {
  cluster: Cluster;
  timeline: Timeline;
  live: Live;
  findProject(name: string): Project | undefined;
  missingRule: 'any' | 'all';
}

/** The Application after a comparison: sync, health, conditions, and the operation the controller starts by itself. */
export function withComparison(
  deps: StatusDeps,
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
    resources: resources
      .map(toResourceStatus)
      .filter((resource) => resource !== undefined)
      .sort((a, b) => (toSortKey(a) < toSortKey(b) ? -1 : 1)),
    resourceHealthSource: 'appTree',
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
  wanted.push(...toSharedWarnings(application, resources));
  if (decision.kind === 'refuse') wanted.push({ type: 'SyncError', message: decision.message });
  if (decision.kind === 'later') deps.timeline.after(decision.simulatedMs, again);
  const result = { ...compared, status: withConditions(status, wanted, stamp) };
  if (decision.kind !== 'start') return result;
  // The same write that ends the refresh carries the operation: whoever waited for the refresh sees it.
  const { operationState: _previous, ...rest } = result.status;
  return { ...result, operation: decision.operation, status: rest };
}

/** The Application when its target could not be had: Unknown, at the revision as it was asked for. */
export function withFailure(
  deps: StatusDeps,
  application: Application,
  failure: { type: string; message: string },
): Application {
  const stamp = deps.timeline.stamp();
  const sources = listSources(application.spec);
  const { destination } = application.spec;
  if (failure.type !== 'ComparisonError') {
    // Nothing was compared at all: what is known of the revision stays.
    const sync = { ...application.status.sync, status: 'Unknown' as const };
    const status = {
      ...application.status,
      sync,
      health: { ...application.status.health, status: 'Unknown' as const },
    };
    return { ...application, status: withConditions(status, [failure], stamp) };
  }
  // Of several sources no revision is known then, of a single one the name it was asked for by.
  const raw = isMultiSource(application.spec) ? {} : { revision: sources[0]?.targetRevision ?? 'HEAD' };
  const status: ApplicationStatus = {
    ...application.status,
    sync: { status: 'Unknown', ...raw, comparedTo: { ...toSourceFields(application), destination } },
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

/** Images of everything that is live, pods included. */
function toImages(deps: StatusDeps, application: Application): string[] {
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

/** Objects of this Application that carry the mark of another one: each undoes what the other applies. */
function toSharedWarnings(
  application: Application,
  resources: readonly ComparedResource[],
): Omit<Condition, 'lastTransitionTime'>[] {
  const { name, namespace } = application.metadata;
  return resources.flatMap(({ target, live }) => {
    const owner = target === undefined || live === undefined ? undefined : toTrackedOwner(live);
    if (live === undefined || owner === undefined || owner === toTrackedOwner(target ?? live)) return [];
    const message = `${live.kind}/${live.metadata.name} is part of applications ${namespace}/${name} and ${owner}`;
    return [{ type: 'SharedResourceWarning', message }];
  });
}

function toSortKey({ group = '', kind, namespace = '', name }: ResourceStatus): string {
  return [group, kind, namespace, name].join('/');
}
