import type { ArgoInstances } from '../argocd/instances.ts';
import type { Database } from '../database/open.ts';
import type { Forge } from '../forge/forge.ts';
import type { InfraRepo } from '../repo/infra-repo.ts';

/** What `GET /api/ready` asks, each with the sentence of its answer; one that does not answer throws. */
export function toReadiness(parts: {
  db: Database;
  repo: InfraRepo;
  instances: ArgoInstances;
  forge: Forge | undefined;
}): Record<string, () => Promise<string>> {
  const { all } = parts.instances;
  const argo = all.map(({ name, argo }) => [
    all.length === 1 ? 'argocd' : `argocd ${name}`,
    async () => `Argo CD ${(await argo.version()).Version}`,
  ]);
  return {
    database: async () => {
      await parts.db.ping();
      return parts.db.location;
    },
    git: async () => `${parts.repo.branch} is at ${(await parts.repo.fetch()).slice(0, 9)}`,
    ...toForgeReadiness(parts.forge),
    ...Object.fromEntries(argo),
  };
}

function toForgeReadiness(forge: Forge | undefined): Record<string, () => Promise<string>> {
  return forge === undefined ? {} : { 'pull requests': async () => await forge.describe() };
}
