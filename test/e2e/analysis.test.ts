import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TicketView } from '../../src/api/contract.ts';
import { git } from '../support/git-run.ts';
import { startProduct, untilTicket, type Product } from '../support/product.ts';

// A canary is promoted by what was measured of it, taken back by what was measured of it, and nothing else: what could not be
// measured is for a person to decide. Everything here is real but the cluster and Prometheus.

const PATIENCE_MS = 300_000;
let product: Product;

beforeAll(async () => {
  product = await startProduct({ rollouts: { controller: 'installed' }, policy: { promotionApproval: 'never' } });
  const override = { service: 'api', environment: 'production', strategy: 'canary' };
  await product.request('POST', '/api/memory/override', override);
});
afterAll(async () => {
  await product.close();
});

const images = () =>
  product.embedded.sandbox
    .applications()
    .find(({ name }) => name === 'api')
    ?.images.join(' ') ?? '';
const tip = async () =>
  await git(product.embedded.repository, ['show', 'refs/heads/main:dist/api/Deployment.api.k8s.yaml']);

/** Approves plans until the ticket asks something else, or has ended. */
async function open(title: string): Promise<TicketView> {
  const { id } = await product.client.createTicket({ title });
  return await go(id);
}

async function go(id: string): Promise<TicketView> {
  const { client } = product;
  for (;;) {
    const ticket = await untilTicket(client, id, (one) => one.endedAt !== null || one.hold !== null, PATIENCE_MS);
    if (ticket.hold?.kind !== 'plan_approval') return ticket;
    await client.approvePlan(id, ticket.hold.changeHash);
  }
}

/** How the analyses of the cluster ended, oldest first. */
async function analyses(): Promise<string[]> {
  const response = await fetch(new URL('/sandbox/objects', product.embedded.url));
  const { items } = (await response.json()) as { items: { kind: string; status?: { phase?: string } }[] };
  return items.flatMap(({ kind, status }) => (kind === 'AnalysisRun' ? [status?.phase ?? ''] : []));
}

/** The newest deploy of the service that was no revert. */
async function remembered() {
  const { body } = await product.request('GET', '/api/memory/history/api');
  const items = body['items'] as { changeKind: string; version: string; outcome: object | null }[];
  return items.find(({ changeKind }) => changeKind !== 'revert');
}

describe('a canary that is measured', { timeout: PATIENCE_MS }, () => {
  it('is promoted by good numbers', async () => {
    // The first deploy memory sees goes direct, whatever the operator says.
    const first = await open('Update api to 1.9.0');
    expect(first.status, first.reason).toBe('resolved');
    const ticket = await open('Update api to 1.9.1');
    expect(ticket.status, ticket.reason).toBe('resolved');
    expect(await analyses()).toEqual(['Successful', 'Successful']);
    expect(images()).toContain('1.9.1');
    expect(await remembered()).toMatchObject({ version: '1.9.1', outcome: { outcome: 'healthy' } });
  });

  it('is aborted by bad numbers, taken back in git, and the way back is watched until it is live', async () => {
    const before = await tip();
    const ticket = await open('Update api to 1.9.2-regressed');
    expect(ticket, ticket.reason).toMatchObject({ status: 'failed', ending: { code: 'reverted', reverted: true } });
    expect(ticket.reason).toMatch(/Metric "success-rate" assessed Failed/);
    expect(await tip()).toBe(before);
    expect(images()).not.toContain('regressed');
    const api = product.embedded.sandbox.applications().find(({ name }) => name === 'api');
    expect(api).toMatchObject({ sync: 'Synced', health: 'Healthy' });
    expect(await remembered()).toMatchObject({
      version: '1.9.2-regressed',
      outcome: { outcome: 'failed', fingerprint: { class: 'analysis' } },
    });
  });

  it('asks a person where there is no data, whatever the policy; refused, it is taken back without being called a failure', async () => {
    const before = await tip();
    const asking = await open('Update api to 1.9.3-no-data');
    expect(asking.hold, asking.reason).toMatchObject({ kind: 'approval', purpose: 'promotion' });
    expect(asking.hold).toHaveProperty('sentence', expect.stringMatching(/inconclusive \(success-rate: 0 good/));
    if (asking.hold?.kind !== 'approval') throw new Error('no approval');
    await product.client.deny(asking.id, asking.hold.approvalId, 'no traffic tonight');
    const ticket = await go(asking.id);
    expect(ticket, ticket.reason).toMatchObject({ status: 'failed', ending: { code: 'reverted' } });
    expect(await tip()).toBe(before);
    expect(images()).toContain('1.9.1');
    expect(await remembered()).toMatchObject({ version: '1.9.3-no-data', outcome: { outcome: 'inconclusive' } });
  });

  it('goes on where a person says so, step by step', async () => {
    let ticket = await open('Update api to 1.9.4-no-data');
    let granted = 0;
    while (ticket.hold?.kind === 'approval') {
      granted += 1;
      await product.client.grant(ticket.id, ticket.hold.approvalId);
      ticket = await go(ticket.id);
    }
    // Both analyses had no data; neither decision was taken for the other.
    expect(granted).toBe(2);
    expect(ticket.status, ticket.reason).toBe('resolved');
    expect(images()).toContain('1.9.4-no-data');
  });

  it('asks a person where nothing but errors was measured, and measures again when told to', async () => {
    product.embedded.sandbox.faults.set({ measurements: 'error' });
    const asking = await open('Update api to 1.9.5');
    expect(asking.hold, asking.reason).toMatchObject({
      kind: 'question',
      options: ['measure again', 'take it back', 'leave it as it is'],
    });
    expect(asking.hold).toHaveProperty('question', expect.stringContaining('could not measure anything'));
    expect(images()).toContain('1.9.4-no-data');
    product.embedded.sandbox.faults.reset();
    await product.client.answer(asking.id, 'measure again');
    const ticket = await go(asking.id);
    expect(ticket.status, ticket.reason).toBe('resolved');
    expect(images()).toContain('1.9.5');
    expect(await remembered()).toMatchObject({ version: '1.9.5', outcome: { outcome: 'healthy' } });
  });
});
