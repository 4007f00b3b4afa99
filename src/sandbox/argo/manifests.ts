import { parseAllDocuments } from 'yaml';
import { toErrorMessage } from '../../lib/errors.ts';
import { toObjectRef, toRefKey } from '../../manifest/object.ts';
import type { ManifestObject } from '../../manifest/object.ts';
import { isClusterScoped } from '../cluster/live-object.ts';
import { isRecord, listAt, textAt } from '../json.ts';
import type { ApplicationSource } from './application.ts';
import { GitReadError } from './git.ts';
import type { GitFile } from './git.ts';

export const TRACKING_ANNOTATION = 'argocd.argoproj.io/tracking-id';

/** The objects in the files of a directory source. Throws when one of them cannot be read as Kubernetes objects. */
export function parseManifests(files: readonly GitFile[], source: ApplicationSource): ManifestObject[] {
  const chosen = files.filter((file) => isChosen(file.path, source));
  return chosen.flatMap((file) => parseFile(file));
}

/** Subfolders count only where the source says so. */
function isChosen(path: string, source: ApplicationSource): boolean {
  const { recurse = false, include, exclude } = source.directory ?? {};
  if (!recurse && path.includes('/')) return false;
  if (exclude !== undefined && exclude !== '' && isMatch(path, exclude)) return false;
  return include === undefined || include === '' || isMatch(path, include);
}

/** `*`, `?` and `{a,b}` as far as directory sources use them. */
function isMatch(path: string, glob: string): boolean {
  const inner = /^\{(.*)\}$/.exec(glob);
  const patterns = inner === null ? [glob] : (inner[1] ?? '').split(',');
  return patterns.some((pattern) => {
    const text = pattern
      .replace(/[.+^$()|[\]\\{}]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    return new RegExp(`^${text}$`).test(path);
  });
}

function parseFile(file: GitFile): ManifestObject[] {
  const documents = parseAllDocuments(file.text, { merge: true, maxAliasCount: 100 } as object);
  // An empty stream is not a list of documents in this library's answer.
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw toManifestError(file.path, toErrorMessage(problem).split('\n')[0] ?? '');
    const value: unknown = document.toJS();
    if (value === null || value === undefined) return [];
    const items = textAt(value, 'kind')?.endsWith('List') === true ? listAt(value, 'items') : [value];
    return items.map((item) => toManifest(item, file.path));
  });
}

function toManifest(value: unknown, path: string): ManifestObject {
  const kind = textAt(value, 'kind');
  const apiVersion = textAt(value, 'apiVersion');
  const name = textAt(value, 'metadata', 'name');
  if (!isRecord(value) || kind === undefined || apiVersion === undefined) {
    throw toManifestError(path, "Object 'Kind' is missing in a document");
  }
  if (name === undefined) throw toManifestError(path, `${kind} has no metadata.name`);
  return value as ManifestObject;
}

function toManifestError(path: string, cause: string): GitReadError {
  return new GitReadError(`rpc error: code = FailedPrecondition desc = Failed to unmarshal "${path}": ${cause}`);
}

/** Gives every object its namespace and the mark by which Argo CD knows it as the Application's. */
export function toTargets(
  objects: readonly ManifestObject[],
  application: { name: string; namespace: string; destinationNamespace: string; controllerNamespace: string },
): { targets: ManifestObject[]; repeated: string[] } {
  const byKey = new Map<string, ManifestObject>();
  const repeated: string[] = [];
  for (const object of objects) {
    const { namespace: written, ...metadata } = object.metadata;
    const namespace = isClusterScoped(object.kind) ? undefined : (written ?? application.destinationNamespace);
    const placed: ManifestObject = {
      ...object,
      metadata: { ...metadata, ...(namespace === undefined ? {} : { namespace }) },
    };
    const ref = toObjectRef(placed);
    const owner =
      application.namespace === application.controllerNamespace
        ? application.name
        : `${application.namespace}_${application.name}`;
    const trackingId = `${owner}:${ref.group}/${ref.kind}:${ref.namespace}/${ref.name}`;
    const annotations = { ...placed.metadata.annotations, [TRACKING_ANNOTATION]: trackingId };
    const key = toRefKey(ref);
    if (byKey.has(key)) repeated.push(`${ref.group}/${ref.kind}/${ref.namespace}/${ref.name}`);
    // The last one wins, as in Argo CD, which warns about it.
    byKey.set(key, { ...placed, metadata: { ...placed.metadata, annotations } });
  }
  return { targets: [...byKey.values()], repeated };
}

/** The name part of an object's tracking mark: which Application it belongs to. */
export function toTrackedOwner(object: ManifestObject): string | undefined {
  const id = object.metadata.annotations?.[TRACKING_ANNOTATION];
  return id === undefined ? undefined : id.slice(0, id.indexOf(':'));
}
