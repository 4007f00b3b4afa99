import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, describeOnDatabases, type TestDatabase } from '../../test/support/postgres.ts';
import { createManualClock } from '../lib/clock.ts';
import type { ChangeHash } from '../lib/ids.ts';
import { createMemoryKeeper } from '../memory/memory-store.ts';
import { savePlan } from '../ticket/plan-store.ts';
import { HOUR_MS, SECRET } from '../ticket/test-tickets.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { Problem, TicketView } from './contract.ts';
import { createTestApi, listen } from './test-server.ts';

type Api = Awaited<ReturnType<typeof createTestApi>>;
type Method = 'GET' | 'POST' | 'PATCH' | 'HEAD' | 'DELETE' | 'OPTIONS' | 'PUT';

const HOST = { host: '127.0.0.1:3000' };
const NOBODY = 'tkt_00000000000000000000000000';

function toCaller({ server }: Api) {
  const call = async (method: Method, url: string, body?: unknown, headers: Record<string, string> = {}) => {
    const payload = body === undefined ? {} : { payload: body as object };
    const response = await server.inject({ method, url, headers: { ...HOST, ...headers }, ...payload });
    const json = <T>(): T => response.json<T>();
    return { status: response.statusCode, headers: response.headers, text: response.body, json };
  };
  const problem = async (...args: Parameters<typeof call>): Promise<Problem> => {
    const response = await call(...args);
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    const found = response.json<Problem>();
    expect(found.status).toBe(response.status);
    return found;
  };
  return { call, problem };
}

async function withPlan(api: Api, ticket: Ticket): Promise<string> {
  const changeHash = ticket.hold?.kind === 'plan_approval' ? ticket.hold.changeHash : 'c'.repeat(64);
  await savePlan(api.db.knex, {
    ticketId: ticket.id,
    attempt: 1,
    revision: 1,
    baseCommit: 'a'.repeat(40),
    intent: {
      summary: 'Look at web',
      steps: [{ kind: 'investigate', service: 'web', question: 'Why?', title: 'Look', why: 'asked' }],
      assumptions: [],
      advice: {
        probability: 0.25,
        low: 0.1,
        high: 0.4,
        strategy: 'canary',
        remembered: ['2 of 8 failed'],
        careReasons: ['it failed lately'],
        settleSeconds: 30,
      },
      strategies: {},
    },
    draft: {
      changes: [
        {
          type: 'changed',
          ref: { group: 'apps', kind: 'Deployment', namespace: 'production', name: 'web' },
          service: 'web',
          before: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } },
          after: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } },
          fields: [{ path: 'spec.replicas', before: 1, after: 2 }],
          patch: '-1\n+2\n',
        },
      ],
      sourceFiles: ['charts/web.ts'],
      differenceHash: 'd'.repeat(64),
    },
    review: {
      findings: [{ check: 'x', severity: 'warning', message: 'm', fix: 'f' }],
      risk: {
        level: 'low',
        score: 0.1,
        reasons: [{ signal: 's', weight: 0.1, detail: 'd' }],
        blastRadius: { objects: 1, services: ['web'], namespaces: ['production'] },
      },
      policy: { decision: 'require_approval', rule: 'r', reasons: ['why'], version: 'p1' },
      changeHash: changeHash as ChangeHash,
    },
    createdAt: api.now(),
  });
  return changeHash;
}

describe('keys that only read', () => {
  it('read everything, say so of themselves, and change nothing, known route or not', async () => {
    const database = await createTestDatabase('sqlite3');
    onTestFinished(async () => await database.drop());
    const api = await createTestApi(database.db, { apiKeys: ['alice:w-secret'], readOnlyApiKeys: ['r-secret'] });
    onTestFinished(async () => await api.server.close());
    const { call, problem } = toCaller(api);
    const reader = { authorization: 'Bearer r-secret' };
    const writer = { authorization: 'Bearer w-secret' };
    expect((await call('GET', '/api/me', undefined, reader)).json()).toEqual({ actor: 'reader-1', access: 'read' });
    expect((await call('GET', '/api/me', undefined, writer)).json()).toEqual({ actor: 'alice', access: 'write' });
    expect((await call('GET', '/api/tickets', undefined, reader)).status).toBe(200);
    for (const path of ['/api/tickets', `/api/tickets/${NOBODY}/approve-plan`, '/api/memory/forget', '/nowhere'])
      expect(await problem('POST', path, { title: 'x' }, reader)).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await call('GET', '/api/tickets', undefined, writer)).json()).toMatchObject({ items: [] });
  });
});

