import type { FastifyInstance } from 'fastify';
import { toApplicationId, toApplicationKey } from '../argo/application.ts';
import type { ApplicationChange } from '../argo/registry.ts';
import { withHealth } from './read-application.ts';
import { getProject, isWanted } from './selection.ts';
import type { Backend } from './backend.ts';
import { param, queryText, selectFields } from './gateway.ts';
import { openStream } from './stream.ts';

export function registerStreams(app: FastifyInstance, backend: Backend): void {
  const { access, registry } = backend;

  app.get('/api/v1/stream/applications', (request, reply) => {
    const account = access.authenticate(request);
    const since = Number(queryText(request, 'resourceVersion') ?? '0');
    const hasName = (queryText(request, 'name') ?? '') !== '';
    const fields = queryText(request, 'fields');
    const stream = openStream(backend, request, reply);
    const last = new Map<string, string>();
    const send = ({ type, application }: ApplicationChange) => {
      if (!isWanted(backend, account, application, request)) return;
      if (Number(application.metadata.resourceVersion) <= since && !hasName) return;
      const item = { type, application: withHealth(backend, application) };
      // What equals the last item of that name is left out; the name alone counts, not the namespace.
      const text = JSON.stringify(selectFields({ result: item }, fields));
      if (last.get(application.metadata.name) === text) return;
      last.set(application.metadata.name, text);
      stream.send(item);
    };
    // With a version to start from nothing is sent first: the version is a filter, not a place to resume at.
    if (since === 0 || hasName) for (const application of registry.list()) send({ type: 'ADDED', application });
    stream.onClose(registry.onChange(send));
  });

  app.get('/api/v1/stream/applications/:name/resource-tree', (request, reply) => {
    const application = access.getApplication(access.authenticate(request), 'get', {
      name: param(request, 'name'),
      appNamespace: queryText(request, 'appNamespace'),
      project: getProject(request),
    });
    const key = toApplicationKey(toApplicationId(application));
    const stream = openStream(backend, request, reply);
    stream.onClose(
      backend.trees.onChange((id, tree) => {
        if (toApplicationKey(id) === key) stream.send(tree);
      }),
    );
  });
}
