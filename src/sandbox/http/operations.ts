import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { applicationSchema, specSchema } from '../argo/application-schema.ts';
import { CASCADE_FINALIZER, isAutomated, isMultiSource, listSources, toApplicationId } from '../argo/application.ts';
import type { Application, ApplicationSpec, Operation } from '../argo/application.ts';
import { GitReadError } from '../argo/git.ts';
import { toWindowVerdict } from '../argo/project.ts';
import { mergePatch } from '../json.ts';
import type { SandboxAccount } from './access.ts';
import { getProject } from './selection.ts';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC, param, parseBody, queryFlag, queryText } from './gateway.ts';
import { syncSchema } from './messages.ts';

// The writing half of /api/v1/applications. Bodies bind everything here: query parameters of POST routes are not read.

const where = { appNamespace: z.string().optional(), project: z.string().optional() };
const rollbackSchema = z.object({
  ...where,
  id: z.number().int(),
  prune: z.boolean().optional(),
  dryRun: z.boolean().optional(),
});
const patchSchema = z.object({ ...where, patch: z.string(), patchType: z.enum(['merge', 'json']).optional() });

export function registerOperations(app: FastifyInstance, backend: Backend): void {
  const { access, registry } = backend;

  app.post('/api/v1/applications/:name/sync', async (request) => {
    const account = access.authenticate(request);
    const body = parseBody(request, syncSchema);
    const application = access.getApplication(account, 'sync', { ...body, name: param(request, 'name') });
    return await startSync(backend, account, application, body);
  });

  app.post('/api/v1/applications/:name/rollback', (request) => {
    const account = access.authenticate(request);
    const body = parseBody(request, rollbackSchema);
    const application = access.getApplication(account, 'sync', { ...body, name: param(request, 'name') });
    refuseIfDeleting(application);
    if (isAutomated(application.spec)) {
      throw new GatewayError(GRPC.failedPrecondition, 'rollback cannot be initiated when auto-sync is enabled');
    }
    const entry = application.status.history?.find((other) => other.id === body.id);
    if (entry === undefined) {
      const message = `application ${application.metadata.name} does not have deployment id '${body.id}' in history`;
      throw new GatewayError(GRPC.invalidArgument, message);
    }
    const pinned =
      entry.revisions === undefined
        ? { revision: entry.revision }
        : { revisions: entry.revisions, sourcePositions: entry.revisions.map((_, index) => index + 1) };
    return setOperation(backend, application, {
      sync: {
        ...pinned,
        ...(body.prune === undefined ? {} : { prune: body.prune }),
        ...(body.dryRun === undefined ? {} : { dryRun: body.dryRun }),
        syncStrategy: { apply: {} },
      },
      initiatedBy: { username: account.name },
    });
  });

  app.delete('/api/v1/applications/:name/operation', (request) => {
    const account = access.authenticate(request);
    const application = access.getApplication(account, 'sync', {
      name: param(request, 'name'),
      appNamespace: queryText(request, 'appNamespace'),
      project: getProject(request),
    });
    if (application.operation === undefined || application.status.operationState === undefined) {
      throw new GatewayError(GRPC.invalidArgument, 'Unable to terminate operation. No operation is in progress');
    }
    registry.update(toApplicationId(application), (current) => {
      const state = current.status.operationState;
      if (state === undefined || current.operation === undefined) return current;
      return { ...current, status: { ...current.status, operationState: { ...state, phase: 'Terminating' } } };
    });
    return {};
  });

  app.post('/api/v1/applications', (request) => {
    const account = access.authenticate(request);
    const draft = parseBody(request, applicationSchema);
    const { name, namespace = backend.controllerNamespace } = draft.metadata;
    access.enforce(account, 'applications', 'create', `${draft.spec.project}/${name}`);
    if (!backend.projects.some((project) => project.name === draft.spec.project)) {
      const message = `application spec for ${name} is invalid: InvalidSpecError: Application referencing project ${draft.spec.project} which does not exist`;
      throw new GatewayError(GRPC.invalidArgument, message);
    }
    const existing = registry.find({ namespace, name });
    if (existing === undefined)
      return registry.create({ metadata: { ...draft.metadata, namespace }, spec: draft.spec });
    if (JSON.stringify(existing.spec) === JSON.stringify(draft.spec)) return existing;
    if (!queryFlag(request, 'upsert')) {
      const message = 'existing application spec is different, use upsert flag to force update';
      throw new GatewayError(GRPC.invalidArgument, message);
    }
    access.enforce(account, 'applications', 'update', `${draft.spec.project}/${name}`);
    return changeSpec(backend, existing, draft.spec);
  });

  app.put('/api/v1/applications/:name/spec', (request) => {
    const account = access.authenticate(request);
    const application = access.getApplication(account, 'update', {
      name: param(request, 'name'),
      appNamespace: queryText(request, 'appNamespace'),
      project: getProject(request),
    });
    return changeSpec(backend, application, parseBody(request, specSchema)).spec;
  });

  app.patch('/api/v1/applications/:name', (request) => {
    const account = access.authenticate(request);
    const body = parseBody(request, patchSchema);
    const application = access.getApplication(account, 'update', { ...body, name: param(request, 'name') });
    if (body.patchType !== 'merge') throw new GatewayError(GRPC.unimplemented, 'the sandbox knows merge patches only');
    const patched = applicationSchema.safeParse(mergePatch(application, JSON.parse(body.patch)));
    if (!patched.success) throw new GatewayError(GRPC.invalidArgument, 'the patched application is not valid');
    return changeSpec(backend, application, patched.data.spec, patched.data.metadata);
  });

  app.delete('/api/v1/applications/:name', (request) => {
    const account = access.authenticate(request);
    const application = access.getApplication(account, 'delete', {
      name: param(request, 'name'),
      appNamespace: queryText(request, 'appNamespace'),
      project: getProject(request),
    });
    const isCascade = queryText(request, 'cascade') !== 'false';
    registry.update(toApplicationId(application), (current) => ({
      ...current,
      metadata: {
        ...current.metadata,
        deletionTimestamp: current.metadata.deletionTimestamp ?? backend.timeline.stamp(),
        finalizers: isCascade ? [CASCADE_FINALIZER] : [],
      },
    }));
    return {};
  });
}

