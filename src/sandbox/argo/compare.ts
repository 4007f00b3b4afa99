import type { ManifestObject } from '../../manifest/object.ts';
import { toObjectRef, toRefKey } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { toVersion } from '../cluster/live-object.ts';
import { isRecord, isSameJson, textAt } from '../json.ts';
import type { ApplicationSpec, ResourceStatus, SyncStatus } from './application.ts';

export const LAST_APPLIED_ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration';

/** One object of an Application: as git wants it, as the cluster has it, and whether they agree. */
export interface ComparedResource {
  key: string;
  target?: ManifestObject;
  live?: LiveObject;
  status: SyncStatus | undefined;
  isHook: boolean;
  requiresPruning: boolean;
  /** Left out of the Application's own sync status. */
  isIgnored: boolean;
}

/**
 * Compares targets with the live objects that carry the Application's mark. An object agrees when applying its target
 * would change nothing: fields nobody asked for are free, fields asked for last time but no longer are not.
 */
export function compare(
  targets: readonly ManifestObject[],
  managed: readonly LiveObject[],
  findLive: (target: ManifestObject) => LiveObject | undefined,
  ignore: ApplicationSpec['ignoreDifferences'] = [],
): ComparedResource[] {
  const result: ComparedResource[] = [];
  const wanted = new Set<string>();
  for (const target of targets) {
    const key = toRefKey(toObjectRef(target));
    wanted.add(key);
    const live = findLive(target);
    const isHook = toHookTypes(target).length > 0;
    const status = live === undefined || isModified(target, live, ignore) ? 'OutOfSync' : 'Synced';
    result.push({
      key,
      target,
      ...(live === undefined ? {} : { live }),
      status: isHook ? undefined : status,
      isHook,
      requiresPruning: false,
      isIgnored: isHook,
    });
  }
  for (const live of managed) {
    const key = toRefKey(toObjectRef(live));
    if (wanted.has(key)) continue;
    const isHook = toHookTypes(live).length > 0;
    result.push({
      key,
      live,
      status: isHook ? undefined : 'OutOfSync',
      isHook,
      requiresPruning: !isHook,
      isIgnored: isHook || hasOption(live, 'argocd.argoproj.io/compare-options', 'IgnoreExtraneous'),
    });
  }
  return result;
}

export function toSyncStatus(resources: readonly ComparedResource[]): SyncStatus {
  return resources.some((resource) => !resource.isIgnored && resource.status === 'OutOfSync') ? 'OutOfSync' : 'Synced';
}

/** As `status.resources[]` lists it; health is kept elsewhere. */
export function toResourceStatus(resource: ComparedResource): ResourceStatus | undefined {
  const object = resource.target ?? resource.live;
  if (object === undefined) return undefined;
  const ref = toObjectRef(object);
  const wave = toWave(object);
  const isConfirmed = [resource.target, resource.live].some((one) => one !== undefined && isDeletedOnConfirmation(one));
  return {
    ...(ref.group === '' ? {} : { group: ref.group }),
    version: toVersion(object.apiVersion),
    kind: ref.kind,
    ...(ref.namespace === '' ? {} : { namespace: ref.namespace }),
    name: ref.name,
    ...(resource.status === undefined ? {} : { status: resource.status }),
    ...(resource.isHook ? { hook: true } : {}),
    ...(resource.requiresPruning ? { requiresPruning: true } : {}),
    ...(isConfirmed ? { requiresDeletionConfirmation: true } : {}),
    ...(wave === 0 ? {} : { syncWave: wave }),
  };
}

function isDeletedOnConfirmation(object: ManifestObject): boolean {
  const options = 'argocd.argoproj.io/sync-options';
  return hasOption(object, options, 'Prune=confirm') || hasOption(object, options, 'Delete=confirm');
}

export function isModified(
  target: ManifestObject,
  live: LiveObject,
  ignore: ApplicationSpec['ignoreDifferences'] = [],
): boolean {
  const pointers = ignore
    .filter((rule) => isRuleFor(rule, target))
    .flatMap((rule) => rule.jsonPointers ?? [])
    .map((pointer) =>
      pointer
        .split('/')
        .slice(1)
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')),
    );
  const before = pointers.reduce<unknown>(without, live);
  const wanted = pointers.reduce<unknown>(without, target);
  return !isSameJson(before, applyPatch(wanted, before, pointers.reduce<unknown>(without, toLastApplied(live))));
}

/** What applying the target would make of the live object: a three-way merge with what was applied last. */
export function toPredicted(target: ManifestObject, live: LiveObject | undefined): ManifestObject {
  if (live === undefined) return target;
  return applyPatch(target, live, toLastApplied(live)) as ManifestObject;
}

