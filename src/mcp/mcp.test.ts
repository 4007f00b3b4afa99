import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { createTestApi, listen } from '../api/test-server.ts';
import { createApiClient } from '../client/api-client.ts';
import { answerMcp } from './http.ts';
import { TOOLS } from './tools.ts';

const WRITER = 'write-secret-0123456789';
const READER = 'read-secret-0123456789';

type Api = Awaited<ReturnType<typeof createTestApi>>;

describe('MCP over HTTP, asked by the official client', () => {
  let database: TestDatabase;
  let api: Api;
  let url: string;
  const clients: Client[] = [];

  const open = async (key: string) => {
    const client = new Client({ name: 'test', version: '1' });
    const requestInit = { headers: { authorization: `Bearer ${key}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url), { requestInit }));
    clients.push(client);
    return client;
  };
  const call = async (client: Client, name: string, args: Record<string, unknown> = {}) =>
    (await client.callTool({ name, arguments: args })) as CallToolResult;
  const textOf = ({ content }: CallToolResult) =>
    content.map((part) => (part.type === 'text' ? part.text : '')).join('');

  beforeEach(async () => {
    database = await createTestDatabase('sqlite3');
    api = await createTestApi(database.db, {
      apiKeys: [`alice:${WRITER}`],
      readOnlyApiKeys: [`robot:${READER}`],
      deps: { answerMcp },
    });
    url = await listen(api.server);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    await api.server.close();
    await database.drop();
  });

  it('lists every tool to a key that writes, and only those that read to one that reads', async () => {
    const { tools } = await (await open(WRITER)).listTools();
    expect(tools.map(({ name }) => name)).toEqual(TOOLS.map(({ name }) => name));
    const readable = (await (await open(READER)).listTools()).tools;
    expect(readable.map(({ name }) => name)).toEqual(
      TOOLS.filter(({ needs }) => needs === 'read').map(({ name }) => name),
    );
    expect(readable.every(({ annotations }) => annotations?.readOnlyHint === true)).toBe(true);
  });

  it('refuses a tool that is not listed, and nothing happens', async () => {
    const reader = await open(READER);
    await expect(call(reader, 'propose_ticket', { title: 'Update web to 1.5.0' })).rejects.toThrow(/only reads/);
    await expect(call(reader, 'approve_plan', {})).rejects.toThrow(/no tool "approve_plan"/);
    expect((await createApiClient(url, WRITER).listTickets()).items).toEqual([]);
  });

  it('has no tool that decides', () => {
    const names = TOOLS.map(({ name }) => name).join(' ');
    expect(names).not.toMatch(
      /approve|grant|deny|answer|push|sync|merge|cancel|retry|resume|pin|forget|weaken|import|delete/,
    );
    expect(TOOLS.filter(({ needs }) => needs === 'write').map(({ name }) => name)).toEqual(['propose_ticket']);
  });

  it('lets nobody in without a key that the server knows', async () => {
    await expect(open('wrong-secret-0123456789')).rejects.toThrow(/401|API key/);
    const bare = await fetch(new URL('/mcp', url), {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect(bare.status).toBe(401);
  });

  it('proposes a ticket in the name of the key, shows and lists it, and watches until it needs a person', async () => {
    const client = await open(WRITER);
    const proposed = await call(client, 'propose_ticket', { title: 'Update web to 1.5.0', draft: true });
    const { ticket } = proposed.structuredContent as { ticket: { id: string; status: string; actor: string } };
    expect(ticket).toMatchObject({ status: 'draft', actor: 'person:alice' });
    const listed = await call(client, 'list_tickets', { status: ['draft'] });
    expect(listed.structuredContent).toMatchObject({ items: [{ id: ticket.id }] });
    const shown = await call(client, 'show_ticket', { id: ticket.id });
    expect(shown.structuredContent).toMatchObject({ ticket: { id: ticket.id }, eventsLeftOut: 0 });
    const watched = await call(client, 'watch_ticket', { id: ticket.id, timeoutSeconds: 5 });
    expect(watched.structuredContent).toMatchObject({ because: 'needs_person' });
  });

  it('proposes for the Argo CD instance that is named, and says which there are where it is unknown', async () => {
    const client = await open(WRITER);
    const proposed = await call(client, 'propose_ticket', { title: 'Look at web', draft: true, target: 'east' });
    expect(proposed.structuredContent).toMatchObject({ ticket: { target: { instance: 'east' } } });
    const listed = await call(client, 'list_tickets', { target: 'east' });
    expect((listed.structuredContent as { items: object[] }).items).toHaveLength(1);
    const unknown = await call(client, 'propose_ticket', { title: 'Look at web', draft: true, target: 'nowhere' });
    expect(unknown.isError).toBe(true);
    expect(textOf(unknown)).toMatch(/no Argo CD instance.*nowhere/);
  });

  it('tells events as progress while it waits, and stops when the time is over', async () => {
    const client = await open(WRITER);
    const { id } = await createApiClient(url, WRITER).createTicket({ title: 'Look at web' });
    const told: (string | undefined)[] = [];
    const watching = client.callTool({ name: 'watch_ticket', arguments: { id, timeoutSeconds: 3 } }, undefined, {
      onprogress: ({ message }) => told.push(message),
    });
    const write = setInterval(() => void api.write(id, 'a step'), 100);
    onTestFinished(() => clearInterval(write));
    const answer = (await watching) as CallToolResult;
    clearInterval(write);
    expect(told).toContain('note');
    expect(answer.structuredContent).toMatchObject({ because: 'time_over', ticket: { id } });
  });

  it('answers what cannot be done in words a model can act on', async () => {
    const client = await open(WRITER);
    const unknown = await call(client, 'show_ticket', { id: 'tkt_00000000000000000000000000' });
    expect(unknown.isError).toBe(true);
    expect(textOf(unknown)).toMatch(/ticket/);
    const misspelt = await call(client, 'list_tickets', { stats: ['draft'] });
    expect(misspelt.isError).toBe(true);
    expect(textOf(misspelt)).toMatch(/stats/);
    const early = await call(client, 'memory_context', { service: 'nobody' });
    expect(textOf(early).length).toBeGreaterThan(0);
  });

  it('takes escape sequences out of words of others', async () => {
    const { id } = await createApiClient(url, WRITER).createTicket({
      title: 'Look at web',
      description: 'before \u001b[31mred\u001b[0m after',
      start: false,
    });
    const shown = await call(await open(READER), 'show_ticket', { id });
    expect(textOf(shown)).toContain('before');
    expect(textOf(shown)).not.toContain('\u001b');
  });

  it('tells the state of the server', async () => {
    const answer = await call(await open(READER), 'health');
    expect(answer.structuredContent).toMatchObject({ ready: { status: 'ready' }, info: { version: '1.2.3' } });
  });

  it('knows no sessions: GET is refused with the way that works', async () => {
    const response = await fetch(new URL('/mcp', url), { headers: { authorization: `Bearer ${READER}` } });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });
});