async function startSync(
  backend: Backend,
  account: SandboxAccount,
  application: Application,
  body: z.infer<typeof syncSchema>,
): Promise<Application> {
  const { spec } = application;
  refuseIfDeleting(application);
  const project = backend.projects.find((other) => other.name === spec.project);
  if (!toWindowVerdict(project, application, backend.timeline.now()).mayManualSync) {
    throw new GatewayError(GRPC.permissionDenied, 'cannot sync: blocked by sync window');
  }
  const [source] = listSources(spec);
  const target = source?.targetRevision ?? 'HEAD';
  const isElsewhere =
    !isMultiSource(spec) && body.revision !== undefined && body.revision !== '' && body.revision !== target;
  if (isAutomated(spec) && isElsewhere && body.dryRun !== true) {
    throw new GatewayError(
      GRPC.failedPrecondition,
      `Cannot sync to ${body.revision ?? ''}: auto-sync currently set to ${target}`,
    );
  }
  let revision: string;
  try {
    revision = await backend.git.resolve(
      source?.repoURL ?? '',
      body.revision === undefined || body.revision === '' ? target : body.revision,
    );
  } catch (error) {
    if (error instanceof GitReadError) throw new GatewayError(GRPC.failedPrecondition, error.message);
    throw error;
  }
  const strategy = body.strategy ?? { hook: {} };
  const pinned = isMultiSource(spec)
    ? {
        ...(body.revisions === undefined ? {} : { revisions: body.revisions }),
        ...(body.sourcePositions === undefined ? {} : { sourcePositions: body.sourcePositions }),
      }
    : { revision };
  return setOperation(backend, application, {
    sync: {
      ...pinned,
      ...(body.prune === true ? { prune: true } : {}),
      ...(body.dryRun === true ? { dryRun: true } : {}),
      syncStrategy: strategy,
      ...(body.resources === undefined || body.resources.length === 0 ? {} : { resources: body.resources }),
      ...(body.syncOptions?.items === undefined ? {} : { syncOptions: body.syncOptions.items }),
    },
    initiatedBy: { username: account.name },
    ...(body.infos === undefined ? {} : { info: body.infos }),
    ...(body.retryStrategy === undefined
      ? spec.syncPolicy?.retry === undefined
        ? {}
        : { retry: spec.syncPolicy.retry }
      : { retry: body.retryStrategy }),
  });
}

function refuseIfDeleting(application: Application): void {
  if (application.metadata.deletionTimestamp === undefined) return;
  throw new GatewayError(GRPC.failedPrecondition, 'application is deleting');
}

/** The answer shows the request standing in `operation` and no state yet, as one that nobody has taken up. */
function setOperation(backend: Backend, application: Application, operation: Operation): Application {
  if (application.operation !== undefined) {
    throw new GatewayError(GRPC.failedPrecondition, 'another operation is already in progress');
  }
  const updated = backend.registry.update(toApplicationId(application), (current) => {
    const { operationState: _before, ...status } = current.status;
    return { ...current, operation, status };
  });
  if (updated === undefined)
    throw new GatewayError(GRPC.notFound, `applications.argoproj.io "${application.metadata.name}" not found`);
  return updated;
}

function changeSpec(
  backend: Backend,
  application: Application,
  spec: ApplicationSpec,
  metadata?: { labels?: Record<string, string> | undefined; annotations?: Record<string, string> | undefined },
): Application {
  const updated = backend.registry.update(toApplicationId(application), (current) => ({
    ...current,
    spec,
    metadata: {
      ...current.metadata,
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
    },
  }));
  if (updated === undefined)
    throw new GatewayError(GRPC.notFound, `applications.argoproj.io "${application.metadata.name}" not found`);
  backend.requestCompare(updated, 3);
  return updated;
}
