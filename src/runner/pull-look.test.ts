import { describe, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { lookAtPull } from './pull-look.ts';
import { BASE, createPullTestWorld, HEAD, MERGE, NEWER_BASE, toRemark } from './test-pulls.ts';

const SIGNAL = new AbortController().signal;
const STRANGE = 'e'.repeat(40);
const AT = Date.UTC(2026, 0, 2);

describeOnDatabases('a look at a pull request', (database) => {
  const createWorld = async (purpose: 'change' | 'revert' = 'change') => {
    const world = await createPullTestWorld(database().db, purpose);
    const look = async () => (await lookAtPull(world.deps, await world.row(), SIGNAL)).kind;
    return { ...world, look };
  };

  it('changes nothing while nothing happens', async () => {
    const world = await createWorld();
    const before = (await world.events(world.ticketId)).length;
    expect(await world.look()).toBe('quiet');
    expect((await world.ticket()).status).toBe('pending_merge');
    expect(await world.events(world.ticketId)).toHaveLength(before);
    expect(await world.row()).toMatchObject({ state: 'open', baseSeen: BASE, lookedAt: world.now() });
  });

  it('wakes the ticket when it is merged, and says by whom and as which commit', async () => {
    const world = await createWorld();
    world.host.base = NEWER_BASE;
    await world.look();
    Object.assign(world.host.seen, { state: 'merged', mergeCommit: MERGE, endedBy: 'ann', endedAtMs: AT });
    world.host.base = MERGE as typeof BASE;
    expect(await world.look()).toBe('news');
    expect(await world.ticket()).toMatchObject({ status: 'executing', reason: 'pull request 7 was merged by ann' });
    expect(await world.told()).toMatchObject([{ state: 'merged', commit: MERGE, by: 'ann', head: HEAD }]);
    // The base is remembered from before the merge.
    expect(await world.row()).toMatchObject({ state: 'merged', mergeCommit: MERGE, baseSeen: NEWER_BASE });
    expect(world.moved.map(({ status }) => status)).toEqual(['executing']);
  });

  it('ends the ticket when it is closed, with who closed it, and does not look again', async () => {
    const world = await createWorld();
    Object.assign(world.host.seen, { state: 'closed', endedBy: 'ben', endedAtMs: AT });
    expect(await world.look()).toBe('news');
    const ticket = await world.ticket();
    expect(ticket).toMatchObject({ status: 'cancelled', ending: { code: 'closed_unmerged', commits: [] } });
    expect(ticket.ending?.sentence).toBe('Pull request 7 was closed by ben without being merged.');
    const row = await world.row();
    expect(row).toMatchObject({ state: 'closed', isWatched: false });
    expect(world.host.dropped).toEqual([{ branch: row.branch, head: HEAD }]);
  });

  it('leaves the branch of a closed one that somebody else has pushed to', async () => {
    const world = await createWorld();
    Object.assign(world.host.seen, { state: 'closed', endedBy: 'ben', endedAtMs: AT });
    world.host.seen.head.sha = STRANGE;
    expect(await world.look()).toBe('news');
    expect(world.host.dropped).toEqual([]);
  });

  it('ends the ticket all the same where the branch cannot be deleted', async () => {
    const world = await createWorld();
    Object.assign(world.host.seen, { state: 'closed', endedBy: 'ben', endedAtMs: AT });
    Object.assign(world.deps.repo, { removeBranch: async () => await Promise.reject(new Error('no route to host')) });
    expect(await world.look()).toBe('news');
    expect(await world.ticket()).toMatchObject({ status: 'cancelled' });
  });

  it('hands a closed revert to the resolver: the change is still out', async () => {
    const world = await createWorld('revert');
    Object.assign(world.host.seen, { state: 'closed', endedBy: 'ben', endedAtMs: AT });
    await world.look();
    expect(await world.ticket()).toMatchObject({ status: 'observing', ending: null });
  });

  it('takes a closed one for merged where its commits are on the base', async () => {
    const world = await createWorld();
    Object.assign(world.host.seen, { state: 'closed', endedBy: 'ben', endedAtMs: AT });
    world.host.onBase = [MERGE];
    await world.look();
    expect((await world.ticket()).status).toBe('executing');
    expect(await world.row()).toMatchObject({ state: 'merged', mergeCommit: MERGE });
  });

  it('shows what people say once, bounded and plain, and does nothing about it', async () => {
    const world = await createWorld();
    world.host.remarks = [
      toRemark('comment:1', 'ann', 'approve this\u001b[2J and merge', { path: 'charts/web.ts', line: 4 }),
      toRemark('review:2', 'ben', `password=hunter2-hunter2 ${'x'.repeat(10_000)}`, { verdict: 'changes_requested' }),
      toRemark('comment:3', 'tiphys-bot', 'ours <!-- tiphys:edited -->'),
    ];
    expect(await world.look()).toBe('news');
    const [first, second, ...rest] = await world.reviews();
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ author: 'ann', text: 'approve this and merge', path: 'charts/web.ts', line: 4 });
    expect(second).toMatchObject({ author: 'ben', verdict: 'changes_requested' });
    expect(second?.text.length).toBeLessThanOrEqual(4_000);
    expect(second?.text).not.toContain('hunter2');
    expect(await world.look()).toBe('quiet');
    expect(await world.reviews()).toHaveLength(2);
    expect(await world.ticket()).toMatchObject({ status: 'pending_merge', hold: { kind: 'merge' } });
    expect(world.host.said).toEqual([]);
  });

  it('leaves a branch alone once it has commits of others, says so once here and there, and waits on', async () => {
    const world = await createWorld();
    world.host.seen.head.sha = STRANGE;
    await world.look();
    await world.look();
    expect(await world.told()).toMatchObject([{ state: 'edited', head: STRANGE }]);
    expect(world.host.said).toHaveLength(1);
    expect(world.host.said[0]).toContain('left as it is');
    expect(await world.row()).toMatchObject({ state: 'open', editedSha: STRANGE });
    // Also where it conflicts later, and where somebody puts our commit back.
    Object.assign(world.host.seen, { mergeable: 'conflict', head: { branch: 'x', sha: HEAD } });
    world.host.base = NEWER_BASE;
    await world.look();
    await world.look();
    expect(await world.ticket()).toMatchObject({ status: 'pending_merge' });
  });

  it('does not say it again when it died right after saying it', async () => {
    const world = await createWorld();
    world.host.seen.head.sha = STRANGE;
    world.host.remarks = [toRemark('comment:1', 'tiphys-bot', 'It is left alone. <!-- tiphys:edited -->')];
    await world.look();
    expect(world.host.said).toEqual([]);
    expect(await world.told()).toHaveLength(1);
  });

  it('has the change made anew when the conflict is seen twice on a newer base, and not before', async () => {
    const world = await createWorld();
    world.host.seen.mergeable = 'conflict';
    expect(await world.look()).toBe('soon');
    expect(await world.look()).toBe('quiet');
    expect((await world.ticket()).status).toBe('pending_merge');
    world.host.base = NEWER_BASE;
    expect(await world.look()).toBe('news');
    expect(await world.ticket()).toMatchObject({ status: 'executing' });
    expect(await world.row()).toMatchObject({ state: 'conflict', isWatched: true });
    expect(await world.told()).toMatchObject([{ state: 'conflict' }]);
  });

  it('forgets a conflict that was none', async () => {
    const world = await createWorld();
    world.host.base = NEWER_BASE;
    for (const mergeable of ['conflict', 'unknown', 'conflict', 'clean'] as const) {
      world.host.seen.mergeable = mergeable;
      await world.look();
    }
    expect((await world.ticket()).status).toBe('pending_merge');
  });

  it('writes down what happens to a paused ticket, and acts on it after it was resumed', async () => {
    const world = await createWorld();
    await world.tickets.pause(world.ticketId, 'person:ann');
    Object.assign(world.host.seen, { state: 'merged', mergeCommit: MERGE, endedBy: 'ben', endedAtMs: AT });
    await world.look();
    expect(await world.ticket()).toMatchObject({ status: 'paused' });
    expect(await world.row()).toMatchObject({ state: 'merged', isWatched: true });
    const asked = world.host.asked;
    await world.tickets.resume(world.ticketId, 'person:ann');
    expect(await world.look()).toBe('news');
    expect(await world.ticket()).toMatchObject({ status: 'executing' });
    expect(await world.told()).toHaveLength(1);
    expect(world.host.asked).toBe(asked);
  });

  it('does not look while the ticket is at work', async () => {
    const world = await createWorld();
    await world.place({ status: 'executing', hold: null });
    expect(await world.look()).toBe('quiet');
    expect(world.host.asked).toBe(0);
  });

  it('writes nothing down where the branch was made anew meanwhile', async () => {
    const world = await createWorld();
    const stale = await world.row();
    await world.db.knex('pull_requests').update({ head_sha: 'f'.repeat(40) });
    Object.assign(world.host.seen, { state: 'closed', endedBy: 'ben', endedAtMs: AT });
    await lookAtPull(world.deps, stale, SIGNAL);
    expect(await world.ticket()).toMatchObject({ status: 'pending_merge' });
  });

  describe('after the ticket has ended', () => {
    it('closes it with a remark, once', async () => {
      const world = await createWorld();
      await world.tickets.cancel(world.ticketId, 'enough', 'person:ann');
      expect(await world.look()).toBe('over');
      expect(world.host).toMatchObject({ closed: 1 });
      expect(world.host.said[0]).toContain('The ticket of this pull request has ended');
      expect(await world.told()).toMatchObject([{ state: 'closed' }]);
      expect((await world.row()).isWatched).toBe(false);
      expect(world.host.dropped).toHaveLength(1);
    });

    it('leaves one open that somebody has made theirs', async () => {
      const world = await createWorld();
      world.host.seen.head.sha = STRANGE;
      await world.tickets.cancel(world.ticketId, '', 'person:ann');
      await world.look();
      expect(world.host).toMatchObject({ closed: 0, dropped: [] });
      expect(world.host.said[0]).toContain('stays open');
      expect((await world.row()).isWatched).toBe(false);
    });

    it('tells that one was merged all the same', async () => {
      const world = await createWorld();
      await world.tickets.cancel(world.ticketId, '', 'person:ann');
      Object.assign(world.host.seen, { state: 'merged', mergeCommit: MERGE, endedBy: 'ben', endedAtMs: AT });
      await world.look();
      expect(await world.told()).toMatchObject([
        { state: 'merged', by: 'ben', detail: expect.stringMatching(/nobody/) as string },
      ]);
      expect(await world.ticket()).toMatchObject({ status: 'cancelled', ending: { code: 'cancelled' } });
    });

    it('closes that of an attempt that is over', async () => {
      const world = await createWorld();
      await world.place({ status: 'planning', hold: null, attempt: 2 });
      expect(await world.look()).toBe('over');
      expect(world.host.closed).toBe(1);
    });
  });
});
