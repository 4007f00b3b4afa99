import { copyFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '../lib/errors.ts';

// The same place from src/cdk8s of a checkout and from dist/cdk8s of an installation.
const TEMPLATE = fileURLToPath(new URL('../../examples/infra-repo/', import.meta.url));

// Not part of the template folder, since npm leaves files of this name out of what it publishes.
const OWN_FILES: Readonly<Record<string, string>> = { '.gitignore': 'node_modules/\n' };

/**
 * Writes an infrastructure repository to start from: charts, program, configuration and the rendered manifests.
 * Refuses a folder that holds anything but `.git`, unless `force` is set; files that are there are never overwritten.
 * Gives the paths it wrote, relative to `dir`. Neither makes a git repository nor commits.
 */
export async function initRepository(dir: string, options: { force?: boolean } = {}): Promise<string[]> {
  const present = await readdir(dir).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new AppError('invalid_input', `${dir} is not a folder that can be written`, { cause: error });
  });
  const others = present.filter((name) => name !== '.git');
  if (others.length > 0 && options.force !== true)
    throw new AppError('conflict', `${dir} is not empty: it holds ${others.slice(0, 5).join(', ')}`, {
      hint: 'Choose an empty folder, or use --force to add what is missing without overwriting anything.',
    });
  const written: string[] = [];
  const write = async (path: string, make: (target: string) => Promise<void>): Promise<void> => {
    const target = join(dir, path);
    if (await exists(target)) return;
    await mkdir(dirname(target), { recursive: true });
    await make(target);
    written.push(path);
  };
  await mkdir(dir, { recursive: true });
  for (const path of await listTemplate('')) await write(path, (target) => copyFile(join(TEMPLATE, path), target));
  for (const [path, content] of Object.entries(OWN_FILES)) await write(path, (target) => writeFile(target, content));
  return written.sort();
}

async function listTemplate(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(TEMPLATE, folder), { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await listTemplate(path)));
    else found.push(path);
  }
  return found;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
