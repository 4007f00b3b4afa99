import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ObjectRef } from '../../manifest/object.ts';
import { listSources } from '../argo/application.ts';
import type { Application } from '../argo/application.ts';
import { GitReadError } from '../argo/git.ts';
import { toWindowVerdict } from '../argo/project.ts';
import { isLiveNode } from '../argo/tree.ts';
import type { LiveNode } from '../argo/tree.ts';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC, param, queryText, queryTexts, selectFields } from './gateway.ts';
import { hideSecrets, toManagedResource } from './managed-resource.ts';
import { refresh, withHealth } from './read-application.ts';
import { getProject, isWanted } from './selection.ts';

// The reading half of /api/v1/applications.

// A list can be cut down to these; a field beyond them is simply not there.
const LIST_FIELDS = [
  'metadata',
  'items.metadata',
  'items.spec',
  'items.operation.sync',
  'items.status.sync.status',
  'items.status.sync.revision',
  'items.status.health',
  'items.status.summary',
  'items.status.resources',
  'items.status.operationState.phase',
  'items.status.operationState.startedAt',
  'items.status.operationState.finishedAt',
  'items.status.operationState.operation.sync',
];

export function registerApplications(app: FastifyInstance, backend: Backend): void {
  const { access, registry, cluster } = backend;
  const load = (request: FastifyRequest, action = 'get', name = 'name') =>
    access.getApplication(access.authenticate(request), action, {
      name: param(request, name),
      appNamespace: queryText(request, 'appNamespace'),
      project: getProject(request),
    });

  app.get('/api/v1/applications', (request) => {
    const account = access.authenticate(request);
    const items = registry.list().filter((application) => isWanted(backend, account, application, request));
    const fields = queryText(request, 'fields');
    const list = { metadata: { resourceVersion: registry.version() }, items };
    if (fields === undefined || fields === '') return list;
    if (fields.startsWith('-')) return selectFields(list, fields);
    const allowed = fields
      .split(',')
      .filter((field) => LIST_FIELDS.some((known) => field === known || field.startsWith(`${known}.`)));
    const renamed = allowed.some((field) => field.includes('operationState.operation'))
      ? { ...list, items: items.map(withSyncResult) }
      : list;
    return selectFields(renamed, ['metadata.resourceVersion', ...allowed].join(','));
  });

  app.get('/api/v1/applications/:name', async (request, reply) => {
    const application = load(request);
    const mode = queryText(request, 'refresh');
    if (mode === undefined || mode === '') return withHealth(backend, application);
    return withHealth(backend, await refresh(backend, application, mode === 'hard' ? 'hard' : 'normal', reply));
  });

  app.get('/api/v1/applications/:name/resource-tree', (request) => backend.trees.get(load(request)));

  app.get('/api/v1/applications/:name/managed-resources', async (request) => {
    const application = load(request);
    const targets = await loadTargets(backend, application);
    const items = backend.live
      .compare(application, targets)
      .filter((resource) => !resource.isHook)
      .map((resource) => toManagedResource(resource.target, resource.live, resource.status === 'OutOfSync'))
      .filter((item) => isSelected(request, item));
    return selectFields({ items }, queryText(request, 'fields'));
  });

  app.get('/api/v1/applications/:name/manifests', async (request) => {
    const application = load(request);
    const revision = queryText(request, 'revision');
    const revisions = queryTexts(request, 'revisions');
    const sourcePositions = queryTexts(request, 'sourcePositions').map(Number);
    try {
      const targets = await backend.loader.load(application, {
        ...(revision === undefined ? {} : { revision }),
        ...(revisions.length === 0 ? {} : { revisions, sourcePositions }),
      });
      return {
        manifests: targets.objects.map((object) => JSON.stringify(hideSecrets(object))),
        revision: targets.revisions[0] ?? '',
        sourceType: 'Directory',
        commands: [],
      };
    } catch (error) {
      if (error instanceof GitReadError) throw new GatewayError(GRPC.unknown, error.message);
      throw error;
    }
  });

  app.get('/api/v1/applications/:name/revisions/:revision/metadata', async (request) => {
    const application = load(request);
    const index = Number(queryText(request, 'sourceIndex') ?? '0');
    const source = listSources(application.spec)[index];
    if (source === undefined) throw new GatewayError(GRPC.invalidArgument, `source index ${index} not found`);
    try {
      const commit = await backend.git.resolve(source.repoURL, param(request, 'revision'));
      const { author, date, message, tags } = await backend.git.describe(source.repoURL, commit);
      return { author, date, message, ...(tags.length > 0 ? { tags } : {}) };
    } catch (error) {
      if (error instanceof GitReadError) throw new GatewayError(GRPC.unknown, error.message);
      throw error;
    }
  });

  app.get('/api/v1/applications/:name/syncwindows', (request) => {
    const application = load(request);
    const project = backend.projects.find((other) => other.name === application.spec.project);
    const verdict = toWindowVerdict(project, application, backend.timeline.now());
    const windows = (list: typeof verdict.active) =>
      list.length === 0 ? {} : list.map((window) => ({ ...window, manualSync: window.manualSync === true }));
    return {
      ...(verdict.active.length > 0 ? { activeWindows: windows(verdict.active) } : {}),
      ...(verdict.assigned.length > 0 ? { assignedWindows: windows(verdict.assigned) } : {}),
      ...(verdict.mayManualSync ? { canSync: true } : {}),
    };
  });

  app.get('/api/v1/applications/:name/events', (request) => {
    const application = load(request);
    const resourceName = queryText(request, 'resourceName') ?? '';
    const uid = queryText(request, 'resourceUID') ?? '';
    if (resourceName === '' && uid === '') return toEventList(backend, application.metadata.uid);
    const namespace = queryText(request, 'resourceNamespace') ?? '';
    const node = backend.trees
      .get(application)
      .nodes.find((other) => other.name === resourceName && other.uid === uid && (other.namespace ?? '') === namespace);
    if (node?.uid === undefined) {
      throw new GatewayError(
        GRPC.invalidArgument,
        `${resourceName} not found as part of application ${application.metadata.name}`,
      );
    }
    return toEventList(backend, node.uid);
  });

  app.get('/api/v1/applications/:name/resource', (request) => {
    const application = load(request);
    const live = cluster.findByUid(getNode(backend, application, queryRef(request)).uid);
    if (live === undefined) throw new GatewayError(GRPC.notFound, 'resource not found');
    return { manifest: JSON.stringify(hideSecrets(live)) };
  });
}

