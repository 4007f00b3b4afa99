import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { silentLogger } from '../lib/logger.ts';
import { editSchema } from './edit-kinds.ts';
import { applyEdit } from './edit.ts';
import { loadIsolation } from './isolation.ts';
import { createSynth } from './synth.ts';
import type { Synth } from './synth.ts';

// One folder per case: `original` and `expected` repositories, the edit, and what must follow from it. Cases that end
// without an edit have no `expected`, and name the outcome instead.
const TESTDATA = fileURLToPath(new URL('./testdata/', import.meta.url));

const expectSchema = z.union([
  z.strictObject({
    /** The manifests that may differ between the two renderings; every other one is byte-identical. */
    changed: z.array(z.string()),
    /** `file#dotted.path` to the value it must have after the edit; null for absent. */
    fields: z.record(z.string(), z.unknown()),
  }),
  z.strictObject({ outcome: z.record(z.string(), z.unknown()) }),
]);

let synth: Synth;
const cases = await readdir(TESTDATA);

beforeAll(async () => {
  synth = createSynth({ isolation: await loadIsolation(), logger: silentLogger });
});

async function readTree(dir: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    tree[path.slice(dir.length + 1)] = await readFile(path, 'utf8');
  }
  return tree;
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8')) as unknown;
}

const rendered = new Map<string, Promise<Record<string, string>>>();

/** Many cases begin with the same repository; it is rendered once. */
async function render(dir: string): Promise<Record<string, string>> {
  const key = JSON.stringify(Object.entries(await readTree(dir)).sort());
  const result = rendered.get(key) ?? renderAnew(dir);
  rendered.set(key, result);
  return await result;
}

async function renderAnew(dir: string): Promise<Record<string, string>> {
  const outcome = await synth.render(dir);
  if (outcome.kind === 'failed') throw new Error(`${dir}: ${outcome.message}`);
  return Object.fromEntries(outcome.files.map((file) => [file.path, file.content]));
}

function get(value: unknown, path: string): unknown {
  let current = value;
  for (const key of path.split('.'))
    current = typeof current === 'object' && current !== null ? (current as Record<string, unknown>)[key] : undefined;
  return current ?? null;
}

describe.each(cases)('%s', (name) => {
  const dir = join(TESTDATA, name);

  test('edits the source as written down, and nothing else', async () => {
    const edit = editSchema.parse(await readJson(join(dir, 'edit.json')));
    const wanted = expectSchema.parse(await readJson(join(dir, 'expect.json')));
    const before = await readTree(join(dir, 'original'));
    const outcome = await applyEdit(join(dir, 'original'), edit);
    if ('outcome' in wanted) {
      expect(outcome).toMatchObject(wanted.outcome);
      return;
    }
    if (outcome.kind !== 'edited') throw new Error(JSON.stringify(outcome));
    const after = { ...before };
    for (const { path, content } of outcome.files) {
      if (content === null) delete after[path];
      else after[path] = content;
    }
    expect(after).toEqual(await readTree(join(dir, 'expected')));
    expect(outcome.summary).toMatch(/^\S.*\S$/);
    expect(await readTree(join(dir, 'original'))).toEqual(before);
  });

  test('changes the objects it names and leaves all others byte-identical', async () => {
    const wanted = expectSchema.parse(await readJson(join(dir, 'expect.json')));
    if ('outcome' in wanted) return;
    const [before, after] = await Promise.all([render(join(dir, 'original')), render(join(dir, 'expected'))]);
    const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    expect(paths.filter((path) => before[path] !== after[path]).sort()).toEqual([...wanted.changed].sort());
    for (const [where, value] of Object.entries(wanted.fields)) {
      const [file = '', path = ''] = where.split('#');
      expect(get(parse(after[file] ?? ''), path), where).toEqual(value);
    }
  });
});

test('an edit that was made is not made twice', async () => {
  for (const name of cases) {
    const wanted = expectSchema.parse(await readJson(join(TESTDATA, name, 'expect.json')));
    const edit = editSchema.parse(await readJson(join(TESTDATA, name, 'edit.json')));
    if ('outcome' in wanted) continue;
    const again = await applyEdit(join(TESTDATA, name, 'expected'), edit);
    const kinds =
      edit.kind === 'remove_service' ? ['not_found'] : edit.kind === 'add_service' ? ['unsupported'] : ['unchanged'];
    expect(kinds, `${name}: ${JSON.stringify(again)}`).toContain(again.kind);
  }
});
