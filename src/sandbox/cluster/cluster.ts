import { toObjectRef, toRefKey } from '../../manifest/object.ts';
import type { ManifestObject, ObjectRef } from '../../manifest/object.ts';
import { isSameJson, numberAt } from '../json.ts';
import type { Timeline } from '../timeline.ts';
import { createEventLog } from './events.ts';
import type { ClusterEvent, EventLog } from './events.ts';
import type { LiveObject } from './live-object.ts';
import { toUuid } from './naming.ts';

export interface ClusterChange {
  type: 'added' | 'modified' | 'deleted';
  object: LiveObject;
  before?: LiveObject;
}

/** The live store of one simulated cluster. Every change gives the object a new, growing resource version. */
export interface Cluster {
  events: EventLog;
  find(ref: ObjectRef): LiveObject | undefined;
  findByUid(uid: string): LiveObject | undefined;
  list(kind?: string, namespace?: string): LiveObject[];
  /** Objects that name this uid as their controller, oldest first. */
  childrenOf(uid: string): LiveObject[];
  /** Returns the object that is there already when the name is taken. */
  create(object: ManifestObject, owner?: LiveObject): LiveObject;
  /** Applies a change to everything but identity; nothing happens when the object is gone or comes out the same. */
  update(ref: ObjectRef, change: (object: LiveObject) => ManifestObject): LiveObject | undefined;
  setStatus(ref: ObjectRef, status: Record<string, unknown>): void;
  /** Foreground deletion: the object stays, marked as being deleted, until what it owns is gone. Safe to call twice. */
  delete(ref: ObjectRef): void;
  onChange(listener: (change: ClusterChange) => void): () => void;
  snapshot(): ClusterState;
  restore(state: ClusterState): void;
}

export interface ClusterState {
  version: number;
  objects: LiveObject[];
  events: ClusterEvent[];
}

interface ClusterDeps {
  timeline: Timeline;
  random: () => number;
}

const POD_SHUTDOWN_MS = 1000;
const DELETE_MS = 50;

