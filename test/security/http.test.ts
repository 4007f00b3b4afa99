import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProduct, type Product } from '../support/product.ts';

// Over a real socket, with headers that `fetch` would not send.

let open: Product;
let locked: Product;

beforeAll(async () => {
  [open, locked] = await Promise.all([
    startProduct(),
    startProduct({ server: { port: 0, apiKeys: ['alice:alice-key-000000', 'ci:ci-key-000000'] } }),
  ]);
});
afterAll(async () => {
  await Promise.all([open.close(), locked.close()]);
});

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

async function send(
  product: Product,
  method: string,
  path: string,
  options: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  const url = new URL(product.app.url);
  return await new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: url.hostname, port: url.port, method, path, headers: options.headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}

const json = { 'content-type': 'application/json' };
const ticket = JSON.stringify({ title: 'Scale web to 4', start: false });

async function countTickets(product: Product, headers: Record<string, string> = {}): Promise<number> {
  const { text } = await send(product, 'GET', '/api/tickets', { headers });
  return (JSON.parse(text) as { items: unknown[] }).items.length;
}

function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.status, answer.text).toBe(status);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(JSON.parse(answer.text)).toMatchObject({ status, code, detail: expect.any(String) as string });
}

describe('without keys, a page in a browser', () => {
  it.each([
    ['by a name of its own that leads here', { host: 'attacker.example.com' }],
    ['by a name that looks like ours', { host: '127.0.0.1.attacker.example.com' }],
    ['by a name with ours as user', { host: 'localhost@attacker.example.com' }],
    ['from another origin', { origin: 'https://attacker.example.com' }],
    ['from another port of this machine', { origin: 'http://127.0.0.1:1' }],
    ['from a sandboxed frame', { origin: 'null' }],
  ])('does not get in %s, to read or to write', async (_what, headers) => {
    const before = await countTickets(open);
    expectProblem(await send(open, 'GET', '/api/tickets', { headers }), 403, 'forbidden');
    const post = await send(open, 'POST', '/api/tickets', { headers: { ...json, ...headers }, body: ticket });
    expectProblem(post, 403, 'forbidden');
    expectProblem(await send(open, 'GET', '/api/events/stream', { headers }), 403, 'forbidden');
    expect(await countTickets(open)).toBe(before);
  });

  it('is not told that other origins may read', async () => {
    const preflight = await send(open, 'OPTIONS', '/api/tickets', {
      headers: { origin: 'https://attacker.example.com', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBeGreaterThanOrEqual(400);
    expect(preflight.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('of our own gets in, and its answers cannot be taken for something else', async () => {
    const headers = { origin: open.app.url };
    const answer = await send(open, 'GET', '/api/tickets', { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect(answer.headers['content-security-policy']).toContain("default-src 'self'");
    expect(answer.headers).not.toHaveProperty('x-powered-by');
  });
});

describe('bodies', () => {
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml'])(
    'that a form could send are refused: %s',
    async (type) => {
      const before = await countTickets(open);
      const answer = await send(open, 'POST', '/api/tickets', { headers: { 'content-type': type }, body: ticket });
      expectProblem(answer, 415, 'invalid_input');
      expect(await countTickets(open)).toBe(before);
    },
  );

  it('that are too large are refused, and the server goes on', async () => {
    const body = JSON.stringify({ title: 'x', description: 'y'.repeat(300_000) });
    expectProblem(await send(open, 'POST', '/api/tickets', { headers: json, body }), 413, 'payload_too_large');
    expect((await send(open, 'GET', '/api/health')).status).toBe(200);
  });

  it.each([
    ['not JSON', '{"title":'],
    ['no object', '"title"'],
    ['without a title', '{}'],
    ['with a field nobody knows', '{"title":"Scale web to 4","approved":true}'],
    ['that reach for the prototype', '{"title":"Scale web to 4","__proto__":{"admin":true}}'],
    ['that reach for the constructor', '{"title":"Scale web to 4","constructor":{"prototype":{"admin":true}}}'],
  ])('%s are refused', async (_what, body) => {
    const before = await countTickets(open);
    expectProblem(await send(open, 'POST', '/api/tickets', { headers: json, body }), 400, 'invalid_input');
    expect(await countTickets(open)).toBe(before);
  });
});

describe('paths', () => {
  it.each([
    '/../../etc/passwd',
    '/docs/static/../../../package.json',
    '/docs/static/%2e%2e/%2e%2e/package.json',
    '/docs/static/..%2f..%2fpackage.json',
    '/api/tickets/..%2f..%2fetc',
    "/api/tickets/tkt_' OR 1=1--",
    '/api/%00',
    '/api/%zz',
  ])('that climb or cannot be read lead nowhere: %s', async (path) => {
    const answer = await send(open, 'GET', encodeURI(decodePercent(path)));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.text).not.toContain('root:');
    expect(answer.text).not.toContain('"dependencies"');
  });
});

/** Leaves what is escaped already alone; only blanks and quotes are escaped for the wire. */
function decodePercent(path: string): string {
  return path.includes('%') ? path.replaceAll('%', '\uE000') : path;
}

describe('with keys', () => {
  const alice = { authorization: 'Bearer alice-key-000000' };

  it.each([
    ['none', {}],
    ['one that nobody has', { authorization: 'Bearer nobody' }],
    ['a name in place of a key', { authorization: 'Bearer alice' }],
    ['name and key together', { authorization: 'Bearer alice:alice-key-000000' }],
    ['a key as basic user', { authorization: `Basic ${Buffer.from('alice:alice-key-000000').toString('base64')}` }],
    ['an empty one', { authorization: 'Bearer ' }],
  ])('nobody gets in with %s', async (_what, headers) => {
    for (const path of ['/api/tickets', '/api/info', '/api/events/stream', '/metrics', '/docs', '/api/nothing'])
      expectProblem(await send(locked, 'GET', path, { headers }), 401, 'unauthorized');
    const post = await send(locked, 'POST', '/api/tickets', { headers: { ...json, ...headers }, body: ticket });
    expectProblem(post, 401, 'unauthorized');
    expect(await countTickets(locked, alice)).toBe(0);
  });

  it('a key in the address does not count, and health needs none', async () => {
    expect((await send(locked, 'GET', '/api/tickets?token=alice-key-000000')).status).toBe(401);
    expect((await send(locked, 'GET', '/api/health')).status).toBe(200);
    expect((await send(locked, 'GET', '/api/health/../tickets')).status).toBe(401);
  });

  it('what is done carries the name of the key, and no answer the key itself', async () => {
    const made = await send(locked, 'POST', '/api/tickets', { headers: { ...json, ...alice }, body: ticket });
    expect(made.status).toBe(201);
    const { id, actor } = JSON.parse(made.text) as { id: string; actor: string };
    expect(actor).toBe('person:alice');
    for (const path of [`/api/tickets/${id}/audit`, `/api/tickets/${id}/events`, '/api/info', '/metrics']) {
      const answer = await send(locked, 'GET', path, { headers: alice });
      expect(answer.status).toBe(200);
      expect(answer.text).not.toContain('alice-key');
    }
  });
});
