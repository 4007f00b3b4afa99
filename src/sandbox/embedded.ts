import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { startSandbox, type Sandbox } from './sandbox.ts';
import { seedBareRepository } from './seed-repository.ts';

/** The stand-in together with a repository for it to follow. */
export interface Embedded {
  url: string;
  token: string;
  /** Path of the bare infrastructure repository. */
  repository: string;
  sandbox: Sandbox;
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  /** Holds the repository and the live state; both are kept from one start to the next. */
  dir: string;
  branch: string;
  /** 0 takes a free one. */
  port: number;
  /** Simulated seconds for each second. */
  speed: number;
  token: string;
  clock: Clock;
  logger: Logger;
}

/** What an Argo CD with an ApplicationSet over the repository's rendered folders would be, on this machine alone. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { dir, branch, port, speed, token, clock, logger } = options;
  const repository = join(dir, 'infrastructure.git');
  await seedBareRepository({ repository, branch });
  const sandbox = await startSandbox({
    applications: { autoDiscover: { repoUrl: repository, branch, root: 'dist' } },
    port,
    token,
    clock,
    speed,
    statePath: join(dir, 'live.json'),
    logger,
  });
  return { url: sandbox.url, token, repository, sandbox, close: async () => await sandbox.close() };
}
