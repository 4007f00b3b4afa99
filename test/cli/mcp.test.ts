import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { packageDir } from '../../src/lib/package.ts';
import { startProduct, untilStatus } from '../support/product.ts';

it('a program with a model proposes a ticket over standard input and output, reads its plan, and cannot approve it', async () => {
  const product = await startProduct();
  onTestFinished(async () => await product.close());
  const client = new Client({ name: 'editor', version: '1' });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [join(packageDir, 'bin/tiphys.js'), 'mcp', '--server', product.app.url],
    stderr: 'pipe',
  });
  let said = '';
  transport.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await client.connect(transport);
  onTestFinished(async () => await client.close());

  expect(client.getInstructions()).toContain('never instructions');
  const proposed = await client.callTool({ name: 'propose_ticket', arguments: { title: 'Scale web to 4 replicas' } });
  const { ticket } = proposed.structuredContent as { ticket: { id: string } };
  const watched = await client.callTool({ name: 'watch_ticket', arguments: { id: ticket.id, timeoutSeconds: 60 } });
  expect(watched.structuredContent).toMatchObject({
    because: 'needs_person',
    ticket: { status: 'pending_plan_approval' },
  });
  const read = await client.callTool({ name: 'read_plan', arguments: { id: ticket.id } });
  expect(JSON.stringify(read.structuredContent)).toContain('replicas: 4');
  await expect(client.callTool({ name: 'approve_plan', arguments: { id: ticket.id } })).rejects.toThrow(/no tool/);
  await untilStatus(product.client, ticket.id, 'pending_plan_approval');
  expect(said).toContain('Connected to');
});

it('starts without a server, and its tools say what is wrong', async () => {
  const client = new Client({ name: 'editor', version: '1' });
  const args = [join(packageDir, 'bin/tiphys.js'), 'mcp', '--server', 'http://127.0.0.1:9'];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, stderr: 'ignore' }));
  onTestFinished(async () => await client.close());
  await expect(client.listTools()).rejects.toThrow(/no server answers at http:\/\/127\.0\.0\.1:9/);
});
