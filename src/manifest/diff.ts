import { createTwoFilesPatch } from 'diff';
import { compareFields } from './compare.ts';
import { maskSecretPair } from './mask.ts';
import { toObjectRef, toRefKey } from './object.ts';
import type { ManifestObject, ObjectChange, ObjectRef } from './object.ts';
import { parseManifests } from './parse.ts';
import { isManifestPath, toServiceName } from './rendered.ts';
import type { RenderedFile } from './rendered.ts';
import { toYaml } from './yaml.ts';

// Past this many differing lines the search for the shortest difference costs more than anyone reads.
const MAX_EDITS = 1_000;

interface Entry {
  service: string;
  ref: ObjectRef;
  object: ManifestObject;
}

/**
 * The objects that differ between two renderings, by service and name. Where an object stands in its service's files does not
 * matter; an object that moves to another service is removed there and added here, since another Application owns it then.
 * Values of Secrets are masked throughout. Throws `invalid_input` for files that are not manifests.
 */
export function diffRendered(before: readonly RenderedFile[], after: readonly RenderedFile[]): ObjectChange[] {
  const left = toEntries(before);
  const right = toEntries(after);
  const keys = [...new Set([...left.keys(), ...right.keys()])].sort();
  return keys.flatMap((key) => toChange(left.get(key), right.get(key)) ?? []);
}

/** Every object of a rendering with the service it belongs to, in the order of the files. */
export function listRenderedObjects(files: readonly RenderedFile[]): { service: string; object: ManifestObject }[] {
  return files
    .filter((file) => isManifestPath(file.path))
    .flatMap((file) =>
      parseManifests(file.content, file.path).map((object) => ({ service: toServiceName(file.path), object })),
    );
}

function toEntries(files: readonly RenderedFile[]): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const { service, object } of listRenderedObjects(files)) {
    const ref = toObjectRef(object);
    // Of two objects with one name the later one is what a cluster would end up with.
    entries.set(`${service}\n${toRefKey(ref)}`, { service, ref, object });
  }
  return entries;
}

function toChange(left: Entry | undefined, right: Entry | undefined): ObjectChange | undefined {
  const entry = right ?? left;
  if (entry === undefined) return undefined;
  const isSame = left !== undefined && right !== undefined && compareFields(left.object, right.object).length === 0;
  if (isSame) return undefined;
  const { before, after } = maskSecretPair(left?.object, right?.object);
  const type = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  return {
    type,
    ref: entry.ref,
    service: entry.service,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    fields: type === 'changed' ? compareFields(before, after) : [],
    patch: toPatch(entry, before, after),
  };
}

function toPatch(entry: Entry, before: ManifestObject | undefined, after: ManifestObject | undefined): string {
  const { ref, service } = entry;
  const name = [service, ref.kind, ref.name].join('/').replace(/\s/g, '_');
  const from = before === undefined ? '/dev/null' : `a/${name}`;
  const to = after === undefined ? '/dev/null' : `b/${name}`;
  const left = before === undefined ? '' : toYaml(before);
  const right = after === undefined ? '' : toYaml(after);
  const patch = createTwoFilesPatch(from, to, left, right, undefined, undefined, {
    context: 3,
    maxEditLength: MAX_EDITS,
  });
  return (patch ?? toWholePatch(from, to, left, right)).replace(/^=+\n/, '');
}

function toWholePatch(from: string, to: string, left: string, right: string): string {
  const mark = (text: string, sign: string) =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => `${sign}${line}\n`);
  const [removed, added] = [mark(left, '-'), mark(right, '+')];
  const header = `--- ${from}\n+++ ${to}\n@@ -1,${removed.length} +1,${added.length} @@\n`;
  return header + removed.join('') + added.join('');
}
