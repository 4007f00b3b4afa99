import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createBareRepo, type BareRepo } from '../../test/support/git-fixture.ts';
import { startGitHttpServer } from '../../test/support/git-http-server.ts';
import { makeTempDir, openTestRepo } from '../../test/support/open-repo.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { InfraRepo } from './infra-repo.ts';

let remote: BareRepo;
let repo: InfraRepo;

beforeEach(async () => {
  remote = await createBareRepo(await makeTempDir(), { 'a.txt': 'a\n' });
  repo = await openTestRepo(remote.url);
});

async function commitOn(base: CommitSha, content: string): Promise<CommitSha> {
  return await repo.withWorkTree(base, 'test', async (tree) => {
    await tree.write('a.txt', content);
    const sha = await tree.commit({ message: `Write ${content.trim()}`, trailers: { 'Tiphys-Step': '1' } });
    if (sha === undefined) throw new Error('nothing changed');
    return sha;
  });
}

describe('a branch beside the followed one', () => {
  it('is made where there is none, and leaves the followed branch alone', async () => {
    const base = await repo.fetch();
    const head = await commitOn(base, 'b\n');
    expect(await repo.findBranch('tiphys/x')).toBeUndefined();
    expect(await repo.pushBranch({ branch: 'tiphys/x', expected: null, head })).toEqual({ kind: 'pushed', head });
    expect(await repo.findBranch('tiphys/x')).toBe(head);
    expect(await remote.head()).toBe(base);
    expect(await repo.pushBranch({ branch: 'tiphys/x', expected: null, head })).toEqual({ kind: 'pushed', head });
  });

  it('is replaced where it is exactly what was said, and not where somebody has added to it', async () => {
    const base = await repo.fetch();
    const [first, second] = [await commitOn(base, 'b\n'), await commitOn(base, 'c\n')];
    await repo.pushBranch({ branch: 'tiphys/x', expected: null, head: first });
    expect(await repo.pushBranch({ branch: 'tiphys/x', expected: first, head: second })).toMatchObject({
      kind: 'pushed',
    });
    const theirs = await remote.commit({ 'b.txt': 'by hand\n' }, { branch: 'tiphys/x' });
    const third = await commitOn(base, 'd\n');
    const outcome = await repo.pushBranch({ branch: 'tiphys/x', expected: second, head: third });
    expect(outcome).toEqual({ kind: 'elsewhere', remoteHead: theirs });
    expect(await remote.head('tiphys/x')).toBe(theirs);
    expect(await repo.pushBranch({ branch: 'tiphys/x', expected: null, head: third })).toMatchObject({
      kind: 'elsewhere',
    });
    // Their commits are here to be looked at.
    expect(await repo.readFile(theirs, 'b.txt')).toBe('by hand\n');
    expect(await repo.isAncestor(second, theirs)).toBe(true);
  });

  it('is not made again where somebody has removed it', async () => {
    const base = await repo.fetch();
    const [first, second] = [await commitOn(base, 'b\n'), await commitOn(base, 'c\n')];
    await repo.pushBranch({ branch: 'tiphys/x', expected: null, head: first });
    await remote.git('branch', '-D', 'tiphys/x');
    expect(await repo.pushBranch({ branch: 'tiphys/x', expected: first, head: second })).toEqual({
      kind: 'elsewhere',
      remoteHead: undefined,
    });
  });

  it('is never the followed branch, and never a name that git would read otherwise', async () => {
    const head = await commitOn(await repo.fetch(), 'b\n');
    await expect(repo.pushBranch({ branch: 'main', expected: null, head })).rejects.toMatchObject({ code: 'internal' });
    for (const branch of ['--upload-pack=x', 'refs/heads/x', 'a..b', 'x.lock'])
      await expect(repo.pushBranch({ branch, expected: null, head })).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('is removed where it is exactly what was said, once, and with nothing of a person on it', async () => {
    const base = await repo.fetch();
    const head = await commitOn(base, 'b\n');
    expect(await repo.removeBranch({ branch: 'tiphys/x', head })).toEqual({ kind: 'absent' });
    await repo.pushBranch({ branch: 'tiphys/x', expected: null, head });
    expect(await repo.removeBranch({ branch: 'tiphys/x', head })).toEqual({ kind: 'removed' });
    expect(await repo.findBranch('tiphys/x')).toBeUndefined();
    expect(await repo.removeBranch({ branch: 'tiphys/x', head })).toEqual({ kind: 'absent' });
    await repo.pushBranch({ branch: 'tiphys/x', expected: null, head });
    const theirs = await remote.commit({ 'b.txt': 'by hand\n' }, { branch: 'tiphys/x' });
    expect(await repo.removeBranch({ branch: 'tiphys/x', head })).toEqual({ kind: 'elsewhere', remoteHead: theirs });
    expect(await remote.head('tiphys/x')).toBe(theirs);
    await expect(repo.removeBranch({ branch: 'main', head: base })).rejects.toMatchObject({ code: 'internal' });
    expect(await remote.head()).toBe(base);
  });

  it('is not removed where the git host refuses that, and its words are told', async () => {
    const head = await commitOn(await repo.fetch(), 'b\n');
    await repo.pushBranch({ branch: 'tiphys/x', expected: null, head });
    await remote.git('config', 'receive.denyDeletes', 'true');
    expect(await repo.removeBranch({ branch: 'tiphys/x', head })).toMatchObject({
      kind: 'rejected',
      reason: expect.stringContaining('deletion prohibited') as string,
    });
  });

  it('is looked at after a push whose answer was lost', async () => {
    const root = await makeTempDir();
    const bare = await createBareRepo(join(root, 'infra.git'), { 'a.txt': 'a\n' });
    const host = await startGitHttpServer(root);
    repo = await openTestRepo(`${host.url}/infra.git`);
    const head = await commitOn(await repo.fetch(), 'b\n');
    host.fault = ({ service }) => (service === 'git-receive-pack' ? 'cut_after' : undefined);
    expect(await repo.pushBranch({ branch: 'tiphys/x', expected: null, head })).toEqual({ kind: 'pushed', head });
    expect(await bare.head('tiphys/x')).toBe(head);
    host.fault = ({ service }) => (service === 'git-receive-pack' ? 'cut_before' : undefined);
    const next = await commitOn(await repo.fetch(), 'c\n');
    expect(await repo.pushBranch({ branch: 'tiphys/x', expected: head, head: next })).toMatchObject({
      kind: 'unknown',
    });
    await host.close();
  });
});

it('the line of a branch leaves out what was merged into it', async () => {
  const base = await repo.fetch();
  await remote.git('branch', 'side', 'main');
  await remote.commit({ 's.txt': '1\n' }, { branch: 'side', message: 'On the side' });
  const main = await remote.commit({ 'm.txt': '1\n' }, { message: 'On main' });
  const tree = await remote.git('merge-tree', '--write-tree', 'main', 'side');
  const merge = await remote.git('commit-tree', tree, '-p', 'main', '-p', 'side', '-m', 'Merge side');
  await remote.git('update-ref', 'refs/heads/main', merge);
  const head = await repo.fetch();
  const subjects = async (firstParent: boolean) =>
    (await repo.log({ commit: head, limit: 10, firstParent })).map(({ sha }) => sha);
  expect(await subjects(true)).toEqual([merge, main, base]);
  expect(await subjects(false)).toHaveLength(4);
});
