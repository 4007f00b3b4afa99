import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../../src/lib/exec.ts';

const ENV = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Somebody Else',
  GIT_AUTHOR_EMAIL: 'else@example.org',
  GIT_COMMITTER_NAME: 'Somebody Else',
  GIT_COMMITTER_EMAIL: 'else@example.org',
};

/** What git prints; throws with what it says on failure. */
export async function git(cwd: string, args: readonly string[]): Promise<string> {
  const result = await exec('git', args, { cwd, env: ENV, timeoutMs: 60_000, maxBytes: 10_000_000 });
  if (result.exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** Somebody else commits a change of one file to the branch, the default one unless named; gives the new commit. */
export async function commitBeside(
  repository: string,
  path: string,
  change: (text: string) => string,
  message: string,
  branch?: string,
): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'tiphys-beside-'));
  try {
    await git(work, ['clone', '--quiet', ...(branch === undefined ? [] : ['--branch', branch]), repository, '.']);
    const file = join(work, path);
    const before = await readFile(file, 'utf8');
    const after = change(before);
    if (after === before) throw new Error(`the change of ${path} changes nothing`);
    await writeFile(file, after);
    await git(work, ['commit', '--quiet', '--all', '--message', message]);
    await git(work, ['push', '--quiet', 'origin', 'HEAD']);
    return (await git(work, ['rev-parse', 'HEAD'])).trim();
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
