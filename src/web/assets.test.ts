import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../../test/support/postgres.ts';
import { createAssets } from './assets.ts';
import { createTestApi } from '../api/test-server.ts';

const HOST = { host: '127.0.0.1:3000' };

async function openApi(apiKeys: string[] = []) {
  const database = await createTestDatabase('sqlite3');
  onTestFinished(async () => await database.drop());
  const api = await createTestApi(database.db, { apiKeys, deps: { page: createAssets() } });
  onTestFinished(async () => await api.server.close());
  return api;
}

it('serves the page without a key, under a policy that lets nothing in from elsewhere', async () => {
  const { server } = await openApi(['alice:secret']);
  const page = await server.inject({ url: '/', headers: HOST });
  expect(page.statusCode).toBe(200);
  const policy = page.headers['content-security-policy'];
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  const named = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? '');
  expect(named).toContain('/page/main.js');
  for (const address of named) {
    expect(address).toMatch(/^\/page\//);
    expect((await server.inject({ url: address, headers: HOST })).statusCode).toBe(200);
  }
  expect(page.body).not.toMatch(/<script>|style=|onload=/);
  expect((await server.inject({ url: '/api/tickets', headers: HOST })).statusCode).toBe(401);
});

it('is not sent again where the browser has it, and knows no other files', async () => {
  const { server } = await openApi();
  const first = await server.inject({ url: '/page/main.js', headers: HOST });
  const again = await server.inject({
    url: '/page/main.js',
    headers: { ...HOST, 'if-none-match': String(first.headers.etag) },
  });
  expect(again.statusCode).toBe(304);
  for (const url of ['/page/app.tsx', '/page/..%2f..%2fpackage.json', '/page/'])
    expect((await server.inject({ url, headers: HOST })).statusCode).toBe(404);
});

it('is small', async () => {
  const { server } = await openApi();
  const { rawPayload } = await server.inject({ url: '/page/main.js', headers: HOST });
  expect(rawPayload.byteLength).toBeLessThan(80_000);
  expect(rawPayload.byteLength).toBeGreaterThan(5_000);
});

it('gives the newest page of the audit log where that is asked for', async () => {
  const { server, write, tickets } = await openApi();
  const ticket = await tickets.create(
    { title: 'Look', description: '', priority: 'medium', target: {}, start: false },
    'person:x',
  );
  await write(ticket.id, 'one', 'two', 'three');
  const all = (await server.inject({ url: '/api/audit', headers: HOST })).json<{ items: { seq: number }[] }>();
  const newest = await server.inject({ url: '/api/audit?newest=true&limit=2', headers: HOST });
  expect(newest.json<{ items: { seq: number }[] }>().items).toEqual(all.items.slice(-2));
});