describeOnDatabases('the API', (database) => {
  let api: Api;
  let call: ReturnType<typeof toCaller>['call'];
  let problem: ReturnType<typeof toCaller>['problem'];
  beforeAll(async () => {
    api = await createTestApi(database().db);
    ({ call, problem } = toCaller(api));
  });
  afterAll(async () => await api.server.close());
  const act = async (id: string, path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
    await call('POST', `/api/tickets/${id}/${path}`, body, headers);

  describe('tickets', () => {
    it('are opened and started, with what was left out filled in, and read back the same', async () => {
      const created = await call('POST', '/api/tickets', { title: '  Scale web to 3  ' });
      expect(created.status).toBe(201);
      expect(created.json()).toMatchObject({
        title: 'Scale web to 3',
        description: '',
        priority: 'medium',
        status: 'planning',
        target: {},
        actor: 'person:local',
        actions: ['pause', 'cancel'],
      });
      const { id } = created.json<TicketView>();
      expect((await call('GET', `/api/tickets/${id}`)).json()).toEqual({ ...created.json<TicketView>(), soaks: [] });
    });

    it('name the Argo CD instance they are for, by name alone or among the rest, and are found by it', async () => {
      const open = async (target: unknown) => await call('POST', '/api/tickets', { title: 'T', start: false, target });
      const plain = (await open('east')).json<TicketView>();
      const longer = (await open({ application: 'web', instance: 'east' })).json<TicketView>();
      expect(plain.target).toEqual({ instance: 'east' });
      expect(longer.target).toEqual({ application: 'web', instance: 'east' });
      expect((await open({ application: 'web' })).json<TicketView>().target.instance).toBe('default');
      const found = (await call('GET', '/api/tickets?target=east')).json<{ items: TicketView[] }>();
      expect(found.items.map(({ id }) => id)).toEqual([longer.id, plain.id]);
      const moved = await call('PATCH', `/api/tickets/${plain.id}`, { target: 'default' });
      expect(moved.json<TicketView>().target).toEqual({ instance: 'default' });
      expect(await problem('POST', '/api/tickets', { title: 'T', target: 'nowhere' })).toMatchObject({
        status: 422,
        code: 'unknown_target',
      });
    });

    it('can be written down first, changed, and started later', async () => {
      const body = {
        title: 'T',
        start: false,
        priority: 'low',
        target: { application: 'web', environment: 'staging' },
      };
      const draft = (await call('POST', '/api/tickets', body)).json<TicketView>();
      expect(draft).toMatchObject({ status: 'draft', target: body.target, application: 'web' });
      const patched = await call('PATCH', `/api/tickets/${draft.id}`, { title: 'U', priority: 'critical' });
      expect(patched.json()).toMatchObject({ title: 'U', priority: 'critical', target: body.target, status: 'draft' });
      expect((await act(draft.id, 'start')).json()).toMatchObject({ status: 'planning' });
      expect(await problem('POST', `/api/tickets/${draft.id}/start`, {})).toMatchObject({
        status: 409,
        code: 'illegal_transition',
        hint: 'Now legal: pause, cancel.',
        details: { status: 'planning', action: 'start', legal: ['pause', 'cancel'] },
      });
    });

    it('are not there where they are not', async () => {
      for (const path of ['', '/plan', '/events', '/audit'])
        expect(await problem('GET', `/api/tickets/${NOBODY}${path}`)).toMatchObject({ status: 404, code: 'not_found' });
      for (const path of ['start', 'pause', 'resume', 'cancel', 'retry'])
        expect((await problem('POST', `/api/tickets/${NOBODY}/${path}`)).status).toBe(404);
      const { id } = await api.create();
      expect(await problem('GET', `/api/tickets/${id}/plan`)).toMatchObject({ detail: 'this ticket has no plan yet' });
    });
  });

  describe('decisions', () => {
    it('show the plan and take its hash as approval, and no other', async () => {
      const ticket = await api.place('pending_plan_approval');
      const changeHash = await withPlan(api, ticket);
      const plan = (await call('GET', `/api/tickets/${ticket.id}/plan`)).json<Record<string, unknown>>();
      expect(plan).toMatchObject({
        summary: 'Look at web',
        steps: [{ kind: 'investigate' }],
        changes: [{ type: 'changed', patch: '-1\n+2\n', fields: [{ path: 'spec.replicas', before: 1, after: 2 }] }],
        risk: { level: 'low', blastRadius: { objects: 1 } },
        advice: { strategy: 'canary' },
        changeHash,
      });
      const stale = await problem('POST', `/api/tickets/${ticket.id}/approve-plan`, { changeHash: 'f'.repeat(64) });
      expect(stale).toMatchObject({ status: 409, code: 'stale_change', details: { expected: changeHash } });
      expect((await act(ticket.id, 'approve-plan', { changeHash })).json()).toMatchObject({ status: 'executing' });
    });

    it('reject a plan for good or for revision', async () => {
      const first = await api.place('pending_plan_approval');
      expect((await act(first.id, 'reject-plan', { reason: 'no' })).json()).toMatchObject({ status: 'cancelled' });
      const second = await api.place('pending_plan_approval');
      const revised = await act(second.id, 'reject-plan', { reason: 'smaller', revise: true });
      expect(revised.json()).toMatchObject({ status: 'planning' });
    });

    it('grant or deny an approval by its id', async () => {
      const approvalOf = (ticket: Ticket) => (ticket.hold?.kind === 'approval' ? ticket.hold.approvalId : '');
      const granted = await api.place('pending_approval');
      const grant = await act(granted.id, `approvals/${approvalOf(granted)}/grant`);
      expect(grant.json()).toMatchObject({ status: 'executing' });
      const denied = await api.place('pending_approval');
      const deny = await act(denied.id, `approvals/${approvalOf(denied)}/deny`, { reason: 'look first' });
      expect(deny.json()).toMatchObject({ status: 'observing' });
      const third = await api.place('pending_approval');
      const foreign = `/api/tickets/${third.id}/approvals/${approvalOf(denied)}/grant`;
      expect((await problem('POST', foreign)).status).toBe(404);
      expect((await problem('POST', `/api/tickets/${third.id}/approvals/nonsense/grant`)).status).toBe(400);
      await api.clock.advance(HOUR_MS);
      const late = `/api/tickets/${third.id}/approvals/${approvalOf(third)}/grant`;
      expect(await problem('POST', late)).toMatchObject({ status: 409, code: 'stale_change' });
    });

    it('answer a question once', async () => {
      const { id } = await api.place('pending_input');
      expect((await act(id, 'answer', { answer: 'redis:7' })).json()).toMatchObject({ status: 'planning', hold: null });
      expect((await problem('POST', `/api/tickets/${id}/answer`, { answer: 'again' })).code).toBe('illegal_transition');
    });

    it('pause, resume, retry and cancel', async () => {
      const { id } = await api.place('observing');
      expect((await act(id, 'pause')).json()).toMatchObject({ status: 'paused', pausedFrom: 'observing' });
      expect((await act(id, 'resume')).json()).toMatchObject({ status: 'observing', pausedFrom: null });
      const cancelled = (await act(id, 'cancel', { reason: 'not now' })).json<TicketView>();
      expect(cancelled).toMatchObject({ status: 'cancelled', actions: [], ending: { code: 'cancelled' } });
      expect(cancelled.reason).toContain('not now');
      const failed = await api.place('failed');
      expect((await act(failed.id, 'retry')).json()).toMatchObject({ status: 'planning', attempt: 2 });
    });

    it('need no body where there is nothing to say, whatever the header says', async () => {
      const json = { 'content-type': 'application/json' };
      for (const [headers, body] of [
        [{}, undefined],
        [json, undefined],
        [json, ''],
        [json, ' '],
        [json, 'null'],
        [json, '{}'],
      ] as const) {
        for (const path of ['pause', 'resume', 'cancel'])
          expect(
            (await act((await api.place(path === 'resume' ? 'paused' : 'planning')).id, path, body, headers)).status,
          ).toBe(200);
      }
      const noBody = await problem('POST', '/api/tickets', '', json);
      expect(noBody).toMatchObject({ status: 400, code: 'invalid_input' });
    });
  });

  describe('what is not right in a request is named', () => {
    const cases: [string, unknown, string, RegExp][] = [
      ['a missing field', {}, 'title', /./],
      ['a blank title', { title: '   ' }, 'title', /./],
      ['a title of several lines', { title: 'a\nTiphys-Ticket: b' }, 'title', /one line/],
      ['a title too long', { title: 'x'.repeat(301) }, 'title', /./],
      ['a wrong type', { title: 7 }, 'title', /string/],
      ['an unknown priority', { title: 'T', priority: 'urgent' }, 'priority', /low.*critical/],
      ['an unknown field', { title: 'T', prio: 'low' }, 'prio', /not a known field/],
      ['an unknown field further in', { title: 'T', target: { app: 'web' } }, 'target.app', /not a known field/],
      ['a bad field further in', { title: 'T', target: { application: '' } }, 'target.application', /./],
      ['a NUL character', { title: 'T', description: 'a\0b' }, 'description', /NUL/],
      ['a start that is no boolean', { title: 'T', start: 'no' }, 'start', /boolean/],
    ];
    for (const [what, body, field, message] of cases) {
      it(what, async () => {
        const found = await problem('POST', '/api/tickets', body);
        expect(found).toMatchObject({ status: 400, code: 'invalid_input', type: 'urn:tiphys:problem:invalid_input' });
        expect(found.errors?.map((error) => error.field)).toEqual([field]);
        expect(found.errors?.[0]?.message).toMatch(message);
        expect(found.detail).toContain(field);
      });
    }

    it('all at once', async () => {
      const found = await problem('POST', '/api/tickets', { priority: 'x', extra: 1, more: 2 });
      expect(found.errors?.map((error) => error.field).toSorted()).toEqual(['extra', 'more', 'priority', 'title']);
    });

    it('in queries, paths and the bodies of actions too', async () => {
      const { id } = await api.place('pending_plan_approval');
      const fields = async (...args: Parameters<typeof problem>) => {
        const found = await problem(...args);
        expect(found.status).toBe(400);
        return found.errors?.map((error) => error.field);
      };
      expect(await fields('GET', '/api/tickets?limit=0')).toEqual(['limit']);
      expect(await fields('GET', '/api/tickets?limit=x')).toEqual(['limit']);
      expect(await fields('GET', '/api/tickets?state=open')).toEqual(['state']);
      expect(await fields('GET', '/api/tickets?text=%00')).toEqual(['text']);
      expect(await fields('GET', '/api/tickets?status=open')).toEqual(['status.0']);
      expect(await fields('GET', '/api/tickets/nonsense')).toEqual(['id']);
      expect(await fields('GET', `/api/tickets/${id}/events?type=x`)).toEqual(['type.0']);
      expect(await fields('GET', `/api/tickets/${id}/audit?limit=9999`)).toEqual(['limit']);
      expect(await fields('POST', `/api/tickets/${id}/approve-plan`, { changeHash: 'x' })).toEqual(['changeHash']);
      expect(await fields('POST', `/api/tickets/${id}/approve-plan`)).toEqual(['']);
      expect(await fields('POST', `/api/tickets/${id}/reject-plan`, { reason: ' ' })).toEqual(['reason']);
      expect(await fields('POST', `/api/tickets/${id}/pause`, { force: true })).toEqual(['force']);
      expect(await fields('PATCH', `/api/tickets/${id}`, { status: 'resolved' })).toEqual(['status']);
    });

    it('and nothing was done', async () => {
      const ticket = await api.place('pending_plan_approval');
      await call('POST', `/api/tickets/${ticket.id}/cancel`, { why: 'x' });
      expect(await api.tickets.get(ticket.id)).toEqual(ticket);
    });
  });

  describe('lists', () => {
    it('page through all tickets once while new ones are opened', async () => {
      const opened: string[] = [];
      for (let index = 0; index < 7; index += 1)
        opened.push((await api.create({ target: { application: 'paged' } })).id);
      const seen: string[] = [];
      let next: string | null = '';
      do {
        const cursor: string = next === '' ? '' : `&cursor=${next}`;
        const page = await call('GET', `/api/tickets?application=paged&limit=3${cursor}`);
        const { items, nextCursor } = page.json<{ items: TicketView[]; nextCursor: string | null }>();
        seen.push(...items.map((ticket) => ticket.id));
        next = nextCursor;
        await api.create({ target: { application: 'paged' } });
      } while (next !== null);
      expect(seen).toEqual(opened.toReversed());
    });

    it('have no next page where the last one is full', async () => {
      for (let index = 0; index < 2; index += 1) await api.create({ target: { application: 'exact' } });
      const page = await call('GET', '/api/tickets?application=exact&limit=2');
      expect(page.json()).toMatchObject({ nextCursor: null });
    });

    it('filter by several statuses and priorities, and by text with wildcards as plain characters', async () => {
      await api.create({ title: '100% of a_b', priority: 'critical', target: { application: 'f' } });
      await api.create({ title: '1000 of axb', priority: 'low', start: true, target: { application: 'f' } });
      const titles = async (query: string) => {
        const { items } = (await call('GET', `/api/tickets?application=f&${query}`)).json<{ items: TicketView[] }>();
        return items.map((ticket) => ticket.title);
      };
      expect(await titles('text=100%25')).toEqual(['100% of a_b']);
      expect(await titles('text=A_B')).toEqual(['100% of a_b']);
      expect(await titles('text=%5C')).toEqual([]);
      expect(await titles('status=draft,planning')).toHaveLength(2);
      expect(await titles('status=planning')).toEqual(['1000 of axb']);
      expect(await titles('priority=critical,high')).toEqual(['100% of a_b']);
    });

    it('refuse cursors that were made up', async () => {
      const encode = (text: string) => Buffer.from(text).toString('base64url');
      for (const cursor of ['x', encode('2026|x'), encode(`2026-01-01T00:00:00.000Z|${'x'}\0`), encode('|'), '%25'])
        expect(await problem('GET', `/api/tickets?cursor=${cursor}`)).toMatchObject({
          status: 400,
          code: 'invalid_input',
        });
    });

    it('page events and audit entries of a ticket in order', async () => {
      const { id } = await api.create();
      await api.write(id, 'a', 'b', 'c');
      type Events = { items: { id: number; data: Record<string, unknown> }[]; lastId: number };
      const first = (await call('GET', `/api/tickets/${id}/events?limit=2`)).json<Events>();
      const rest = (await call('GET', `/api/tickets/${id}/events?after=${first.lastId}`)).json<Events>();
      expect([...first.items, ...rest.items]).toEqual(await api.events(id));
      const notes = (await call('GET', `/api/tickets/${id}/events?type=note,error`)).json<Events>();
      expect(notes.items.map((event) => event.data['text'])).toEqual(['a', 'b', 'c']);
      const beyond = (await call('GET', `/api/tickets/${id}/events?after=${rest.lastId}`)).json();
      expect(beyond).toEqual({ items: [], lastId: rest.lastId });
      type Audit = { items: { seq: number; action: string; actor: string }[]; lastSeq: number };
      const audit = (await call('GET', `/api/tickets/${id}/audit?limit=3`)).json<Audit>();
      expect(audit.items.map((entry) => entry.action)).toEqual(['status', 'note', 'note']);
      const more = (await call('GET', `/api/tickets/${id}/audit?after=${audit.lastSeq}`)).json<Audit>();
      expect(more.items.map((entry) => entry.actor)).toEqual(['agent:test']);
    });
  });

  describe('an Idempotency-Key', () => {
    const post = async (key: string, body: unknown) =>
      await call('POST', '/api/tickets', body, { 'idempotency-key': key });

    it('opens one ticket however often it is sent, also at once and to another server', async () => {
      const body = { title: 'Once', target: { application: 'once' } };
      const answers = await Promise.all(Array.from({ length: 5 }, async () => await post('k1', body)));
      const created = answers.filter((one) => one.status === 201);
      expect(created.length).toBeGreaterThan(0);
      for (const one of answers) expect([201, 409]).toContain(one.status);
      expect(created.filter((one) => one.headers['idempotency-replayed'] === undefined)).toHaveLength(1);
      const other = await createTestApi(database().db);
      const replay = await toCaller(other).call('POST', '/api/tickets', body, { 'idempotency-key': 'k1' });
      await other.server.close();
      expect([replay.status, replay.headers['idempotency-replayed']]).toEqual([201, 'true']);
      expect(replay.json()).toEqual(created[0]?.json());
      const listed = (await call('GET', '/api/tickets?application=once')).json<{ items: unknown[] }>();
      expect(listed.items).toHaveLength(1);
    });

    it('is bound to its request, and free again after a request that was refused', async () => {
      await post('k2', { title: 'One' });
      const clash = await problem('POST', '/api/tickets', { title: 'Two' }, { 'idempotency-key': 'k2' });
      expect(clash).toMatchObject({ status: 409, code: 'conflict' });
      const { id } = await api.place('paused');
      const pause = async () => await act(id, 'pause', {}, { 'idempotency-key': 'k3' });
      expect((await pause()).status).toBe(409);
      await act(id, 'resume');
      expect((await pause()).status).toBe(200);
      const again = await pause();
      expect([again.status, again.headers['idempotency-replayed']]).toEqual([200, 'true']);
    });

    it('makes two approvals of one click one', async () => {
      const ticket = await api.place('pending_plan_approval');
      const changeHash = await withPlan(api, ticket);
      const approve = async () => await act(ticket.id, 'approve-plan', { changeHash }, { 'idempotency-key': 'k4' });
      expect([(await approve()).status, (await approve()).status]).toEqual([200, 200]);
    });
  });

  it('describes itself: every route, with every reference resolved, and every GET of it answers', async () => {
    const ticket = await api.place('pending_plan_approval');
    await withPlan(api, ticket);
    const spec = (await call('GET', '/api/openapi.json')).json<OpenApi>();
    expect(spec.openapi).toMatch(/^3\.1\.\d+$/);
    const listed = Object.entries(spec.paths).flatMap(([path, item]) =>
      Object.keys(item).map((verb) => `${verb} ${path}`),
    );
    const routed = listRoutes(api.server.printRoutes({ commonPrefix: false, includeHooks: false }));
    expect(listed.toSorted()).toEqual(routed);
    checkReferences(spec);
    for (const [path, item] of Object.entries(spec.paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const operation of Object.values(item)) {
        const parameters = (operation.parameters ?? []).filter((one) => one.in === 'path').map((one) => one.name);
        expect([path, parameters.toSorted()]).toEqual([path, named.toSorted()]);
        expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
      }
      if (item['get'] === undefined || path.endsWith('/stream')) continue;
      const url = path.replace('{id}', ticket.id).replace('{ticket}', ticket.id).replace('{service}', 'web');
      // Nothing was ever deployed here, and memory says so.
      const expected = path.includes('{service}') ? 404 : 200;
      expect([url, (await call('GET', url)).status]).toEqual([url, expected]);
    }
  });
});

interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, { parameters?: { in: string; name: string }[]; responses: object }>>;
  components: { schemas: Record<string, unknown> };
}

