import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commitBeside, git } from '../support/git-run.ts';
import { playTicket, startProduct, untilStatus, untilTicket, type Product } from '../support/product.ts';

let product: Product;

beforeAll(async () => {
  product = await startProduct();
});
afterAll(async () => {
  await product.close();
});

const headOf = async () => (await git(product.embedded.repository, ['rev-parse', 'refs/heads/main'])).trim();
const show = async (path: string) => await git(product.embedded.repository, ['show', `refs/heads/main:${path}`]);

describe('one ticket, all the way', () => {
  it('deploys a new service: planned, approved, committed, pushed, watched, resolved, remembered', async () => {
    const ticket = await playTicket(product.client, 'Deploy redis 7.2 with 3 replicas');
    expect(ticket.status, ticket.reason).toBe('resolved');
    expect(await show('charts/redis.ts')).toContain('redis:7.2');
    expect(await show('dist/redis/Deployment.redis.k8s.yaml')).toMatch(/replicas: 3/);
    const trailers = await git(product.embedded.repository, ['log', '-1', '--format=%(trailers)', 'refs/heads/main']);
    expect(trailers).toContain(`Tiphys-Ticket: ${ticket.id}`);
    expect(trailers).toMatch(/Tiphys-Step: 1\nTiphys-Change: [0-9a-f]{64}/);
    expect(ticket.ending?.commits).toEqual([await headOf()]);
    const context = await product.request('GET', '/api/memory/history/redis');
    expect(context.body['items']).toMatchObject([{ service: 'redis', outcome: { outcome: 'healthy' } }]);
  });

  it('takes a crashing update back in git, says why, and is more careful the next time', async () => {
    const before = await show('dist/api/Deployment.api.k8s.yaml');
    const failed = await playTicket(product.client, 'Update api to 1.9.0-crash');
    expect(failed.status, failed.reason).toBe('failed');
    expect(failed.ending).toMatchObject({ code: 'reverted', reverted: true });
    expect(failed.reason).toMatch(/crash|exit/i);
    expect(await show('dist/api/Deployment.api.k8s.yaml')).toBe(before);

    const { id } = await product.client.createTicket({ title: 'Update api to 1.9.1' });
    const waiting = await untilStatus(product.client, id, 'pending_plan_approval');
    const plan = await product.client.getPlan(id);
    expect(plan.advice.careReasons.join(' ')).toMatch(/1 of \d remembered deploys of api failed/);
    if (waiting.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
    await product.client.approvePlan(id, waiting.hold.changeHash);
    const resolved = await untilTicket(product.client, id, (one) => one.endedAt !== null);
    expect(resolved.status, resolved.reason).toBe('resolved');
  });

  it('tells the whole story as events, in the order of the work, and keeps an intact audit log', async () => {
    const ticket = await playTicket(product.client, 'Scale worker to 4');
    expect(ticket.status, ticket.reason).toBe('resolved');
    const { body } = await product.request('GET', `/api/tickets/${ticket.id}/events?limit=1000`);
    const types = (body['items'] as { type: string }[]).map(({ type }) => type);
    const firsts = ['status', 'memory', 'plan', 'approval', 'commit', 'push', 'sync', 'verdict'];
    const places = firsts.map((type) => types.indexOf(type));
    expect(
      places.every((place) => place >= 0),
      types.join(' '),
    ).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    const audit = await product.request('GET', `/api/tickets/${ticket.id}/audit`);
    expect((audit.body['items'] as unknown[]).length).toBe(types.length);
  });

  it('asks when the image is missing, plans with the answer, and pushes nothing when the plan is rejected', async () => {
    const head = await headOf();
    const { id } = await product.client.createTicket({ title: 'Deploy payments' });
    const asking = await untilStatus(product.client, id, 'pending_input');
    expect(asking.hold).toMatchObject({ kind: 'question' });
    await product.client.answer(id, 'registry.example.com/shop/payments:1.0.0');
    await untilStatus(product.client, id, 'pending_plan_approval');
    const rejected = await product.request('POST', `/api/tickets/${id}/reject-plan`, { reason: 'not today' });
    expect(rejected.body).toMatchObject({ status: 'cancelled', ending: { code: 'denied' } });
    expect(await headOf()).toBe(head);
  });

  it('refuses what it does not understand and says what it can do', async () => {
    const { id } = await product.client.createTicket({ title: 'Please water the plants' });
    const ticket = await untilTicket(product.client, id, (one) => one.endedAt !== null);
    expect(ticket).toMatchObject({ status: 'failed', ending: { code: 'not_understood' } });
    expect(ticket.reason).toMatch(/scale|deploy/i);
  });

  it('answers why a service is unhealthy without changing anything', async () => {
    const head = await headOf();
    const { id } = await product.client.createTicket({ title: 'Why is web unhealthy?' });
    const ticket = await untilTicket(product.client, id, (one) => one.endedAt !== null);
    expect(ticket, ticket.reason).toMatchObject({ status: 'resolved', ending: { code: 'answered' } });
    expect(ticket.ending?.answer).toContain('web');
    expect(await headOf()).toBe(head);
  });
});

describe('a branch that moves while a plan waits', () => {
  const beside = async (path: string, change: (text: string) => string, message: string) =>
    await commitBeside(product.embedded.repository, path, change, message);

  it('keeps the approval when the rendered difference stays the same', async () => {
    const { id } = await product.client.createTicket({ title: 'Scale mailer to 2' });
    const waiting = await untilStatus(product.client, id, 'pending_plan_approval');
    const moved = await beside('README.md', (text) => `${text}\nmoved on\n`, 'docs: note');
    if (waiting.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
    await product.client.approvePlan(id, waiting.hold.changeHash);
    const ended = await untilTicket(product.client, id, (one) => one.endedAt !== null);
    expect(ended.status, ended.reason).toBe('resolved');
    const parent = await git(product.embedded.repository, ['rev-parse', `${ended.ending?.commits[0] ?? ''}^`]);
    expect(parent.trim()).toBe(moved);
  });

  it('asks again when the difference is not the approved one any more', async () => {
    const { id } = await product.client.createTicket({ title: 'Scale web to 5' });
    const waiting = await untilStatus(product.client, id, 'pending_plan_approval');
    const first = (await product.client.getPlan(id)).changeHash;
    const path = 'dist/web/Deployment.web.k8s.yaml';
    await beside(path, (text) => text.replace(/image: (\S+):[^\s:]+/, 'image: $1:9.9.9'), 'fix: by hand');
    if (waiting.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
    await product.client.approvePlan(id, waiting.hold.changeHash);
    const again = await untilStatus(product.client, id, 'pending_approval');
    expect(again.hold).toMatchObject({ kind: 'approval', purpose: 'changed_difference' });
    expect((await product.client.getPlan(id)).changeHash).not.toBe(first);
    if (again.hold?.kind !== 'approval') throw new Error('no approval waits');
    const granted = await product.request('POST', `/api/tickets/${id}/approvals/${again.hold.approvalId}/grant`);
    expect(granted.status).toBe(200);
    const ended = await untilTicket(product.client, id, (one) => one.endedAt !== null);
    expect(ended.status, ended.reason).toBe('resolved');
  });
});

describe('people in between', () => {
  it('refuses to approve another plan than the one that waits', async () => {
    const { id } = await product.client.createTicket({ title: 'Scale api to 3' });
    await untilStatus(product.client, id, 'pending_plan_approval');
    const stale = await product.request('POST', `/api/tickets/${id}/approve-plan`, { changeHash: '0'.repeat(64) });
    expect(stale).toMatchObject({ status: 409, body: { code: 'stale_change' } });
    const cancelled = await product.request('POST', `/api/tickets/${id}/cancel`, { reason: 'enough' });
    expect(cancelled.body).toMatchObject({ status: 'cancelled' });
    const late = await product.request('POST', `/api/tickets/${id}/approve-plan`, { changeHash: '0'.repeat(64) });
    expect(late).toMatchObject({ status: 409, body: { code: 'illegal_transition' } });
  });

  it('pauses a waiting plan and goes on where it stood, across a restart of the server', async () => {
    const { id } = await product.client.createTicket({ title: 'Scale api to 4' });
    const waiting = await untilStatus(product.client, id, 'pending_plan_approval');
    expect((await product.request('POST', `/api/tickets/${id}/pause`)).body).toMatchObject({ status: 'paused' });
    await product.restart();
    const resumed = await product.request('POST', `/api/tickets/${id}/resume`);
    expect(resumed.body).toMatchObject({ status: 'pending_plan_approval', hold: waiting.hold });
    if (waiting.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
    await product.client.approvePlan(id, waiting.hold.changeHash);
    const ended = await untilTicket(product.client, id, (one) => one.endedAt !== null);
    expect(ended.status, ended.reason).toBe('resolved');
  });
});
