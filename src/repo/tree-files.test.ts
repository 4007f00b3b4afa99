import { link, mkdir, readFile, readdir, stat, symlink, writeFile, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exec } from '../lib/exec.ts';
import { makeTempDir } from '../../test/support/open-repo.ts';
import { readTreeFile, removeTreeFile, writeTreeFile } from './tree-files.ts';

const MAX = 1000;

async function makeRoot() {
  const dir = await makeTempDir();
  const root = join(dir, 'repo');
  await mkdir(join(root, 'src'), { recursive: true });
  await mkdir(join(dir, 'repo-evil'));
  await writeFile(join(dir, 'outside.txt'), 'outside\n');
  await writeFile(join(root, 'src', 'a.ts'), 'a\n');
  return { dir, root };
}

const invalid = expect.objectContaining({ code: 'invalid_input' }) as Error;

describe('files of a work tree', () => {
  it('are read, written with their folders, and removed', async () => {
    const { root } = await makeRoot();
    expect(await readTreeFile(root, 'src/a.ts', MAX)).toBe('a\n');
    expect(await readTreeFile(root, 'src/none.ts', MAX)).toBeUndefined();
    expect(await readTreeFile(root, 'none/none.ts', MAX)).toBeUndefined();
    await writeTreeFile(root, 'x/y/z.ts', 'z\n', MAX);
    expect(await readTreeFile(root, 'x/y/z.ts', MAX)).toBe('z\n');
    await removeTreeFile(root, 'x');
    await removeTreeFile(root, 'x/y/z.ts');
    expect(await readdir(root)).toEqual(['src']);
  });

  it('keep their mode and leave nothing else behind when replaced', async () => {
    const { root } = await makeRoot();
    await chmod(join(root, 'src/a.ts'), 0o755);
    await writeTreeFile(root, 'src/a.ts', 'b\n', MAX);
    expect((await stat(join(root, 'src/a.ts'))).mode & 0o777).toBe(0o755);
    expect(await readdir(join(root, 'src'))).toEqual(['a.ts']);
  });

  it.each(['../outside.txt', '../repo-evil/x', 'src/../../outside.txt', '.git/config', '/etc/passwd'])(
    'are never reached by %s',
    async (path) => {
      const { root } = await makeRoot();
      await expect(readTreeFile(root, path, MAX)).rejects.toThrow(invalid);
      await expect(writeTreeFile(root, path, 'x', MAX)).rejects.toThrow(invalid);
      await expect(removeTreeFile(root, path)).rejects.toThrow(invalid);
    },
  );

  it('are not reached through linked folders, wherever they lead', async () => {
    const { dir, root } = await makeRoot();
    await symlink(dir, join(root, 'out'));
    await symlink('src', join(root, 'in'));
    await symlink('/nowhere/at/all', join(root, 'dangling'));
    for (const path of ['out/outside.txt', 'in/a.ts', 'out/new/x', 'dangling/x']) {
      await expect(readTreeFile(root, path, MAX)).rejects.toThrow(invalid);
      await expect(writeTreeFile(root, path, 'x', MAX)).rejects.toThrow(invalid);
      await expect(removeTreeFile(root, path)).rejects.toThrow(invalid);
    }
    expect(await readFile(join(dir, 'outside.txt'), 'utf8')).toBe('outside\n');
  });

  it('are not links, hard or symbolic, and a removed link leaves its target', async () => {
    const { dir, root } = await makeRoot();
    await symlink('../outside.txt', join(root, 'soft'));
    await symlink('/nowhere/new', join(root, 'dangling'));
    await link(join(dir, 'outside.txt'), join(root, 'hard'));
    for (const path of ['soft', 'dangling', 'hard']) {
      await expect(readTreeFile(root, path, MAX)).rejects.toThrow(invalid);
      await expect(writeTreeFile(root, path, 'x', MAX)).rejects.toThrow(invalid);
      await removeTreeFile(root, path);
    }
    expect(await readFile(join(dir, 'outside.txt'), 'utf8')).toBe('outside\n');
    expect(await readdir(root)).toEqual(['src']);
  });

  it('are not folders or pipes', async () => {
    const { root } = await makeRoot();
    await exec('mkfifo', [join(root, 'pipe')], { env: { PATH: '/usr/bin:/bin' }, timeoutMs: 5000, maxBytes: 1000 });
    for (const path of ['src', 'pipe']) {
      await expect(readTreeFile(root, path, MAX)).rejects.toThrow(invalid);
      await expect(writeTreeFile(root, path, 'x', MAX)).rejects.toThrow(invalid);
    }
    await expect(writeTreeFile(root, 'src/a.ts/b', 'x', MAX)).rejects.toThrow(invalid);
  });

  it('have a largest size', async () => {
    const { root } = await makeRoot();
    const large = expect.objectContaining({ code: 'payload_too_large' }) as Error;
    await writeFile(join(root, 'big'), 'x'.repeat(MAX + 1));
    await expect(readTreeFile(root, 'big', MAX)).rejects.toThrow(large);
    await expect(writeTreeFile(root, 'new', 'é'.repeat(MAX / 2 + 1), MAX)).rejects.toThrow(large);
  });

  it('are refused as twins that differ in case or composition only', async () => {
    const { root } = await makeRoot();
    await writeFile(join(root, 'src', 'gr\u00fcn.ts'), 'x');
    for (const path of ['src/A.ts', 'SRC/b.ts', 'src/gru\u0308n.ts'])
      await expect(writeTreeFile(root, path, 'x', MAX)).rejects.toThrow(invalid);
    expect(await readdir(root)).toEqual(['src']);
  });

  it('keep their line ends and get no byte-order mark', async () => {
    const { root } = await makeRoot();
    await writeFile(join(root, 'crlf'), 'a\r\nb\r\n');
    await expect(writeTreeFile(root, 'src/a.ts', 'a\r\nb\r\n', MAX)).rejects.toThrow(/line ends/);
    await expect(writeTreeFile(root, 'src/a.ts', '\uFEFFa\n', MAX)).rejects.toThrow(/byte-order/);
    await expect(writeTreeFile(root, 'crlf', 'a\nb\n', MAX)).rejects.toThrow(/line ends/);
    await writeTreeFile(root, 'crlf', 'a\r\nc\r\n', MAX);
  });

  it('are text: half a character is refused', async () => {
    const { root } = await makeRoot();
    await expect(writeTreeFile(root, 'x', '\ud800', MAX)).rejects.toThrow(invalid);
  });
});
