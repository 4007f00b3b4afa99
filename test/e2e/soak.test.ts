import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TicketEvent } from '../../src/ticket/event.ts';
import type { TicketView } from '../../src/api/contract.ts';
import { commitBeside, git } from '../support/git-run.ts';
import { playTicket, startProduct, untilStatus, untilTicket, type Product } from '../support/product.ts';

const QUICK = {
  pollSeconds: 1,
  refreshSeconds: 1,
  earlyFailureSeconds: 2,
  degradedConfirmSeconds: 2,
  settleSeconds: 0,
  settleCustomSeconds: 0,
};
// Machines are shared: what takes seconds alone may take minutes.
const PATIENCE = { timeout: 150_000, interval: 100 };
vi.setConfig({ testTimeout: 400_000 });

async function eventsOf(product: Product, id: string): Promise<TicketEvent[]> {
  const { body } = await product.request('GET', `/api/tickets/${id}/events?limit=1000`);
  return body['items'] as TicketEvent[];
}

const untilSoak = async (product: Product, id: string, state: string): Promise<TicketView> =>
  await vi.waitFor(async () => {
    const ticket = await product.client.getTicket(id);
    expect(
      ticket.soaks?.map((soak) => soak.state),
      ticket.reason,
    ).toEqual([state]);
    return ticket;
  }, PATIENCE);

async function namespaceOf(product: Product, name: string): Promise<string> {
  const objects = (await (await fetch(product.embedded.sandbox.describe().admin.objects)).json()) as {
    items: { kind: string; metadata: { name: string; namespace: string } }[];
  };
  const found = objects.items.find((one) => one.kind === 'Deployment' && one.metadata.name === name);
  return found?.metadata.namespace ?? '';
}

async function makeCrash(product: Product, name: string): Promise<void> {
  const namespace = await namespaceOf(product, name);
  const pods = product.embedded.sandbox.disturb({ kind: 'Deployment', namespace, name }, 'crash');
  expect(pods).toBeGreaterThan(0);
}

describe('a change that goes bad after it was live', () => {
  let product: Product;
  beforeAll(async () => {
    product = await startProduct({ observation: { ...QUICK, soakMinutes: 30 }, policy: { onRegression: 'revert' } });
  });
  afterAll(async () => await product.close());

  it('is found by the watch that goes on, across a restart, corrected in memory, and taken back by a ticket of its own', async () => {
    const path = 'dist/api/Deployment.api.k8s.yaml';
    const before = await git(product.embedded.repository, ['show', `refs/heads/main:${path}`]);
    const first = await playTicket(product.client, 'Update api to 1.9.0');
    expect(first.status, first.reason).toBe('resolved');
    const watched = await untilSoak(product, first.id, 'watching');
    expect(Date.parse(watched.soaks?.[0]?.until ?? '') - Date.parse(watched.soaks?.[0]?.startedAt ?? '')).toBe(
      1_800_000,
    );

    await product.restart();
    await makeCrash(product, 'api');
    const gone = await untilSoak(product, first.id, 'regressed');
    expect(gone).toMatchObject({ status: 'resolved', ending: { code: 'live' } });
    const events = await eventsOf(product, first.id);
    const told = events.find((event) => event.type === 'regressed');
    if (told?.type !== 'regressed') throw new Error('nothing is told');
    expect(told.data).toMatchObject({ failureClass: 'crash_loop', sentence: expect.stringMatching(/exit|restart/i) });
    expect(told.data.evidence.length).toBeGreaterThan(0);

    const followUp = gone.soaks?.[0]?.followUp ?? '';
    expect(told.data.followUp).toBe(followUp);
    const taken = await untilTicket(product.client, followUp, (one) => one.endedAt !== null, 150_000);
    expect(taken, taken.reason).toMatchObject({ status: 'resolved', priority: 'high', actor: 'agent' });
    expect(taken.follows).toMatchObject({ ticketId: first.id, commits: first.ending?.commits });
    expect(await git(product.embedded.repository, ['show', `refs/heads/main:${path}`])).toBe(before);
    const message = await git(product.embedded.repository, ['log', '-1', '--format=%B', 'refs/heads/main']);
    expect(message).toContain(`This reverts commit ${first.ending?.commits[0] ?? ''}`);
    // Nobody was asked, as with every revert of our own commit, and nothing was planned by rules or a model.
    const approvals = (await eventsOf(product, followUp)).filter(
      ({ type }) => type === 'approval' || type === 'model_call',
    );
    expect(approvals).toEqual([]);

    const history = await product.request('GET', '/api/memory/history/api');
    const [revert, deploy] = history.body['items'] as Record<string, unknown>[];
    expect(revert).toMatchObject({ changeKind: 'revert', outcome: { outcome: 'healthy' } });
    expect(revert).not.toHaveProperty('regression');
    expect(deploy).toMatchObject({
      ticket: first.id,
      outcome: { outcome: 'healthy' },
      regression: { verdict: 'regressed', fingerprint: { class: 'crash_loop' } },
    });
    const occurrences = await product.request('GET', `/api/memory/explain/${first.id}`);
    expect(JSON.stringify(occurrences.body)).toContain('deploy.run.regressed');

    // The next deploy is planned with that in mind.
    const { id } = await product.client.createTicket({ title: 'Update api to 1.9.1' });
    await untilStatus(product.client, id, 'pending_plan_approval');
    const plan = await product.client.getPlan(id);
    expect(plan.advice.careReasons.join(' ')).toMatch(/1 of \d remembered deploys of api failed/);
  });

  it('is not ours any more once a later commit changed the same service', async () => {
    const first = await playTicket(product.client, 'Scale web to 6');
    expect(first.status, first.reason).toBe('resolved');
    await untilSoak(product, first.id, 'watching');
    const later = await commitBeside(
      product.embedded.repository,
      'dist/web/Deployment.web.k8s.yaml',
      (text) => text.replace(/image: (\S+):[^\s:]+/, 'image: $1:7.7.7-crash'),
      'fix: by hand',
    );
    const ended = await untilSoak(product, first.id, 'superseded');
    expect(ended.soaks?.[0]?.sentence).toContain(later.slice(0, 8));
    const types = (await eventsOf(product, first.id)).map(({ type }) => type);
    expect(types.filter((type) => type === 'soak')).toHaveLength(2);
    expect(types).not.toContain('regressed');
  });
});

