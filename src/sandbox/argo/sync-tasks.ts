import type { ManifestObject } from '../../manifest/object.ts';
import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { textAt } from '../json.ts';
import type { ApplicationSpec, ResourceId, SyncOperation, SyncPhase } from './application.ts';
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
  /** Extra objects that stay, with why. */
  skippedPrunes: { live: LiveObject; message: string }[];
  /** To be there before anything else; made where it is not. */
  namespace?: ManifestObject;
}

const PHASES: readonly SyncPhase[] = ['PreSync', 'Sync', 'PostSync'];
const SYNC_OPTIONS = 'argocd.argoproj.io/sync-options';

export function planSync(
  resources: readonly ComparedResource[],
  operation: SyncOperation,
  destination: ApplicationSpec['destination'],
): SyncPlan {
  const isPartial = (operation.resources?.length ?? 0) > 0;
  const chosen = isPartial ? resources.filter((resource) => isListed(resource, operation.resources ?? [])) : resources;
  const hooks = isPartial ? [] : chosen.filter((resource) => resource.isHook).flatMap(toHookTasks);
  const applies = chosen
    .filter((resource) => !resource.isHook && resource.target !== undefined)
    .map((resource): SyncTask => ({ ...toParts(resource), phase: 'Sync', wave: toWaveOf(resource), isHook: false }));
  const extra = chosen.filter((resource) => resource.requiresPruning && resource.live !== undefined);
  const skippedPrunes = extra.flatMap(({ live }) => {
    const message = live === undefined ? undefined : toPruneRefusal(live, operation);
    return live === undefined || message === undefined ? [] : [{ live, message }];
  });
  const isKept = (resource: ComparedResource) => skippedPrunes.some(({ live }) => live === resource.live);
  const prunes = toPruneTasks(
    extra.filter((resource) => !isKept(resource)),
    operation,
    applies,
  );
  const all = [...hooks.filter((task) => task.phase !== 'SyncFail'), ...applies, ...prunes];
  const groups = toGroups(all);
  const namespace = toNamespace(resources, operation, destination);
  return {
    groups,
    failureHooks: hooks.filter((task) => task.phase === 'SyncFail'),
    skippedPrunes,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/** The namespace of the destination, where the options ask for it and nothing in git is it. */
function toNamespace(
  resources: readonly ComparedResource[],
  operation: SyncOperation,
  { namespace }: ApplicationSpec['destination'],
): ManifestObject | undefined {
  if (namespace === undefined || operation.syncOptions?.includes('CreateNamespace=true') !== true) return undefined;
  const isThere = resources.some(({ target }) => target?.kind === 'Namespace' && target.metadata.name === namespace);
  return isThere ? undefined : { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
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
  const isLast = (resource: ComparedResource) =>
    operation.syncOptions?.includes('PruneLast=true') === true ||
    (resource.live !== undefined && hasOption(resource.live, SYNC_OPTIONS, 'PruneLast=true'));
  return extra.map((resource) => ({
    ...toParts(resource),
    phase: 'Sync',
    wave: isLast(resource) ? lastWave : (waves[waves.length - 1 - waves.indexOf(toWaveOf(resource))] ?? 0),
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

/** `true`, `false` or `confirm`: of the object itself, or of the whole operation. */
function toPruneOption(live: LiveObject, operation: SyncOperation): string | undefined {
  const own = listOptions(textAt(live, 'metadata', 'annotations', SYNC_OPTIONS) ?? '');
  const find = (options: readonly string[]) => options.find((option) => option.startsWith('Prune='))?.slice(6);
  return find(own) ?? find(operation.syncOptions ?? []);
}

function listOptions(text: string): string[] {
  return text.split(',').map((option) => option.trim());
}

function toPruneRefusal(live: LiveObject, operation: SyncOperation): string | undefined {
  if (operation.prune !== true) return 'ignored (requires pruning)';
  return toPruneOption(live, operation) === 'false' ? 'ignored (no prune)' : undefined;
}

/** Whether the object is pruned only when somebody has agreed. */
export function needsConfirmation({ target, live }: SyncTask, operation: SyncOperation): boolean {
  return target === undefined && live !== undefined && toPruneOption(live, operation) === 'confirm';
}

const KIND_ORDER = [
  'Namespace',
  'CustomResourceDefinition',
  'ResourceQuota',
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'PersistentVolumeClaim',
  'Service',
];

/** Place among the objects of one step. */
export function toRank(task: SyncTask): number {
  if (task.target === undefined) return -1;
  const index = KIND_ORDER.indexOf(task.target.kind);
  return index < 0 ? KIND_ORDER.length : index;
}

export function toDeletePolicy(hook: ManifestObject): string[] {
  const text = textAt(hook, 'metadata', 'annotations', 'argocd.argoproj.io/hook-delete-policy');
  const policies = listOptions(text ?? '').filter((word) => word !== '');
  return policies.length > 0 ? policies : ['BeforeHookCreation'];
}

/** Such as `waiting for healthy state of apps/Deployment/web and 2 more resources`; hooks are named first. */
export function toWaitingMessage(tasks: readonly SyncTask[], reason?: string): string {
  const hooks = tasks.filter((task) => task.isHook);
  const first = hooks[0] ?? tasks[0];
  const object = first?.target ?? first?.live;
  if (first === undefined || object === undefined) return '';
  const { group, kind, name } = toObjectRef(object);
  const usual = first.target === undefined ? 'deletion of' : first.isHook ? 'completion of hook' : 'healthy state of';
  const others = hooks.length === tasks.length ? 'hooks' : 'resources';
  const more = tasks.length > 1 ? ` and ${tasks.length - 1} more ${others}` : '';
  return `waiting for ${reason ?? usual} ${group}/${kind}/${name}${more}`;
}
