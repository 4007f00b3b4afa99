import { isSameJson } from '../json.ts';
import type { Timeline } from '../timeline.ts';
import { toUuid } from '../cluster/naming.ts';
import { toApplicationId, toApplicationKey } from './application.ts';
import type { Application, ApplicationId } from './application.ts';

export interface ApplicationChange {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  application: Application;
}

/** The Applications as the Kubernetes API holds them, and as the server's informer sees them, which may be later. */
export interface Registry {
  find(id: ApplicationId): Application | undefined;
  /** Sorted by name, from the informer: a list may be older than what `find` gives. */
  list(): Application[];
  create(draft: Pick<Application, 'metadata' | 'spec'> | ApplicationDraft): Application;
  /** Nothing happens, and no version passes, when the Application is gone or comes out the same. */
  update(id: ApplicationId, change: (application: Application) => Application): Application | undefined;
  remove(id: ApplicationId): void;
  /** At once, with every write. */
  onWrite(listener: (change: ApplicationChange) => void): () => void;
  /** When the informer has seen it. */
  onChange(listener: (change: ApplicationChange) => void): () => void;
  version(): string;
  snapshot(): Application[];
  restore(applications: Application[]): void;
}

export interface ApplicationDraft {
  metadata: {
    name: string;
    namespace: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
  };
  spec: Application['spec'];
}

interface RegistryDeps {
  timeline: Timeline;
  random: () => number;
  /** How much later the informer sees a write, in simulated time. */
  lagMs: () => number;
  controllerNamespace: string;
}

export function createRegistry({ timeline, random, lagMs, controllerNamespace }: RegistryDeps): Registry {
  const stored = new Map<string, Application>();
  const seen = new Map<string, Application>();
  const writers = new Set<(change: ApplicationChange) => void>();
  const watchers = new Set<(change: ApplicationChange) => void>();
  let version = 10_000;
  const nextVersion = () => String((version += 1));

  const show = (change: ApplicationChange) => {
    const key = toApplicationKey(toApplicationId(change.application));
    if (change.type === 'DELETED') seen.delete(key);
    else seen.set(key, change.application);
    for (const listener of [...watchers]) listener(change);
  };

  const written = (change: ApplicationChange) => {
    for (const listener of [...writers]) listener(change);
    const lag = lagMs();
    if (lag <= 0) show(change);
    else timeline.after(lag, () => show(change));
  };

  return {
    find: (id) => stored.get(toApplicationKey(id)),
    list: () => [...seen.values()].sort((a, b) => (toSortKey(a) < toSortKey(b) ? -1 : 1)),
    create: ({ metadata, spec }) => {
      const { name, namespace, labels, annotations, finalizers } = metadata;
      const application: Application = {
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Application',
        metadata: {
          name,
          namespace,
          uid: toUuid(random),
          resourceVersion: nextVersion(),
          generation: 1,
          creationTimestamp: timeline.stamp(),
          ...(labels === undefined ? {} : { labels }),
          ...(annotations === undefined ? {} : { annotations }),
          ...(finalizers === undefined ? {} : { finalizers }),
        },
        spec,
        status: {
          sync: { status: 'Unknown', comparedTo: { destination: spec.destination } },
          health: { status: 'Unknown' },
          controllerNamespace,
        },
      };
      stored.set(toApplicationKey(metadata), application);
      written({ type: 'ADDED', application });
      return application;
    },
    update: (id, change) => {
      const before = stored.get(toApplicationKey(id));
      if (before === undefined) return undefined;
      const wanted = change(before);
      if (isSameJson(wanted, before)) return before;
      // The resource has no status subresource: any change of spec, status or operation is a new generation.
      const application: Application = {
        ...wanted,
        metadata: {
          ...wanted.metadata,
          resourceVersion: nextVersion(),
          generation: before.metadata.generation + (isOnlyMetadata(before, wanted) ? 0 : 1),
        },
      };
      stored.set(toApplicationKey(id), application);
      written({ type: 'MODIFIED', application });
      return application;
    },
    remove: (id) => {
      const application = stored.get(toApplicationKey(id));
      if (application === undefined) return;
      stored.delete(toApplicationKey(id));
      written({ type: 'DELETED', application });
    },
    onWrite: (listener) => subscribe(writers, listener),
    onChange: (listener) => subscribe(watchers, listener),
    version: () => String(version),
    snapshot: () => [...stored.values()],
    restore: (applications) => {
      for (const application of applications) {
        version = Math.max(version, Number(application.metadata.resourceVersion));
        stored.set(toApplicationKey(toApplicationId(application)), application);
        written({ type: 'ADDED', application });
      }
    },
  };
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function toSortKey(application: Application): string {
  return `${application.metadata.name}/${application.metadata.namespace}`;
}

function isOnlyMetadata(a: Application, b: Application): boolean {
  const { metadata: _a, ...aRest } = a;
  const { metadata: _b, ...bRest } = b;
  return isSameJson(aRest, bRest);
}
