import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createBareRepo, type BareRepo } from '../../test/support/git-fixture.ts';
import { startGitHttpServer } from '../../test/support/git-http-server.ts';
import { createImpatientClock, makeTempDir, openTestRepo } from '../../test/support/open-repo.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { InfraRepo } from './infra-repo.ts';

const FILES = { 'src/a.ts': 'a\n' };

async function makeBare() {
  const root = await makeTempDir();
  return { root, bare: await createBareRepo(join(root, 'infra.git'), FILES) };
}

/** A commit on `base` that exists only in the mirror. */
async function change(repo: InfraRepo, base: CommitSha, path: string, ticket = 'tkt_1'): Promise<CommitSha> {
  const sha = await repo.withWorkTree(base, 'change', async (tree) => {
    await tree.write(path, `${path}\n`);
    return await tree.commit({ message: `Change ${path}`, trailers: { 'Tiphys-Ticket': ticket } });
  });
  if (sha === undefined) throw new Error('nothing was committed');
  return sha;
}

async function addHook(bare: BareRepo, name: string, script: string): Promise<void> {
  await mkdir(join(bare.dir, 'hooks'), { recursive: true });
  await writeFile(join(bare.dir, 'hooks', name), `#!/bin/sh\n${script}\n`);
  await chmod(join(bare.dir, 'hooks', name), 0o755);
}

describe.each(['file', 'http'])('a push over %s', (kind) => {
  async function open() {
    const { root, bare } = await makeBare();
    const server = kind === 'http' ? await startGitHttpServer(root) : undefined;
    const url = server === undefined ? bare.url : `${server.url}/infra.git`;
    const repo = await openTestRepo(url);
    return { bare, url, repo, base: await repo.fetch(), close: async () => await server?.close() };
  }

  it('moves the branch, and is recognised when it is repeated', async () => {
    const { bare, repo, base, close } = await open();
    const head = await change(repo, base, 'src/b.ts');
    expect(await bare.head()).toBe(base);
    expect(await repo.push({ base, head })).toEqual({ kind: 'pushed', head });
    expect(await bare.head()).toBe(head);
    expect((await repo.findByTrailer('Tiphys-Ticket', 'tkt_1')).map((found) => found.sha)).toEqual([head]);
    expect(await repo.push({ base, head })).toEqual({ kind: 'already_pushed', head });
    const later = await bare.commit({ other: 'x' });
    expect(await repo.push({ base, head })).toEqual({ kind: 'already_pushed', head });
    expect(await bare.head()).toBe(later);
    await close();
  });

  it('takes several commits at once', async () => {
    const { bare, repo, base, close } = await open();
    const head = await change(repo, await change(repo, base, 'one'), 'two');
    expect(await repo.push({ base, head })).toEqual({ kind: 'pushed', head });
    expect(await bare.git('rev-list', '--count', `${base}..main`)).toBe('2');
    await close();
  });

  it('changes nothing when the branch has moved on, back, or elsewhere', async () => {
    const { bare, repo, base: first, close } = await open();
    const base = await bare.commit({ x: '1' });
    const head = await change(repo, base, 'src/b.ts');
    const ahead = await bare.commit({ x: '2' });
    expect(await repo.push({ base, head })).toEqual({ kind: 'non_fast_forward', remoteHead: ahead });
    // Somebody took commits back. They are not brought back by us.
    await bare.git('update-ref', 'refs/heads/main', first);
    expect(await repo.push({ base, head })).toEqual({ kind: 'non_fast_forward', remoteHead: first });
    const elsewhere = await bare.commit({ x: '3' });
    expect(await repo.push({ base, head })).toEqual({ kind: 'non_fast_forward', remoteHead: elsewhere });
    expect(await bare.head()).toBe(elsewhere);
    await close();
  });

  it('loses a race against another client without a trace, and wins on the new base', async () => {
    const { bare, url, repo, base, close } = await open();
    const other = await openTestRepo(url);
    const [one, two] = [await change(repo, base, 'one'), await change(other, base, 'two')];
    const outcomes = await Promise.all([repo.push({ base, head: one }), other.push({ base, head: two })]);
    expect(outcomes.map((outcome) => outcome.kind).sort()).toEqual(['non_fast_forward', 'pushed']);
    const winner = await bare.head();
    expect([one, two]).toContain(winner);
    const [loser, path] = winner === one ? [other, 'two'] : [repo, 'one'];
    const again = await change(loser, winner, path);
    expect(await loser.push({ base: winner, head: again })).toEqual({ kind: 'pushed', head: again });
    expect(await bare.git('ls-tree', '--name-only', 'main')).toBe('one\nsrc\ntwo');
    await close();
  });

  it('carries the words of a hook that refuses it', async () => {
    const { bare, repo, base, close } = await open();
    await addHook(bare, 'pre-receive', 'printf "\\033[31mfreeze until monday\\033[0m\\n" >&2; exit 1');
    const outcome = await repo.push({ base, head: await change(repo, base, 'x') });
    expect(outcome).toEqual({
      kind: 'rejected',
      reason: 'pre-receive hook declined: freeze until monday',
      hint: expect.stringContaining('pre-receive hook') as string,
    });
    expect(await bare.head()).toBe(base);
    await close();
  });

  it('knows a protected branch', async () => {
    const { bare, repo, base, close } = await open();
    await addHook(bare, 'update', 'echo "GH006: Protected branch update failed for refs/heads/main." >&2; exit 1');
    expect(await repo.push({ base, head: await change(repo, base, 'x') })).toMatchObject({
      kind: 'rejected',
      hint: expect.stringContaining('protected') as string,
    });
    await close();
  });

  it('waits for a lock that goes away, and names one that stays', async () => {
    const { bare, repo, base, close } = await open();
    const lock = join(bare.dir, 'refs/heads/main.lock');
    await mkdir(join(bare.dir, 'refs/heads'), { recursive: true });
    await writeFile(lock, '');
    const head = await change(repo, base, 'x');
    expect(await repo.push({ base, head })).toMatchObject({
      kind: 'rejected',
      reason: expect.stringContaining('lock') as string,
    });
    // Frees the lock on its first run, so that the first attempt fails and the next one succeeds.
    await addHook(bare, 'post-update', 'true');
    await addHook(bare, 'pre-receive', `test -e ${bare.dir}/seen && rm -f ${lock}; touch ${bare.dir}/seen; exit 0`);
    expect(await repo.push({ base, head })).toEqual({ kind: 'pushed', head });
    await close();
  });

  it('is not made for a commit that does not follow its base', async () => {
    const { bare, repo, base, close } = await open();
    const [one, two] = [await change(repo, base, 'one'), await change(repo, base, 'two')];
    const invalid = expect.objectContaining({ code: 'invalid_input' }) as Error;
    await expect(repo.push({ base: one, head: two })).rejects.toThrow(invalid);
    await expect(repo.push({ base, head: base })).rejects.toThrow(invalid);
    await expect(repo.push({ base, head: '1234567890'.repeat(4) as CommitSha })).rejects.toThrow(invalid);
    expect(await bare.head()).toBe(base);
    await close();
  });

  it('of many from one client, one gets through and the others learn where the branch is', async () => {
    const { bare, repo, base, close } = await open();
    const heads = [];
    for (const name of ['a', 'b', 'c', 'd']) heads.push(await change(repo, base, name));
    const outcomes = await Promise.all(heads.map((head) => repo.push({ base, head })));
    expect(outcomes[0]).toEqual({ kind: 'pushed', head: heads[0] });
    for (const outcome of outcomes.slice(1))
      expect(outcome).toEqual({ kind: 'non_fast_forward', remoteHead: heads[0] });
    expect(await bare.head()).toBe(heads[0]);
    await close();
  });
});

