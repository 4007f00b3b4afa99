import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageDir } from '../../src/lib/package.ts';
import { createBareRepo, type BareRepo } from './git-fixture.ts';

/** A bare repository that begins with the example infrastructure. */
export async function createExampleRepo(dir: string): Promise<BareRepo> {
  const root = join(packageDir, 'examples/infra-repo');
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files: Record<string, string> = {};
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !path.includes('node_modules'))
      files[path.slice(root.length + 1)] = await readFile(path, 'utf8');
  }
  return await createBareRepo(dir, files);
}
