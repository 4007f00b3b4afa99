import { posix } from 'node:path';
import { type ApplicationRef, type CallOptions, toApplicationRef } from './application.ts';
import type { ArgoReads } from './reads.ts';
import type { Application, ApplicationSource } from './schema.ts';
import { isFollowing, listSources, toRepoKey } from './source.ts';

interface AffectedQuery extends CallOptions {
  repoUrl: string;
  branch: string;
  /** Paths from the repository's root, as git prints them. */
  changedPaths: readonly string[];
}

const GENERATE_PATHS = 'argocd.argoproj.io/manifest-generate-paths';

/**
 * Every Application a push of these paths can change. The server's own repository filter compares text, so all visible
 * Applications are listed and compared here.
 */
export async function listAffectedApplications(
  argo: Pick<ArgoReads, 'listApplications'>,
  query: AffectedQuery,
): Promise<Application[]> {
  const applications = await argo.listApplications({ signal: query.signal });
  return applications.filter(
    (application) => application.metadata.deletionTimestamp === '' && isAffected(application, query),
  );
}

/** The same by name. */
export async function findAffectedApplications(
  argo: Pick<ArgoReads, 'listApplications'>,
  query: AffectedQuery,
): Promise<ApplicationRef[]> {
  return (await listAffectedApplications(argo, query)).map(toApplicationRef);
}

/** The source of the Application that reads the pushed branch; undefined when none does. */
export function findSourceIndex(
  application: Application,
  query: { repoUrl: string; branch: string; changedPaths: readonly string[] },
): number | undefined {
  const sources = listSources(application);
  const reading = sources.map((source) => isReading(source, query));
  const touched = sources.findIndex(
    (source, index) => reading[index] === true && isTouched(application, source, query),
  );
  const index = touched >= 0 ? touched : reading.indexOf(true);
  return index < 0 ? undefined : index;
}

/** Whether any source of it reads this branch of this repository. */
export function isFollowingRepository(application: Application, query: { repoUrl: string; branch: string }): boolean {
  return listSources(application).some((source) => isReading(source, query));
}

function isAffected(application: Application, query: AffectedQuery): boolean {
  return listSources(application).some((source) => isReading(source, query) && isTouched(application, source, query));
}

function isReading(source: ApplicationSource, query: { repoUrl: string; branch: string }): boolean {
  if (source.chart !== '' || toRepoKey(source.repoURL) !== toRepoKey(query.repoUrl)) return false;
  return isFollowing(source.targetRevision, query.branch);
}

function isTouched(
  application: Application,
  source: ApplicationSource,
  { changedPaths }: { changedPaths: readonly string[] },
): boolean {
  const patterns = [
    ...listOwnPaths(source),
    ...listAnnotated(application, source),
    ...listBorrowed(application, source),
  ];
  return changedPaths.some((path) => patterns.some((pattern) => isWithin(toSegments(path), toSegments(pattern))));
}

/** A source that only lends files to others renders nothing of its own, whatever its path says. */
function listOwnPaths(source: ApplicationSource): string[] {
  return source.ref !== '' && source.path === '' ? [] : [source.path];
}

/** The annotation names what else goes into the manifests: absolute from the root, relative from the source's path. */
function listAnnotated(application: Application, source: ApplicationSource): string[] {
  const annotation = application.metadata.annotations[GENERATE_PATHS] ?? '';
  return annotation
    .split(';')
    .map((path) => path.trim())
    .filter((path) => path !== '')
    .map((path) => (path.startsWith('/') ? path : posix.join('/', source.path, path)));
}

/** Files of this source that another one reads as `$name/path`. */
function listBorrowed(application: Application, source: ApplicationSource): string[] {
  if (source.ref === '') return [];
  const prefix = `$${source.ref}/`;
  return listSources(application)
    .flatMap((other) => other.helm?.valueFiles ?? [])
    .filter((file) => file.startsWith(prefix))
    .map((file) => file.slice(prefix.length));
}

function toSegments(path: string): string[] {
  return posix
    .normalize(path === '' ? '.' : path)
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.');
}

/** Segment by segment, so that `apps/web` does not hold `apps/website/x.yaml`. */
function isWithin(path: string[], pattern: string[]): boolean {
  return pattern.length <= path.length && pattern.every((part, index) => matchesSegment(path[index] ?? '', part));
}

function matchesSegment(segment: string, pattern: string): boolean {
  if (!/[*?]/.test(pattern)) return segment === pattern;
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(segment);
}
