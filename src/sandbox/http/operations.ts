import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { isAutomated, isMultiSource, listSources, toApplicationId } from '../argo/application.ts';
import type { Application, ApplicationSource, Operation } from '../argo/application.ts';
import { GitReadError } from '../argo/git.ts';
import { toWindowVerdict } from '../argo/project.ts';
import type { SandboxAccount } from './access.ts';
import { getProject } from './selection.ts';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC, param, parseBody, queryText } from './gateway.ts';
import { syncSchema } from './messages.ts';

// What makes Applications deploy. Bodies bind everything here: query parameters of POST routes are not read.

const where = { appNamespace: z.string().optional(), project: z.string().optional() };
const rollbackSchema = z.object({
  ...where,
  id: z.number().int(),
  prune: z.boolean().optional(),
  dryRun: z.boolean().optional(),
});

export function registerOperations(app: FastifyInstance, backend: Backend): void {
  const { access, registry } = backend;

  app.post('/api/v1/applications/:name/sync', async (request) => {
    const account = access.authenticate(request);
    const body = parseBody(request, syncSchema);
    const application = access.getApplication(account, 'get', { ...body, name: param(request, 'name') });
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
      const { name, namespace } = application.metadata;
      const message = `application ${namespace}/${name} does not have deployment with id ${body.id}`;
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
  backend.access.enforce(account, 'applications', 'sync', backend.access.toObject(application));
  const pinned = await resolveSources(backend, application, body);
  const strategy = body.strategy ?? { hook: {} };
  const syncOptions = body.syncOptions?.items ?? spec.syncPolicy?.syncOptions;
  return setOperation(backend, application, {
    sync: {
      ...pinned,
      ...(body.prune === true ? { prune: true } : {}),
      ...(body.dryRun === true ? { dryRun: true } : {}),
      syncStrategy: strategy,
      ...(body.resources === undefined || body.resources.length === 0 ? {} : { resources: body.resources }),
      ...(syncOptions === undefined ? {} : { syncOptions }),
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

/** The commits the operation is for: what was asked for, else what the sources follow. A full commit id is not looked up. */
async function resolveSources(
  backend: Backend,
  { spec }: Application,
  body: z.infer<typeof syncSchema>,
): Promise<{ revision: string } | { revisions: string[] }> {
  const sources = listSources(spec);
  const isMulti = isMultiSource(spec);
  const positions = body.sourcePositions ?? [];
  if (isMulti && positions.some((position) => position <= 0 || position > sources.length))
    throw new GatewayError(GRPC.unknown, 'source position is out of range');
  const resolve = async (source: ApplicationSource, index: number) => {
    const target = source.targetRevision ?? 'HEAD';
    const wanted = (isMulti ? body.revisions?.[positions.indexOf(index + 1)] : body.revision) ?? '';
    if (isAutomated(spec) && wanted !== '' && wanted !== target && body.dryRun !== true) {
      const what = isMulti ? `source ${source.repoURL} to ${wanted}` : `to ${wanted}`;
      throw new GatewayError(GRPC.failedPrecondition, `Cannot sync ${what}: auto-sync currently set to ${target}`);
    }
    try {
      return await backend.git.resolve(source.repoURL, wanted === '' ? target : wanted);
    } catch (error) {
      if (!(error instanceof GitReadError)) throw error;
      throw new GatewayError(GRPC.failedPrecondition, `error resolving repo revision: ${error.message}`);
    }
  };
  const revisions = await Promise.all(sources.map(resolve));
  return isMulti ? { revisions } : { revision: revisions[0] ?? '' };
}

function refuseIfDeleting(application: Application): void {
  if (application.metadata.deletionTimestamp === undefined) return;
  throw new GatewayError(GRPC.failedPrecondition, 'application is deleting');
}

/** The answer shows the request standing in `operation` and no state yet, as one that nobody has taken up. */
function setOperation(backend: Backend, application: Application, operation: Operation): Application {
  // Looked at anew: while revisions were resolved somebody else may have come first.
  if (backend.registry.find(toApplicationId(application))?.operation !== undefined) {
    const cause = 'rpc error: code = FailedPrecondition desc = another operation is already in progress';
    throw new GatewayError(GRPC.failedPrecondition, `error setting app operation: ${cause}`);
  }
  const updated = backend.registry.update(toApplicationId(application), (current) => {
    const { operationState: _before, ...status } = current.status;
    return { ...current, operation, status };
  });
  if (updated === undefined)
    throw new GatewayError(GRPC.notFound, `applications.argoproj.io "${application.metadata.name}" not found`);
  return updated;
}
