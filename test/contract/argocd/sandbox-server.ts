import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSystemClock } from '../../../src/lib/clock.ts';
import { randomHex } from '../../../src/lib/ids.ts';
import type { SandboxOptions } from '../../../src/sandbox/options.ts';
import { startSandbox } from '../../../src/sandbox/sandbox.ts';
import { IN_CLUSTER, type ServerSettings } from './settings.ts';

const run = promisify(execFile);

/** The stand-in over an empty repository, at fifty times the speed of a cluster. */
export async function startSandboxServer(
  dir: string,
  undo: (() => Promise<unknown> | void)[],
  options: Partial<SandboxOptions>,
): Promise<ServerSettings> {
  const repoUrl = join(dir, 'infrastructure.git');
  await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', repoUrl]);
  const token = randomHex(16);
  const sandbox = await startSandbox({
    applications: [],
    repositories: [{ url: repoUrl }],
    clock: createSystemClock(),
    speed: 50,
    token,
    ...options,
  });
  undo.push(() => sandbox.close());
  return {
    url: sandbox.url,
    token,
    ca: undefined,
    project: 'default',
    destination: IN_CLUSTER,
    namespace: undefined,
    image: 'busybox:1.36',
    repoUrl,
    git: {
      pushUrl: repoUrl,
      branch: 'main',
      username: undefined,
      token: undefined,
      sshKeyFile: undefined,
      caFile: undefined,
    },
  };
}
