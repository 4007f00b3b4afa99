import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { toIsoTime } from '../../lib/clock.ts';
import { AppError } from '../../lib/errors.ts';
import { randomHex } from '../../lib/ids.ts';
import { verifyWebhook } from '../../forge/webhook.ts';
import type { WebhookHint } from '../../forge/webhook-hint.ts';
import { wakePulls } from '../../ticket/pull-request-store.ts';
import { noteDelivery } from '../../ticket/webhook-store.ts';
import { problemSchema } from '../contract.ts';
import type { RouteDeps } from '../deps.ts';

const BODY_LIMIT_BYTES = 1024 * 1024;

const paramsSchema = z.strictObject({ host: z.enum(['github', 'gitlab', 'gitea']) });
const answerSchema = z.object({ status: z.enum(['accepted', 'ignored', 'duplicate']) }).meta({ id: 'WebhookAnswer' });

/** Webhooks of the git host. They come without an API key: whoever knows the secret of the webhook is let in, to bring a look forward. */
export async function addWebhookRoutes(server: FastifyInstance, deps: RouteDeps): Promise<void> {
  // A scope of its own: here a body stays the bytes that were signed.
  await server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.withTypeProvider<ZodTypeProvider>().post(
      '/api/webhooks/:host',
      {
        bodyLimit: BODY_LIMIT_BYTES,
        // Before the body is read: without a secret anyone could send one.
        onRequest: async (request) => void toSecret(deps, request),
        schema: { tags: ['webhooks'], params: paramsSchema, response: { 202: answerSchema, '4xx': problemSchema } },
      },
      async (request, reply) => await reply.status(202).send({ status: await receive(deps, request) }),
    );
  });
}

async function receive(deps: RouteDeps, request: FastifyRequest): Promise<z.infer<typeof answerSchema>['status']> {
  const { forge, secret } = toSecret(deps, request);
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const nowMs = deps.clock.now();
  const verdict = verifyWebhook(forge.kind, { headers: request.headers, body }, secret, nowMs);
  if (verdict.kind === 'refused') {
    deps.logger.warn({ host: forge.kind, reason: verdict.reason }, 'webhook refused');
    throw new AppError('unauthorized', `the webhook is not signed by who knows the secret: ${verdict.reason}`, {
      hint: 'Give the webhook on the git host the secret of git.webhookSecret.',
    });
  }
  if (!(await noteDelivery(deps.db.knex, verdict.deliveries, { receipt: randomHex(16), nowMs }))) return 'duplicate';
  const { hint } = verdict;
  if (hint === undefined || hint.project.toLowerCase() !== forge.project.toLowerCase()) return 'ignored';
  const woken = await wakePulls(deps.db.knex, toWhich(hint), toIsoTime(nowMs));
  if (woken === 0) return 'ignored';
  deps.webhooks?.wake();
  return 'accepted';
}

function toWhich(hint: WebhookHint): Parameters<typeof wakePulls>[1] {
  return hint.kind === 'push' ? { anyBranch: hint.branch } : { number: hint.number };
}

/** The secret for the host in the path; throws `not_found` where there is none. */
function toSecret(
  { webhooks }: RouteDeps,
  request: FastifyRequest,
): { forge: NonNullable<RouteDeps['webhooks']>['forge']; secret: string } {
  const host = request.url.split('?')[0]?.split('/').at(-1) ?? '';
  if (webhooks === null)
    throw new AppError('not_found', 'this server follows no pull requests, so it takes no webhooks', {
      hint: 'Set git.delivery to pull_request.',
    });
  if (webhooks.forge.kind !== host)
    throw new AppError('not_found', `this server follows pull requests on ${webhooks.forge.kind}, not on ${host}`, {
      hint: `Send webhooks to /api/webhooks/${webhooks.forge.kind}.`,
    });
  if (webhooks.secret === null)
    throw new AppError('not_found', 'without a secret anyone could send webhooks, so none are taken', {
      hint: 'Set git.webhookSecret (TIPHYS_GIT_WEBHOOK_SECRET), and give the webhook on the git host the same secret.',
    });
  return { forge: webhooks.forge, secret: webhooks.secret };
}