async function loadTargets(backend: Backend, application: Application) {
  try {
    return (await backend.loader.load(application)).objects;
  } catch (error) {
    // Without a target only what is live can be shown.
    if (error instanceof GitReadError) return [];
    throw error;
  }
}

function isSelected(
  request: FastifyRequest,
  item: { name: string; namespace?: string; version: string; group?: string; kind: string },
): boolean {
  const matches = (name: string, value: string) => {
    const wanted = queryText(request, name) ?? '';
    return wanted === '' || wanted === value;
  };
  return (
    matches('name', item.name) &&
    matches('namespace', item.namespace ?? '') &&
    matches('version', item.version) &&
    matches('group', item.group ?? '') &&
    matches('kind', item.kind)
  );
}

/** The resource a query names: `namespace`, `resourceName`, `version`, `group`, `kind`. */
export function queryRef(request: FastifyRequest): ObjectRef {
  return {
    group: queryText(request, 'group') ?? '',
    kind: queryText(request, 'kind') ?? '',
    namespace: queryText(request, 'namespace') ?? '',
    name: queryText(request, 'resourceName') ?? '',
  };
}

/** A node of the tree with something live behind it. */
export function getNode(backend: Backend, application: Application, ref: ObjectRef): LiveNode {
  const node = backend.trees
    .get(application)
    .nodes.find(
      (other) =>
        (other.group ?? '') === ref.group &&
        other.kind === ref.kind &&
        other.name === ref.name &&
        (other.namespace ?? '') === ref.namespace,
    );
  if (node !== undefined && isLiveNode(node)) return node;
  throw new GatewayError(
    GRPC.invalidArgument,
    `${ref.kind} ${ref.group} ${ref.name} not found as part of application ${application.metadata.name}`,
  );
}

function toEventList(backend: Backend, uid: string) {
  return { metadata: { resourceVersion: backend.registry.version() }, items: backend.cluster.events.listFor(uid) };
}

// What the list calls the operation's sync is, in truth, its result.
function withSyncResult(application: Application): unknown {
  const { operationState } = application.status;
  if (operationState?.syncResult === undefined) return application;
  const operation = { ...operationState.operation, sync: operationState.syncResult };
  return { ...application, status: { ...application.status, operationState: { ...operationState, operation } } };
}
