import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { git } from '../support/git-run.ts';
import { playTicket, startProduct, untilStatus, untilTicket, type Product } from '../support/product.ts';

let product: Product;

beforeAll(async () => {
  product = await startProduct();
});
afterAll(async () => {
  await product.close();
});

async function commitsOf(id: string): Promise<string[]> {
  const log = await git(product.embedded.repository, ['log', '--format=%H', `--grep=^Tiphys-Ticket: ${id}$`, 'main']);
  return log.split('\n').filter((line) => line !== '');
}

describe('two tickets that ask for the same', () => {
  it('one after the other: the second finds nothing to change and claims nothing', async () => {
    const first = await playTicket(product.client, 'Scale web to 4');
    expect(first.status, first.reason).toBe('resolved');
    const second = await playTicket(product.client, 'Scale web to 4');
    expect(second.ending?.commits).toEqual([]);
    expect(second.reason).toMatch(/nothing to change/i);
    expect(second.reason).toMatch(/web/);
    expect(await commitsOf(second.id)).toEqual([]);
    expect(await commitsOf(first.id)).toEqual(first.ending?.commits);
  });

  it('at once, both approved: one carries it out, the other does not pass it for its own', async () => {
    const tickets = await Promise.all(
      [1, 2].map(async () => await product.client.createTicket({ title: 'Scale api to 5' })),
    );
    const waiting = [];
    for (const { id } of tickets) waiting.push(await untilStatus(product.client, id, 'pending_plan_approval'));
    const hashes = waiting.map(({ hold }) => (hold?.kind === 'plan_approval' ? hold.changeHash : ''));
    // The same steps on the same commit with the same difference, and yet two changes.
    expect(new Set(hashes).size).toBe(2);
    for (const [index, { id }] of tickets.entries()) await product.client.approvePlan(id, hashes[index] ?? '');
    const ended = await Promise.all(
      tickets.map(async ({ id }) => await untilTicket(product.client, id, ({ endedAt }) => endedAt !== null)),
    );
    const done = ended.filter(({ ending }) => (ending?.commits.length ?? 0) > 0);
    const idle = ended.filter(({ ending }) => ending?.commits.length === 0);
    expect([done.length, idle.length], ended.map(({ reason }) => reason).join(' | ')).toEqual([1, 1]);
    expect(done[0]?.status).toBe('resolved');
    expect(await commitsOf(done[0]?.id ?? '')).toEqual(done[0]?.ending?.commits);
    expect(await commitsOf(idle[0]?.id ?? '')).toEqual([]);
    expect(idle[0]).toMatchObject({ status: 'resolved', ending: { code: 'already_so' } });
    expect(idle[0]?.reason).toMatch(/nothing to change/i);
  });
});
