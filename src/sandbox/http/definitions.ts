import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { toErrorMessage } from '../../lib/errors.ts';
import { applicationSchema, specSchema } from '../argo/application-schema.ts';
import { CASCADE_FINALIZER, toApplicationId } from '../argo/application.ts';
import type { Application, ApplicationSpec } from '../argo/application.ts';
import { mergePatch } from '../json.ts';
import { applyJsonPatch } from '../json-patch.ts';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC, param, parseBody, queryFlag, queryText } from './gateway.ts';
import { getProject } from './selection.ts';

// How Applications come, change and go.

const patchSchema = z.object({
  appNamespace: z.string().optional(),
  project: z.string().optional(),
  patch: z.string(),
  patchType: z.string().optional(),
});

export function registerDefinitions(app: FastifyInstance, backend: Backend): void {
  const { access, registry } = backend;

  app.post('/api/v1/applications', (request) => {
    const account = access.authenticate(request);
    const draft = parseBody(request, applicationSchema);
    const { name, namespace = backend.controllerNamespace } = draft.metadata;
    access.enforce(account, 'applications', 'create', `${draft.spec.project}/${name}`);
    if (!backend.projects.some((project) => project.name === draft.spec.project)) {
      const message = `error while validating and normalizing app: application spec for ${name} is invalid: InvalidSpecError: Application referencing project ${draft.spec.project} which does not exist`;
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
    const application = access.getApplication(account, 'get', { ...body, name: param(request, 'name') });
    access.enforce(account, 'applications', 'update', access.toObject(application));
    // Nothing but spec, labels, annotations and finalizers is taken over from what comes out.
    const { spec, metadata } = applyPatch(application, body.patch, body.patchType ?? '');
    return changeSpec(backend, application, spec, metadata);
  });

  app.delete('/api/v1/applications/:name', (request) => {
    const account = access.authenticate(request);
    const application = access.getApplication(account, 'get', {
      name: param(request, 'name'),
      appNamespace: queryText(request, 'appNamespace'),
      project: getProject(request),
    });
    access.enforce(account, 'applications', 'delete', access.toObject(application));
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

function applyPatch(
  application: Application,
  text: string,
  patchType: string,
): { spec: ApplicationSpec; metadata: Pick<Application['metadata'], 'labels' | 'annotations' | 'finalizers'> } {
  if (!['json', '', 'merge'].includes(patchType))
    throw new GatewayError(GRPC.invalidArgument, `Patch type '${patchType}' is not supported`);
  let patched: unknown;
  try {
    const patch: unknown = JSON.parse(text);
    patched = patchType === 'merge' ? mergePatch(application, patch) : applyJsonPatch(application, patch);
  } catch (error) {
    throw new GatewayError(GRPC.unknown, `error applying patch: ${toErrorMessage(error)}`);
  }
  const parsed = applicationSchema.safeParse(patched);
  if (!parsed.success) throw new GatewayError(GRPC.unknown, 'error unmarshaling patched app: it is not an application');
  const { labels, annotations, finalizers } = parsed.data.metadata;
  const metadata = {
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
  };
  return { spec: parsed.data.spec, metadata };
}

function changeSpec(
  backend: Backend,
  application: Application,
  spec: ApplicationSpec,
  written?: Pick<Application['metadata'], 'labels' | 'annotations' | 'finalizers'>,
): Application {
  const updated = backend.registry.update(toApplicationId(application), (current) => {
    if (written === undefined) return { ...current, spec };
    const { labels: _labels, annotations: _annotations, finalizers: _finalizers, ...metadata } = current.metadata;
    return { ...current, spec, metadata: { ...metadata, ...written } };
  });
  if (updated === undefined)
    throw new GatewayError(GRPC.notFound, `applications.argoproj.io "${application.metadata.name}" not found`);
  backend.requestCompare(updated, 3);
  return updated;
}
