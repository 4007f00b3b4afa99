import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createImpatientClock, makeTempDir } from '../../test/support/open-repo.ts';
import { parseCommitSha } from '../lib/ids.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Git, GitResult } from './git.ts';
import { openMirror } from './mirror.ts';
import { parseRepoUrl } from './repo-url.ts';

const COMMIT = parseCommitSha('a'.repeat(40));
const yes = (stdout: string): GitResult => ({ exitCode: 0, stdout, stderr: '' });

it('takes no answer from before a fetch for one from after it, and asks no more once a commit is here', async () => {
  const gitDir = join(await makeTempDir(), 'mirror.git');
  await mkdir(gitDir);
  await writeFile(join(gitDir, 'HEAD'), 'ref: refs/heads/main\n');
  let asked = 0;
  let answerFirst: (result: GitResult) => void = () => undefined;
  const git: Git = {
    run: async ([command, , object]) => {
      if (command !== 'cat-file' || object !== COMMIT) return yes(`${'b'.repeat(40)}\n`);
      asked += 1;
      return asked === 1 ? await new Promise((resolve) => (answerFirst = resolve)) : yes('commit\n');
    },
  };
  const url = parseRepoUrl('file:///nowhere/infra.git');
  const options = { git, url, branch: 'main', gitDir, clock: createImpatientClock(), logger: silentLogger };
  const mirror = await openMirror(options);
  const before = mirror.has(COMMIT);
  expect(await mirror.has(COMMIT)).toBe(true);
  answerFirst({ exitCode: 128, stdout: '', stderr: 'fatal: git cat-file: could not get object info' });
  expect(await before).toBe(false);
  expect(await mirror.has(COMMIT)).toBe(true);
  expect(asked).toBe(2);
});
