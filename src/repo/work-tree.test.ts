import { mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createBareRepo } from '../../test/support/git-fixture.ts';
import { makeTempDir, openTestRepo } from '../../test/support/open-repo.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { InfraRepo, RepoOptions } from './infra-repo.ts';
import type { WorkTree } from './work-tree.ts';

const FILES = { 'src/a.ts': 'a\nb\nc\n', 'src/b.ts': 'b\n', 'README.md': 'hi\n', '.gitignore': 'dist/\n*.log\n' };
const TRAILERS = { 'Tiphys-Ticket': 'tkt_1' };

async function open(options: Partial<RepoOptions> = {}, files: Parameters<typeof createBareRepo>[1] = FILES) {
  const bare = await createBareRepo(join(await makeTempDir(), 'infra.git'), files);
  const repo = await openTestRepo(bare.url, options);
  return { bare, repo, head: await repo.fetch() };
}

const withCode = (code: string, text = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(text) as string }) as Error;

async function commit(repo: InfraRepo, base: CommitSha, files: Record<string, string>): Promise<CommitSha> {
  const sha = await repo.withWorkTree(base, 'commit', async (tree) => {
    for (const [path, content] of Object.entries(files)) await tree.write(path, content);
    return await tree.commit({ message: 'A change', trailers: {} });
  });
  if (sha === undefined) throw new Error('nothing was committed');
  return sha;
}

describe('a work tree', () => {
  it('is a private checkout that is gone afterwards, also after an error', async () => {
    const { bare, repo, head } = await open();
    let dir = '';
    const result = await repo.withWorkTree(head, 'tkt_1', async (tree) => {
      dir = tree.dir;
      expect(tree.base).toBe(head);
      expect(await tree.head()).toBe(head);
      expect(await tree.read('src/a.ts')).toBe('a\nb\nc\n');
      expect(await tree.read('nothing')).toBeUndefined();
      await tree.write('src/a.ts', 'private\n');
      return 42;
    });
    expect(result).toBe(42);
    await expect(stat(dir)).rejects.toThrow(/ENOENT/);
    expect(await bare.head()).toBe(head);
    const fails = repo.withWorkTree(head, 'tkt_1', (tree) => {
      dir = tree.dir;
      return Promise.reject(new Error('the work failed'));
    });
    await expect(fails).rejects.toThrow('the work failed');
    await expect(stat(dir)).rejects.toThrow(/ENOENT/);
  });

  it('is one of many at the same time', async () => {
    const { repo, head } = await open();
    const shas = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        repo.withWorkTree(head, 'same', async (tree) => {
          await tree.write(`src/${index}.ts`, `${index}\n`);
          expect(await tree.list('src')).toEqual(['src/a.ts', 'src/b.ts', `src/${index}.ts`].sort());
          return await tree.commit({ message: `Change ${index}`, trailers: TRAILERS });
        }),
      ),
    );
    expect(new Set(shas).size).toBe(12);
    for (const [index, sha] of shas.entries())
      expect(await repo.changedPaths(head, sha as CommitSha)).toEqual([`src/${index}.ts`]);
  });

  it('serves several calls at once', async () => {
    const { repo, head } = await open();
    await repo.withWorkTree(head, 'x', async (tree) => {
      await Promise.all(['c', 'd', 'e'].map((name) => tree.write(`src/${name}.ts`, 'x\n')));
      const [one, two, three] = await Promise.all([tree.diff(), tree.list(), tree.diff()]);
      expect(one).toBe(three);
      expect(two).toHaveLength(7);
    });
  });

  it.each(['', '../x', 'a/b', '-x', 'a b', '.x', 'x'.repeat(100)])('is not named %j', async (name) => {
    const { repo, head } = await open();
    await expect(repo.withWorkTree(head, name, () => Promise.resolve(1))).rejects.toThrow(withCode('invalid_input'));
  });

  it('is not made when stopped before, and its git commands end when stopped later', async () => {
    const { repo, head } = await open();
    const controller = new AbortController();
    await repo.withWorkTree(
      head,
      'x',
      async (tree) => {
        await tree.write('new', 'x');
        controller.abort();
        await expect(tree.diff()).rejects.toThrow(withCode('aborted'));
      },
      controller.signal,
    );
    const late = repo.withWorkTree(head, 'x', () => Promise.resolve(1), controller.signal);
    await expect(late).rejects.toThrow(withCode('aborted'));
  });
});

