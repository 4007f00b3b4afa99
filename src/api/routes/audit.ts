import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { listAudit, verifyAudit } from '../../audit/audit-store.ts';
import * as contract from '../contract.ts';
import type { RouteDeps } from '../deps.ts';

const tags = ['audit'];

export function addAuditRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/api/audit',
    {
      schema: {
        tags,
        querystring: contract.listAuditSchema,
        response: { 200: contract.auditListSchema, '4xx': contract.problemSchema },
      },
    },
    async ({ query }) => {
      const items = await listAudit(deps.db.knex, { afterSeq: query.after, limit: query.limit, newest: query.newest });
      return { items, lastSeq: items.at(-1)?.seq ?? query.after };
    },
  );
  app.get(
    '/api/audit/verify',
    { schema: { tags, response: { 200: contract.auditVerdictSchema, '4xx': contract.problemSchema } } },
    async () => {
      const verdict = await verifyAudit(deps.db.knex);
      return verdict.kind === 'intact'
        ? { ...verdict, seq: null, problem: null }
        : { ...verdict, entries: null, head: null };
    },
  );
}
