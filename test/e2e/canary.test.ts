import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { git } from '../support/git-run.ts';
import { playTicket, startProduct, untilTicket, type Product } from '../support/product.ts';

// Three plans, three pushes and a canary after one another, on a machine that may be busy.
const PATIENCE_MS = 300_000;
let product: Product;

beforeAll(async () => {
  product = await startProduct({ rollouts: { controller: 'installed' }, policy: { promotionApproval: 'never' } });
});
afterAll(async () => {
  await product.close();
});

const show = async (path: string) => await git(product.embedded.repository, ['show', `refs/heads/main:${path}`]);

/** Approves everything that waits, as often as it does, and gives the ended ticket. */
async function approveAll(title: string) {
  const { client } = product;
  const { id } = await client.createTicket({ title });
  let approvals = 0;
  for (;;) {
    const ticket = await untilTicket(client, id, (one) => one.endedAt !== null || one.hold !== null, PATIENCE_MS);
    if (ticket.endedAt !== null) return { ticket, approvals };
    if (ticket.hold?.kind !== 'plan_approval') throw new Error(`not expected to be asked: ${ticket.reason}`);
    approvals += 1;
    await client.approvePlan(id, ticket.hold.changeHash);
  }
}

describe('a service whose last deploy failed', { timeout: PATIENCE_MS }, () => {
  it('is made ready for a canary first, and gets its new version by it', async () => {
    const failed = await playTicket(product.client, 'Update api to 1.9.0-crash');
    expect(failed.status, failed.reason).toBe('failed');

    const { ticket, approvals } = await approveAll('Update api to 1.9.1');
    expect(ticket.status, ticket.reason).toBe('resolved');
    // Side by side, handed over, then the new version: a person saw each exact difference, and each is a commit.
    expect(approvals).toBe(3);
    expect(ticket.ending?.commits).toHaveLength(3);
    expect(await show('dist/api/Rollout.api.k8s.yaml')).toMatch(/canary:/);
    const history = await product.request('GET', '/api/memory/history/api');
    expect(history.body['items']).toMatchObject([
      { version: '1.9.1', strategy: 'canary', outcome: { outcome: 'healthy' } },
      { changeKind: 'set_strategy', strategy: 'canary', outcome: { outcome: 'healthy' } },
      { changeKind: 'set_strategy', strategy: 'direct', outcome: { outcome: 'healthy' } },
      { changeKind: 'revert' },
      { version: '1.9.0-crash', outcome: { outcome: 'failed' } },
    ]);
  });

  it('takes a canary that crashes back in git, while the old version goes on serving', async () => {
    const before = await show('dist/api/Deployment.api.k8s.yaml');
    const { ticket, approvals } = await approveAll('Update api to 1.9.2-crash');
    expect(ticket.status, ticket.reason).toBe('failed');
    expect(ticket.ending).toMatchObject({ code: 'reverted', reverted: true });
    expect(approvals).toBe(1);
    expect(await show('dist/api/Deployment.api.k8s.yaml')).toBe(before);
    const api = product.embedded.sandbox.applications().find(({ name }) => name === 'api');
    expect(api).toMatchObject({ sync: 'Synced', health: 'Healthy' });
    expect(api?.images.join(' ')).toContain('1.9.1');
  });
});
