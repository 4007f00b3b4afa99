import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { CommitSha } from '../lib/ids.ts';
import { savePull } from '../ticket/pull-request-store.ts';
import type { ApiDeps } from './deps.ts';
import { createTestApi, listen } from './test-server.ts';

const SECRET = 'the-secret-of-the-webhook';
const sign = (body: string, secret = SECRET) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;

let database: TestDatabase;
let api: Awaited<ReturnType<typeof createTestApi>>;
let url: string;
let woken = 0;

beforeAll(async () => {
  database = await createTestDatabase('sqlite3');
});
afterAll(async () => await database.drop());
afterEach(async () => await api.server.close());

const WEBHOOKS = {
  forge: { kind: 'github', project: 'acme/infra' },
  secret: SECRET,
  wake: () => void (woken += 1),
} as const;

async function start(webhooks: ApiDeps['webhooks'] = WEBHOOKS, apiKeys: string[] = ['ann:a-key-of-ann']) {
  woken = 0;
  api = await createTestApi(database.db, { apiKeys, deps: { webhooks } });
  url = await listen(api.server);
  for (const table of ['webhook_deliveries', 'tickets']) await api.db.knex(table).delete();
  const { id: ticketId } = await api.create();
  await savePull(api.db.knex, {
    ...{ id: api.ids.next('pull'), ticketId, attempt: 1, slot: '1.0.change', purpose: 'change', changeKey: 'k' },
    ...{ branch: 'tiphys/x', baseBranch: 'main', number: 7, url: 'https://host/7', head: 'a' as CommitSha },
    ...{ base: 'b' as CommitSha, at: api.now(), nextLookAt: '2027-01-01T00:00:00.000Z' },
  });
}

const isDue = async () => {
  const row = (await api.db.knex('pull_requests').first()) as { next_look_at: string };
  return row.next_look_at <= api.now();
};

