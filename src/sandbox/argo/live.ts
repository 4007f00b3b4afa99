import { toObjectRef } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { toHealth } from '../health.ts';
import type { Health } from '../health.ts';
import { textAt } from '../json.ts';
import type { Application } from './application.ts';
import { compare } from './compare.ts';
import type { ComparedResource } from './compare.ts';
import { TRACKING_ANNOTATION, toTrackedOwner } from './manifests.ts';

/** The live objects of Applications, found by their tracking mark. */
export interface Live {
  listManaged(application: Application): LiveObject[];
  compare(application: Application, targets: readonly ManifestObject[]): ComparedResource[];
  /** The name by which objects are marked as this Application's. */
  toOwner(application: Application): string;
  /** Name of the Application an object belongs to, by itself or through what owns it. */
  findOwner(object: LiveObject): { owner: string; isManaged: boolean } | undefined;
}

export function createLive(cluster: Cluster, controllerNamespace: string): Live {
  // Kept up to date with every change: with a thousand Applications a scan of the cluster for each would be too much.
  const byOwner = new Map<string, Map<string, string>>();
  const forget = (object: LiveObject) => {
    for (const owned of byOwner.values()) owned.delete(object.metadata.uid);
  };
  cluster.onChange(({ type, object, before }) => {
    const owner = isTracked(object) ? toTrackedOwner(object) : undefined;
    if (type === 'deleted' || (before !== undefined && toTrackedOwner(before) !== owner)) forget(object);
    if (type === 'deleted' || owner === undefined) return;
    const owned = byOwner.get(owner) ?? new Map<string, string>();
    byOwner.set(owner, owned.set(object.metadata.uid, object.kind));
  });

  const ownerName = (application: Application) => {
    const { name, namespace } = application.metadata;
    return namespace === controllerNamespace ? name : `${namespace}_${name}`;
  };

  const listManaged = (application: Application) =>
    [...(byOwner.get(ownerName(application))?.keys() ?? [])]
      .map((uid) => cluster.findByUid(uid))
      .filter((object) => object !== undefined);

  return {
    toOwner: ownerName,
    listManaged,
    compare: (application, targets) =>
      compare(
        targets,
        listManaged(application),
        (target) => cluster.find(toObjectRef(target)),
        application.spec.ignoreDifferences,
      ),
    findOwner: (object) => {
      let current: LiveObject | undefined = object;
      for (let depth = 0; current !== undefined && depth < 10; depth += 1) {
        const owner = isTracked(current) ? toTrackedOwner(current) : undefined;
        if (owner !== undefined) return { owner, isManaged: depth === 0 };
        const parent: string | undefined = current.metadata.ownerReferences?.[0]?.uid;
        current = parent === undefined ? undefined : cluster.findByUid(parent);
      }
      return undefined;
    },
  };
}

/** The mark names the object it was made for; copies of the annotation on other objects do not count. */
function isTracked(object: LiveObject): boolean {
  const id = object.metadata.annotations?.[TRACKING_ANNOTATION];
  if (id === undefined) return false;
  const ref = toObjectRef(object);
  return id.slice(id.indexOf(':') + 1) === `${ref.group}/${ref.kind}:${ref.namespace}/${ref.name}`;
}

/** Health as the Application counts it: undefined is not counted. */
export function toResourceHealth(resource: ComparedResource): Health | undefined {
  const object = resource.live ?? resource.target;
  if (object === undefined || resource.isHook) return undefined;
  if (textAt(object, 'metadata', 'annotations', 'argocd.argoproj.io/ignore-healthcheck') === 'true') return undefined;
  if (resource.live === undefined) return { status: 'Missing' };
  return toHealth(resource.live);
}
