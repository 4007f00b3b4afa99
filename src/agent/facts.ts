import { loadProjectFile } from '../cdk8s/project-file.ts';
import { parseManifests } from '../manifest/parse.ts';
import type { ManifestObject } from '../manifest/object.ts';
import { isManifestPath, toServiceName, type RenderedFile } from '../manifest/rendered.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { RepositoryFacts, ServiceFacts } from '../model/planning.ts';
import type { WorkTree } from '../repo/work-tree.ts';
import type { Scope } from '../memory/facts.ts';
import { toWorkloads } from '../manifest/workload.ts';

/** The rendered files as they are committed: what Argo CD applies now. */
export async function readRendered(workTree: WorkTree, outputDir: string): Promise<RenderedFile[]> {
  const paths = (await workTree.list(outputDir)).filter(isManifestPath);
  const files = await Promise.all(paths.map(async (path) => ({ path, content: (await workTree.read(path)) ?? '' })));
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The folder of rendered manifests, as the repository itself says. */
export async function readOutputDir(workTree: WorkTree): Promise<string> {
  return (await loadProjectFile(workTree.dir)).output;
}

/** What the repository deploys at one commit, service by service. */
export async function readRepositoryFacts(workTree: WorkTree): Promise<RepositoryFacts> {
  return toRepositoryFacts(await readRendered(workTree, await readOutputDir(workTree)), workTree.base);
}

export function toRepositoryFacts(files: readonly RenderedFile[], commit: CommitSha): RepositoryFacts {
  const byService = new Map<string, ManifestObject[]>();
  for (const file of files) {
    const service = toServiceName(file.path);
    byService.set(service, [...(byService.get(service) ?? []), ...parseManifests(file.content, file.path)]);
  }
  const services = [...byService].map(([service, objects]): ServiceFacts => {
    return { service, environment: toEnvironment(objects), objects };
  });
  return { services, commit };
}

/** The environment of a service is the namespace most of its objects live in. */
export function toEnvironment(objects: readonly ManifestObject[]): string {
  const counts = new Map<string, number>();
  for (const object of objects) {
    const namespace = object.metadata.namespace ?? 'default';
    counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  }
  const most = [...counts].sort((a, b) => b[1] - a[1])[0];
  return most?.[0] ?? 'default';
}

/**
 * Where memory keeps what it knows about a service.
 * @param fallback the environment of one that renders nothing yet
 */
export function toScope(
  cluster: string,
  service: string,
  objects: readonly ManifestObject[],
  fallback = 'default',
): Scope {
  const environment = objects.length === 0 ? fallback : toEnvironment(objects);
  return { cluster, environment, namespace: environment, service };
}
/** Whether any workload of the service keeps data of its own. */
export function isStateful(objects: readonly ManifestObject[]): boolean {
  return toWorkloads(objects).some((workload) => workload.stateful);
}