const EVENT = JSON.stringify({ action: 'closed', number: 7, repository: { full_name: 'acme/infra' } });
async function post(body = EVENT, headers: Record<string, string> = {}, host = 'github') {
  const response = await fetch(`${url}/api/webhooks/${host}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'pull_request',
      'x-github-delivery': 'd1',
      'x-hub-signature-256': sign(body),
      ...headers,
    },
    body,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('a webhook', () => {
  beforeEach(async () => await start());

  it('that is signed brings the next look forward, without an API key', async () => {
    expect(await isDue()).toBe(false);
    expect(await post()).toEqual({ status: 202, body: { status: 'accepted' } });
    expect(await isDue()).toBe(true);
    expect(woken).toBe(1);
    // A key opens everything but this, and this opens nothing else.
    expect((await fetch(`${url}/api/tickets`, { headers: { 'x-hub-signature-256': sign('') } })).status).toBe(401);
  });

  it.each([
    ['a wrong signature', { 'x-hub-signature-256': sign(EVENT, 'another secret of theirs') }],
    ['the signature of another body', { 'x-hub-signature-256': sign('{}') }],
    ['no signature', { 'x-hub-signature-256': '' }],
    ['an API key in its place', { 'x-hub-signature-256': '', authorization: 'Bearer a-key-of-ann' }],
  ])('with %s is refused and has no effect', async (_what, headers) => {
    const { status, body } = await post(EVENT, headers);
    expect([status, body['code']]).toEqual([401, 'unauthorized']);
    expect(JSON.stringify(body)).not.toContain(SECRET);
    expect(await isDue()).toBe(false);
    expect(await api.db.knex('webhook_deliveries')).toEqual([]);
  });

  it('that comes again, even under another id, has no effect', async () => {
    await post();
    await api.db.knex('pull_requests').update({ next_look_at: '2027-01-01T00:00:00.000Z' });
    for (const id of ['d1', 'd2']) {
      expect(await post(EVENT, { 'x-github-delivery': id })).toEqual({ status: 202, body: { status: 'duplicate' } });
    }
    const other = EVENT.replace('closed', 'reopened');
    expect((await post(other, { 'x-github-delivery': 'd1' })).body).toEqual({ status: 'duplicate' });
    expect(await isDue()).toBe(false);
    expect(woken).toBe(1);
    expect((await post(other, { 'x-github-delivery': 'd3' })).body).toEqual({ status: 'duplicate' });
    expect((await post(EVENT.replace('closed', 'edited'), { 'x-github-delivery': 'd4' })).body).toEqual({
      status: 'accepted',
    });
  });

  it('about a push to the base or to our branch brings it forward too', async () => {
    for (const [index, branch] of ['main', 'tiphys/x'].entries()) {
      const body = JSON.stringify({ ref: `refs/heads/${branch}`, repository: { full_name: 'Acme/Infra' } });
      const headers = { 'x-github-event': 'push', 'x-github-delivery': `p${index}` };
      expect((await post(body, headers)).body).toEqual({ status: 'accepted' });
    }
  });

  it.each([
    ['another event', EVENT, { 'x-github-event': 'star' }],
    ['a ping', '{"zen":"x"}', { 'x-github-event': 'ping' }],
    ['another repository', EVENT.replace('acme/infra', 'acme/else'), {}],
    ['another pull request', EVENT.replace('7', '8'), {}],
    ['a body that is not JSON', 'not json', {}],
    ['an empty body', '', {}],
  ])('of %s is taken and ignored', async (_what, body, headers) => {
    expect(await post(body, headers)).toEqual({ status: 202, body: { status: 'ignored' } });
    expect(await isDue()).toBe(false);
  });

  it('that is too large is refused before it is read to its end', async () => {
    const large = JSON.stringify({ pad: 'x'.repeat(1024 * 1024) });
    expect((await post(large)).status).toBe(413);
    // Announced as small, and then without end.
    const { hostname, port } = new URL(url);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
      socket.write(
        'POST /api/webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
      const more = () => {
        if (socket.writable && text === '') socket.write(chunk, () => setImmediate(more));
      };
      more();
    }).catch(() => 'reset');
    expect(answer).toMatch(/413|reset/);
  });

  it('as a form is refused with what to choose instead', async () => {
    const { status, body } = await post('payload=%7B%7D', { 'content-type': 'application/x-www-form-urlencoded' });
    expect(status).toBe(415);
    expect(body['hint']).toContain('application/json');
  });

  it('with a path that is nearly right is asked for a key like everything else', async () => {
    for (const path of ['github/', 'github/x', 'bitbucket', '../tickets/github', 'github%2f..%2f..%2ftickets']) {
      const response = await fetch(`${url}/api/webhooks/${path}`, {
        method: 'POST',
        headers: { 'x-hub-signature-256': sign('') },
      });
      expect([401, 404], path).toContain(response.status);
    }
    expect((await fetch(`${url}/api/webhooks/github`)).status).toBe(404);
  });
});

describe('webhooks', () => {
  it('are refused where no secret is set: anyone could send them', async () => {
    await start({ ...WEBHOOKS, secret: null });
    const { status, body } = await post();
    expect([status, body['hint']]).toEqual([404, expect.stringContaining('TIPHYS_GIT_WEBHOOK_SECRET')]);
    expect(await isDue()).toBe(false);
  });

  it('are refused where changes are pushed, and for another kind of host', async () => {
    await start(null);
    expect(await post()).toMatchObject({
      status: 404,
      body: { hint: expect.stringContaining('git.delivery') as string },
    });
    await api.server.close();
    await start();
    expect(await post(EVENT, {}, 'gitlab')).toMatchObject({ status: 404 });
  });

  it('come under whatever name the server has, also where it has no keys', async () => {
    await start(WEBHOOKS, []);
    const headers = {
      host: 'tiphys.example.com',
      'content-type': 'application/json',
      'x-github-event': 'pull_request',
    };
    const response = await api.server.inject({
      ...{ method: 'POST', url: '/api/webhooks/github', payload: EVENT },
      headers: { ...headers, 'x-hub-signature-256': sign(EVENT) },
    });
    expect(response.json()).toEqual({ status: 'accepted' });
  });

  it.each([
    [
      'gitlab',
      { 'x-gitlab-event': 'Merge Request Hook', 'x-gitlab-token': SECRET, 'idempotency-key': 'k1' },
      { object_attributes: { iid: 7 } },
    ],
    ['gitea', { 'x-gitea-event': 'pull_request', 'x-gitea-delivery': 'g1' }, { number: 7 }],
  ] as const)('of %s are taken alike', async (kind, headers, event) => {
    const project = { full_name: 'acme/infra', path_with_namespace: 'acme/infra' };
    const body = JSON.stringify({ ...event, repository: project, project });
    await start({ ...WEBHOOKS, forge: { kind, project: 'acme/infra' } });
    const signature = kind === 'gitea' ? { 'x-gitea-signature': sign(body).slice('sha256='.length) } : {};
    expect(await post(body, { ...headers, ...signature }, kind)).toEqual({ status: 202, body: { status: 'accepted' } });
    expect(await post(body, { ...headers, ...signature }, kind)).toMatchObject({ body: { status: 'duplicate' } });
    expect(await post(`${body} `, { ...headers, 'x-gitlab-token': 'x', ...signature }, kind)).toMatchObject({
      status: 401,
    });
  });
});
