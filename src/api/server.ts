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
import { addAuth } from './auth.ts';
import type { ApiDeps, RouteDeps } from './deps.ts';
import { createErrorHandler, sendNotFound } from './errors.ts';
import { createMetrics } from './metrics.ts';
import { addEventRoutes } from './routes/events.ts';
import { addMemoryRoutes } from './routes/memory.ts';
import { addSystemRoutes } from './routes/system.ts';
import { addTicketRoutes } from './routes/tickets.ts';
import { createStreams } from './stream.ts';

const BODY_LIMIT_BYTES = 256 * 1024;

/** The HTTP server, not listening yet. Closing it ends the open event streams first. */
export async function createServer(deps: ApiDeps, options: { apiKeys: readonly string[] }): Promise<FastifyInstance> {
  const app = fastify({ bodyLimit: BODY_LIMIT_BYTES, logger: false, routerOptions: { maxParamLength: 300 } });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(createErrorHandler(deps));
  app.setNotFoundHandler(sendNotFound);
  // JSON only: a form or plain text is what a foreign web page could send without asking first.
  app.removeContentTypeParser('text/plain');
  addAuth(app, options.apiKeys);
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
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: false });
  const streams = createStreams(deps.logger);
  const metrics = createMetrics(app, deps.db, () => streams.open());
  const routeDeps: RouteDeps = { ...deps, streams, metrics };
  addSystemRoutes(app, routeDeps);
  addTicketRoutes(app, routeDeps);
  addEventRoutes(app, routeDeps);
  addMemoryRoutes(app, routeDeps);
  app.addHook('preClose', async () => streams.close());
  return app;
}