describe('watching on', () => {
  let product: Product;
  beforeAll(async () => {
    product = await startProduct({
      observation: { ...QUICK, soakMinutes: 0.2, soakEnvironments: {} },
      policy: { onRegression: 'ask' },
    });
  });
  afterAll(async () => await product.close());

  it('ends quietly, and says so', async () => {
    const first = await playTicket(product.client, 'Scale worker to 5');
    expect(first.status, first.reason).toBe('resolved');
    const ended = await untilSoak(product, first.id, 'quiet');
    expect(ended.soaks?.[0]).toMatchObject({ sentence: expect.stringContaining('stayed healthy'), followUp: null });
  });

  it('concludes nothing while Argo CD is silent, and asks a person before anything is taken back', async () => {
    const first = await playTicket(product.client, 'Update mailer to 1.9.0');
    expect(first.status, first.reason).toBe('resolved');
    await untilSoak(product, first.id, 'watching');
    const faults = product.embedded.sandbox.faults;
    faults.set({ unavailable: 1_000_000 });
    await makeCrash(product, 'mailer');
    const until = Date.parse((await product.client.getTicket(first.id)).soaks?.[0]?.until ?? '');
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(until + 1_000), PATIENCE);
    expect((await product.client.getTicket(first.id)).soaks).toMatchObject([{ state: 'watching' }]);
    faults.reset();
    const gone = await untilSoak(product, first.id, 'regressed');
    const followUp = gone.soaks?.[0]?.followUp ?? '';
    const waiting = await untilStatus(product.client, followUp, 'pending_plan_approval');
    const plan = await product.client.getPlan(followUp);
    expect(plan.policy).toMatchObject({ decision: 'require_approval', rule: 'revert_reserved' });
    if (waiting.hold?.kind !== 'plan_approval') throw new Error('no approval waits');
    await product.client.approvePlan(followUp, waiting.hold.changeHash);
    const taken = await untilTicket(product.client, followUp, (one) => one.endedAt !== null, 150_000);
    expect(taken.status, taken.reason).toBe('resolved');
  });
});
