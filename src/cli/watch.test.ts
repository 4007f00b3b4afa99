import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCommand } from './test-terminal.ts';

const ID = 'tkt_01M7YYBZGRK25AKHA2XB60ARR4';
const AT = '2026-01-01T00:00:00.000Z';
const moved = (id: number, to: string) => ({
  id,
  ticketId: ID,
  at: AT,
  type: 'status',
  data: { from: null, to, code: 'x', reason: `now ${to}` },
});

/** A ticket that was paused once, goes on, and is resolved after the server was away; `status` is where it stands. */
async function serveStory(): Promise<{ url: string; streams: string[] }> {
  const streams: string[] = [];
  const stands = () => (streams.length > 1 ? 'resolved' : 'executing');
  const server = createServer((request, response) => {
    if (request.url === `/api/tickets/${ID}/stream`) {
      streams.push(String(request.headers['last-event-id']));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (streams.length === 1) response.write(': hello\n\n', () => response.destroy());
      else response.write(`data: ${JSON.stringify(moved(4, 'resolved'))}\n\n`);
      return;
    }
    if (request.url?.startsWith(`/api/tickets/${ID}/events`) === true) {
      const items = [moved(1, 'planning'), moved(2, 'paused'), moved(3, 'executing')];
      response.end(JSON.stringify({ items, lastId: 3 }));
      return;
    }
    const ticket = {
      id: ID,
      title: 'Restart web',
      description: '',
      priority: 'low',
      status: stands(),
      pausedFrom: null,
    };
    const rest = { target: {}, attempt: 1, hold: null, ending: null, reason: '', application: null, actor: 'a' };
    const times = { createdAt: AT, updatedAt: AT, startedAt: AT, endedAt: null };
    response.end(JSON.stringify({ ...ticket, ...rest, ...times, actions: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, streams };
}

describe('tiphys ticket watch', () => {
  it('passes an old stop by, says that the server was away, and goes on after the last event', async () => {
    const { url, streams } = await serveStory();
    const said = await runCommand(['ticket', 'watch', ID], { server: url });
    expect(said.exitCode).toBe(0);
    expect(said.stdout.match(/now \w+/g)).toEqual(['now planning', 'now paused', 'now executing', 'now resolved']);
    expect(streams).toEqual(['3', '3']);
    expect(said.stderr).toBe(
      'The connection is lost; trying again.\nConnected again; what happened in between follows.\n',
    );
  });
});
