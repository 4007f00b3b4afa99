import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { problemSchema } from '../contract.ts';
import { argoInstanceListSchema } from '../contract-argocd.ts';
import type { RouteDeps } from '../deps.ts';

/** How every Argo CD instance stands: reachable, signed in, with the rights that tickets need. */
export function addArgoRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/api/argocd/instances',
    { schema: { tags: ['argocd'], response: { 200: argoInstanceListSchema, '4xx': problemSchema } } },
    async () => ({ items: await deps.preflight.check() }),
  );
}
