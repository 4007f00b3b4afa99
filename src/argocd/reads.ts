import type { ObjectRef } from '../manifest/object.ts';
import {
  type ApplicationRef,
  type CallOptions,
  type ResourceTarget,
  toApplicationPath,
  toScope,
} from './application.ts';
import type { Connection } from './connection.ts';
import { ArgoError, isArgoError } from './error.ts';
import * as schema from './schema.ts';

interface ApplicationFilter extends CallOptions {
  name?: string;
  project?: string;
  /** Label selector. */
  selector?: string;
  /** Exact repository address, compared by the server as text. */
  repo?: string;
  namespace?: string;
}

interface GetApplicationOptions extends CallOptions {
  /**
   * Asks the controller for one full comparison, with the branch looked up anew, and waits for it; `hard` drops the manifest
   * cache too. The server never gives up waiting, so this is one attempt within `timeoutMs`.
   */
  refresh?: 'normal' | 'hard';
  timeoutMs?: number;
}

/** A resource of the tree whose events are wanted; the server insists on all three matching. */
interface EventTarget {
  name: string;
  namespace: string;
  uid: string;
}

interface LogQuery extends CallOptions {
  podName?: string;
  /** A parent instead of a pod: its pods' logs are mixed. */
  resource?: ObjectRef;
  namespace: string;
  container?: string;
  tailLines: number;
  /** The log of the container's last, ended run. */
  previous?: boolean;
}

interface RevisionQuery {
  revision: string;
  /** Which of several sources is meant, counted from 0. Left out for an application with one source. */
  sourceIndex?: number | undefined;
}

export interface ArgoReads {
  /** From the server's cache: may lag behind `getApplication`, and has no health per resource. */
  listApplications(filter?: ApplicationFilter): Promise<schema.Application[]>;
  getApplication(ref: ApplicationRef, options?: GetApplicationOptions): Promise<schema.Application>;
  resourceTree(ref: ApplicationRef, options?: CallOptions): Promise<schema.ResourceTree>;
  managedResources(ref: ApplicationRef, options?: CallOptions): Promise<schema.ManagedResource[]>;
  /** The live object; it must be in the application's tree, under exactly this namespace. Secrets come masked. */
  resource(ref: ApplicationRef, target: ResourceTarget, options?: CallOptions): Promise<unknown>;
  /** Of the application itself, or of one resource in its tree. */
  events(ref: ApplicationRef, resource?: EventTarget, options?: CallOptions): Promise<schema.ResourceEvent[]>;
  /** Lines in the order they were written. No matching pod gives an empty list. */
  logs(ref: ApplicationRef, query: LogQuery): Promise<string[]>;
  /** What Argo CD would render for any commit or branch. */
  manifests(ref: ApplicationRef, query: RevisionQuery, options?: CallOptions): Promise<schema.RenderedManifests>;
  syncWindows(ref: ApplicationRef, options?: CallOptions): Promise<schema.SyncWindows>;
  revisionMetadata(ref: ApplicationRef, query: RevisionQuery, options?: CallOptions): Promise<schema.RevisionMetadata>;
  listResourceActions(
    ref: ApplicationRef,
    target: ResourceTarget,
    options?: CallOptions,
  ): Promise<schema.ResourceAction[]>;
  version(options?: CallOptions): Promise<schema.ArgoVersion>;
  settings(options?: CallOptions): Promise<schema.ArgoSettings>;
  userInfo(options?: CallOptions): Promise<schema.UserInfo>;
  /** Whether the account may do `action` on `resource`; `object` is `<project>/<application>`. */
  canI(resource: string, action: string, object: string, options?: CallOptions): Promise<boolean>;
  projects(options?: CallOptions): Promise<schema.Project[]>;
  repositories(options?: CallOptions): Promise<schema.Connection[]>;
  clusters(options?: CallOptions): Promise<schema.Connection[]>;
}

const MAX_LOG_LINES = 10_000;
const LOG_SILENCE_MS = 30_000;

