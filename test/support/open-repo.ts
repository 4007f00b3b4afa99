import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { openInfraRepo, type InfraRepo, type RepoOptions } from '../../src/repo/infra-repo.ts';

/** A folder that is gone when the test has ended. */
export async function makeTempDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-test-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

/** Real time that never waits; `slept` holds what it was asked to wait for. */
export function createImpatientClock(): Clock & { slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => Date.now(),
    sleep: async (ms) => {
      slept.push(ms);
      await Promise.resolve();
    },
  };
}

/** Opens a repository with a mirror of its own, as one more independent client of the remote. */
export async function openTestRepo(url: string, options: Partial<RepoOptions> = {}): Promise<InfraRepo> {
  return await openInfraRepo({
    url,
    branch: 'main',
    dir: options.dir ?? (await makeTempDir()),
    author: { name: 'Tiphys', email: 'tiphys@example.com' },
    clock: createImpatientClock(),
    logger: silentLogger,
    environment: { PATH: process.env['PATH'] },
    ...options,
  });
}
