import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { toErrorMessage } from '../../lib/errors.ts';
import { registerAdmin } from './admin.ts';
import { registerApplications } from './applications.ts';
import type { Backend } from './backend.ts';
import { registerDefinitions } from './definitions.ts';
import { GatewayError, GRPC, sendError } from './gateway.ts';
import { registerLiveResource } from './live-resource.ts';
import { registerLogs } from './logs.ts';
import { registerOperations } from './operations.ts';
import { registerResourceActions } from './resource-actions.ts';
import { registerServerInfo } from './server-info.ts';
import { registerStreams } from './streams.ts';
import { registerWebhook } from './webhook.ts';

const MAX_BODY_BYTES = 50 * 1024 * 1024;

/** The HTTP API of Argo CD, with the habits of the gateway in front of it. */
export function createServer(backend: Backend): FastifyInstance {
  // Closing must not wait for streams and refreshes that clients hold open.
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 500 },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.addHook('onRequest', async (request, reply) => {
    backend.timeline.catchUp();
    const { slowFirstByteMs } = backend.faults.get();
    if (slowFirstByteMs > 0) await backend.clock.sleep(slowFirstByteMs);
    if (!request.url.startsWith('/api/') || request.url.startsWith('/api/webhook')) return;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    // Compared as text: a charset after it is another content type.
    if (!isRead && request.headers['content-type'] !== 'application/json') {
      await reply.code(415).type('text/plain; charset=utf-8').send('Invalid content type\n');
      return;
    }
    if (backend.faults.take('unavailable')) {
      throw new GatewayError(
        GRPC.unavailable,
        'connection error: desc = "transport: Error while dialing: connection refused"',
      );
    }
    if (!isRead && request.url.startsWith('/api/v1/applications/') && backend.faults.take('conflicts')) {
      const name = request.url.split('/')[4]?.split('?')[0] ?? '';
      throw new GatewayError(
        GRPC.aborted,
        `Operation cannot be fulfilled on applications.argoproj.io "${name}": the object has been modified; please apply your changes to the latest version and try again`,
      );
    }
  });

  app.setErrorHandler((error, request, reply) => {
    if (error instanceof GatewayError) return sendError(reply, error);
    backend.logger.error({ url: request.url, error: toErrorMessage(error) }, 'a request failed');
    return sendError(reply, new GatewayError(GRPC.unknown, toErrorMessage(error)));
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain; charset=utf-8').send('Not Found\n'));

  registerServerInfo(app, backend);
  registerApplications(app, backend);
  registerDefinitions(app, backend);
  registerOperations(app, backend);
  registerLiveResource(app, backend);
  registerResourceActions(app, backend);
  registerStreams(app, backend);
  registerLogs(app, backend);
  registerWebhook(app, backend);
  registerAdmin(app, backend);
  return app;
}
