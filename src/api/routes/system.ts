import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { toErrorMessage } from '../../lib/errors.ts';
import { countOutbox } from '../../memory/outbox-store.ts';
import { countTickets } from '../../ticket/ticket-store.ts';
import { healthSchema, infoSchema, meSchema, readySchema } from '../contract.ts';
import type { RouteDeps } from '../deps.ts';

const READY_TIMEOUT_MS = 5_000;

export function addSystemRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get('/api/health', { schema: { tags: ['system'], response: { 200: healthSchema } } }, () => ({
    status: 'ok' as const,
  }));
  app.get(
    '/api/ready',
    { schema: { tags: ['system'], response: { 200: readySchema, 503: readySchema } } },
    async (_request, reply) => {
      const checks = await Promise.all(
        Object.entries(deps.readiness).map(async ([name, check]) => {
          const answered = new AbortController();
          try {
            const late = deps.clock
              .sleep(READY_TIMEOUT_MS, answered.signal)
              .then(() => Promise.reject(new Error('no answer in time')));
            return { name, ok: true, detail: await Promise.race([check(), late]) };
          } catch (error) {
            return { name, ok: false, detail: deps.redactor.text(toErrorMessage(error)) };
          } finally {
            // The sleep that lost the race would keep a stopping process alive.
            answered.abort();
          }
        }),
      );
      const isReady = checks.every(({ ok }) => ok);
      return await reply.status(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not_ready', checks });
    },
  );
  app.get('/api/info', { schema: { tags: ['system'], response: { 200: infoSchema } } }, async () => ({
    ...deps.info,
    warnings: [...deps.info.warnings, ...deps.preflight.problems()],
    tickets: await countTickets(deps.db.knex),
    events:
      deps.eventsEndpoint === undefined
        ? null
        : { endpoint: deps.eventsEndpoint, ...(await countOutbox(deps.db.knex)) },
  }));
  app.get('/api/me', { schema: { tags: ['system'], response: { 200: meSchema } } }, ({ actor, access }) => ({
    actor,
    access,
  }));
  app.get('/api/openapi.json', { schema: { tags: ['system'] } }, () => app.swagger());
  app.get('/metrics', { schema: { tags: ['system'], produces: ['text/plain'] } }, async (_request, reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.render()),
  );
}