function toLastApplied(live: LiveObject): unknown {
  try {
    return JSON.parse(live.metadata.annotations?.[LAST_APPLIED_ANNOTATION] ?? 'null') as unknown;
  } catch {
    return undefined;
  }
}

function applyPatch(target: unknown, live: unknown, last: unknown, path: readonly string[] = []): unknown {
  if (isRecord(target) && isRecord(live)) {
    const result: Record<string, unknown> = { ...live };
    for (const key of Object.keys(isRecord(last) ? last : {})) {
      if (target[key] === undefined && !isServerField([...path, key])) delete result[key];
    }
    for (const [key, value] of Object.entries(target)) {
      if (isServerField([...path, key]) || value === undefined) continue;
      const lastValue = isRecord(last) ? last[key] : undefined;
      result[key] = value === null ? undefined : applyPatch(value, live[key], lastValue, [...path, key]);
    }
    return result;
  }
  if (Array.isArray(target) && Array.isArray(live))
    return applyList(target, live, Array.isArray(last) ? last : [], path);
  return target;
}

/** Lists of named items are merged by name, keeping what others added; all other lists are replaced. */
function applyList(target: unknown[], live: unknown[], last: unknown[], path: readonly string[]): unknown[] {
  const field = MERGE_KEYS.find((key) => target.every((item) => isRecord(item) && item[key] !== undefined));
  if (field === undefined || target.length === 0) {
    const isShaped = target.length === live.length;
    return isShaped ? target.map((item, index) => applyPatch(item, live[index], last[index], path)) : target;
  }
  const keyOf = (item: unknown) => (isRecord(item) ? item[field] : undefined);
  const merged = target.map((item) => {
    const same = (other: unknown) => keyOf(other) === keyOf(item);
    return applyPatch(item, live.find(same), last.find(same), path);
  });
  const others = live.filter((item) => {
    const isIn = (list: unknown[]) => list.some((other) => keyOf(other) === keyOf(item));
    return !isIn(target) && !isIn(last);
  });
  // Order is not a difference: keep the live one where it holds the same items.
  const position = (item: unknown) => {
    const index = live.findIndex((other) => keyOf(other) === keyOf(item));
    return index < 0 ? live.length : index;
  };
  return [...merged, ...others].sort((a, b) => position(a) - position(b));
}

const MERGE_KEYS = ['name', 'containerPort', 'port', 'mountPath', 'topologyKey', 'ip'];

/** What only the server writes; a manifest that holds it anyway does not differ because of it. */
function isServerField(path: readonly string[]): boolean {
  if (path[0] === 'status') return true;
  if (path[0] !== 'metadata') return false;
  return ['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields', 'selfLink'].includes(
    path[1] ?? '',
  );
}

function without(value: unknown, [key, ...rest]: string[]): unknown {
  if (key === undefined) return value;
  if (Array.isArray(value)) {
    if (rest.length === 0) return value.filter((_, index) => String(index) !== key);
    return value.map((item, index) => (String(index) === key ? without(item, rest) : item));
  }
  if (!isRecord(value) || !Object.hasOwn(value, key)) return value;
  if (rest.length === 0) return Object.fromEntries(Object.entries(value).filter(([other]) => other !== key));
  return { ...value, [key]: without(value[key], rest) };
}

function isRuleFor(rule: NonNullable<ApplicationSpec['ignoreDifferences']>[number], object: ManifestObject): boolean {
  const ref = toObjectRef(object);
  return (
    (rule.kind === '*' || rule.kind === ref.kind) &&
    (rule.group === undefined || rule.group === '*' || rule.group === ref.group) &&
    (rule.name === undefined || rule.name === ref.name) &&
    (rule.namespace === undefined || rule.namespace === ref.namespace)
  );
}

export function toWave(object: ManifestObject): number {
  const wave = Number(textAt(object, 'metadata', 'annotations', 'argocd.argoproj.io/sync-wave') ?? '0');
  return Number.isInteger(wave) ? wave : 0;
}

export function toHookTypes(object: ManifestObject): string[] {
  const text = textAt(object, 'metadata', 'annotations', 'argocd.argoproj.io/hook') ?? '';
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** Whether a comma list in an annotation holds this option. */
export function hasOption(object: ManifestObject, annotation: string, option: string): boolean {
  const text = textAt(object, 'metadata', 'annotations', annotation) ?? '';
  return text.split(',').some((word) => word.trim() === option);
}
