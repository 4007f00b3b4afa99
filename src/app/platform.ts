import { join } from 'node:path';
import type { InfoView } from '../api/contract.ts';
import { createArgoInstances, type ArgoInstances } from '../argocd/instances.ts';
import type { RunningApp } from '../cli/host.ts';
import { processEnvironment } from '../config/environment.ts';
import type { ArgoInstanceSettings } from '../config/instances.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { AppError } from '../lib/errors.ts';
import type { LearningRedactor } from '../lib/redact.ts';
import { toCredentials } from '../repo/configured.ts';
import { openInfraRepo, type InfraRepo } from '../repo/infra-repo.ts';
import { startEmbedded, type Embedded } from '../sandbox/embedded.ts';
import type { Basics, Closers } from './basics.ts';

// What is worked on: the repository and the Argo CD instances, or a stand-in for both.

interface Platform {
  repo: InfraRepo;
  instances: ArgoInstances;
  mode: RunningApp['mode'];
}

/** @param given.token of the stand-in, where one is needed */
export async function openPlatform(
  loaded: LoadedConfig,
  given: Basics & { redactor: LearningRedactor; token: string },
  closers: Closers,
): Promise<Platform> {
  const { config } = loaded;
  const { clock, logger, redactor } = given;
  const embedded = await startEmbeddedIfUnset(loaded, { clock, logger, token: given.token });
  if (embedded !== undefined) closers.push(async () => await embedded.close());
  const repo = await openRepository(config, embedded, { clock, logger });
  const instances = createArgoInstances(embedded === undefined ? loaded.instances : [toEmbedded(config, embedded)], {
    requestTimeoutMs: config.argocd.requestTimeoutMs,
    // The stand-in acts on Rollouts, whether or not one is there yet.
    rollouts: embedded === undefined ? config.rollouts.controller : 'installed',
    ...{ clock, logger, redactor },
  });
  closers.push(async () => await instances.close());
  return { repo, instances, mode: embedded === undefined ? 'configured' : 'embedded_sandbox' };
}

async function startEmbeddedIfUnset(
  { config, instances }: LoadedConfig,
  basics: Basics & { token: string },
): Promise<Embedded | undefined> {
  if (instances.length > 0) return undefined;
  return await startEmbedded({
    dir: join(config.data.dir, 'sandbox'),
    branch: config.git.branch,
    port: config.sandbox.port,
    speed: config.sandbox.speed,
    ...basics,
  });
}

/** The stand-in as the one instance there is. */
function toEmbedded({ argocd: { name } }: Config, { url, token }: Embedded): ArgoInstanceSettings {
  const none = { tokenFile: null, session: null, caFile: null, kubeconfig: null, kubeContext: null };
  const rest = { isDefault: true, cluster: 'sandbox', ...none };
  return { name, server: url, token, ...rest };
}

export function toArgoInfo(instances: ArgoInstances): InfoView['argocd'] {
  return {
    url: instances.default.argo.baseUrl,
    instances: instances.all.map(({ name, argo, isDefault }) => ({ name, server: argo.baseUrl, default: isDefault })),
  };
}

async function openRepository(config: Config, embedded: Embedded | undefined, basics: Basics): Promise<InfraRepo> {
  const url = embedded?.repository ?? config.git.repoUrl;
  if (url === null) throw new AppError('config_invalid', 'git.repoUrl is not set');
  const credentials = toCredentials(config);
  return await openInfraRepo({
    url,
    branch: config.git.branch,
    dir: join(config.data.dir, 'git'),
    author: { name: config.git.authorName, email: config.git.authorEmail },
    environment: processEnvironment(),
    ...(credentials === undefined ? {} : { credentials }),
    ...basics,
  });
}