describe('a push whose connection dies', () => {
  async function open() {
    const { root, bare } = await makeBare();
    const server = await startGitHttpServer(root);
    const clock = createImpatientClock();
    const repo = await openTestRepo(`${server.url}/infra.git`, { clock });
    const base = await repo.fetch();
    return { bare, server, repo, base, head: await change(repo, base, 'x') };
  }

  it('is a push all the same when the commit arrived', async () => {
    const { bare, server, repo, base, head } = await open();
    server.fault = ({ service }) => (service === 'git-receive-pack' ? 'cut_after' : undefined);
    expect(await repo.push({ base, head })).toEqual({ kind: 'pushed', head });
    expect(await bare.head()).toBe(head);
    await server.close();
  });

  it('is unknown when it did not, or when nobody can tell', async () => {
    const { bare, server, repo, base, head } = await open();
    server.fault = ({ service }) => (service === 'git-receive-pack' ? 'cut_before' : undefined);
    expect(await repo.push({ base, head })).toMatchObject({ kind: 'unknown' });
    server.fault = ({ service }) => (service === 'git-receive-pack' ? 502 : undefined);
    expect(await repo.push({ base, head })).toMatchObject({ kind: 'unknown' });
    expect(await bare.head()).toBe(base);
    server.fault = undefined;
    expect(await repo.push({ base, head })).toEqual({ kind: 'pushed', head });
    await server.close();
    expect(await repo.push({ base, head })).toMatchObject({
      kind: 'unknown',
      reason: expect.stringMatching(/and then/) as string,
    });
  });

  it('is unknown when it is stopped half-way, and an error when it is stopped before', async () => {
    const { server, repo, base, head } = await open();
    const controller = new AbortController();
    server.fault = ({ service }) => {
      if (service === 'git-receive-pack') controller.abort();
      return undefined;
    };
    expect(await repo.push({ base, head }, controller.signal)).toMatchObject({ kind: 'unknown' });
    await expect(repo.push({ base, head }, controller.signal)).rejects.toThrow(
      expect.objectContaining({ code: 'aborted' }) as Error,
    );
    await server.close();
  });

  it.each([
    [401, /token/],
    [403, /right/],
    [404, /address/],
  ])('is rejected with a hint when the host answers %s', async (status, hint) => {
    const { server, repo, base, head } = await open();
    server.fault = () => status;
    expect(await repo.push({ base, head })).toMatchObject({
      kind: 'rejected',
      hint: expect.stringMatching(hint) as string,
    });
    await server.close();
  });
});