/** `verb /path/{param}` of every route that the program answers, apart from the pages at /docs. */
function listRoutes(printed: string): string[] {
  const stack: string[] = [];
  const found: string[] = [];
  for (const line of printed.split('\n')) {
    const match = /^((?:[│ ] {3})*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line);
    if (match === null) continue;
    const depth = (match[1] ?? '').length / 4;
    stack.length = depth;
    stack.push(match[2] ?? '');
    const path = stack.join('').replace(/:(\w+)/g, '{$1}');
    const verbs = (match[3] ?? '').split(', ').filter((verb) => verb !== '' && verb !== 'HEAD' && verb !== 'OPTIONS');
    if (!path.startsWith('/docs') && path !== '*') found.push(...verbs.map((verb) => `${verb.toLowerCase()} ${path}`));
  }
  return found.toSorted();
}

function checkReferences(spec: OpenApi): void {
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, field] of Object.entries(value)) {
        if (key === '$ref')
          expect(spec.components.schemas).toHaveProperty(String(field).replace('#/components/schemas/', ''));
        else walk(field);
      }
    }
  };
  walk(spec);
}

describe('the server', () => {
  let database: TestDatabase;
  const apis: Api[] = [];
  beforeAll(async () => {
    database = await createTestDatabase('sqlite3');
  });
  afterAll(async () => {
    for (const api of apis) await api.server.close();
    await database.drop();
  });
  const create = async (options: Parameters<typeof createTestApi>[1] = {}) => {
    const api = await createTestApi(database.db, options);
    apis.push(api);
    return { ...api, ...toCaller(api) };
  };

  describe('with API keys', () => {
    const keys = ['ann:secret-of-ann', 'bare-secret'];
    const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

    it('lets in who has one and knows them by name', async () => {
      const { call } = await create({ apiKeys: keys });
      const byAnn = await call('POST', '/api/tickets', { title: 'T' }, bearer('secret-of-ann'));
      expect(byAnn.json()).toMatchObject({ actor: 'person:ann' });
      const bare = await call('POST', '/api/tickets', { title: 'T' }, { authorization: 'bearer bare-secret' });
      expect(bare.json()).toMatchObject({ actor: 'person:key-2' });
      const elsewhere = { ...bearer('bare-secret'), host: 'tiphys.example.com', origin: 'https://tiphys.example.com' };
      expect((await call('GET', '/api/tickets', undefined, elsewhere)).status).toBe(200);
    });

    it('refuses everyone else on every route, those that do not exist included, health excepted', async () => {
      const { call, problem } = await create({ apiKeys: keys });
      const wrong = [
        '',
        'Bearer',
        'Bearer secret',
        'Bearer ann:secret-of-ann',
        'Basic bare-secret',
        'Bearer secret-of-ann x',
      ];
      for (const authorization of wrong)
        expect(await problem('GET', '/api/tickets', undefined, { authorization })).toMatchObject({
          code: 'unauthorized',
        });
      for (const path of [
        '/api/info',
        '/api/ready',
        '/metrics',
        '/docs',
        '/docs/',
        '/api/openapi.json',
        '/',
        '/api/none',
        '/api/health/',
        '//api/health',
        '/api/events/stream',
        '/api/tickets/nonsense',
      ]) {
        const response = await call('GET', path);
        expect([path, response.status]).toEqual([path, 401]);
        expect(response.headers['www-authenticate']).toBe('Bearer');
      }
      expect((await call('DELETE', '/api/tickets')).status).toBe(401);
      expect((await call('OPTIONS', '/api/tickets')).status).toBe(401);
      expect((await call('POST', '/api/tickets', 'not json')).status).toBe(401);
      for (const path of ['/api/health', '/api/health?x=1']) expect((await call('GET', path)).status).toBe(200);
      expect((await call('GET', '/api/none', undefined, bearer('bare-secret'))).status).toBe(404);
    });

    it('keeps the Idempotency-Keys of people apart', async () => {
      const { call } = await create({ apiKeys: keys });
      const key = { 'idempotency-key': 'mine' };
      const first = await call('POST', '/api/tickets', { title: 'T' }, { ...key, ...bearer('bare-secret') });
      const second = await call('POST', '/api/tickets', { title: 'T' }, { ...key, ...bearer('secret-of-ann') });
      expect([first.status, second.status]).toEqual([201, 201]);
      expect(second.headers['idempotency-replayed']).toBeUndefined();
    });
  });

  describe('without API keys', () => {
    it('answers under loopback names only', async () => {
      const { call, problem } = await create();
      for (const host of ['localhost', 'localhost:3000', '127.0.0.1', '127.8.9.1:80', '[::1]:3000', 'LOCALHOST'])
        expect([host, (await call('GET', '/api/tickets', undefined, { host })).status]).toEqual([host, 200]);
      for (const host of [
        'evil.example',
        'localhost.evil.example',
        '127.0.0.1.evil.example',
        '10.0.0.1',
        '127.0.0.1@evil.example',
      ])
        expect(await problem('GET', '/api/tickets', undefined, { host })).toMatchObject({
          status: 403,
          code: 'forbidden',
        });
    });

    it('refuses what a page of another origin sends', async () => {
      const { call } = await create();
      const status = async (origin: string) => (await call('POST', '/api/tickets', { title: 'T' }, { origin })).status;
      for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:8080', 'http://localhost:3000'])
        expect([origin, await status(origin)]).toEqual([origin, 403]);
      expect(await status('http://127.0.0.1:3000')).toBe(201);
    });
  });

  describe('refuses in the form of a problem', () => {
    it('a body that is too large', async () => {
      const { problem } = await create();
      const found = await problem('POST', '/api/tickets', { title: 'T', description: 'x'.repeat(300 * 1024) });
      expect(found).toMatchObject({ status: 413, code: 'payload_too_large' });
    });

    it('bodies that are not JSON', async () => {
      const { problem, call } = await create();
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'multipart/form-data'])
        expect(await problem('POST', '/api/tickets', 'title=T', { 'content-type': type })).toMatchObject({
          status: 415,
        });
      const json = { 'content-type': 'application/json' };
      for (const body of [
        '{',
        '{"title":"T",}',
        '"T"',
        '[]',
        'null',
        '{"__proto__":{"title":"T"}}',
        '{"title":"T","constructor":{"prototype":{}}}',
      ])
        expect([body, (await problem('POST', '/api/tickets', body, json)).status]).toEqual([body, 400]);
      const withCharset = { 'content-type': 'application/json; charset=utf-8' };
      expect((await call('POST', '/api/tickets', '{"title":"T"}', withCharset)).status).toBe(201);
    });

    it('routes that do not exist, and addresses that cannot be read', async () => {
      const { problem } = await create();
      expect(await problem('GET', '/api/none?x=1')).toMatchObject({ status: 404, detail: 'there is no GET /api/none' });
      expect((await problem('DELETE', '/api/tickets')).status).toBe(404);
      expect((await problem('GET', '/api/tickets/%')).status).toBe(400);
      expect((await problem('GET', `/api/tickets/${'x'.repeat(1_000)}`)).status).toBeGreaterThanOrEqual(400);
    });

    it('its own faults, in one sentence and without secrets', async () => {
      const { call } = await create({
        deps: {
          memory: {
            ...createMemoryKeeper(database.db),
            current: async () => {
              throw new TypeError(`broken with ${SECRET}`);
            },
          },
        },
      });
      const response = await call('GET', '/api/memory/graph');
      expect(response.status).toBe(500);
      expect(response.json()).toMatchObject({ code: 'internal' });
      expect(response.text).not.toContain('broken');
    });
  });

  it('is ready when every part is, and says which is not, also where one does not answer', async () => {
    const ready = await create();
    expect((await ready.call('GET', '/api/ready')).json()).toEqual({
      status: 'ready',
      checks: [{ name: 'database', ok: true, detail: 'it answers' }],
    });
    const clock = createManualClock();
    const broken = await create({
      deps: {
        clock,
        readiness: {
          git: async () => {
            throw new Error(`no route with ${SECRET}`);
          },
          argocd: () => new Promise<never>(() => undefined),
        },
      },
    });
    const asked = broken.call('GET', '/api/ready');
    let answer: Awaited<typeof asked> | undefined;
    void asked.then((found) => (answer = found));
    while (answer === undefined) {
      await clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(answer.status).toBe(503);
    expect(answer.json()).toEqual({
      status: 'not_ready',
      checks: [
        { name: 'git', ok: false, detail: 'no route with [redacted]' },
        { name: 'argocd', ok: false, detail: 'no answer in time' },
      ],
    });
  });

  it('tells what it is and how many tickets stand where', async () => {
    const { call, place } = await create();
    await place('failed');
    const info = (await call('GET', '/api/info')).json<{ tickets: Record<string, number> }>();
    expect(info).toMatchObject({ version: '1.2.3', mode: 'configured', repository: { branch: 'main' } });
    expect(info.tickets['failed']).toBeGreaterThanOrEqual(1);
    expect((await call('GET', '/api/health')).json()).toEqual({ status: 'ok' });
  });

  it('measures itself in the text form of Prometheus', async () => {
    const { call, place } = await create();
    await place('observing');
    await call('GET', '/api/health');
    await call('GET', '/api/none');
    const response = await call('GET', '/metrics');
    expect(response.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    const samples = response.text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of samples)
      expect(line).toMatch(
        /^[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\.)*",?)*\})? (-?[\d.]+(e[+-]?\d+)?|NaN|[+-]Inf)$/i,
      );
    expect(samples).toContain('tiphys_http_requests_total{method="GET",route="/api/health",status="200"} 1');
    expect(samples).toContain('tiphys_http_requests_total{method="GET",route="unknown",status="404"} 1');
    expect(samples.find((line) => line.startsWith('tiphys_tickets{status="observing"}'))).toMatch(/ [1-9]\d*$/);
    // Nothing is declared that nothing moves: what is left out here moves in the tests of the streams and the events.
    const declared = [...response.text.matchAll(/^# TYPE (tiphys_\S+)/gm)].map(([, name]) => name ?? '');
    const own = declared.filter((name) => !/^tiphys_(?:process|nodejs)_/.test(name));
    expect(own.toSorted()).toEqual([
      'tiphys_event_streams',
      'tiphys_http_request_duration_seconds',
      'tiphys_http_requests_total',
      'tiphys_outbox_events',
      'tiphys_tickets',
    ]);
    expect(samples).toContain('tiphys_http_request_duration_seconds_count{method="GET",route="/api/health"} 1');
  });

  it('serves its documentation and guards its pages', async () => {
    const { call } = await create();
    const page = await call('GET', '/docs/');
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.headers['x-content-type-options']).toBe('nosniff');
    const assets = [...page.text.matchAll(/(?:src|href)="(\.[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(assets.length).toBeGreaterThan(2);
    for (const asset of assets) expect((await call('GET', new URL(asset, 'http://x/docs/').pathname)).status).toBe(200);
    expect((await call('GET', '/docs/json')).json()).toMatchObject({ openapi: '3.1.0' });
  });

  it('stops while a connection that asks nothing is open', async () => {
    const { server } = await create();
    const url = new URL(await listen(server));
    const idle = request({ host: url.hostname, port: url.port, path: '/api/health' });
    idle.on('error', () => undefined);
    await new Promise<void>((resolve) => {
      idle.on('socket', (socket) => socket.on('connect', () => resolve()));
      idle.flushHeaders();
    });
    await server.close();
    idle.destroy();
    await expect(fetch(`${url.href}api/health`)).rejects.toThrow();
  });
});