export function createReads(connection: Connection): ArgoReads {
  const { json } = connection;
  return {
    listApplications: async (filter = {}) => {
      const query = {
        name: filter.name,
        projects: filter.project,
        selector: filter.selector,
        repo: filter.repo,
        appNamespace: filter.namespace,
      };
      const call = { what: 'list applications', path: '/api/v1/applications', query, signal: filter.signal };
      return (await json(schema.applicationListSchema, call)).items;
    },
    getApplication: (ref, { refresh, timeoutMs, signal } = {}) =>
      json(schema.applicationSchema, {
        what: `${refresh === undefined ? 'get' : 'refresh'} application ${ref.name}`,
        path: toApplicationPath(ref),
        query: { ...toScope(ref), refresh },
        signal,
        once: refresh !== undefined,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      }),
    resourceTree: (ref, { signal } = {}) =>
      json(schema.resourceTreeSchema, {
        what: `get the resource tree of ${ref.name}`,
        path: `${toApplicationPath(ref)}/resource-tree`,
        query: toScope(ref),
        signal,
      }),
    managedResources: async (ref, { signal } = {}) => {
      const path = `${toApplicationPath(ref)}/managed-resources`;
      const call = { what: `get the managed resources of ${ref.name}`, path, query: toScope(ref), signal };
      return (await json(schema.managedResourcesSchema, call)).items;
    },
    resource: async (ref, target, { signal } = {}) => {
      const path = `${toApplicationPath(ref)}/resource`;
      const query = { ...toScope(ref), ...toTargetQuery(target) };
      const what = `get ${target.kind} ${target.name}`;
      const { manifest } = await json(schema.resourceSchema, { what, path, query, signal });
      try {
        const object: unknown = JSON.parse(manifest);
        return object;
      } catch (error) {
        throw new ArgoError('unreadable', what, 'the manifest is not JSON', { cause: error });
      }
    },
    events: async (ref, resource, { signal } = {}) => {
      const of =
        resource === undefined
          ? {}
          : { resourceName: resource.name, resourceNamespace: resource.namespace, resourceUID: resource.uid };
      const query = { ...toScope(ref), ...of };
      const call = { what: `list events of ${ref.name}`, path: `${toApplicationPath(ref)}/events`, query, signal };
      return (await json(schema.eventListSchema, call)).items;
    },
    logs: (ref, query) => readLogs(connection, ref, query),
    manifests: (ref, { revision, sourceIndex }, { signal } = {}) =>
      json(schema.manifestsSchema, {
        what: `render ${ref.name} at ${revision}`,
        path: `${toApplicationPath(ref)}/manifests`,
        query: {
          ...toScope(ref),
          // Of several sources the server ignores `revision` and takes lists, whose positions it counts from 1.
          ...(sourceIndex === undefined ? { revision } : { revisions: [revision], sourcePositions: [sourceIndex + 1] }),
        },
        signal,
      }),
    syncWindows: (ref, { signal } = {}) =>
      json(schema.syncWindowsSchema, {
        what: `get the sync windows of ${ref.name}`,
        path: `${toApplicationPath(ref)}/syncwindows`,
        query: toScope(ref),
        signal,
      }),
    revisionMetadata: (ref, { revision, sourceIndex }, { signal } = {}) =>
      json(schema.revisionMetadataSchema, {
        what: `get the metadata of ${revision}`,
        path: `${toApplicationPath(ref)}/revisions/${encodeURIComponent(revision)}/metadata`,
        query: { ...toScope(ref), sourceIndex },
        signal,
      }),
    listResourceActions: async (ref, target, { signal } = {}) => {
      const path = `${toApplicationPath(ref)}/resource/actions`;
      const query = { ...toScope(ref), ...toTargetQuery(target) };
      const call = { what: `list the actions of ${target.kind} ${target.name}`, path, query, signal };
      return (await json(schema.resourceActionsSchema, call)).actions;
    },
    ...createServerReads(connection),
  };
}

type ServerReads = Pick<
  ArgoReads,
  'version' | 'settings' | 'userInfo' | 'canI' | 'projects' | 'repositories' | 'clusters'
>;

function createServerReads({ json }: Connection): ServerReads {
  return {
    version: ({ signal } = {}) => json(schema.versionSchema, { what: 'get the version', path: '/api/version', signal }),
    settings: ({ signal } = {}) =>
      json(schema.settingsSchema, { what: 'get the settings', path: '/api/v1/settings', signal }),
    userInfo: ({ signal } = {}) =>
      json(schema.userInfoSchema, { what: 'get the user', path: '/api/v1/session/userinfo', signal }),
    canI: async (resource, action, object, { signal } = {}) => {
      // The object is the rest of the path, slashes included; its parts are escaped one by one.
      const parts = [resource, action, ...object.split('/')].map(encodeURIComponent).join('/');
      const call = {
        what: `ask for the right to ${action} ${resource}`,
        path: `/api/v1/account/can-i/${parts}`,
        signal,
      };
      return (await json(schema.canISchema, call)).value === 'yes';
    },
    projects: async ({ signal } = {}) => {
      const call = { what: 'list projects', path: '/api/v1/projects', signal };
      return (await json(schema.projectListSchema, call)).items;
    },
    repositories: async ({ signal } = {}) => {
      const call = { what: 'list repositories', path: '/api/v1/repositories', signal };
      return (await json(schema.connectionListSchema, call)).items;
    },
    clusters: async ({ signal } = {}) => {
      const call = { what: 'list clusters', path: '/api/v1/clusters', signal };
      return (await json(schema.connectionListSchema, call)).items;
    },
  };
}

async function readLogs(connection: Connection, ref: ApplicationRef, query: LogQuery): Promise<string[]> {
  const path =
    query.podName === undefined
      ? `${toApplicationPath(ref)}/logs`
      : `${toApplicationPath(ref)}/pods/${encodeURIComponent(query.podName)}/logs`;
  const resource = query.resource;
  const items = connection.stream({
    what: `read logs in ${ref.name}`,
    path,
    query: {
      ...toScope(ref),
      namespace: query.namespace,
      container: query.container,
      tailLines: query.tailLines,
      follow: false,
      previous: query.previous === true ? true : undefined,
      ...(resource === undefined ? {} : { group: resource.group, kind: resource.kind, resourceName: resource.name }),
    },
    signal: query.signal,
    idleTimeoutMs: LOG_SILENCE_MS,
  });
  const lines: string[] = [];
  try {
    for await (const item of items) {
      const { result } = schema.logItemSchema.parse(item);
      if (result === undefined) continue;
      // The closing item carries no line of its own.
      if (!(result.last && result.content === '')) lines.push(result.content);
      if (result.last || lines.length >= MAX_LOG_LINES) break;
    }
  } catch (error) {
    // A container that has not started yet, or has no previous run, has no log: that is an answer, not a failure.
    if (lines.length === 0 && isArgoError(error, 'rejected', 'not_found') && /container|pod/i.test(error.message))
      return [];
    throw error;
  }
  return lines;
}

export function toTargetQuery(target: ResourceTarget): Record<string, string> {
  const { namespace, name, version, group, kind } = target;
  return { namespace, resourceName: name, version, group, kind };
}
