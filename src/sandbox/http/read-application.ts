import type { FastifyReply } from 'fastify';
import { REFRESH_ANNOTATION, toApplicationId, toApplicationKey } from '../argo/application.ts';
import type { Application, ResourceId } from '../argo/application.ts';
import type { Backend } from './backend.ts';
import { GatewayError, GRPC } from './gateway.ts';

/**
 * The controller does not keep the health of single resources; the server adds it from the tree where one Application is read,
 * so it is as old as the tree.
 */
export function withHealth(backend: Backend, application: Application): Application {
  const { resources } = application.status;
  if (resources === undefined) return application;
  const health = new Map(backend.trees.get(application).nodes.map((node) => [toKey(node), node.health]));
  const filled = resources.map((resource) => {
    const own = health.get(toKey(resource));
    return own === undefined ? resource : { ...resource, health: own };
  });
  return { ...application, status: { ...application.status, resources: filled } };
}

function toKey({ group = '', kind, namespace = '', name }: ResourceId): string {
  return [group, kind, namespace, name].join('/');
}

/**
 * Puts the refresh annotation on the Application and answers when a reconcile has taken it away again. There is no
 * time limit, as in Argo CD: the caller has to give up by itself.
 */
export async function refresh(
  backend: Backend,
  application: Application,
  mode: 'normal' | 'hard',
  reply: FastifyReply,
): Promise<Application> {
  const { registry } = backend;
  const key = toApplicationKey(toApplicationId(application));
  return await new Promise<Application>((resolve, reject) => {
    let since = Number(application.metadata.resourceVersion);
    const unsubscribe = registry.onChange(({ type, application: changed }) => {
      if (toApplicationKey(toApplicationId(changed)) !== key) return;
      if (type === 'DELETED') {
        finish(() =>
          reject(new GatewayError(GRPC.notFound, `applications.argoproj.io "${application.metadata.name}" not found`)),
        );
        return;
      }
      const isDone = changed.metadata.annotations?.[REFRESH_ANNOTATION] === undefined;
      if (isDone && Number(changed.metadata.resourceVersion) > since) finish(() => resolve(changed));
    });
    const finish = (settle: () => void) => {
      unsubscribe();
      settle();
    };
    reply.raw.once('close', () => finish(() => reject(new GatewayError(1, 'context canceled'))));
    const asked = registry.update(toApplicationId(application), (current) => ({
      ...current,
      metadata: { ...current.metadata, annotations: { ...current.metadata.annotations, [REFRESH_ANNOTATION]: mode } },
    }));
    since = Number(asked?.metadata.resourceVersion ?? since);
  });
}
