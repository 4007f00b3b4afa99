import { lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { toObjectRef, toRefKey, toRefLabel } from '../manifest/object.ts';
import type { ManifestObject } from '../manifest/object.ts';
import { toErrorMessage } from '../lib/errors.ts';

/** One rendered manifest. `path` is relative to the repository, with forward slashes. */
export interface RenderedFile {
  path: string;
  content: string;
}

type OutputOutcome = { kind: 'read'; files: RenderedFile[] } | { kind: 'failed'; message: string };

interface OutputLimits {
  maxFiles: number;
  maxBytes: number;
}

// Written by cdk8s on request for its own tools; no manifest.
const IGNORED = 'construct-metadata.json';
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/;

const objectSchema = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.looseObject({ name: z.string().min(1), namespace: z.string().optional() }),
});

class OutputError extends Error {}

/**
 * Reads what a synth wrote, sorted by path. Everything that is not a plain YAML file of Kubernetes objects is refused:
 * links, other files, duplicate keys, lists of objects, one object twice. The text is written anew, so that equal
 * objects give equal bytes and YAML 1.1 readers see the strings that were meant.
 */
export async function readOutput(dir: string, prefix: string, limits: OutputLimits): Promise<OutputOutcome> {
  try {
    const paths = await listFiles(dir, limits);
    const seen = new Map<string, string>();
    const files: RenderedFile[] = [];
    for (const path of paths) {
      const content = normalise(path, await readFile(join(dir, path)), seen);
      if (content !== '') files.push({ path: `${prefix}/${path}`, content });
    }
    return { kind: 'read', files };
  } catch (error) {
    if (error instanceof OutputError) return { kind: 'failed', message: error.message };
    throw error;
  }
}

async function listFiles(dir: string, limits: OutputLimits): Promise<string[]> {
  const found: string[] = [];
  let bytes = 0;
  const walk = async (folder: string, depth: number): Promise<void> => {
    for (const name of (await readdir(join(dir, folder))).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (!NAME.test(name)) throw new OutputError(`the synth wrote a file with an odd name: ${JSON.stringify(path)}`);
      const info = await lstat(join(dir, path));
      if (info.isDirectory() && depth < 8) {
        await walk(path, depth + 1);
        continue;
      }
      if (!info.isFile()) throw new OutputError(`the synth left something that is not a plain file: ${path}`);
      if (path === IGNORED) continue;
      if (!/\.ya?ml$/.test(name)) throw new OutputError(`the synth wrote ${path}, which is not a YAML file`);
      bytes += info.size;
      found.push(path);
      if (found.length > limits.maxFiles) throw new OutputError(`the synth wrote more than ${limits.maxFiles} files`);
      if (bytes > limits.maxBytes) throw new OutputError(`the synth wrote more than ${limits.maxBytes} bytes`);
    }
  };
  await walk('', 0);
  return found.sort((a, b) => (a < b ? -1 : 1));
}

function normalise(path: string, raw: Buffer, seen: Map<string, string>): string {
  const text = raw.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(raw)) throw new OutputError(`${path} is not UTF-8 text`);
  const objects = parseObjects(path, text);
  for (const object of objects) {
    const ref = toObjectRef(object);
    const key = toRefKey(ref);
    const other = seen.get(key);
    if (other !== undefined)
      throw new OutputError(
        `${toRefLabel(ref)} is rendered twice, in ${other} and in ${path}: one of them needs another name`,
      );
    seen.set(key, path);
  }
  // The settings cdk8s itself writes with: a repository rendered by its command line gives the same bytes.
  return objects
    .map((object) =>
      stringify(object, { version: '1.1', lineWidth: 0, keepUndefined: true, aliasDuplicateObjects: false }),
    )
    .join('---\n');
}

function parseObjects(path: string, text: string): ManifestObject[] {
  const values: unknown[] = [];
  try {
    const documents = parseAllDocuments(text, { version: '1.1', uniqueKeys: true });
    for (const document of 'empty' in documents ? [] : documents) {
      if (document.errors[0] !== undefined) throw document.errors[0];
      values.push(document.toJS({ maxAliasCount: 100 }) as unknown);
    }
  } catch (error) {
    throw new OutputError(`${path} is not valid YAML: ${toErrorMessage(error).split('\n')[0]}`);
  }
  return values.filter((value) => value !== null).map((value) => toObject(path, value));
}

function toObject(path: string, value: unknown): ManifestObject {
  const parsed = objectSchema.safeParse(value);
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new OutputError(
      `${path} holds something that is no Kubernetes object: ${where || 'it'} is missing or not text`,
    );
  }
  // A List hides its objects from every check that looks at objects one by one.
  if (parsed.data.kind === 'List')
    throw new OutputError(`${path} holds a List: render its items as objects of their own`);
  return value as ManifestObject;
}
