import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPullProduct, type PullProduct } from '../support/pull-product.ts';

describe.each(['github'] as const)('a change proposed on %s', (kind) => {
  let product: PullProduct;
  beforeAll(async () => {
    product = await startPullProduct(kind);
  }, 180_000);
  afterAll(async () => {
    await product.close();
  }, 180_000);

  it('goes from approval over branch, pull request and merge to live', async () => {
    const before = await product.headOf();
    const { ticket, pull } = await product.propose('Scale worker to 3');
    expect(await product.headOf()).toBe(before);
    expect(pull.head).toMatch(/^tiphys\/[0-9a-z]{8}-scale-worker-to-3-replicas$/);
    const merged = await product.host.pulls.merge(pull.number, 'ann', 'merge');
    const ended = await product.end(ticket.id);
    expect(ended.status, ended.reason).toBe('resolved');
    expect(ended.ending).toMatchObject({ code: 'live', commits: [merged] });
    console.log(pull.body);
    console.log((await product.events(ticket.id)).map((one) => JSON.stringify([one.type, one.data])).join('\n'));
  }, 180_000);
});
