import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { followEvents, lastEventId, listEvents } from '../../ticket/event-store.ts';
import * as contract from '../contract.ts';
import type { RouteDeps } from '../deps.ts';
import { parseLastEventId } from '../stream.ts';

const tags = ['events'];

export function addEventRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const { knex } = deps.db;
  app.get(
    '/api/tickets/:id/events',
    {
      schema: {
        tags,
        params: contract.ticketIdSchema,
        querystring: contract.listEventsSchema,
        response: { 200: contract.eventListSchema, '4xx': contract.problemSchema },
      },
    },
    async ({ params, query }) => {
      await deps.tickets.get(params.id);
      const filter = { ticketId: params.id, ...(query.type === undefined ? {} : { types: query.type }) };
      const items = await listEvents(knex, filter, { afterId: query.after, limit: query.limit });
      return { items, lastId: items.at(-1)?.id ?? query.after };
    },
  );
  // A ticket's stream tells its whole story from the start; the stream over all tickets begins now.
  app.get(
    '/api/tickets/:id/stream',
    {
      // HEAD would run the same handler, and a stream without a body has no end.
      exposeHeadRoute: false,
      schema: {
        tags,
        params: contract.ticketIdSchema,
        querystring: contract.streamQuerySchema,
        produces: ['text/event-stream'],
      },
    },
    async (request, reply) => {
      const { id: ticketId } = await deps.tickets.get(request.params.id);
      const after = parseLastEventId(request, request.query.lastEventId) ?? 0;
      deps.streams.serve(reply, (signal) => followEvents({ knex, journal: deps.journal }, { ticketId }, after, signal));
    },
  );
  app.get(
    '/api/events/stream',
    {
      exposeHeadRoute: false,
      schema: { tags, querystring: contract.streamQuerySchema, produces: ['text/event-stream'] },
    },
    async (request, reply) => {
      const after = parseLastEventId(request, request.query.lastEventId) ?? (await lastEventId(knex));
      deps.streams.serve(reply, (signal) => followEvents({ knex, journal: deps.journal }, {}, after, signal));
    },
  );
}
