import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSystemClock } from '../../../src/lib/clock.ts';
import { randomHex } from '../../../src/lib/ids.ts';
import type { SandboxOptions } from '../../../src/sandbox/options.ts';
import { startSandbox } from '../../../src/sandbox/sandbox.ts';
import { IN_CLUSTER, type ServerSettings } from './settings.ts';

const run = promisify(execFile);

export interface StandInOptions extends Partial<SandboxOptions> {
  /** The address by which Applications name the repository, where that is not its folder. */
  repoUrl?: string;
}

/** The stand-in over an empty repository, at fifty times the speed of a cluster. */
export async function startSandboxServer(
  dir: string,
  undo: (() => Promise<unknown> | void)[],
  { repoUrl, ...options }: StandInOptions,
): Promise<ServerSettings> {
  const path = join(dir, 'infrastructure.git');
  const url = repoUrl ?? path;
  await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', path]);
  const token = randomHex(16);
  const sandbox = await startSandbox({
    applications: [],
    repositories: [{ url, path }],
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
    repoUrl: url,
    git: {
      pushUrl: path,
      branch: 'main',
      username: undefined,
      token: undefined,
      sshKeyFile: undefined,
      caFile: undefined,
    },
  };
}
