import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initRepository } from '../cdk8s/init.ts';
import { AppError } from '../lib/errors.ts';
import { exec } from '../lib/exec.ts';

/**
 * Makes a bare repository with the example infrastructure as its first commit. Leaves one that is there alone. The
 * commit is the same wherever and whenever it is made.
 */
export async function seedBareRepository(options: { repository: string; branch: string }): Promise<void> {
  const { repository, branch } = options;
  if (existsSync(join(repository, 'HEAD'))) return;
  await mkdir(repository, { recursive: true, mode: 0o700 });
  const work = await mkdtemp(join(tmpdir(), 'tiphys-seed-'));
  try {
    await initRepository(work);
    await git(work, ['init', '--quiet', `--initial-branch=${branch}`]);
    await git(work, ['add', '--all', '--force']);
    await git(work, ['commit', '--quiet', '--message', 'feat: the infrastructure as it begins']);
    await git(repository, ['init', '--quiet', '--bare', `--initial-branch=${branch}`]);
    await git(work, ['push', '--quiet', repository, `HEAD:refs/heads/${branch}`]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const AUTHOR = { name: 'Example', email: 'example@localhost', date: '2026-01-01T00:00:00Z' };

async function git(cwd: string, args: readonly string[]): Promise<void> {
  const result = await exec('git', ['-c', 'core.hooksPath=/dev/null', '-c', 'commit.gpgSign=false', ...args], {
    cwd,
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: cwd,
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: AUTHOR.name,
      GIT_AUTHOR_EMAIL: AUTHOR.email,
      GIT_AUTHOR_DATE: AUTHOR.date,
      GIT_COMMITTER_NAME: AUTHOR.name,
      GIT_COMMITTER_EMAIL: AUTHOR.email,
      GIT_COMMITTER_DATE: AUTHOR.date,
    },
    timeoutMs: 60_000,
    maxBytes: 1_000_000,
  });
  if (result.exitCode === 0) return;
  throw new AppError(
    'git_failed',
    `git ${args[0] ?? ''} failed while making the example repository: ${result.stderr.trim()}`,
    {
      hint: 'Is git installed?',
    },
  );
}
