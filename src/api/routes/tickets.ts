import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { listAudit } from '../../audit/audit-store.ts';
import type { Transaction } from '../../database/transaction.ts';
import { AppError } from '../../lib/errors.ts';
import { once } from '../../ticket/idempotency-store.ts';
import { findLatestPlan } from '../../ticket/plan-store.ts';
import { listSoaks } from '../../ticket/soak-store.ts';
import { listTickets } from '../../ticket/ticket-store.ts';
import type { Ticket } from '../../ticket/ticket.ts';
import * as contract from '../contract.ts';
import type { RouteDeps } from '../deps.ts';
import { parseCursor, toCursor, toPlanView, toTicketView } from '../views.ts';

const PROBLEMS = { '4xx': contract.problemSchema };
const TICKET = { 200: contract.ticketSchema, ...PROBLEMS };
const tags = ['tickets'];

export function addTicketRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const { tickets } = deps;

  /** Answers with the ticket a change leads to; the same Idempotency-Key gets the same answer. */
  const answer = async (
    request: FastifyRequest,
    reply: FastifyReply,
    status: number,
    work: (remember: (trx: Transaction, ticket: Ticket) => Promise<void>) => Promise<Ticket>,
  ): Promise<contract.TicketView> => {
    const header = request.headers['idempotency-key'];
    const key = Array.isArray(header) ? header[0] : header;
    const route = `${request.method} ${request.url.split('?')[0] ?? ''}`;
    const toAnswer = (ticket: Ticket) => ({ status, body: toTicketView(ticket) });
    const asked = { actor: request.actor, route, key, body: request.body };
    const result = await once<contract.TicketView>(deps, asked, async (remember) =>
      toAnswer(await work(async (trx, ticket) => await remember(trx, toAnswer(ticket)))),
    );
    if (result.replayed) void reply.header('idempotency-replayed', 'true');
    void reply.status(result.status);
    return result.body;
  };

  app.post(
    '/api/tickets',
    { schema: { tags, body: contract.createTicketSchema, response: { 201: contract.ticketSchema, ...PROBLEMS } } },
    async (request, reply) =>
      await answer(
        request,
        reply,
        201,
        async (remember) => await tickets.create(request.body, toActor(request), remember),
      ),
  );
  app.get(
    '/api/tickets',
    {
      schema: {
        tags,
        querystring: contract.listTicketsSchema,
        response: { 200: contract.ticketListSchema, ...PROBLEMS },
      },
    },
    async ({ query }) => {
      const { limit, cursor, status, priority, application, target, text } = query;
      const before = cursor === undefined ? undefined : parseCursor(cursor);
      if (cursor !== undefined && before === undefined) {
        throw new AppError('invalid_input', 'cursor is not one this server gave', {
          hint: 'Use nextCursor of a page.',
        });
      }
      const filter = {
        ...(status === undefined ? {} : { status }),
        ...(priority === undefined ? {} : { priority }),
        ...(application === undefined ? {} : { application }),
        ...(target === undefined ? {} : { instance: target }),
        ...(text === undefined ? {} : { text }),
      };
      // One more than asked for tells whether there is another page.
      const page = { limit: limit + 1, ...(before === undefined ? {} : { before }) };
      const found = await listTickets(deps.db.knex, filter, page);
      const items = found.slice(0, limit);
      const last = items.at(-1);
      const nextCursor = found.length > limit && last !== undefined ? toCursor(last) : null;
      return { items: items.map((ticket) => toTicketView(ticket)), nextCursor };
    },
  );
  app.get(
    '/api/tickets/:id',
    { schema: { tags, params: contract.ticketIdSchema, response: TICKET } },
    async ({ params }) => toTicketView(await tickets.get(params.id), await listSoaks(deps.db.knex, params.id)),
  );
  app.patch(
    '/api/tickets/:id',
    { schema: { tags, params: contract.ticketIdSchema, body: contract.patchTicketSchema, response: TICKET } },
    async (request) => {
      const given = Object.entries(request.body).filter(([, value]) => value !== undefined);
      return toTicketView(await tickets.edit(request.params.id, Object.fromEntries(given), toActor(request)));
    },
  );
  app.get(
    '/api/tickets/:id/plan',
    { schema: { tags, params: contract.ticketIdSchema, response: { 200: contract.planSchema, ...PROBLEMS } } },
    async ({ params }) => {
      await tickets.get(params.id);
      const plan = await findLatestPlan(deps.db.knex, params.id);
      if (plan === undefined) throw new AppError('not_found', 'this ticket has no plan yet');
      return toPlanView(plan);
    },
  );
  app.get(
    '/api/tickets/:id/audit',
    {
      schema: {
        tags,
        params: contract.ticketIdSchema,
        querystring: contract.listAuditSchema,
        response: { 200: contract.auditListSchema, ...PROBLEMS },
      },
    },
    async ({ params, query }) => {
      await tickets.get(params.id);
      const page = { afterSeq: query.after, limit: query.limit, newest: query.newest };
      const items = await listAudit(deps.db.knex, { ticketId: params.id, ...page });
      return { items, lastSeq: items.at(-1)?.seq ?? query.after };
    },
  );

  // A body is optional where the action needs none.
  const action = (path: string, work: (request: FastifyRequest, id: string) => Promise<Ticket>) => {
    app.post(
      `/api/tickets/:id/${path}`,
      { schema: { tags, params: contract.ticketIdSchema, body: contract.emptySchema.nullish(), response: TICKET } },
      async (request, reply) => await answer(request, reply, 200, async () => await work(request, request.params.id)),
    );
  };
  action('start', async (request, id) => await tickets.start(id, toActor(request)));
  action('pause', async (request, id) => await tickets.pause(id, toActor(request)));
  action('resume', async (request, id) => await tickets.resume(id, toActor(request)));
  action('retry', async (request, id) => await tickets.retry(id, toActor(request)));

  app.post(
    '/api/tickets/:id/approve-plan',
    { schema: { tags, params: contract.ticketIdSchema, body: contract.approvePlanSchema, response: TICKET } },
    async (request, reply) =>
      await answer(
        request,
        reply,
        200,
        async () => await tickets.approvePlan(request.params.id, request.body.changeHash, toActor(request)),
      ),
  );
  app.post(
    '/api/tickets/:id/reject-plan',
    { schema: { tags, params: contract.ticketIdSchema, body: contract.rejectPlanSchema, response: TICKET } },
    async (request, reply) =>
      await answer(
        request,
        reply,
        200,
        async () => await tickets.rejectPlan(request.params.id, request.body, toActor(request)),
      ),
  );
  app.post(
    '/api/tickets/:id/approvals/:approvalId/grant',
    { schema: { tags, params: contract.approvalParamsSchema, body: contract.emptySchema.nullish(), response: TICKET } },
    async (request, reply) =>
      await answer(
        request,
        reply,
        200,
        async () => await tickets.grant(request.params.id, request.params.approvalId, toActor(request)),
      ),
  );
  app.post(
    '/api/tickets/:id/approvals/:approvalId/deny',
    {
      schema: { tags, params: contract.approvalParamsSchema, body: contract.reasonSchema.nullish(), response: TICKET },
    },
    async (request, reply) =>
      await answer(
        request,
        reply,
        200,
        async () =>
          await tickets.deny(
            request.params.id,
            request.params.approvalId,
            request.body?.reason ?? '',
            toActor(request),
          ),
      ),
  );
  app.post(
    '/api/tickets/:id/answer',
    { schema: { tags, params: contract.ticketIdSchema, body: contract.answerSchema, response: TICKET } },
    async (request, reply) =>
      await answer(
        request,
        reply,
        200,
        async () => await tickets.answer(request.params.id, request.body.answer, toActor(request)),
      ),
  );
  app.post(
    '/api/tickets/:id/cancel',
    { schema: { tags, params: contract.ticketIdSchema, body: contract.reasonSchema.nullish(), response: TICKET } },
    async (request, reply) =>
      await answer(
        request,
        reply,
        200,
        async () => await tickets.cancel(request.params.id, request.body?.reason ?? '', toActor(request)),
      ),
  );
}

function toActor(request: FastifyRequest): string {
  return `person:${request.actor}`;
}
