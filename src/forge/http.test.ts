import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createManualClock, createSystemClock } from '../lib/clock.ts';
import { createForgeHttp } from './http.ts';
import { readRetryAfter } from './retry-after.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const anything = z.unknown();
const connect = (baseUrl: string, timeoutMs = 30_000, clock = createSystemClock()) =>
  createForgeHttp({
    kind: 'github',
    baseUrl,
    headers: { authorization: 'Bearer the-token' },
    pageSizeName: 'per_page',
    clock,
    timeoutMs,
  });
const READ = { doing: 'read it', path: '/thing' };
const WRITE = { doing: 'write it', method: 'POST', path: '/thing', body: { a: 1 } } as const;

describe('the connection to the API of a git host', () => {
  it('repeats a read whose connection breaks, and never a write', async () => {
    const seen: string[] = [];
    const url = await serve((request, response) => {
      seen.push(request.method ?? '');
      if (request.method === 'POST' || seen.length < 3) request.socket.destroy();
      else response.end('{"ok":true}');
    });
    expect(await connect(url).json(anything, READ)).toEqual({ ok: true });
    await expect(connect(url).json(anything, WRITE)).rejects.toMatchObject({
      code: 'git_unavailable',
      hint: expect.stringContaining(url) as string,
    });
    expect(seen).toEqual(['GET', 'GET', 'GET', 'POST']);
  });

  it('gives up where no answer comes in time, and says so', async () => {
    const url = await serve(() => undefined);
    const clock = createManualClock();
    const failure = connect(url, 5_000, clock)
      .json(anything, WRITE)
      .catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await clock.advance(5_000);
    expect(await failure).toMatchObject({
      code: 'git_unavailable',
      message: expect.stringContaining('5000 ms') as string,
    });
  });

  it('follows a read to another path of the same API, and takes the token nowhere else', async () => {
    const strangers: (string | undefined)[] = [];
    const stranger = await serve((request, response) => {
      strangers.push(request.headers.authorization);
      response.end('{}');
    });
    const url = await serve((request, response) => {
      if (request.url === '/api/moved') response.end('{"here":true}');
      else if (request.url === '/api/thing') response.writeHead(301, { location: '/api/moved' }).end();
      else if (request.url === '/api/outside') response.writeHead(301, { location: '/else' }).end();
      else response.writeHead(302, { location: `${stranger}/api/thing` }).end();
    });
    const http = connect(`${url}/api`);
    expect(await http.json(anything, READ)).toEqual({ here: true });
    for (const call of [{ ...READ, path: '/away' }, { ...READ, path: '/outside' }, WRITE])
      await expect(http.json(anything, call)).rejects.toMatchObject({
        code: 'config_invalid',
        hint: expect.stringContaining('git.repoUrl') as string,
      });
    expect(strangers).toEqual([]);
  });

  it('asks with the mark of the last answer, and takes "unchanged" for the same', async () => {
    const marks: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      marks.push(request.headers['if-none-match']);
      if (request.headers['if-none-match'] === '"one"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"one"' }).end('[1,2]');
    });
    const http = connect(url);
    expect(await http.json(anything, READ)).toEqual([1, 2]);
    expect(await http.json(anything, READ)).toEqual([1, 2]);
    expect(marks).toEqual([undefined, '"one"']);
  });

  it('reads page after page until one is not full, and no more than it is told', async () => {
    const pages: string[] = [];
    const url = await serve((request, response) => {
      const query = new URL(request.url ?? '', 'http://x').searchParams;
      pages.push(`${query.get('page')}/${query.get('per_page')}`);
      const size = Number(query.get('per_page'));
      response.end(JSON.stringify(Array.from({ length: query.get('page') === '3' ? 1 : size }, () => 0)));
    });
    expect(await connect(url).list(z.number(), { ...READ, maxPages: 5 })).toHaveLength(101);
    expect(pages).toEqual(['1/50', '2/50', '3/50']);
    expect(await connect(url).list(z.number(), { ...READ, maxPages: 2 })).toHaveLength(100);
  });

  it.each([
    [401, { message: 'Bad credentials' }, 'git_rejected', /not accepted/],
    [403, { message: 'Resource not accessible by personal access token' }, 'git_rejected', /Pull requests/],
    [403, { message: 'Repository was archived so is read-only.' }, 'git_rejected', /archived/],
    [404, { message: 'Not Found' }, 'not_found', /git.repoUrl/],
    [422, { message: 'Validation Failed', errors: [{ message: 'because' }] }, 'git_failed', /does not like/],
    [502, { message: 'bad gateway' }, 'git_unavailable', /safe to try again/],
    [200, { unexpected: true }, 'git_failed', /git.apiUrl/],
  ])('tells what %s with %j means and what to do', async (status, body, code, hint) => {
    const url = await serve((_request, response) => response.writeHead(status).end(JSON.stringify(body)));
    const failure: unknown = await connect(url)
      .json(z.object({ number: z.number() }), WRITE)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, hint: expect.stringMatching(hint) as string });
    if ('message' in body) expect(String(failure)).toContain(body.message);
    expect(JSON.stringify(failure)).not.toContain('the-token');
  });

  it('takes words of the host as words: one bounded line without control characters', async () => {
    const message = `${'x'.repeat(1_000)}\u001b[2J\nsecond`;
    const url = await serve((_request, response) => response.writeHead(400).end(JSON.stringify({ message })));
    const failure: unknown = await connect(url)
      .json(anything, WRITE)
      .catch((error: unknown) => error);
    expect(String(failure).length).toBeLessThan(500);
    expect(String(failure)).not.toMatch(/\p{Cc}/u);
  });

  it('does not take in an answer without end', async () => {
    const url = await serve((_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const more = () => {
        while (response.writable && response.write(chunk));
      };
      response.on('drain', more);
      more();
    });
    await expect(connect(url).json(anything, WRITE)).rejects.toMatchObject({ code: 'git_failed' });
  });
});

