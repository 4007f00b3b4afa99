import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient } from './api-client.ts';

/** A server that does what it is told. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const note = (id: number) => ({
  id,
  ticketId: 'tkt_01M7YYBZGRK25AKHA2XB60ARR4',
  at: '2026-01-01T00:00:00.000Z',
  type: 'note',
  data: { node: 'planner', text: `note ${id}` },
});
const frame = (id: number) => `id: ${id}\nevent: note\ndata: ${JSON.stringify(note(id))}\n\n`;

describe('createApiClient', () => {
  it('comes back after a break where it was, and tells of the break', async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      asked.push(request.headers['last-event-id'] as string | undefined);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (asked.length === 1) {
        response.write(`: hello\n\n${frame(1)}${frame(2).slice(0, 20)}`);
        setImmediate(() => response.write(frame(2).slice(20), () => response.destroy()));
      } else if (asked.length === 2) response.destroy();
      else response.write(frame(3));
    });
    const stop = new AbortController();
    const breaks: number[] = [];
    const seen: number[] = [];
    const options = { onBreak: (attempt: number) => void breaks.push(attempt) };
    for await (const event of createApiClient(url).followTicket('tkt_x', 0, stop.signal, options)) {
      seen.push(event.id);
      if (event.id === 3) break;
    }
    stop.abort();
    expect(seen).toEqual([1, 2, 3]);
    expect(asked).toEqual(['0', '2', '2']);
    expect(breaks).toEqual([1, 2]);
  });

  it('gives up after as many attempts as it was given', async () => {
    const url = await serve((_request, response) => response.destroy());
    const following = createApiClient(url).followEvents(0, new AbortController().signal, { maxAttempts: 2 });
    await expect(following.next()).rejects.toMatchObject({ code: 'timeout', retryable: true });
  });

  it('does not ask again where it is refused', async () => {
    let count = 0;
    const url = await serve((_request, response) => {
      count += 1;
      response.writeHead(401, { 'content-type': 'application/problem+json' });
      response.end(
        JSON.stringify({
          type: 'x',
          title: 'x',
          status: 401,
          detail: 'this server needs an API key',
          code: 'unauthorized',
        }),
      );
    });
    const following = createApiClient(url, 'wrong').followEvents(0, new AbortController().signal);
    await expect(following.next()).rejects.toMatchObject({
      code: 'unauthorized',
      message: 'this server needs an API key',
      hint: 'The server does not know the key in TIPHYS_API_KEY.',
    });
    expect(count).toBe(1);
  });

  it.each([
    [200, '<html>hello</html>', /does not understand/],
    [200, '{"id": 1}', /does not understand/],
    [404, '<html>not here</html>', /answered 404/],
    [502, 'bad gateway', /answered 502/],
  ])('tells a stranger who answers %i %s apart', async (status, body, message) => {
    const url = await serve((_request, response) => response.writeHead(status).end(body));
    await expect(createApiClient(url).getTicket('tkt_x')).rejects.toThrow(message);
  });

  it('keeps to what it was told: key, path before the routes, query', async () => {
    const asked: { url: string | undefined; key: string | undefined }[] = [];
    const url = await serve((request, response) => {
      asked.push({ url: request.url, key: request.headers.authorization });
      response.end(JSON.stringify({ items: [], nextCursor: null }));
    });
    await createApiClient(`${url}/behind/`, 'abc').listTickets({ text: 'a&b=ü', limit: 3, status: undefined });
    expect(asked).toEqual([{ url: '/behind/api/tickets?text=a%26b%3D%C3%BC&limit=3', key: 'Bearer abc' }]);
  });
});
