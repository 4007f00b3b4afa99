import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { fastify, type FastifyInstance } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { addAuth, type AuthOptions } from './auth.ts';
import type { ApiDeps, RouteDeps } from './deps.ts';
import { createErrorHandler, sendNotFound } from './errors.ts';
import { createMetrics } from './metrics.ts';
import { addArgoRoutes } from './routes/argocd.ts';
import { addAuditRoutes } from './routes/audit.ts';
import { addEventRoutes } from './routes/events.ts';
import { addMcpRoute } from './routes/mcp.ts';
import { addMemoryRoutes } from './routes/memory.ts';
import { addPageRoutes } from './routes/page.ts';
import { addSystemRoutes } from './routes/system.ts';
import { addTicketRoutes } from './routes/tickets.ts';
import { addWebhookRoutes } from './routes/webhooks.ts';
import { createStreams, type StreamOptions } from './stream.ts';

const BODY_LIMIT_BYTES = 256 * 1024;

/** The HTTP server, not listening yet. Closing it ends the open event streams first. */
export async function createServer(
  deps: ApiDeps,
  options: Partial<AuthOptions> & { streams?: Partial<StreamOptions> },
): Promise<FastifyInstance> {
  const onError = createErrorHandler(deps);
  const app = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    logger: false,
    // A connection on which nothing was ever asked counts as busy for a minute, and closing would wait for it.
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 300 },
    // An address that cannot be decoded never comes to a route; it is told in the same form.
    frameworkErrors: (error, request, reply) => void onError(error, request, reply),
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(onError);
  app.setNotFoundHandler(sendNotFound);
  acceptJsonOnly(app);
  addAuth(app, { apiKeys: [], readOnlyApiKeys: [], ...options });
  await app.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        'default-src': ["'self'"],
        'img-src': ["'self'", 'data:'],
        'style-src': ["'self'", "'unsafe-inline'"],
      },
    },
    strictTransportSecurity: false,
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tiphys',
        version: deps.info.version,
        description: 'Tickets in, approved changes to a GitOps repository out, watched until live.',
      },
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      // Without configured keys nothing is asked for, hence the empty alternative.
      security: [{ apiKey: [] }, {}],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: false });
  const streams = createStreams(deps.logger, options.streams);
  const metrics = createMetrics(app, deps.db, () => streams.open());
  const routeDeps: RouteDeps = { ...deps, streams, metrics };
  addSystemRoutes(app, routeDeps);
  addTicketRoutes(app, routeDeps);
  addEventRoutes(app, routeDeps);
  addArgoRoutes(app, routeDeps);
  addAuditRoutes(app, routeDeps);
  addMemoryRoutes(app, routeDeps);
  await addWebhookRoutes(app, routeDeps);
  if (deps.page !== undefined) addPageRoutes(app, deps.page);
  if (deps.answerMcp !== undefined) addMcpRoute(app, deps.answerMcp);
  app.addHook('preClose', async () => streams.close());
  return app;
}

/**
 * A form or plain text is what a foreign web page could send without asking first, so they are refused. A body that is
 * announced and empty is none: many clients send the header with every POST, also where an action needs no body.
 */
function acceptJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body.toString();
    if (text.trim() === '') done(null, undefined);
    else void parseJson(request, text, done);
  });
}
