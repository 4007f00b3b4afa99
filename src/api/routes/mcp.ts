import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../lib/errors.ts';
import { parseBearer } from '../auth.ts';

/** Answers one MCP message. `baseUrl` is where this very server's API is asked, with `key`. */
export type AnswerMcp = (
  request: IncomingMessage,
  response: ServerResponse,
  asked: { body: unknown; baseUrl: string; key: string | undefined },
) => Promise<void>;

/** `/mcp`: the Model Context Protocol over HTTP, for programs that bring a model. */
export function addMcpRoute(app: FastifyInstance, answer: AnswerMcp): void {
  app.post('/mcp', { schema: { hide: true } }, async (request, reply) => {
    const key = parseBearer(request.headers.authorization);
    const baseUrl = toOwnUrl(app);
    reply.hijack();
    await answer(request.raw, reply.raw, { body: request.body, baseUrl, key });
  });
  app.route({
    method: ['GET', 'DELETE'],
    url: '/mcp',
    schema: { hide: true },
    handler: async (_request, reply) => {
      void reply.header('allow', 'POST').status(405);
      return await reply.send({
        jsonrpc: '2.0',
        error: { code: -32_000, message: 'only POST: there are no sessions' },
        id: null,
      });
    },
  });
}

/** Where this server listens, by a name of this machine that it answers to. */
function toOwnUrl(app: FastifyInstance): string {
  const bound: AddressInfo | string | undefined = app.addresses()[0];
  if (bound === undefined || typeof bound === 'string')
    throw new AppError('internal', 'the server does not listen yet');
  return `http://${toHost(bound)}:${bound.port}`;
}

function toHost({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return family === 'IPv6' ? `[${address}]` : address;
}
