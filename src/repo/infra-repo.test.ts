import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createBareRepo } from '../../test/support/git-fixture.ts';
import { createImpatientClock, makeTempDir, openTestRepo } from '../../test/support/open-repo.ts';
import { startGitHttpServer } from '../../test/support/git-http-server.ts';
import { exec } from '../lib/exec.ts';
import { parseCommitSha } from '../lib/ids.ts';

const NOWHERE = parseCommitSha('1234567890'.repeat(4));
const FILES = { 'src/a.ts': 'a\n', 'dist/web/x.yaml': 'x: 1\n', 'dist/größe und so.yaml': 'y\n', 'README.md': 'hi\n' };

const withCode = (code: string, text?: RegExp) =>
  expect.objectContaining({
    code,
    ...(text === undefined ? {} : { message: expect.stringMatching(text) as string }),
  }) as Error;

async function makeBare(files: Parameters<typeof createBareRepo>[1] = FILES) {
  const dir = await makeTempDir();
  return await createBareRepo(join(dir, 'infra.git'), files);
}

describe('opening', () => {
  it('makes a mirror once and needs no remote afterwards', async () => {
    const bare = await makeBare();
    const dir = await makeTempDir();
    const head = await (await openTestRepo(bare.url, { dir })).fetch();
    expect(head).toBe(await bare.head());
    await rm(bare.dir, { recursive: true });
    const again = await openTestRepo(bare.url, { dir });
    expect(await again.readFile(head, 'README.md')).toBe('hi\n');
    expect(await again.log({ limit: 5 })).toHaveLength(1);
  });

  it('takes an absolute path for a file address, and keeps other addresses and branches apart', async () => {
    const [one, two] = [await makeBare({ a: 'one\n' }), await makeBare({ a: 'two\n' })];
    const dir = await makeTempDir();
    const read = async (url: string, branch: string) => {
      const repo = await openTestRepo(url, { dir, branch });
      return await repo.readFile(await repo.fetch(), 'a');
    };
    await one.commit({ a: 'other branch\n' }, { branch: 'env/prod' });
    expect(await read(one.dir, 'main')).toBe('one\n');
    expect(await read(two.dir, 'main')).toBe('two\n');
    expect(await read(one.url, 'env/prod')).toBe('other branch\n');
  });

  it('refuses a branch that is not there and a repository without commits', async () => {
    const bare = await makeBare();
    await expect(openTestRepo(bare.url, { branch: 'nope' })).rejects.toThrow(withCode('not_found', /nope/));
    const empty = await makeBare({});
    await expect(openTestRepo(empty.url)).rejects.toThrow(withCode('not_found', /branch main/));
  });

  it('refuses a repository that is not there, and leaves nothing behind', async () => {
    const dir = await makeTempDir();
    await expect(openTestRepo(join(dir, 'none.git'), { dir: join(dir, 'data') })).rejects.toThrow(
      withCode('not_found'),
    );
    const [root = ''] = await readdir(join(dir, 'data'));
    expect((await readdir(join(dir, 'data', root))).filter((name) => name.startsWith('mirror'))).toEqual([]);
  });

  it('refuses bad options before it touches anything', async () => {
    const bare = await makeBare();
    const bad = withCode('config_invalid');
    await expect(openTestRepo('ext::sh -c true')).rejects.toThrow(bad);
    await expect(openTestRepo(bare.url, { branch: '--upload-pack=x' })).rejects.toThrow(bad);
    await expect(openTestRepo(bare.url, { author: { name: 'a\nb', email: 'c' } })).rejects.toThrow(bad);
    await expect(openTestRepo(bare.url, { credentials: { kind: 'token', token: 'abc' } })).rejects.toThrow(bad);
    await expect(
      openTestRepo('https://host/x', { credentials: { kind: 'token', token: 'abc\nX-Evil: 1' } }),
    ).rejects.toThrow(bad);
    await expect(
      openTestRepo('git@host:x', { credentials: { kind: 'ssh', privateKeyFile: "/k' -oProxyCommand='x" } }),
    ).rejects.toThrow(bad);
    await expect(openTestRepo(bare.url, { environment: { PATH: '/nonexistent' } })).rejects.toThrow(
      withCode('config_invalid', /git program was not found/),
    );
  });

  it('refuses a repository whose history is cut off', async () => {
    const bare = await makeBare();
    await bare.commit({ 'src/a.ts': 'b\n' });
    const dir = await makeTempDir();
    await exec('git', ['clone', '--quiet', '--bare', '--depth=1', bare.url, join(dir, 'shallow.git')], {
      env: { PATH: process.env['PATH'] ?? '' },
      timeoutMs: 30_000,
      maxBytes: 10_000,
    });
    await expect(openTestRepo(join(dir, 'shallow.git'))).rejects.toThrow(withCode('unsupported', /shallow/));
  });

  it('makes a damaged mirror anew', async () => {
    const bare = await makeBare();
    const dir = await makeTempDir();
    await openTestRepo(bare.url, { dir });
    const [root = ''] = await readdir(dir);
    await rm(join(dir, root, 'mirror.git', 'objects'), { recursive: true });
    await mkdir(join(dir, root, 'mirror.git', 'objects'));
    const repo = await openTestRepo(bare.url, { dir });
    expect(await repo.readFile(await repo.fetch(), 'README.md')).toBe('hi\n');
  });

  it('cleans up after a process that was killed', async () => {
    const bare = await makeBare();
    const dir = await makeTempDir();
    const script = `
      import { createSystemClock } from ${JSON.stringify(import.meta.resolve('../lib/clock.ts'))};
      import { silentLogger } from ${JSON.stringify(import.meta.resolve('../lib/logger.ts'))};
      import { openInfraRepo } from ${JSON.stringify(import.meta.resolve('./infra-repo.ts'))};
      const repo = await openInfraRepo({ url: ${JSON.stringify(bare.url)}, branch: 'main', dir: ${JSON.stringify(dir)},
        author: { name: 'a', email: 'b' }, clock: createSystemClock(), logger: silentLogger });
      await repo.withWorkTree(await repo.fetch(), 'tkt_1', async (tree) => {
        await tree.write('half', 'done');
        console.log('working in ' + tree.dir);
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const kill = new AbortController();
    const child = await exec(process.execPath, ['--input-type=module', '--eval', script], {
      env: { PATH: process.env['PATH'] ?? '' },
      timeoutMs: 60_000,
      maxBytes: 100_000,
      signal: kill.signal,
      // Killed with -9 once it is at work.
      onStdout: () => kill.abort(),
    });
    const tree = child.stdout.trim().slice('working in '.length);
    expect(await readdir(tree)).toContain('half');
    const repo = await openTestRepo(bare.url, { dir });
    await expect(readdir(tree)).rejects.toThrow(/ENOENT/);
    const head = await bare.commit({ a: 'b' });
    expect(await repo.fetch()).toBe(head);
    await repo.withWorkTree(head, 'tkt_1', async (again) => expect(await again.read('half')).toBeUndefined());
  });

  it('leaves alone what a running process works with, and knows an old process by its start time', async () => {
    const bare = await makeBare();
    const dir = await makeTempDir();
    const repo = await openTestRepo(bare.url, { dir });
    const [root = ''] = await readdir(dir);
    const mirrorDir = join(dir, root, 'mirror.git');
    // Nobody removes what a process that still runs, this one, is working with.
    await repo.withWorkTree(await repo.fetch(), 'alive', async (tree) => {
      await writeFile(join(mirrorDir, 'refs/remotes/origin/main.lock'), '');
      await (await openTestRepo(bare.url, { dir })).log({ limit: 1 });
      expect(await tree.read('README.md')).toBe('hi\n');
      expect(await tree.head()).toBe(tree.base);
    });
    const [own = ''] = await readdir(join(dir, root, 'trees'));
    // A process id with another start time: the same id, of an earlier life.
    const dead = `${own.split('-')[0]}-1`;
    await rename(join(dir, root, 'trees', own), join(dir, root, 'trees', dead));
    await mkdir(join(dir, root, 'trees', dead, 'tkt_1.abcdef'));
    await writeFile(join(mirrorDir, 'packed-refs.lock'), '');
    await mkdir(`${mirrorDir}.new-00000000`);
    await bare.commit({ a: 'b' });
    const again = await openTestRepo(bare.url, { dir });
    expect(await again.fetch()).toBe(await bare.head());
    expect(await readdir(join(dir, root, 'trees'))).toEqual([own]);
    expect((await readdir(join(dir, root))).sort()).toEqual(['home', 'mirror.git', 'trees']);
  });
});

describe('reading', () => {
  it('gives files of any commit as text, and nothing for folders, links and what is not there', async () => {
    const bare = await makeBare({ ...FILES, link: { mode: '120000', content: 'README.md' } });
    const first = await bare.head();
    await bare.commit({ 'src/a.ts': 'b\n', 'README.md': null });
    const repo = await openTestRepo(bare.url);
    const head = await repo.fetch();
    expect(await repo.readFile(first, 'src/a.ts')).toBe('a\n');
    expect(await repo.readFile(head, 'src/a.ts')).toBe('b\n');
    expect(await repo.readFile(head, 'dist/größe und so.yaml')).toBe('y\n');
    for (const path of ['README.md', 'src', 'link', 'src/A.ts', 'src/*.ts', ':(top)src/a.ts'])
      expect(await repo.readFile(head, path)).toBeUndefined();
    await expect(repo.readFile(head, '../x')).rejects.toThrow(withCode('invalid_input'));
    expect(await repo.listFiles(head)).toEqual(['dist/größe und so.yaml', 'dist/web/x.yaml', 'src/a.ts']);
    expect(await repo.listFiles(head, 'dist/web')).toEqual(['dist/web/x.yaml']);
    expect(await repo.listFiles(head, 'nothing')).toEqual([]);
    expect(await repo.changedPaths(first, head)).toEqual(['README.md', 'src/a.ts']);
  });

  it('fetches by itself once for a commit it has not seen, and says so when there is none', async () => {
    const bare = await makeBare();
    const repo = await openTestRepo(bare.url);
    const first = await bare.head();
    const next = await bare.commit({ 'src/a.ts': 'b\n' });
    expect(await repo.readFile(next, 'src/a.ts')).toBe('b\n');
    const last = await bare.commit({ 'src/a.ts': 'c\n' });
    expect(await repo.isAncestor(first, last)).toBe(true);
    expect(await repo.isAncestor(last, first)).toBe(false);
    expect(await repo.isAncestor(last, last)).toBe(true);
    expect(await repo.isAncestor(NOWHERE, last)).toBe(false);
    expect(await repo.isAncestor(first, NOWHERE)).toBe(false);
    await expect(repo.readFile(NOWHERE, 'a')).rejects.toThrow(withCode('not_found', /is not in branch main/));
    await expect(repo.withWorkTree(NOWHERE, 'x', () => Promise.resolve(1))).rejects.toThrow(withCode('not_found'));
  });

  it('follows a branch that was rewritten, and tells by ancestry', async () => {
    const bare = await makeBare();
    const first = await bare.head();
    const lost = await bare.commit({ 'src/a.ts': 'lost\n' });
    const repo = await openTestRepo(bare.url);
    expect(await repo.fetch()).toBe(lost);
    await bare.git('update-ref', 'refs/heads/main', first);
    const head = await bare.commit({ 'src/a.ts': 'kept\n' }, { message: 'Kept' });
    expect(await repo.fetch()).toBe(head);
    expect(await repo.isAncestor(lost, head)).toBe(false);
    expect((await repo.log({ limit: 5 })).map((commit) => commit.subject)).toEqual(['Kept', 'First commit']);
  });
});

describe('history', () => {
  it('gives commits with people, times, bodies and trailers', async () => {
    const bare = await makeBare();
    const first = await bare.head();
    const sha = await bare.commit(
      { 'src/a.ts': 'b\n' },
      {
        author: 'J\u001b[31mane\u001f Doe <jane@example.com>',
        message:
          'Subject \u001b[2Jx\n\nBody one\n\nBody: two\nmore\n\nTiphys-Ticket: t1\nTiphys-Step: 1\nTiphys-Step: 2\nconstructor: x\n',
      },
    );
    const repo = await openTestRepo(bare.url);
    const [newest, oldest] = await repo.log({ limit: 5 });
    expect(newest).toEqual({
      sha,
      parents: [first],
      authorName: 'J[31mane Doe',
      authorEmail: 'jane@example.com',
      at: '2026-01-01T00:00:02.000Z',
      subject: 'Subject [2Jx',
      body: 'Body one\n\nBody: two\nmore',
      trailers: { 'Tiphys-Ticket': ['t1'], 'Tiphys-Step': ['1', '2'], constructor: ['x'] },
    });
    expect(oldest).toMatchObject({ sha: first, parents: [], body: '', trailers: {} });
    expect(await repo.log({ limit: 1 })).toHaveLength(1);
    expect(await repo.log({ commit: first, limit: 5 })).toHaveLength(1);
    expect((await repo.log({ path: 'README.md', limit: 5 })).map((commit) => commit.sha)).toEqual([first]);
    expect(await repo.log({ path: '*.md', limit: 5 })).toEqual([]);
    await expect(repo.log({ limit: 0 })).rejects.toThrow(withCode('invalid_input'));
  });

  it('finds commits by exactly their trailer, newest first', async () => {
    const bare = await makeBare();
    const commit = (message: string) => bare.commit({ 'src/a.ts': message }, { message });
    const one = await commit('One\n\nTiphys-Ticket: t1\n');
    await commit('Longer value\n\nTiphys-Ticket: t12\n');
    await commit('Quoted\n\n> Tiphys-Ticket: t1\n\nNothing\n');
    await commit('In the text\n\nTiphys-Ticket: t1\n\nbut more text follows.\n');
    await commit('Other key\n\nOther: t1\n');
    const two = await commit('Two\n\nSome-Key: x\nTiphys-Ticket: t1\n');
    const repo = await openTestRepo(bare.url);
    expect((await repo.findByTrailer('Tiphys-Ticket', 't1')).map((found) => found.sha)).toEqual([two, one]);
    expect((await repo.findByTrailer('Tiphys-Ticket', 't1', { limit: 1 })).map((found) => found.sha)).toEqual([two]);
    expect(await repo.findByTrailer('Tiphys-Ticket', 't.')).toEqual([]);
    expect(await repo.findByTrailer('Tiphys-Ticket', '--all')).toEqual([]);
    await expect(repo.findByTrailer('--all', 'x')).rejects.toThrow(withCode('invalid_input'));
  });

  it('is drawn as text with our trailers', async () => {
    const bare = await makeBare();
    const sha = await bare.commit(
      { a: 'b' },
      { message: 'Next \u001b[31m\n\nTiphys-Ticket: t1\nTiphys-Step: 2\nOther: x\n' },
    );
    const repo = await openTestRepo(bare.url);
    const lines = (await repo.graph(10)).split('\n');
    expect(lines[0]).toBe(`* ${sha.slice(0, 7)} Next [31m`);
    expect(lines.slice(1, 3)).toEqual(['| Tiphys-Ticket: t1', '| Tiphys-Step: 2']);
    expect(lines[3]).toMatch(/^\* [0-9a-f]{7} First commit$/);
  });
});

describe('fetching over HTTP', () => {
  async function serve(options: Parameters<typeof startGitHttpServer>[1] = {}) {
    const root = await makeTempDir();
    const bare = await createBareRepo(join(root, 'infra.git'), FILES);
    const server = await startGitHttpServer(root, options);
    return { bare, server, url: `${server.url}/infra.git` };
  }

  it('tries again when the server stumbles, and gives up after a while', async () => {
    const { bare, server, url } = await serve();
    const clock = createImpatientClock();
    const repo = await openTestRepo(url, { clock });
    let failures = 2;
    server.fault = () => (failures-- > 0 ? 503 : undefined);
    expect(await repo.fetch()).toBe(await bare.head());
    expect(clock.slept).toHaveLength(2);
    server.fault = () => 'cut_before';
    await expect(repo.fetch()).rejects.toThrow(withCode('git_unavailable'));
    expect(clock.slept).toHaveLength(5);
    await server.close();
    await expect(repo.fetch()).rejects.toThrow(withCode('git_unavailable', /could not fetch branch main/));
  });

  it('does not try again where that is no use', async () => {
    const { server, url } = await serve();
    const clock = createImpatientClock();
    const repo = await openTestRepo(url, { clock });
    for (const [status, code] of [
      [401, 'git_rejected'],
      [403, 'git_rejected'],
      [404, 'not_found'],
    ] as const) {
      server.fault = () => status;
      await expect(repo.fetch()).rejects.toThrow(withCode(code));
    }
    expect(clock.slept).toEqual([]);
    await server.close();
  });

  it('stops when it is told to', async () => {
    const { server, url } = await serve();
    const repo = await openTestRepo(url);
    const controller = new AbortController();
    server.fault = () => {
      controller.abort();
      return undefined;
    };
    await expect(repo.fetch(controller.signal)).rejects.toThrow(withCode('aborted'));
    await expect(repo.fetch(controller.signal)).rejects.toThrow(withCode('aborted'));
    server.fault = undefined;
    expect(await repo.fetch()).toMatch(/^[0-9a-f]{40}$/);
    await server.close();
  });
});