export function createCluster({ timeline, random }: ClusterDeps): Cluster {
  const objects = new Map<string, LiveObject>();
  const keyByUid = new Map<string, string>();
  const children = new Map<string, Set<string>>();
  const byKind = new Map<string, Set<string>>();
  const listeners = new Set<(change: ClusterChange) => void>();
  let version = 1000;
  const nextVersion = () => String((version += 1));
  const events = createEventLog(timeline, random, nextVersion);

  const notify = (change: ClusterChange) => {
    for (const listener of [...listeners]) listener(change);
  };

  const put = (object: LiveObject) => {
    const key = toRefKey(toObjectRef(object));
    objects.set(key, object);
    keyByUid.set(object.metadata.uid, key);
    const sameKind = byKind.get(object.kind) ?? new Set<string>();
    byKind.set(object.kind, sameKind.add(key));
    for (const owner of object.metadata.ownerReferences ?? []) {
      const owned = children.get(owner.uid) ?? new Set<string>();
      children.set(owner.uid, owned.add(object.metadata.uid));
    }
  };

  const findByUid = (uid: string) => objects.get(keyByUid.get(uid) ?? '');

  const childrenOf = (uid: string) =>
    [...(children.get(uid) ?? [])].map(findByUid).filter((child): child is LiveObject => child !== undefined);

  const dependentsOf = (object: LiveObject) =>
    object.kind === 'Namespace'
      ? [...objects.values()].filter((other) => other.metadata.namespace === object.metadata.name)
      : childrenOf(object.metadata.uid);

  const drop = (object: LiveObject) => {
    const { uid, ownerReferences = [] } = object.metadata;
    const key = toRefKey(toObjectRef(object));
    objects.delete(key);
    byKind.get(object.kind)?.delete(key);
    keyByUid.delete(uid);
    children.delete(uid);
    for (const owner of ownerReferences) children.get(owner.uid)?.delete(uid);
    notify({ type: 'deleted', object });
    const waiting = [
      ...ownerReferences.map((owner) => findByUid(owner.uid)),
      objects.get(`/Namespace//${object.metadata.namespace ?? ''}`),
    ];
    for (const parent of waiting) if (parent?.metadata.deletionTimestamp !== undefined) finishDelete(parent);
  };

  const finishDelete = (object: LiveObject) => {
    const current = findByUid(object.metadata.uid);
    if (current === undefined) return;
    const left = dependentsOf(current);
    if (left.length === 0) drop(current);
    else for (const child of left) remove(toObjectRef(child));
  };

  const remove = (ref: ObjectRef) => {
    const object = objects.get(toRefKey(ref));
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
    const metadata = { ...object.metadata, deletionTimestamp: timeline.stamp(), resourceVersion: nextVersion() };
    const marked: LiveObject = { ...object, metadata };
    put(marked);
    notify({ type: 'modified', object: marked, before: object });
    timeline.after(object.kind === 'Pod' ? POD_SHUTDOWN_MS : DELETE_MS, () => finishDelete(marked));
  };

  return {
    events,
    find: (ref) => objects.get(toRefKey(ref)),
    findByUid,
    list: (kind, namespace) => {
      const keys = kind === undefined ? [...objects.keys()] : [...(byKind.get(kind) ?? [])];
      return keys
        .map((key) => objects.get(key))
        .filter((object) => object !== undefined)
        .filter((object) => namespace === undefined || object.metadata.namespace === namespace);
    },
    childrenOf,
    create: (object, owner) => {
      const taken = objects.get(toRefKey(toObjectRef(object)));
      if (taken !== undefined) return taken;
      const created = toLiveObject(object, owner, {
        uid: toUuid(random),
        resourceVersion: nextVersion(),
        stamp: timeline.stamp(),
      });
      put(created);
      notify({ type: 'added', object: created });
      return created;
    },
    update: (ref, change) => {
      const before = objects.get(toRefKey(ref));
      if (before === undefined) return undefined;
      const wanted = change(before);
      if (isSameJson(wanted, before)) return before;
      const generation = numberAt(before.metadata, 'generation');
      const bumped = generation === undefined || isSameSpec(before, wanted) ? generation : generation + 1;
      const object: LiveObject = {
        ...wanted,
        metadata: {
          ...wanted.metadata,
          uid: before.metadata.uid,
          creationTimestamp: before.metadata.creationTimestamp,
          resourceVersion: nextVersion(),
          ...(bumped === undefined ? {} : { generation: bumped }),
        },
      };
      put(object);
      notify({ type: 'modified', object, before });
      return object;
    },
    setStatus: (ref, status) => {
      const before = objects.get(toRefKey(ref));
      if (before === undefined || isSameJson(before['status'], status)) return;
      const object: LiveObject = {
        ...before,
        metadata: { ...before.metadata, resourceVersion: nextVersion() },
        status,
      };
      put(object);
      notify({ type: 'modified', object, before });
    },
    delete: remove,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => ({ version, objects: [...objects.values()], events: events.snapshot() }),
    restore: (state) => {
      version = state.version;
      events.restore(state.events);
      for (const object of state.objects) put(object);
      for (const object of state.objects) {
        notify({ type: 'added', object });
        if (object.metadata.deletionTimestamp !== undefined) timeline.after(DELETE_MS, () => finishDelete(object));
      }
    },
  };
}

function toLiveObject(
  object: ManifestObject,
  owner: LiveObject | undefined,
  facts: { uid: string; resourceVersion: string; stamp: string },
): LiveObject {
  const { apiVersion, kind, metadata, ...rest } = object;
  return {
    apiVersion,
    kind,
    metadata: {
      ...metadata,
      uid: facts.uid,
      resourceVersion: facts.resourceVersion,
      creationTimestamp: facts.stamp,
      ...('spec' in object ? { generation: 1 } : {}),
      ...(owner === undefined ? {} : { ownerReferences: [toOwnerReference(owner)] }),
    },
    ...rest,
  };
}

function toOwnerReference(owner: LiveObject) {
  const { apiVersion, kind } = owner;
  return {
    apiVersion,
    kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

function isSameSpec(a: ManifestObject, b: ManifestObject): boolean {
  const { metadata: _aMeta, status: _aStatus, ...aRest } = a;
  const { metadata: _bMeta, status: _bStatus, ...bRest } = b;
  return isSameJson(aRest, bRest);
}