describe('changes', () => {
  it('show as one difference, new and removed files included, and list as files', async () => {
    const { repo, head } = await open();
    await repo.withWorkTree(head, 'x', async (tree) => {
      expect(await tree.diff()).toBe('');
      await tree.write('src/a.ts', 'a\nB\nc\n');
      await tree.write('src/new/größe.ts', 'n\n');
      await tree.remove('src/b.ts');
      const diff = await tree.diff();
      expect(diff).toContain('--- a/src/a.ts\n+++ b/src/a.ts\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n');
      expect(diff).toContain('--- /dev/null\n+++ b/src/new/größe.ts\n@@ -0,0 +1 @@\n+n\n');
      expect(diff).toContain('--- a/src/b.ts\n+++ /dev/null\n');
      expect(await tree.list()).toEqual(['.gitignore', 'README.md', 'src/a.ts', 'src/new/größe.ts']);
      expect(await tree.list('src')).toEqual(['src/a.ts', 'src/new/größe.ts']);
    });
  });

  it('leave ignored files out, but for those that were written on purpose', async () => {
    const { repo, head } = await open();
    await repo.withWorkTree(head, 'x', async (tree) => {
      await mkdir(join(tree.dir, 'dist'));
      await writeFile(join(tree.dir, 'dist/stray.yaml'), 'stray\n');
      await writeFile(join(tree.dir, 'debug.log'), 'log\n');
      expect(await tree.diff()).toBe('');
      await tree.write('dist/web/x.yaml', 'x: 1\n');
      const sha = (await tree.commit({ message: 'Render', trailers: TRAILERS })) as CommitSha;
      expect(await repo.changedPaths(head, sha)).toEqual(['dist/web/x.yaml']);
    });
  });

  it('leave installed packages out, linked ones too', async () => {
    const { repo, head } = await open({}, { a: 'a\n', '.gitignore': 'node_modules/\n' });
    await repo.withWorkTree(head, 'x', async (tree) => {
      await symlink('/usr/lib', join(tree.dir, 'node_modules'));
      await mkdir(join(tree.dir, 'sub/node_modules/x'), { recursive: true });
      await writeFile(join(tree.dir, 'sub/node_modules/x/index.js'), 'x');
      expect(await tree.diff()).toBe('');
      expect(await tree.list()).toEqual(['.gitignore', 'a']);
    });
  });

  it('are committed with author, trailers and time, and nothing is left to commit', async () => {
    const now = Date.UTC(2026, 5, 1, 12);
    const { repo, head } = await open({ clock: { now: () => now, sleep: () => Promise.resolve() } });
    await repo.withWorkTree(head, 'x', async (tree) => {
      await tree.write('src/a.ts', 'x\n');
      const sha = (await tree.commit({
        message: 'Set image\n\nTicket says:\nTiphys-Ticket: forged',
        trailers: { 'Tiphys-Ticket': 'tkt_1', 'Tiphys-Step': '1' },
      })) as CommitSha;
      expect(await tree.head()).toBe(sha);
      expect(await tree.commit({ message: 'Nothing', trailers: {} })).toBeUndefined();
      expect(await tree.diff()).toBe('');
      expect((await repo.log({ commit: sha, limit: 1 }))[0]).toEqual({
        sha,
        parents: [head],
        authorName: 'Tiphys',
        authorEmail: 'tiphys@example.com',
        at: '2026-06-01T12:00:00.000Z',
        subject: 'Set image',
        body: 'Ticket says:\n> Tiphys-Ticket: forged',
        trailers: { 'Tiphys-Ticket': ['tkt_1'], 'Tiphys-Step': ['1'] },
      });
    });
  });

  it('give the same tree from the same content, whoever makes them', async () => {
    const { bare, repo, head } = await open();
    const other = await openTestRepo(bare.url);
    const one = await commit(repo, head, { 'src/x.ts': 'x\n', 'src/a.ts': 'y\n' });
    const two = await commit(other, head, { 'src/a.ts': 'y\n', 'src/x.ts': 'x\n' });
    await repo.push({ base: head, head: one });
    await other.fetch();
    expect(await other.changedPaths(one, two)).toEqual([]);
  });

  it('are stopped by their number and by the size of a file, whoever wrote it', async () => {
    const { repo, head } = await open({ limits: { maxFileBytes: 1000, maxFiles: 3 } });
    const tooLarge = withCode('payload_too_large');
    await repo.withWorkTree(head, 'x', async (tree) => {
      await expect(tree.write('big', 'x'.repeat(1001))).rejects.toThrow(tooLarge);
      await writeFile(join(tree.dir, 'big'), 'x'.repeat(1001));
      await expect(tree.commit({ message: 'x', trailers: {} })).rejects.toThrow(tooLarge);
      await tree.remove('big');
      for (const name of ['1', '2', '3', '4']) await tree.write(name, 'x');
      await expect(tree.diff()).rejects.toThrow(tooLarge);
    });
  });

  it('hold no links and no other repositories', async () => {
    const { repo, head } = await open();
    await repo.withWorkTree(head, 'x', async (tree) => {
      await symlink('/etc/passwd', join(tree.dir, 'link'));
      await expect(tree.commit({ message: 'x', trailers: {} })).rejects.toThrow(
        withCode('invalid_input', /symbolic link/),
      );
      await tree.remove('link');
      const nested = await createBareRepo(join(tree.dir, 'sub', '.git'), {});
      await nested.git('config', 'core.bare', 'false');
      await nested.commit({ a: 'b' });
      await expect(tree.commit({ message: 'x', trailers: {} })).rejects.toThrow(
        withCode('invalid_input', /nested repository/),
      );
    });
  });

  it('are taken byte by byte, whatever .gitattributes asks for', async () => {
    const { bare, repo, head } = await open({}, { '.gitattributes': '* text=auto eol=crlf ident\n', a: '$Id$\n' });
    await repo.withWorkTree(head, 'x', async (tree) => {
      expect(await tree.read('a')).toBe('$Id$\n');
      await tree.write('b', '$Id: x$\r\n');
      const sha = (await tree.commit({ message: 'x', trailers: {} })) as CommitSha;
      await repo.push({ base: head, head: sha });
    });
    expect(await bare.git('cat-file', '-s', 'main:b')).toBe('9');
  });
});

