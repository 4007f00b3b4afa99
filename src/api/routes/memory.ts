import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { toScopeKey, type DeployRecord, type Scope } from '../../memory/facts.ts';
import { toIsoTime } from '../../lib/clock.ts';
import type { RouteDeps } from '../deps.ts';

const tags = ['memory'];
const paramsSchema = z.strictObject({ service: z.string().min(1).max(253) });
const scopeQuerySchema = z.strictObject({
  environment: z.string().min(1).max(63).default('production'),
  namespace: z.string().min(1).max(63).optional(),
  cluster: z.string().min(1).max(253).optional(),
});
const historyQuerySchema = scopeQuerySchema.extend({ limit: z.coerce.number().int().min(1).max(500).default(50) });

export function addMemoryRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const toScope = (service: string, query: z.infer<typeof scopeQuerySchema>): Scope => ({
    cluster: query.cluster ?? deps.cluster,
    environment: query.environment,
    namespace: query.namespace ?? query.environment,
    service,
  });
  app.get(
    '/api/memory/context/:service',
    { schema: { tags, params: paramsSchema, querystring: scopeQuerySchema } },
    async ({ params, query }) => {
      const memory = await deps.memory.current();
      return memory.context(toScope(params.service, query), deps.clock.now());
    },
  );
  app.get(
    '/api/memory/history/:service',
    { schema: { tags, params: paramsSchema, querystring: historyQuerySchema } },
    async ({ params, query }) => {
      const scope = toScope(params.service, query);
      const memory = await deps.memory.current();
      return { scope: toScopeKey(scope), items: memory.history(scope, query.limit).map(toView) };
    },
  );
  app.get('/api/memory/graph', { schema: { tags } }, async () => (await deps.memory.current()).graph());
}

function toView({ deploy, outcome }: DeployRecord) {
  const { startedAtMs, ...rest } = deploy;
  return {
    ...rest,
    startedAt: toIsoTime(startedAtMs),
    outcome: outcome === undefined ? null : { ...outcome, at: toIsoTime(outcome.atMs) },
  };
}
