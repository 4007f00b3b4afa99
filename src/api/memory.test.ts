import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { listAudit, verifyAudit } from '../audit/audit-store.ts';
import type { CorrectedContext } from '../memory/corrected-memory.ts';
import { createMemoryKeeper } from '../memory/memory-store.ts';
import { CRASH, play, START_MS, toDeploy, WEB } from '../memory/test-memory.ts';
import { recordTicketOccurrences } from '../ticket/occurrences.ts';
import { savePlan } from '../ticket/plan-store.ts';
import { createTestApi } from './test-server.ts';

describeOnDatabases('the memory routes', (database) => {
  let dir = '';
  let api: Awaited<ReturnType<typeof createTestApi>>;
  const keeper = () => createMemoryKeeper(database().db);
  type Method = 'GET' | 'POST' | 'DELETE';
  const send = async (method: Method, url: string, body?: object | string, headers: Record<string, string> = {}) => {
    const type = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
    return await api.server.inject({
      method,
      url,
      headers: { host: '127.0.0.1', ...(body === undefined ? {} : { 'content-type': type }), ...headers },
      ...(body === undefined ? {} : { payload: body }),
    });
  };
  const get = async (url: string) => await send('GET', url);
  const context = async (query = '') => (await get(`/api/memory/context/web${query}`)).json<CorrectedContext>();
  const audited = async () => (await listAudit(database().db.knex, { limit: 100 })).map(({ action }) => action);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tiphys-occurrences-'));
    api = await createTestApi(database().db, { deps: { occurrencesDir: dir } });
    // The clock of the test server stands at the beginning of 2026.
    await api.clock.advance(START_MS + 400 * 3_600_000 - api.clock.now());
    for (let index = 0; index < 10; index += 1)
      await play(keeper(), `dep_web${index}`, index, index >= 7 ? 'failed' : 'healthy', { version: `1.${index}` });
  });
  afterAll(async () => {
    await api.server.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('gives advice that reads without the code: counts, interval, patterns, strategy with its reasons', async () => {
    const answer = await get('/api/memory/context/web');
    expect(answer.statusCode).toBe(200);
    const body = answer.json<{ summary: string[]; patterns: object[]; risk: { low: number; high: number } }>();
    const text = body.summary.join('\n');
    expect(text).toMatch(/3 of 10 remembered deploys of web in production failed; the risk now is \d+(\.\d)? % \(/);
    expect(text).toMatch(/failed 3 times with crash_loop: error: no database/);
    expect(text).toMatch(/Next deploy of web in production: (by canary|direct|by blue-green|not before a person)/);
    expect(body.patterns).toMatchObject([{ fingerprint: CRASH, count: 3, pinned: false }]);
    expect(body.risk.low).toBeLessThan(body.risk.high);
  });

  it('takes the one place that is known, asks which of several, and says where nothing is known', async () => {
    expect((await context('?namespace=shop')).scope).toEqual(WEB);
    expect((await get('/api/memory/context/nobody')).json()).toMatchObject({ status: 404, code: 'not_found' });
    expect((await get('/api/memory/context/nobody?environment=staging')).json()).toMatchObject({
      known: false,
      scope: { cluster: 'sandbox', environment: 'staging', namespace: 'staging', service: 'nobody' },
    });
    await play(keeper(), 'dep_staging', 20, 'healthy', { environment: 'staging' });
    const several = await get('/api/memory/history/web');
    expect(several.json()).toMatchObject({ status: 409, detail: expect.stringContaining('2 places') });
    expect(several.json<{ details: { scopes: object[] } }>().details.scopes).toHaveLength(2);
    expect((await context('?environment=production')).scope).toEqual(WEB);
    const services = (await get('/api/memory/services')).json<{ items: object[] }>().items;
    expect(services).toMatchObject([
      { environment: 'production', deploys: 10, failures: 3 },
      { environment: 'staging', deploys: 1, failures: 0 },
    ]);
    await send('DELETE', '/api/memory/subjects/web?environment=staging');
  });

  it('pages through the history, newest first, with what was deploying beside each', async () => {
    await keeper().recordDeploy(toDeploy('dep_long', 29, { service: 'api' }));
    await play(keeper(), 'dep_beside', 30, 'healthy');
    interface Page {
      items: { id: string; concurrent: object[] }[];
      nextCursor: string | null;
    }
    const ids: string[] = [];
    let cursor = '';
    do {
      const page: Page = (await get(`/api/memory/history/web?limit=4${cursor}`)).json<Page>();
      ids.push(...page.items.map(({ id }) => id));
      if (cursor === '') expect(page.items[0]?.concurrent).toMatchObject([{ id: 'dep_long', service: 'api' }]);
      cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
    } while (cursor !== '');
    expect(ids).toHaveLength(11);
    expect(new Set(ids).size).toBe(11);
    expect(ids[0]).toBe('dep_beside');
    expect((await get('/api/memory/history/web?cursor=mine')).statusCode).toBe(400);
  });

  it('draws the graph as JSON, as DOT and as a picture', async () => {
    const graph = (await get('/api/memory/graph')).json<{ nodes: { kind: string }[] }>();
    expect(new Set(graph.nodes.map(({ kind }) => kind))).toContain('failure');
    const dot = await get('/api/memory/graph?format=dot');
    expect(dot.headers['content-type']).toContain('graphviz');
    expect(dot.body).toContain('digraph');
    const svg = await get('/api/memory/graph?format=svg');
    expect(svg.headers['content-type']).toContain('image/svg+xml');
    expect(svg.body).toMatch(/^<svg /);
  });

  it('keeps a pinned failure in mind after many good deploys, until it is unpinned', async () => {
    const pin = { service: 'web', fingerprint: CRASH, text: 'comes back with every new node' };
    const answer = await send('POST', '/api/memory/pin', pin);
    expect(answer.json()).toMatchObject({ kind: 'pin', by: 'person:local', matches: 3 });
    for (let index = 0; index < 40; index += 1) await play(keeper(), `dep_good${index}`, 40 + index, 'healthy');
    const pinned = await context();
    expect(pinned.risk.probability).toBeGreaterThanOrEqual(3 / 52);
    expect(pinned.pinned).toMatchObject([{ class: 'crash_loop', count: 3, deploys: 51, text: pin.text }]);
    expect(pinned.recommendations.join(' ')).toContain('local pinned crash_loop');
    expect((await send('POST', '/api/memory/unpin', { service: 'web', fingerprint: CRASH })).statusCode).toBe(200);
    const after = await context();
    expect(after.pinned).toEqual([]);
    expect(after.risk.probability).toBeLessThan(pinned.risk.probability);
    const unknown = await send('POST', '/api/memory/pin', { service: 'web', fingerprint: { class: 'quota' } });
    expect(unknown.json()).toMatchObject({ status: 404, hint: expect.stringContaining('crash_loop') });
    expect((await send('POST', '/api/memory/unpin', { service: 'web', fingerprint: CRASH })).statusCode).toBe(404);
  });

  it('shows notes and heeds an override, with who said so', async () => {
    await send('POST', '/api/memory/notes', {
      service: 'web',
      text: 'restart api afterwards; password=hunter2-hunter2',
    });
    await send('POST', '/api/memory/override', { service: 'web', strategy: 'blue_green', text: 'until the move' });
    const known = await context();
    expect(known.notes).toMatchObject([{ text: 'restart api afterwards; password=[redacted]', by: 'person:local' }]);
    expect(known.strategy).toMatchObject({ strategy: 'blue_green', reasons: ['The operator set blue-green.'] });
    expect(known).toMatchObject({ override: { strategy: 'blue_green', by: 'person:local', text: 'until the move' } });
    await send('POST', '/api/memory/override', { service: 'web', strategy: null });
    expect((await context()).override).toBeNull();
  });

  it('weakens once for one Idempotency-Key', async () => {
    const weaken = { service: 'web', fingerprint: { class: 'crash_loop' }, factor: 0.5 };
    const key = { 'idempotency-key': 'weaken-1' };
    const first = await send('POST', '/api/memory/weaken', weaken, key);
    expect((await send('POST', '/api/memory/weaken', weaken, key)).json()).toEqual(first.json());
    expect(first.json()).toMatchObject({ kind: 'weaken', matches: 3 });
    expect((await audited()).filter((action) => action === 'memory.weaken')).toHaveLength(1);
    expect((await send('POST', '/api/memory/weaken', { ...weaken, factor: 2 })).statusCode).toBe(400);
  });

  it('exports and imports as JSON lines, and refuses a line it cannot read', async () => {
    const exported = await get('/api/memory/export?service=web');
    expect(exported.headers['content-type']).toContain('application/x-ndjson');
    const lines = exported.body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(lines[0]).toMatchObject({ type: 'header', source: 'sandbox', actor: 'person:local' });
    expect(lines.filter(({ type }) => type === 'deploy')).toHaveLength(51);
    const again = await send('POST', '/api/memory/import?source=copy', exported.body);
    expect(again.json()).toMatchObject({ deploys: 0, outcomes: 0, skipped: 103 });
    const history =
      '{"type":"deploy","id":"d1","at":"2025-12-01T00:00:00Z","service":"old","environment":"production","version":"3"}\n' +
      '{"type":"outcome","id":"d1","at":"2025-12-01T00:05:00Z","outcome":"rolled_back"}\n';
    const taken = await send('POST', '/api/memory/import?source=legacy', history);
    expect(taken.json()).toMatchObject({ source: 'legacy', deploys: 1, outcomes: 1 });
    expect((await get('/api/memory/history/old')).json()).toMatchObject({
      items: [{ origin: 'legacy', outcome: { outcome: 'rolled_back' } }],
    });
    const bad = await send('POST', '/api/memory/import?source=legacy', `${history}{"type":"deploy"}`);
    expect(bad.json()).toMatchObject({ status: 400, detail: expect.stringContaining('line 3') });
    const form = await send('POST', '/api/memory/import?source=x', history, { 'content-type': 'text/plain' });
    expect(form.statusCode).toBe(415);
  });

  it('explains a ticket: what was remembered, why this strategy, what came of it', async () => {
    const ticket = await api.create({ title: 'Update web to 2.0' });
    expect((await get(`/api/memory/explain/${ticket.id}`)).json()).toMatchObject({ advice: null, deploys: [] });
    await savePlan(database().db.knex, {
      ...{ ticketId: ticket.id, attempt: 1, revision: 1, baseCommit: 'a'.repeat(40), draft: null, review: null },
      intent: {
        ...{ summary: 'update web', steps: [], assumptions: [], strategies: {} },
        advice: {
          ...{ probability: 0.31, low: 0.2, high: 0.45, strategy: 'canary', settleSeconds: 30 },
          remembered: ['3 of 10 remembered deploys of web failed.'],
          careReasons: ['A healthy state must hold for 30 s.'],
        },
      },
      createdAt: api.now(),
    });
    await play(keeper(), 'dep_two', 100, 'failed', { ticket: ticket.id, version: '2.0', commit: 'b'.repeat(40) });
    const deps = {
      knex: database().db.knex,
      dir,
      redactor: { text: (text: string) => text, deep: (value: unknown) => value },
    };
    await recordTicketOccurrences(deps, ticket.id);
    const body = (await get(`/api/memory/explain/${ticket.id}`)).json<{ summary: string[]; occurrences: object[] }>();
    const text = body.summary.join('\n');
    expect(text).toContain('risk of failure was 31 % (20 % to 45 %)');
    expect(text).toContain('by canary');
    expect(text).toContain('set_image of web (2.0) in production, failed with crash_loop');
    expect(body.occurrences).toMatchObject([
      { type: 'deploy.run.failed', context: { correlation: { ticket: ticket.id } } },
    ]);
    expect((await get('/api/memory/explain/tkt_01ARZ3NDEKTSV4RRFFQ69G5FAV')).statusCode).toBe(404);
  });

  it('deletes a subject, files included, and says so in an audit log that still holds together', async () => {
    expect(await readdir(dir, { recursive: true })).toHaveLength(2);
    const removed = await send('DELETE', '/api/memory/subjects/web');
    expect(removed.json()).toMatchObject({ scopes: [WEB], deploys: 52, occurrences: 1 });
    expect((await readdir(dir, { recursive: true })).filter((name) => name.endsWith('.json'))).toEqual([]);
    expect((await get('/api/memory/context/web')).statusCode).toBe(404);
    expect((await send('DELETE', '/api/memory/subjects/web')).statusCode).toBe(404);
    expect(await audited()).toEqual(expect.arrayContaining(['memory.pin', 'memory.note', 'memory.delete_subject']));
    const notes = (await listAudit(database().db.knex, { limit: 100 })).filter(
      ({ action }) => action === 'memory.note',
    );
    expect(JSON.stringify(notes)).not.toContain('restart api');
    expect(await verifyAudit(database().db.knex)).toMatchObject({ kind: 'intact' });
  });

  it('is written by nobody without a key where keys are configured', async () => {
    const guarded = await createTestApi(database().db, { apiKeys: ['ann:0123456789abcdef'] });
    const ask = async (headers: Record<string, string>): Promise<LightMyRequestResponse> =>
      await guarded.server.inject({
        method: 'POST',
        url: '/api/memory/notes',
        headers,
        payload: { service: 'web', environment: 'production', text: 'x' },
      });
    expect((await ask({})).statusCode).toBe(401);
    expect((await ask({ authorization: 'Bearer 0123456789abcdef' })).json()).toMatchObject({ by: 'person:ann' });
    await guarded.server.close();
  });
});
