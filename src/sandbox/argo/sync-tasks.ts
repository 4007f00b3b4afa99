import type { ManifestObject } from '../../manifest/object.ts';
import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import type { ResourceId, SyncOperation, SyncPhase } from './application.ts';
import { hasOption, toHookTypes, toWave } from './compare.ts';
import type { ComparedResource } from './compare.ts';

/** One object to be applied, pruned or run as a hook. */
export interface SyncTask {
  phase: SyncPhase;
  wave: number;
  target?: ManifestObject;
  live?: LiveObject;
  isHook: boolean;
}

/** Tasks that are done together, in the order the groups have to be done. */
export interface SyncPlan {
  groups: SyncTask[][];
  /** Run only when something failed. */
  failureHooks: SyncTask[];
  /** Extra objects that stay, because pruning was not asked for. */
  skippedPrunes: LiveObject[];
  /** With several steps every one is waited for; a single one is done as soon as it is applied. */
  isMultiStep: boolean;
}

const PHASES: readonly SyncPhase[] = ['PreSync', 'Sync', 'PostSync'];
const SYNC_OPTIONS = 'argocd.argoproj.io/sync-options';

export function planSync(resources: readonly ComparedResource[], operation: SyncOperation): SyncPlan {
  const isPartial = (operation.resources?.length ?? 0) > 0;
  const chosen = isPartial ? resources.filter((resource) => isListed(resource, operation.resources ?? [])) : resources;
  const hooks = isPartial ? [] : chosen.filter((resource) => resource.isHook).flatMap(toHookTasks);
  const applies = chosen
    .filter((resource) => !resource.isHook && resource.target !== undefined)
    .map((resource): SyncTask => ({ ...toParts(resource), phase: 'Sync', wave: toWaveOf(resource), isHook: false }));
  const extra = chosen.filter((resource) => resource.requiresPruning && resource.live !== undefined);
  const mayPrune = (resource: ComparedResource) =>
    operation.prune === true && !(resource.live !== undefined && hasOption(resource.live, SYNC_OPTIONS, 'Prune=false'));
  const prunes = toPruneTasks(extra.filter(mayPrune), operation, applies);
  const all = [...hooks.filter((task) => task.phase !== 'SyncFail'), ...applies, ...prunes];
  const groups = toGroups(all);
  return {
    groups,
    failureHooks: hooks.filter((task) => task.phase === 'SyncFail'),
    skippedPrunes: extra
      .filter((resource) => !mayPrune(resource))
      .flatMap((resource) => (resource.live === undefined ? [] : [resource.live])),
    isMultiStep: groups.length > 1,
  };
}

function toGroups(tasks: SyncTask[]): SyncTask[][] {
  const waves = [...new Set(tasks.map((task) => task.wave))].sort((a, b) => a - b);
  return PHASES.flatMap((phase) =>
    waves.map((wave) => tasks.filter((task) => task.phase === phase && task.wave === wave)),
  ).filter((group) => group.length > 0);
}

function toHookTasks(resource: ComparedResource): SyncTask[] {
  const { target } = resource;
  if (target === undefined) return [];
  const isPhase = (type: string): type is SyncPhase => type === 'SyncFail' || PHASES.some((phase) => phase === type);
  return toHookTypes(target)
    .filter(isPhase)
    .map((phase) => ({ ...toParts(resource), phase, wave: toWaveOf(resource), isHook: true }));
}

/** What came last goes first: the waves of pruned objects are turned round. */
function toPruneTasks(
  extra: readonly ComparedResource[],
  operation: SyncOperation,
  applies: readonly SyncTask[],
): SyncTask[] {
  const waves = [...new Set(extra.map(toWaveOf))].sort((a, b) => a - b);
  const lastWave = Math.max(0, ...applies.map((task) => task.wave), ...waves) + 1;
  const isLast = operation.syncOptions?.includes('PruneLast=true') === true;
  return extra.map((resource) => ({
    ...toParts(resource),
    phase: 'Sync',
    wave: isLast ? lastWave : (waves[waves.length - 1 - waves.indexOf(toWaveOf(resource))] ?? 0),
    isHook: false,
  }));
}

function toParts(resource: ComparedResource): Pick<SyncTask, 'target' | 'live'> {
  return {
    ...(resource.target === undefined ? {} : { target: resource.target }),
    ...(resource.live === undefined ? {} : { live: resource.live }),
  };
}

function toWaveOf(resource: ComparedResource): number {
  const object = resource.target ?? resource.live;
  return object === undefined ? 0 : toWave(object);
}

function isListed(resource: ComparedResource, listed: readonly ResourceId[]): boolean {
  const object = resource.target ?? resource.live;
  if (object === undefined) return false;
  const ref = toObjectRef(object);
  return listed.some(
    (id) =>
      (id.group ?? '') === ref.group &&
      id.kind === ref.kind &&
      id.name === ref.name &&
      (id.namespace === undefined || id.namespace === '' || id.namespace === ref.namespace),
  );
}
