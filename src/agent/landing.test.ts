import { beforeEach, describe, expect, it } from 'vitest';
import { createBareRepo, type BareRepo } from '../../test/support/git-fixture.ts';
import { createHostPulls, type HostPulls, type MergeMethod } from '../../test/support/forge-host/pulls.ts';
import { makeTempDir, openTestRepo } from '../../test/support/open-repo.ts';
import type { CommitSha } from '../lib/ids.ts';
import { diffRendered } from '../manifest/diff.ts';
import type { InfraRepo } from '../repo/infra-repo.ts';
import { listStrange, readMergedRange } from './landing.ts';

const KEY = 'k'.repeat(64);
const BRANCH = 'tiphys/x';

describe('what a merge came to', () => {
  let remote: BareRepo;
  let repo: InfraRepo;
  let host: HostPulls;
  let base: CommitSha;

  beforeEach(async () => {
    remote = await createBareRepo(await makeTempDir(), { 'a.txt': '0\n' });
    repo = await openTestRepo(remote.url);
    host = createHostPulls(remote.dir, () => new Date());
    base = await repo.fetch();
    const head = await repo.withWorkTree(base, 'test', async (tree) => {
      for (const step of ['1', '2']) {
        await tree.write(`step-${step}.txt`, step);
        await tree.commit({ message: `Step ${step}`, trailers: { 'Tiphys-Step': step, 'Tiphys-Change': KEY } });
      }
      return await tree.head();
    });
    await repo.pushBranch({ branch: BRANCH, expected: null, head });
    await host.open({ title: 'Two steps', body: '', head: BRANCH, base: 'main' });
    // Somebody else is on the base before and after.
    await remote.commit({ 'before.txt': '1\n' }, { message: 'Before' });
  });

  const merge = async (method: MergeMethod) => {
    const baseSeen = await repo.fetch();
    const before = await remote.commit({ 'unseen.txt': '1\n' }, { message: 'Not seen' });
    const sha = (await host.merge(1, 'ann', method)) as CommitSha;
    await repo.fetch();
    const range = await readMergedRange(repo, sha, { changeKey: KEY, baseSeen });
    const subjects = await Promise.all(
      range.commits.map(async (commit) => (await repo.log({ commit, limit: 1 }))[0]?.subject),
    );
    const files = await repo.changedPaths(range.base, range.head);
    return { range, subjects, files, before, sha };
  };

  it('is the merge commit, which takes everything back', async () => {
    const { range, files, before, sha } = await merge('merge');
    expect(range).toEqual({ base: before, head: sha, commits: [sha] });
    expect(files).toEqual(['step-1.txt', 'step-2.txt']);
  });

  it('is the one commit of a squash', async () => {
    const { range, files, before, sha } = await merge('squash');
    expect(range).toEqual({ base: before, head: sha, commits: [sha] });
    expect(files).toEqual(['step-1.txt', 'step-2.txt']);
  });

  it('is every commit of a rebase, from the first of ours', async () => {
    const { range, subjects, files, before, sha } = await merge('rebase');
    expect(subjects).toEqual(['Step 1', 'Step 2']);
    expect(range).toMatchObject({ base: before, head: sha });
    expect(files).toEqual(['step-1.txt', 'step-2.txt']);
  });

  it('includes what somebody has added to the branch', async () => {
    await remote.commit({ 'by-hand.txt': '1\n' }, { branch: BRANCH, message: 'By hand' });
    const { subjects, files, before, range } = await merge('rebase');
    expect(subjects).toEqual(['Step 1', 'Step 2', 'By hand']);
    expect(range.base).toBe(before);
    expect(files).toEqual(['by-hand.txt', 'step-1.txt', 'step-2.txt']);
  });

  it('is not found among commits of before the last look', async () => {
    const sha = (await host.merge(1, 'ann', 'squash')) as CommitSha;
    await repo.fetch();
    const other = await remote.commit({ 'after.txt': '1\n' }, { message: `Mentions Tiphys-Change: ${KEY}` });
    await repo.fetch();
    expect(await readMergedRange(repo, other, { changeKey: KEY, baseSeen: sha })).toEqual({
      ...{ base: sha, head: other, commits: [other] },
    });
  });
});

describe('what was merged against what was approved', () => {
  const render = (replicas: number, image = 'web:1', name = 'web', label = '') => ({
    path: `dist/${name}/Deployment.${name}.k8s.yaml`,
    content: `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: ${name}\n  namespace: production\n${label}spec:\n  replicas: ${replicas}\n  image: ${image}\n`,
  });
  const approved = diffRendered([render(2)], [render(3)]);
  const strange = (...[before, after]: Parameters<typeof diffRendered>) =>
    listStrange({ changes: diffRendered(before, after) }, approved);

  it('is the same where each object changes in the same fields, whatever else the base has by now', () => {
    expect(strange([render(2)], [render(3)])).toEqual([]);
    expect(strange([render(2, 'web:2')], [render(3, 'web:2')])).toEqual([]);
  });

  it.each([
    [[render(2)], [render(4)], 'Deployment production/web differs in spec.replicas'],
    [[render(2)], [render(3, 'web:9')], 'Deployment production/web differs in spec.image'],
    [[render(1)], [render(3)], 'Deployment production/web differs in spec.replicas'],
    [[render(2)], [render(2)], 'Deployment production/web is not changed'],
    [[render(2)], [], 'Deployment production/web is removed, not changed'],
    [[render(2)], [render(3), render(1, 'x', 'api')], 'Deployment production/api is added too'],
  ])('differs: %#', (before, after, sentence) => {
    expect(strange(before, after)).toEqual([sentence]);
  });

  it('is told in a few words where everything differs', () => {
    const many = Array.from({ length: 30 }, (_, n) => render(1, 'x', `app-${n}`));
    const told = strange([render(2)], [render(3), ...many]);
    expect(told).toHaveLength(9);
    expect(told.at(-1)).toBe('and 22 more');
  });
});