describe('how long the host wants us to wait', () => {
  const NOW = Date.UTC(2026, 0, 1);
  const at = (seconds: number) => String(NOW / 1000 + seconds);
  it.each([
    ['GitHub, budget used up', 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': at(120) }, '', 120_000],
    ['GitHub, the same as 429', 429, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': at(90) }, '', 90_000],
    ['GitHub, too many at once', 403, { 'retry-after': '30', 'x-ratelimit-remaining': '4999' }, '', 30_000],
    ['GitHub, too many at once in words', 403, {}, 'You have exceeded a secondary rate limit.', 60_000],
    ['GitLab', 429, { 'retry-after': '7', 'ratelimit-remaining': '0', 'ratelimit-reset': at(900) }, '', 7_000],
    ['a proxy with a date', 503, { 'retry-after': new Date(NOW + 45_000).toUTCString() }, '', 45_000],
    ['a bare 429', 429, {}, '', 60_000],
    ['more than an hour', 429, { 'retry-after': '86400' }, '', 3_600_000],
    ['a moment that has passed', 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': at(-5) }, '', 1_000],
    ['a plain refusal', 403, { 'x-ratelimit-remaining': '4998' }, 'no rights', undefined],
    ['a plain fault', 503, {}, '', undefined],
    ['a success with nothing left', 200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': at(9) }, '', undefined],
  ])('%s', (_what, status, headers, text, ms) => {
    expect(readRetryAfter({ status, headers, text }, NOW)).toBe(ms);
  });

  it('is told with the error', async () => {
    const headers = { 'retry-after': '17' };
    const url = await serve((_request, response) => response.writeHead(429, headers).end('{"message":"slow down"}'));
    await expect(connect(url).json(anything, WRITE)).rejects.toMatchObject({
      code: 'git_unavailable',
      details: { retryAfterMs: 17_000 },
    });
  });
});
