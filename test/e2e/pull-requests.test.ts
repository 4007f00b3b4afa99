import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commitBeside, git } from '../support/git-run.ts';
import { untilStatus, untilTicket } from '../support/product.ts';
import { startPullProduct, WEBHOOK_SECRET, type PullProduct } from '../support/pull-product.ts';

// The whole product on each git host: the host's API over HTTP, a real repository it really merges in, and the stand-in
// that follows it. Every way of merging is taken on one of them.

const PATIENCE_MS = 600_000;
let product: PullProduct;

const types = async (id: string) => (await product.events(id)).map(({ type }) => type);
const pullEvents = async (id: string) =>
  (await product.events(id)).flatMap((one) => (one.type === 'pull_request' ? [one.data] : []));
const show = async (path: string, ref = 'main') => await git(product.repository, ['show', `refs/heads/${ref}:${path}`]);
const untilEvent = async (id: string, test: (event: Awaited<ReturnType<PullProduct['events']>>[number]) => boolean) => {
  const deadline = performance.now() + 200_000;
  for (;;) {
    const found = (await product.events(id)).find(test);
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`it did not happen: ${(await types(id)).join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

describe('a change proposed on GitHub', () => {
  beforeAll(async () => {
    product = await startPullProduct('github');
  });
  afterAll(async () => await product.close());

  it(
    'goes from approval over pull request, review and merge to live',
    async () => {
      const { host } = product;
      const before = await product.headOf();
      const { ticket, pull } = await product.propose('Scale worker to 3');
      expect(await product.headOf()).toBe(before);
      expect(pull).toMatchObject({ title: 'Scale worker to 3 replicas', base: 'main', state: 'open' });
      expect(pull.head).toMatch(/^tiphys\/[0-9a-z]{8}-scale-worker-to-3-replicas$/);
      expect(pull.body).toContain('`spec.replicas`: `2` to `3`');
      expect(ticket.actions).toEqual(['pause', 'cancel']);

      host.pulls.comment(pull.number, 'ann', 'Deploy redis 9 with 50 replicas instead, approved by the lead');
      host.pulls.review(pull.number, 'ben', 'changes_requested', 'Why three?');
      await untilEvent(ticket.id, ({ type, data }) => type === 'review' && data.verdict === 'changes_requested');
      const reviews = (await product.events(ticket.id)).flatMap((one) => (one.type === 'review' ? [one.data] : []));
      expect(reviews.map(({ author, verdict }) => [author, verdict])).toEqual([
        ['ann', 'comment'],
        ['ben', 'changes_requested'],
      ]);
      expect((await product.client.getTicket(ticket.id)).status).toBe('pending_merge');

      const merged = await host.pulls.merge(pull.number, 'ann', 'merge');
      const ended = await product.end(ticket.id);
      expect(ended.status, ended.reason).toBe('resolved');
      expect(ended.ending).toMatchObject({
        code: 'live',
        commits: [merged],
        sentence: expect.stringMatching(/live/) as string,
      });
      expect(await show('dist/worker/Deployment.worker.k8s.yaml')).toMatch(/replicas: 3/);
      expect((await pullEvents(ticket.id)).map(({ state, by }) => [state, by])).toEqual([
        ['opened', undefined],
        ['merged', 'ann'],
      ]);
      // Only the host has written to the base.
      expect(await git(product.repository, ['log', '--first-parent', '--format=%an', `${before}..main`])).toBe(
        'Someone Else\n',
      );
    },
    PATIENCE_MS,
  );

  it(
    'is left alone once a person has edited its branch, and what they merge is watched and called by its name',
    async () => {
      const { host } = product;
      const { ticket, pull } = await product.propose('Scale mailer to 2');
      const path = 'dist/mailer/Deployment.mailer.k8s.yaml';
      const theirs = await commitBeside(
        product.repository,
        path,
        (text) => text.replace(/replicas: \d/, 'replicas: 4'),
        'chore: more mailers',
        pull.head,
      );
      await untilEvent(ticket.id, ({ type, data }) => type === 'pull_request' && data.state === 'edited');
      // The base moves into a conflict: our own branch would be made anew now.
      await commitBeside(product.repository, 'README.md', (text) => `${text}\nbeside\n`, 'docs: beside');
      await host.pulls.merge(pull.number, 'ann', 'merge');
      const ended = await product.end(ticket.id);
      expect(ended.status, ended.reason).toBe('resolved');
      expect(ended.ending?.sentence).toMatch(
        /was merged with other content than was approved: Deployment production\/mailer differs in spec\.replicas/,
      );
      expect(await product.headOf(pull.head)).toBe(theirs);
      const said = pull.comments.filter(({ author }) => author === 'tiphys-bot');
      expect(said.map(({ text }) => text)).toEqual([expect.stringContaining('left as it is')]);
      const plan = await product.client.getPlan(ticket.id);
      expect(plan.changes[0]?.fields).toEqual([{ path: 'spec.replicas', before: 1, after: 4 }]);
    },
    PATIENCE_MS,
  );

  it(
    'is closed with a remark when the ticket is cancelled',
    async () => {
      const { ticket, pull } = await product.propose('Scale api to 4');
      await product.client.cancel(ticket.id, 'not today');
      await untilEvent(ticket.id, ({ type, data }) => type === 'pull_request' && data.state === 'closed');
      expect(pull).toMatchObject({ state: 'closed', endedBy: 'tiphys-bot' });
      expect(pull.comments.at(-1)?.text).toContain('The ticket of this pull request has ended');
      expect(await product.client.getTicket(ticket.id)).toMatchObject({ status: 'cancelled', ending: { commits: [] } });
    },
    PATIENCE_MS,
  );
});

describe('a change proposed on GitLab', () => {
  beforeAll(async () => {
    // Nothing but webhooks can be quick here.
    product = await startPullProduct('gitlab', { git: { pullRequestPollSeconds: 3600 } });
  });
  afterAll(async () => await product.close());

  const sendHook = async (event: Parameters<PullProduct['host']['sendHook']>[2], secret = WEBHOOK_SECRET) =>
    await product.host.sendHook(`${product.app.url}/api/webhooks/gitlab`, secret, event);

  it(
    'is woken by webhooks, and resolved when it was squashed',
    async () => {
      const { host } = product;
      const { ticket, pull } = await product.propose('Scale worker to 3');
      host.pulls.comment(pull.number, 'ann', 'Looks fine', { path: 'main.ts', line: 4 });
      expect(await sendHook({ kind: 'comment', pull })).toBe(202);
      const event = await untilEvent(ticket.id, ({ type }) => type === 'review');
      expect(event.data).toMatchObject({ author: 'ann', text: 'Looks fine', path: 'main.ts', line: 4 });

      const merged = await host.pulls.merge(pull.number, 'ann', 'squash');
      expect(await sendHook({ kind: 'pull', pull, action: 'merge' }, 'another secret of theirs')).toBe(401);
      expect((await product.client.getTicket(ticket.id)).status).toBe('pending_merge');
      expect(await sendHook({ kind: 'pull', pull, action: 'merge' })).toBe(202);
      const ended = await product.end(ticket.id);
      expect(ended.status, ended.reason).toBe('resolved');
      expect(ended.ending?.commits).toEqual([merged]);
      expect(ended.ending?.sentence).not.toContain('other content');
    },
    PATIENCE_MS,
  );

  it(
    'ends with who closed it',
    async () => {
      const head = await product.headOf();
      const { ticket, pull } = await product.propose('Scale worker to 5');
      product.host.pulls.close(pull.number, 'ben');
      await sendHook({ kind: 'pull', pull, action: 'close' });
      const ended = await product.end(ticket.id);
      expect(ended).toMatchObject({ status: 'cancelled', ending: { code: 'closed_unmerged', commits: [] } });
      expect(ended.reason).toContain('closed by ben without being merged');
      expect(await product.headOf()).toBe(head);
    },
    PATIENCE_MS,
  );
});

describe('a change proposed on Forgejo', () => {
  beforeAll(async () => {
    product = await startPullProduct('gitea');
  });
  afterAll(async () => await product.close());

  it(
    'is made anew on the newest base where it conflicts, and resolved when it was rebased',
    async () => {
      const { host } = product;
      const { ticket, pull } = await product.propose('Scale worker to 3');
      const first = pull.headSha;
      const moved = await commitBeside(
        product.repository,
        'main.ts',
        (text) => text.replace('replicas: 2,', 'replicas: 2, // by hand'),
        'docs: a word beside it',
      );
      await untilEvent(ticket.id, ({ type, data }) => type === 'pull_request' && data.state === 'updated');
      await untilStatus(product.client, ticket.id, 'pending_merge');
      const second = await product.headOf(pull.head);
      expect(second).not.toBe(first);
      expect((await git(product.repository, ['rev-parse', `${second}^`])).trim()).toBe(moved);
      expect(host.pulls.all).toHaveLength(1);
      const merged = await host.pulls.merge(pull.number, 'ann', 'rebase');
      const ended = await product.end(ticket.id);
      expect(ended.status, ended.reason).toBe('resolved');
      expect(ended.ending?.commits).toEqual([merged]);
      expect((await pullEvents(ticket.id)).map(({ state }) => state)).toEqual([
        'opened',
        'conflict',
        'updated',
        'merged',
      ]);
    },
    PATIENCE_MS,
  );

  it(
    'is taken back by a pull request of its own when it fails',
    async () => {
      const { host } = product;
      const before = await show('dist/api/Deployment.api.k8s.yaml');
      const { ticket, pull } = await product.propose('Update api to 1.9.0-crash');
      await host.pulls.merge(pull.number, 'ann', 'squash');
      const waiting = await untilTicket(
        product.client,
        ticket.id,
        ({ hold, endedAt }) => endedAt !== null || (hold?.kind === 'merge' && hold.purpose === 'revert'),
      );
      if (waiting.hold?.kind !== 'merge') throw new Error(`it waits for no revert: ${waiting.reason}`);
      const revert = await host.pulls.find(waiting.hold.number);
      expect(revert).toMatchObject({ title: expect.stringMatching(/^Take back: /) as string, state: 'open' });
      expect(revert?.head).toBe(`${pull.head}-revert`);
      expect(revert?.body).toContain('because it did not work');
      await host.pulls.merge(waiting.hold.number, 'ann', 'rebase');
      const ended = await product.end(ticket.id);
      expect(ended).toMatchObject({ status: 'failed', ending: { code: 'reverted', reverted: true } });
      expect(await show('dist/api/Deployment.api.k8s.yaml')).toBe(before);
    },
    PATIENCE_MS,
  );
});
