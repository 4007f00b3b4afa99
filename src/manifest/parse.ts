import { toList, toRecord, toText } from './fields.ts';
import type { ManifestObject } from './object.ts';
import { readYaml, refuseYaml as refuse } from './yaml-document.ts';

const MAX_OBJECTS = 20_000;
const MAX_LIST_DEPTH = 4;

/**
 * Reads a stream of YAML or JSON documents as Kubernetes would. `List` kinds are expanded, empty documents skipped. Throws
 * `invalid_input`, naming source and line, for broken YAML, duplicate keys, alias bombs, unknown tags and for documents
 * that are not Kubernetes objects.
 */
export function parseManifests(text: string, source: string): ManifestObject[] {
  const objects: ManifestObject[] = [];
  for (const { value, line } of readYaml(text, source)) {
    if (value === null || value === undefined) continue;
    expand(value, { source, line, depth: 0, inherited: {} }, objects);
    if (objects.length > MAX_OBJECTS) refuse(source, line, `more than ${MAX_OBJECTS} objects in one file`);
  }
  return objects;
}

interface Place {
  source: string;
  line: number;
  depth: number;
  /** What the items of a typed list (`DeploymentList`) may leave out. */
  inherited: { apiVersion?: string; kind?: string };
}

function expand(value: unknown, place: Place, into: ManifestObject[]): void {
  const record = toRecord(value);
  if (record === undefined) refuse(place.source, place.line, 'a document that is not a mapping');
  const apiVersion = toText(record['apiVersion']) ?? place.inherited.apiVersion;
  const kind = toText(record['kind']) ?? place.inherited.kind;
  if (apiVersion === undefined || apiVersion === '') refuse(place.source, place.line, 'apiVersion is missing');
  if (kind === undefined || kind === '') refuse(place.source, place.line, 'kind is missing');
  if (kind.endsWith('List') && Array.isArray(record['items'])) {
    if (place.depth >= MAX_LIST_DEPTH) refuse(place.source, place.line, 'lists within lists within lists');
    const inherited = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -'List'.length) };
    for (const item of toList(record['items'])) expand(item, { ...place, depth: place.depth + 1, inherited }, into);
    return;
  }
  const metadata = toRecord(record['metadata']);
  const name = toText(metadata?.['name']);
  if (metadata === undefined || name === undefined || name === '')
    refuse(place.source, place.line, `${kind} without metadata.name (generated and numeric names cannot be deployed)`);
  const namespace = metadata['namespace'];
  if (namespace !== undefined && namespace !== null && typeof namespace !== 'string')
    refuse(place.source, place.line, `${kind} ${name}: metadata.namespace is not text`);
  into.push(toManifestObject(record, metadata, { apiVersion, kind, name }));
}

function toManifestObject(
  record: Record<string, unknown>,
  metadata: Record<string, unknown>,
  identity: { apiVersion: string; kind: string; name: string },
): ManifestObject {
  const { namespace, ...rest } = metadata;
  const meta = typeof namespace === 'string' && namespace !== '' ? metadata : rest;
  const { apiVersion, kind, name } = identity;
  // Key order is kept, since it decides how the object is written back.
  return { ...record, apiVersion, kind, metadata: { ...meta, name } };
}
