import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ObjectRef } from '../../manifest/object.ts';
import { getNode, queryRef } from './applications.ts';
import { getProject } from './selection.ts';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC, param, parseBody, queryText } from './gateway.ts';

const actionSchema = z.object({
  appNamespace: z.string().optional(),
  project: z.string().optional(),
  namespace: z.string().default(''),
  resourceName: z.string().default(''),
  version: z.string().optional(),
  group: z.string().default(''),
  kind: z.string().default(''),
  action: z.string().default(''),
  resourceActionParameters: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
});

/** Actions on single resources, in both forms: everything in the body, or a bare name with the rest in the query. */
export function registerResourceActions(app: FastifyInstance, backend: Backend): void {
  const { access } = backend;

  const run = (
    request: Parameters<typeof access.authenticate>[0],
    where: { appNamespace?: string | undefined; project?: string | undefined },
    ref: ObjectRef,
    action: string,
    parameters: Record<string, string>,
  ) => {
    const account = access.authenticate(request);
    const right = `action/${ref.group}/${ref.kind}/${action}`;
    const application = access.getApplication(account, right, { ...where, name: param(request, 'name') });
    const node = getNode(backend, application, ref);
    const outcome = backend.runAction(application, node.uid, action, parameters);
    if (outcome.kind === 'unknown')
      throw new GatewayError(
        GRPC.invalidArgument,
        `action not found: ${action} is not an action of ${ref.group}/${ref.kind}`,
      );
    if (outcome.kind === 'refused') throw new GatewayError(GRPC.invalidArgument, outcome.message);
    return {};
  };

  app.get('/api/v1/applications/:name/resource/actions', (request) => {
    const application = access.getApplication(access.authenticate(request), 'get', {
      name: param(request, 'name'),
      appNamespace: queryText(request, 'appNamespace'),
      project: getProject(request),
    });
    return { actions: backend.listActions(getNode(backend, application, queryRef(request)).uid) };
  });

  app.post('/api/v1/applications/:name/resource/actions', (request) =>
    run(
      request,
      { appNamespace: queryText(request, 'appNamespace'), project: getProject(request) },
      queryRef(request),
      parseBody(request, z.string()),
      {},
    ),
  );

  app.post('/api/v1/applications/:name/resource/actions/v2', (request) => {
    const body = parseBody(request, actionSchema);
    const { group, kind, namespace, resourceName: name } = body;
    const parameters = Object.fromEntries(body.resourceActionParameters.map((entry) => [entry.name, entry.value]));
    return run(request, body, { group, kind, namespace, name }, body.action, parameters);
  });
}
