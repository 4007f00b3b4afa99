import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { AppError } from '../../lib/errors.ts';
import { toDot } from '../../memory/dot.ts';
import { openCorrections, type CorrectionBook } from '../../memory/corrections.ts';
import { listCorrections } from '../../memory/correction-store.ts';
import { listDeploys, listServices, type StoredDeploy } from '../../memory/fact-store.ts';
import { listOccurrences } from '../../memory/occurrence-store.ts';
import { toNeighbourhood } from '../../memory/graph.ts';
import { toSvg } from '../../memory/svg.ts';
import { listEvents } from '../../ticket/event-store.ts';
import { findLatestPlan } from '../../ticket/plan-store.ts';
import { problemSchema } from '../contract.ts';
import * as contract from '../contract-memory.ts';
import type { RouteDeps } from '../deps.ts';
import { resolveScope } from '../memory-scope.ts';
import {
  parseHistoryCursor,
  toChangeRisk,
  toContextView,
  toDeployView,
  toExplainSummary,
  toHistoryCursor,
} from '../memory-views.ts';
import { addMemoryWriteRoutes } from './memory-writes.ts';

const tags = ['memory'];
const PROBLEMS = { '4xx': problemSchema };

/** Everything a client may ask the deploy memory. */
export function addMemoryRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const { knex } = deps.db;

  app.get(
    '/api/memory/services',
    { schema: { tags, response: { 200: contract.servicesSchema, ...PROBLEMS } } },
    async () => ({ items: await listServices(knex) }),
  );
  app.get(
    '/api/memory/context/:service',
    {
      schema: {
        tags,
        params: contract.serviceParamsSchema,
        querystring: contract.placeQuerySchema,
        response: { 200: contract.contextSchema, ...PROBLEMS },
      },
    },
    async ({ params, query }) => {
      const { scope } = await resolveScope(deps, { service: params.service, ...query });
      const memory = await deps.memory.current();
      return toContextView(memory.context(scope, deps.clock.now()));
    },
  );
  app.get(
    '/api/memory/history/:service',
    {
      schema: {
        tags,
        params: contract.serviceParamsSchema,
        querystring: contract.historyQuerySchema,
        response: { 200: contract.historySchema, ...PROBLEMS },
      },
    },
    async ({ params, query }) => {
      const { limit, cursor, ...place } = query;
      const before = cursor === undefined ? undefined : parseHistoryCursor(cursor);
      if (cursor !== undefined && before === undefined)
        throw new AppError('invalid_input', 'cursor is not one this server gave', {
          hint: 'Use nextCursor of a page.',
        });
      const { scope } = await resolveScope(deps, { service: params.service, ...place });
      // One more than asked for tells whether there is another page.
      const page = { scope, limit: limit + 1, ...(before === undefined ? {} : { before }) };
      const found = await listDeploys(knex, page);
      const shown = found.slice(0, limit);
      const last = shown.at(-1);
      const book = openCorrections(await listCorrections(knex));
      return {
        scope,
        items: await toDeployViews(
          deps,
          shown.filter(({ deploy, seq }) => !book.isForgotten(deploy, seq)),
          book,
        ),
        nextCursor: found.length > limit && last !== undefined ? toHistoryCursor(last) : null,
      };
    },
  );
  app.get('/api/memory/graph', { schema: { tags, querystring: contract.graphQuerySchema } }, async (request, reply) => {
    const { format, service, ...place } = request.query;
    const about = service === undefined ? undefined : (await resolveScope(deps, { service, ...place })).scope;
    const whole = (await deps.memory.current()).graph();
    const graph = about === undefined ? whole : toNeighbourhood(whole, about);
    switch (format) {
      case 'json':
        return contract.graphSchema.parse(graph);
      case 'dot':
        return await reply.type('text/vnd.graphviz; charset=utf-8').send(toDot(graph));
      case 'svg':
        return await reply.type('image/svg+xml; charset=utf-8').send(toSvg(graph));
    }
  });
  app.get(
    '/api/memory/explain/:ticket',
    {
      schema: {
        tags,
        params: contract.explainParamsSchema,
        response: { 200: contract.explainSchema, ...PROBLEMS },
      },
    },
    async ({ params }) => {
      const ticket = await deps.tickets.get(params.ticket);
      const plan = await findLatestPlan(knex, ticket.id);
      const events = await listEvents(knex, { ticketId: ticket.id, types: ['memory'] }, { afterId: 0, limit: 500 });
      const consulted = events.flatMap((event) =>
        event.type === 'memory' && event.data.what === 'consulted'
          ? [
              {
                at: event.at,
                service: event.data.service,
                probability: event.data.probability ?? null,
                strategy: event.data.strategy ?? null,
                sentences: event.data.sentences,
              },
            ]
          : [],
      );
      const book = openCorrections(await listCorrections(knex));
      const deploys = await toDeployViews(deps, await listDeploys(knex, { ticketId: ticket.id, limit: 100 }), book);
      const explained = { advice: plan?.intent.advice ?? null, consulted, changeRisk: toChangeRisk(plan), deploys };
      const occurrences = await listOccurrences(knex, { ticketId: ticket.id, limit: 100 });
      return {
        ticketId: ticket.id,
        title: ticket.title,
        status: ticket.status,
        summary: toExplainSummary(ticket, explained),
        ...explained,
        occurrences: occurrences.map((one) => ({ ...one })),
      };
    },
  );
  addMemoryWriteRoutes(server, deps);
}

/** Deploys as sent, with the names of what was deploying beside them. */
async function toDeployViews(deps: RouteDeps, stored: readonly StoredDeploy[], book: CorrectionBook) {
  const ids = [...new Set(stored.flatMap(({ concurrent }) => concurrent))];
  const others: StoredDeploy[] = [];
  for (let start = 0; start < ids.length; start += 500)
    others.push(...(await listDeploys(deps.db.knex, { ids: ids.slice(start, start + 500), limit: 500 })));
  const names = new Map(
    others.filter(({ deploy, seq }) => !book.isForgotten(deploy, seq)).map((one) => [one.deploy.id, one]),
  );
  return stored.map((one) => toDeployView(one, names));
}
