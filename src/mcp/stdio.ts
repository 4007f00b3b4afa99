import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { ApiClient } from '../client/api-client.ts';
import { createMcpServer } from './server.ts';

/** Speaks MCP on this process's standard input and output until the other side goes or `signal` ends it. */
export async function runMcpOnStdio(client: ApiClient, signal: AbortSignal): Promise<void> {
  const mcp = createMcpServer(client);
  const ended = new Promise<void>((resolve) => {
    mcp.server.onclose = resolve;
    process.stdin.once('end', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await mcp.connect(new StdioServerTransport());
  await ended;
  await mcp.close();
}
