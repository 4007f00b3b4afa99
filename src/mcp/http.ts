import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createApiClient } from '../client/api-client.ts';
import { createMcpServer } from './server.ts';

/**
 * Answers one MCP message over HTTP, as streamable HTTP without sessions. The tools ask the API at `baseUrl` with the
 * caller's own key, so nothing is allowed here that the API would refuse.
 */
export async function answerMcp(
  request: IncomingMessage,
  response: ServerResponse,
  { body, baseUrl, key }: { body: unknown; baseUrl: string; key: string | undefined },
): Promise<void> {
  const mcp = createMcpServer(createApiClient(baseUrl, key));
  const transport = new StreamableHTTPServerTransport({});
  response.on('close', () => void mcp.close());
  await mcp.connect(transport);
  await transport.handleRequest(request, response, body);
}