describe('a revert', () => {
  async function history() {
    const { bare, repo, head } = await open();
    const one = await bare.commit({ 'src/a.ts': 'one\nb\nc\n' });
    const two = await bare.commit({ 'src/a.ts': 'two\nb\nc\n', 'src/new.ts': 'n\n' });
    const other = await bare.commit({ 'src/b.ts': 'other\n' });
    return { bare, repo, first: head, one, two, other };
  }
  const inTree = <T>(repo: InfraRepo, at: CommitSha, use: (tree: WorkTree) => Promise<T>) =>
    repo.withWorkTree(at, 'revert', use);

  it('undoes one commit and leaves the rest, ready to commit', async () => {
    const { repo, two, other } = await history();
    await inTree(repo, other, async (tree) => {
      expect(await tree.revert([two])).toEqual({ kind: 'reverted' });
      expect(await tree.read('src/a.ts')).toBe('one\nb\nc\n');
      expect(await tree.read('src/new.ts')).toBeUndefined();
      expect(await tree.read('src/b.ts')).toBe('other\n');
      const sha = (await tree.commit({ message: 'Revert two', trailers: TRAILERS })) as CommitSha;
      expect((await repo.log({ commit: sha, limit: 1 }))[0]).toMatchObject({ subject: 'Revert two', parents: [other] });
    });
  });

  it('undoes several, newest first in whatever order they are named', async () => {
    const { repo, one, two, other } = await history();
    for (const commits of [
      [one, two],
      [two, one, one],
    ])
      await inTree(repo, other, async (tree) => {
        expect(await tree.revert(commits)).toEqual({ kind: 'reverted' });
        expect(await tree.read('src/a.ts')).toBe('a\nb\nc\n');
      });
  });

  it('names the files in conflict and leaves everything as it was, uncommitted changes too', async () => {
    const { repo, one, other } = await history();
    await inTree(repo, other, async (tree) => {
      await tree.write('README.md', 'mine\n');
      const before = await tree.diff();
      expect(await tree.revert([one])).toEqual({ kind: 'conflict', paths: ['src/a.ts'] });
      expect(await tree.diff()).toBe(before);
      expect(await tree.read('src/a.ts')).toBe('two\nb\nc\n');
      expect(await tree.commit({ message: 'x', trailers: {} })).toMatch(/^[0-9a-f]{40}$/);
    });
  });

  it('says when there is nothing left to undo', async () => {
    const { bare, repo, one, two, other } = await history();
    const undone = await bare.commit({ 'src/a.ts': 'one\nb\nc\n', 'src/new.ts': null });
    await inTree(repo, undone, async (tree) => {
      expect(await tree.revert([two])).toEqual({ kind: 'empty' });
      expect(await tree.diff()).toBe('');
      expect(await tree.revert([one])).toEqual({ kind: 'reverted' });
    });
    expect(other).not.toBe(undone);
  });

  it('undoes a merge towards the branch it was merged into', async () => {
    const { bare, repo, other } = await history();
    await bare.git('branch', 'side', 'main~2');
    const side = await bare.commit({ 'side.ts': 's\n' }, { branch: 'side' });
    const merged = await bare.commit({ 'side.ts': 's\n' });
    const merge = (await bare.git(
      'commit-tree',
      `${merged}^{tree}`,
      '-p',
      other,
      '-p',
      side,
      '-m',
      'Merge',
    )) as CommitSha;
    await bare.git('update-ref', 'refs/heads/main', merge);
    await inTree(repo, merge, async (workTree) => {
      expect(await workTree.revert([merge])).toEqual({ kind: 'reverted' });
      expect(await workTree.read('side.ts')).toBeUndefined();
      expect(await workTree.read('src/b.ts')).toBe('other\n');
    });
  });

  it('refuses the first commit, none, and unknown ones', async () => {
    const { repo, first, other } = await history();
    await inTree(repo, other, async (tree) => {
      await expect(tree.revert([first])).rejects.toThrow(withCode('unsupported'));
      await expect(tree.revert([])).rejects.toThrow(withCode('invalid_input'));
      await expect(tree.revert(['1234567890'.repeat(4) as CommitSha])).rejects.toThrow(withCode('not_found'));
    });
  });
});

