import type { AddressInfo } from 'node:net';
import { silentLogger } from '../lib/logger.ts';
import type { Project } from './argo/project.ts';
import { createControlPlane } from './control-plane.ts';
import type { FaultKnobs } from './faults.ts';
import { createServer } from './http/server.ts';
import type { ApplicationSummary, SandboxOptions } from './options.ts';
import type { Behaviour } from './workloads/behaviour.ts';

export interface Sandbox {
  url: string;
  token: string | undefined;
  faults: FaultKnobs;
  applications(): ApplicationSummary[];
  /** Makes the pods of a workload behave differently from now on; returns how many there are. */
  disturb(workload: { kind: string; namespace: string; name: string }, behaviour: Behaviour): number;
  /** Looks for new folders at once instead of at the next turn. */
  discover(): Promise<void>;
  describe(): SandboxAddresses;
  /** Ends every stream and pending request, saves the state if it is to be kept. Safe to call twice. */
  close(): Promise<void>;
}

/** What a person or a program needs to use a running sandbox. */
export interface SandboxAddresses {
  server: string;
  token: string | null;
  repositories: { url: string; path: string }[];
  admin: { faults: string; objects: string; disturb: string };
  speed: number;
}

/** Starts the stand-in: the HTTP API of Argo CD over loopback, following real repositories, over a simulated cluster. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const logger = options.logger ?? silentLogger;
  const accounts = [...(options.accounts ?? [])];
  if (options.token !== undefined) accounts.unshift({ name: 'admin', token: options.token, rights: 'admin' });
  const plane = await createControlPlane({
    ...options,
    logger,
    accounts,
    speed: options.speed ?? 1,
    projects: toProjects(options.projects),
  });
  const server = createServer(plane.backend);
  await server.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 });
  await plane.start();
  const { port } = server.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  let closing: Promise<void> | undefined;

  return {
    url,
    token: options.token,
    faults: plane.backend.faults,
    applications: plane.summarise,
    disturb: plane.disturb,
    discover: plane.backend.discover,
    describe: () => ({
      server: url,
      token: options.token ?? null,
      repositories: plane.backend.repositories.map((repository) => ({
        url: repository.url,
        path: repository.path ?? repository.url,
      })),
      admin: { faults: `${url}/sandbox/faults`, objects: `${url}/sandbox/objects`, disturb: `${url}/sandbox/disturb` },
      speed: options.speed ?? 1,
    }),
    close: () => {
      closing ??= server.close().then(() => plane.stop());
      return closing;
    },
  };
}

function toProjects(given: SandboxOptions['projects'] = []): Project[] {
  const all = given.some((project) => project.name === 'default') ? given : [{ name: 'default' }, ...given];
  return all.map((project) => ({
    name: project.name,
    sourceRepos: project.sourceRepos ?? ['*'],
    sourceNamespaces: project.sourceNamespaces ?? [],
    syncWindows: project.syncWindows ?? [],
  }));
}
