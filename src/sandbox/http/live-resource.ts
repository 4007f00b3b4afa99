import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { toErrorMessage } from '../../lib/errors.ts';
import { toObjectRef } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import { mergePatch } from '../json.ts';
import { applyJsonPatch } from '../json-patch.ts';
import { getNode, queryRef } from './applications.ts';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC, param, parseBody, queryText } from './gateway.ts';
import { hideSecrets } from './managed-resource.ts';
import { getProject } from './selection.ts';

/** Live objects of an Application changed and deleted past git, as a person does in Argo CD's screens. */
export function registerLiveResource(app: FastifyInstance, backend: Backend): void {
  const { access, cluster } = backend;

  const load = (request: FastifyRequest, right: 'update' | 'delete') => {
    const account = access.authenticate(request);
    const { group, kind, namespace, name } = queryRef(request);
    // To change the Application is no right to change what it deploys.
    const application = access.getApplication(account, `${right}/${group}/${kind}/${namespace}/${name}`, {
      name: param(request, 'name'),
      appNamespace: queryText(request, 'appNamespace'),
      project: getProject(request),
    });
    const live = cluster.findByUid(getNode(backend, application, queryRef(request)).uid);
    if (live === undefined) throw new GatewayError(GRPC.notFound, 'resource not found');
    return live;
  };

  app.post('/api/v1/applications/:name/resource', (request) => {
    // The body is the patch itself, as a text within JSON.
    const text = parseBody(request, z.string());
    const live = load(request, 'update');
    const patch = toPatch(queryText(request, 'patchType') ?? '', text);
    const updated = cluster.update(toObjectRef(live), (current) => patch(current) as ManifestObject);
    return { manifest: JSON.stringify(hideSecrets(updated)) };
  });

  app.delete('/api/v1/applications/:name/resource', (request) => {
    cluster.delete(toObjectRef(load(request, 'delete')));
    return {};
  });
}

function toPatch(patchType: string, text: string): (object: unknown) => unknown {
  try {
    const patch: unknown = JSON.parse(text);
    if (patchType === 'application/json-patch+json') return (object) => applyJsonPatch(object, patch);
    return (object) => mergePatch(object, patch);
  } catch (error) {
    throw new GatewayError(GRPC.unknown, `error patching resource: ${toErrorMessage(error)}`);
  }
}
