import { afterEach, describe, expect, it } from 'vitest';
import { isCommitSha } from '../../lib/ids.ts';
import { createTestSandbox } from '../test-sandbox.ts';
import type { TestSandbox } from '../test-sandbox.ts';
import { isSameRepository } from './address.ts';
import { createGitReader, GitReadError } from './git.ts';

let test: TestSandbox;
afterEach(async () => await test.close());

describe('reading a bare repository', () => {
  it('resolves branches, full commits unseen, and nothing else', async () => {
    test = await createTestSandbox({ files: { 'a/x.yaml': 'a: 1' } });
    const git = createGitReader({ repositories: [] });
    expect(await git.resolve(test.repository, 'main')).toBe(test.commit);
    expect(await git.resolve(test.repository, 'HEAD')).toBe(test.commit);
    const unseen = 'f'.repeat(40);
    expect(await git.resolve(test.repository, unseen)).toBe(unseen);
    await expect(git.resolve(test.repository, 'nowhere')).rejects.toThrow(
      "unable to resolve 'nowhere' to a commit SHA",
    );
    await expect(git.resolve(test.repository, '--upload-pack=touch')).rejects.toThrow(GitReadError);
    await expect(git.resolve(`${test.repository}-gone`, 'main')).rejects.toThrow('repository not found');
  });

  it('reads files under a folder with any names and any text', async () => {
    const text = `# ${'é'.repeat(3000)}\nkind: Öl\n`;
    test = await createTestSandbox({
      files: { 'a b/ü x.yaml': text, 'a b/sub/y.yml': 'y: 1', 'a b/note.txt': 'no', 'a bc/z.yaml': 'z: 1' },
    });
    const git = createGitReader({ repositories: [] });
    if (!isCommitSha(test.commit)) throw new Error('no commit');
    const { files } = await git.readFolder(test.repository, test.commit, 'a b');
    expect(files).toEqual([
      { path: 'sub/y.yml', text: 'y: 1' },
      { path: 'ü x.yaml', text },
    ]);
    await expect(git.readFolder(test.repository, test.commit, 'a')).rejects.toThrow('a: app path does not exist');
    expect(await git.listFolders(test.repository, test.commit, '')).toEqual(['a b', 'a bc']);
    expect(await git.listFolders(test.repository, test.commit, 'a b')).toEqual(['sub']);
    expect(await git.describe(test.repository, test.commit)).toMatchObject({
      author: 'Test <test@example.com>',
      message: 'change',
      tags: [],
    });
  });

  it('finds the repository that stands for an address, and fails as told', async () => {
    test = await createTestSandbox({ files: { 'a/x.yaml': 'a: 1' } });
    const broken: { why?: string } = {};
    const git = createGitReader({
      repositories: [{ url: 'https://git.example.com/shop/infra.git', path: test.repository }],
      fault: () => broken.why,
    });
    expect(await git.resolve('git@git.example.com:shop/infra', 'main')).toBe(test.commit);
    broken.why = 'connection reset by peer';
    await expect(git.resolve('https://git.example.com/shop/infra', 'main')).rejects.toThrow('connection reset by peer');
  });

  it.each([
    ['https://git.example.com/a/b.git', 'git@git.example.com:a/b', true],
    ['https://user@Git.Example.com:8443/a/b', 'ssh://git@git.example.com:22/a/b.git', true],
    ['https://git.example.com/a/b', 'https://git.example.com/a/B', false],
    ['https://git.example.com/a/b', 'https://other.example.com/a/b', false],
    ['/srv/a.git', 'file:///srv/a.git', true],
  ])('%s and %s: %s', async (a, b, same) => {
    test = await createTestSandbox();
    expect(isSameRepository(a, b)).toBe(same);
  });
});
