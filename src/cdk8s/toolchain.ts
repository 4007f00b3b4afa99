import { readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { AppError } from '../lib/errors.ts';

/** The packages a repository's program may import, where they are, and nothing else of the machine. */
export interface Toolchain {
  /** Resolves `cdk8s`, `cdk8s-plus-28/lib/imports/k8s`, ... to a file; undefined for a package that is not offered. */
  resolve(specifier: string): string | undefined;
  packages: readonly string[];
  /** Real folders the child has to read. */
  folders: readonly string[];
  cdk8s: string;
}

const OWN_PACKAGES = ['cdk8s', 'cdk8s-plus-28', 'constructs'];

/**
 * Finds the construct libraries: those this program was installed with, or the dependencies of `dir/package.json`.
 * Throws `config_invalid` when cdk8s or constructs is not there.
 */
export async function loadToolchain(dir: string | undefined): Promise<Toolchain> {
  const require = createRequire(dir === undefined ? import.meta.url : join(dir, 'package.json'));
  const packages = dir === undefined ? OWN_PACKAGES : await readDependencies(dir);
  const folders: string[] = [];
  for (const name of packages) folders.push(await findFolder(require, name));
  const resolve = (specifier: string) => {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
    if (!packages.includes(name)) return undefined;
    try {
      return require.resolve(specifier);
    } catch {
      return undefined;
    }
  };
  const cdk8s = resolve('cdk8s');
  if (cdk8s === undefined || !packages.includes('constructs'))
    throw new AppError(
      'config_invalid',
      `the synth toolchain in ${dir ?? 'this installation'} has no cdk8s and constructs`,
      {
        hint: 'Install cdk8s and constructs there, as dependencies of its package.json.',
      },
    );
  return { resolve, packages, folders, cdk8s };
}

async function findFolder(require: NodeJS.Require, name: string): Promise<string> {
  for (const base of require.resolve.paths(name) ?? []) {
    try {
      return dirname(await realpath(join(base, name, 'package.json')));
    } catch {
      // Not in this node_modules; the next one up may have it.
    }
  }
  throw new AppError('config_invalid', `the synth toolchain lacks the package ${name}`, {
    hint: 'Install it, or name another toolchain folder.',
  });
}

async function readDependencies(dir: string): Promise<string[]> {
  const parsed: unknown = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8'));
  if (typeof parsed !== 'object' || parsed === null || !('dependencies' in parsed)) return [];
  return typeof parsed.dependencies === 'object' && parsed.dependencies !== null
    ? Object.keys(parsed.dependencies)
    : [];
}
