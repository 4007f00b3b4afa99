import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { createBareRepo, type BareRepo } from '../../test/support/git-fixture.ts';
import { makeTempDir, openTestRepo } from '../../test/support/open-repo.ts';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import type { CommitSha } from '../lib/ids.ts';
import { silentLogger } from '../lib/logger.ts';
import type { InfraRepo } from '../repo/infra-repo.ts';
import { sweepReviewBranches } from './review-sweep.ts';
import { listEffects } from '../ticket/effect-store.ts';
import { createTicketWorld } from '../ticket/test-tickets.ts';
import { withReviewBranch } from '../agent/review-branch.ts';
import { createTestContext, toDeps } from '../agent/test-agent.ts';

const SIGNAL = new AbortController().signal;

describeOnDatabases('a branch for a question', (database) => {
  let remote: BareRepo;
  let repo: InfraRepo;

  beforeEach(async () => {
    remote = await createBareRepo(await makeTempDir(), { 'a.txt': 'a\n' });
    repo = await openTestRepo(remote.url);
  });

  async function createWorld() {
    const world = createTicketWorld(database().db);
    await world.db.knex('effects').delete();
    const { id: ticketId } = await world.create();
    const base = await repo.fetch();
    const head = await repo.withWorkTree(base, 'test', async (tree) => {
      await tree.write('a.txt', 'b\n');
      return (await tree.commit({ message: 'Not approved', trailers: { 'Tiphys-Ticket': ticketId } })) as CommitSha;
    });
    const context = createTestContext();
    const parts = { db: world.db, clock: world.clock, ids: world.ids };
    const commit = { ticketId, branchPrefix: 'tiphys/review/', base, head };
    return {
      ...{ ...world, context, head, ticketId },
      show: async <T>(use: () => Promise<T>, through: InfraRepo = repo) =>
        await withReviewBranch(toDeps({ ...parts, repo: through }), context, commit, use),
      sweep: async () =>
        await sweepReviewBranches(
          { db: world.db, journal: world.journal, repo, clock: world.clock, logger: silentLogger },
          SIGNAL,
        ),
      branches: async () => (await remote.git('branch', '--list', '--format=%(refname:short)', 'tiphys/*')).trim(),
      booked: async () =>
        (await listEffects(world.db.knex, ticketId)).map(({ kind, state }) => `${kind} ${state}`).sort(),
      notes: () => context.events.map(({ data }) => ('text' in data ? data.text : '')),
    };
  }

  it('is there while it is asked, at exactly the commit, and gone afterwards', async () => {
    const world = await createWorld();
    const seen = await world.show(async () => ({
      ...{ branch: await world.branches(), booked: await world.booked() },
      head: await remote.head(await world.branches()),
    }));
    if (seen.kind !== 'shown') throw new Error(seen.sentence);
    expect(seen.value).toEqual({
      branch: seen.branch,
      head: world.head,
      booked: ['review_branch done', 'review_branch_removal intended'],
    });
    expect(seen.branch).toMatch(/^tiphys\/review\/[0-9a-z]{8}-[0-9a-z]{12}$/);
    expect(await world.branches()).toBe('');
    expect(await world.booked()).toEqual(['review_branch done', 'review_branch_removal done']);
    expect(world.notes()).toEqual([]);
  });

  it('goes as well when the question fails, or the work is no longer wanted', async () => {
    const world = await createWorld();
    const asking = world.show(async () => {
      throw new Error('cancelled meanwhile');
    });
    await expect(asking).rejects.toThrow('cancelled meanwhile');
    expect(await world.branches()).toBe('');
    expect(await world.booked()).toEqual(['review_branch done', 'review_branch_removal done']);
  });

  it('is not there where the host refuses it, and the host is quoted', async () => {
    const world = await createWorld();
    await mkdir(join(remote.dir, 'hooks'));
    await writeFile(join(remote.dir, 'hooks', 'pre-receive'), '#!/bin/sh\necho no branches here >&2\nexit 1\n', {
      mode: 0o755,
    });
    const seen = await world.show(async () => 'asked');
    expect(seen).toMatchObject({
      kind: 'refused',
      sentence: expect.stringMatching(/refused branch tiphys\/review.*no branches here/) as string,
    });
    expect(await world.booked()).toEqual(['review_branch failed', 'review_branch_removal done']);
  });

  it('that the host keeps is told of once, with what to do', async () => {
    const world = await createWorld();
    await remote.git('config', 'receive.denyDeletes', 'true');
    await world.show(async () => 'asked');
    expect(world.notes()).toEqual([expect.stringMatching(/does not let branch .* be removed: deletion prohibited/)]);
    await world.sweep();
    expect((await world.events(world.ticketId)).filter(({ type }) => type === 'note')).toEqual([]);
    expect(await world.booked()).toContain('review_branch_removal failed');
  });

  it('with commits of somebody else is left to them', async () => {
    const world = await createWorld();
    await world.show(async () => await remote.commit({ 'b.txt': 'mine\n' }, { branch: await world.branches() }));
    expect(await world.branches()).not.toBe('');
    expect(world.notes()).toEqual([expect.stringMatching(/it is left to them$/)]);
  });

  it('whose push had no answer is removed later, when it may have arrived', async () => {
    const world = await createWorld();
    const seen = await world.show(async () => 'asked', {
      ...repo,
      pushBranch: async (...asked) => {
        await repo.pushBranch(...asked);
        return { kind: 'unknown', reason: 'the connection died' };
      },
    });
    expect(seen).toMatchObject({
      kind: 'refused',
      sentence: expect.stringMatching(/ended without an answer/) as string,
    });
    expect(await world.branches()).not.toBe('');
    expect(await world.booked()).toEqual(['review_branch unknown', 'review_branch_removal intended']);
    await world.sweep();
    expect(await world.branches()).toBe('');
  });

  it('that a dead process left is removed, unless somebody works on its ticket', async () => {
    const world = await createWorld();
    // As after a crash: the question never came back, and neither did what follows it.
    const stop = new Promise<never>(() => undefined);
    await new Promise<void>((resolve) => {
      void world.show(async () => {
        resolve();
        return await stop;
      });
    });
    expect(await world.branches()).not.toBe('');
    const lease = async (until: string | null) =>
      await world.db.knex('tickets').where({ id: world.ticketId }).update({ lease_until: until });
    await lease(new Date(world.clock.now() + 1_000).toISOString());
    await world.sweep();
    expect(await world.branches()).not.toBe('');
    await lease(null);
    await world.sweep();
    expect(await world.branches()).toBe('');
    expect(await world.booked()).toEqual(['review_branch done', 'review_branch_removal done']);
  });

  it('that an earlier run of the ticket left goes before the next one is made', async () => {
    const world = await createWorld();
    const stop = new Promise<never>(() => undefined);
    await new Promise<void>((resolve) => {
      void world.show(async () => {
        resolve();
        return await stop;
      });
    });
    const left = await world.branches();
    const seen = await world.show(world.branches);
    expect(seen).toMatchObject({ kind: 'shown' });
    expect(seen.kind === 'shown' && seen.value).not.toContain(left);
    expect(await world.branches()).toBe('');
  });
});