describe('code that ran in a work tree', () => {
  it('cannot make git run programs or leave the mirror', async () => {
    const { repo, head } = await open();
    const dir = await makeTempDir();
    const flag = join(dir, 'owned');
    await repo.withWorkTree(head, 'x', async (tree) => {
      const evil = await createBareRepo(join(dir, 'evil.git'), { a: 'b' });
      await evil.git('config', 'core.fsmonitor', `touch ${flag}`);
      await evil.git('config', 'core.hooksPath', dir);
      await evil.git('config', 'filter.evil.clean', `touch ${flag}`);
      await writeFile(join(tree.dir, '.git'), `gitdir: ${evil.dir}\n`);
      await writeFile(join(tree.dir, '.gitattributes'), '* filter=evil\n');
      await tree.write('src/a.ts', 'x\n');
      expect(await tree.diff()).toContain('+x');
      const sha = (await tree.commit({ message: 'x', trailers: {} })) as CommitSha;
      expect(await repo.changedPaths(head, sha)).toEqual(['.gitattributes', 'src/a.ts']);
    });
    expect(await readdir(dir)).toEqual(['evil.git']);
  });

  it('cannot do so through the mirror either', async () => {
    const dir = await makeTempDir();
    const { bare, head } = await open({ dir }, { ...FILES, '.gitattributes': '* filter=evil merge=evil\n' });
    const [root = ''] = await readdir(dir);
    const mirror = join(dir, root, 'mirror.git');
    const flag = join(await makeTempDir(), 'owned');
    const program = `touch ${flag}`;
    const config = `[core]\n\tbare = true\n\tfsmonitor = ${program}\n\tsshCommand = ${program}\n\thooksPath = ${mirror}/hooks
[filter "evil"]\n\tsmudge = ${program}\n\tclean = ${program}\n\tprocess = ${program}\n\trequired = true
[merge "evil"]\n\tdriver = ${program}\n[diff]\n\texternal = ${program}\n[credential]\n\thelper = !${program}\n[gc]\n\trecentObjectsHook = ${program}\n`;
    await mkdir(join(mirror, 'hooks'), { recursive: true });
    for (const hook of [
      'post-checkout',
      'pre-commit',
      'commit-msg',
      'post-commit',
      'pre-push',
      'reference-transaction',
    ])
      await writeFile(join(mirror, 'hooks', hook), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
    const work = async (repo: InfraRepo) => {
      const from = await repo.fetch();
      const sha = await commit(repo, from, { 'src/a.ts': `${from}\n`, 'src/b.ts': `b\n${from}\n` });
      expect((await repo.push({ base: from, head: sha })).kind).toBe('pushed');
      const later = await bare.commit({ 'src/b.ts': `changed\nb\n${from}\n` });
      await repo.withWorkTree(later, 'revert', async (tree) => {
        expect(await tree.revert([sha])).toEqual({ kind: 'reverted' });
      });
    };
    // Once as another client left it for the next opening, once behind the back of a running one.
    await writeFile(join(mirror, 'config'), config);
    const repo = await openTestRepo(bare.url, { dir });
    expect(await readFile(join(mirror, 'config'), 'utf8')).not.toContain('touch');
    await work(repo);
    await writeFile(join(mirror, 'config'), config);
    await work(repo);
    await expect(stat(flag)).rejects.toThrow(/ENOENT/);
    expect(await repo.isAncestor(head, await bare.head())).toBe(true);
  });
});
