import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath, rename, rm, unlink } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError } from '../lib/errors.ts';
import { randomHex } from '../lib/ids.ts';
import { parseRepoPath, toFoldedName } from './paths.ts';

// Files of a work tree, reached without ever leaving it. What stands in the tree came from a repository that others
// write to, and code that a model wrote has run in it, so links are refused and never followed.

/** The text of a regular file; undefined where there is none. Throws for links, folders, devices and files over the cap. */
export async function readTreeFile(root: string, path: string, maxBytes: number): Promise<string | undefined> {
  const full = await resolveInside(root, path);
  const stats = await findStats(full);
  if (stats === undefined) return undefined;
  requireOwnFile(path, stats);
  // NONBLOCK: a pipe that takes the file's place between the two calls must not hang us.
  const handle = await open(full, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const opened = await handle.stat();
    requireOwnFile(path, opened);
    if (opened.size > maxBytes) throw tooLarge(path, opened.size, maxBytes);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/**
 * Creates or replaces a regular file, making its folders. The new text takes the place of the old in one step: no
 * reader sees half of it, and neither a link nor another name of the old file is written through.
 */
export async function writeTreeFile(root: string, path: string, content: string, maxBytes: number): Promise<void> {
  const size = Buffer.byteLength(content);
  if (size > maxBytes) throw tooLarge(path, size, maxBytes);
  if (!content.isWellFormed()) throw refuse(path, 'its new text is not valid Unicode');
  const full = await resolveInside(root, path);
  await refuseTwins(root, path);
  const stats = await findStats(full);
  if (stats !== undefined) {
    requireOwnFile(path, stats);
    refuseFormatFlip(path, await readTreeFile(root, path, maxBytes), content);
  }
  const folder = dirname(full);
  await mkdir(folder, { recursive: true });
  if ((await realpath(folder)) !== folder) throw refuse(path, 'it leads through a link');
  const fresh = join(folder, `.tiphys-${randomHex(6)}.tmp`);
  const mode = stats === undefined ? 0o644 : stats.mode & 0o777;
  const handle = await open(
    fresh,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    mode,
  );
  try {
    await handle.writeFile(content, 'utf8');
    await handle.close();
    await rename(fresh, full);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(fresh, { force: true });
    throw error;
  }
}

/** Removes a file, or a folder with all that is in it. A missing path is fine; a link itself is removed, not its target. */
export async function removeTreeFile(root: string, path: string): Promise<void> {
  const full = await resolveInside(root, path);
  const stats = await findStats(full);
  if (stats === undefined) return;
  if (stats.isDirectory()) await rm(full, { recursive: true, force: true });
  else await unlink(full);
}

async function resolveInside(root: string, path: string): Promise<string> {
  parseRepoPath(path);
  const names = path.split('/');
  let folder = await realpath(root);
  for (const name of names.slice(0, -1)) {
    folder = join(folder, name);
    const stats = await findStats(folder);
    if (stats === undefined) break;
    if (stats.isSymbolicLink()) throw refuse(path, `${name} is a symbolic link`);
    if (!stats.isDirectory()) throw refuse(path, `${name} is not a folder`);
    if ((await realpath(folder)) !== folder) throw refuse(path, 'it leads out of the repository');
  }
  return join(await realpath(root), ...names);
}

async function findStats(full: string): Promise<Stats | undefined> {
  try {
    return await lstat(full);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

function requireOwnFile(path: string, stats: Stats): void {
  if (stats.isSymbolicLink()) throw refuse(path, 'it is a symbolic link');
  if (stats.isDirectory()) throw refuse(path, 'it is a folder');
  if (!stats.isFile()) throw refuse(path, 'it is not a regular file');
  if (stats.nlink > 1) throw refuse(path, 'it is a hard link, another file would change with it');
}

/** A name that differs from one that is there by case or composition only is the same file on other machines. */
async function refuseTwins(root: string, path: string): Promise<void> {
  let folder = await realpath(root);
  for (const name of path.split('/')) {
    let names: string[];
    try {
      names = await readdir(folder);
    } catch {
      return;
    }
    if (!names.includes(name)) {
      const folded = toFoldedName(name);
      const twin = names.find((other) => toFoldedName(other) === folded);
      if (twin !== undefined)
        throw refuse(path, `${JSON.stringify(twin)} is there and differs only in case or accents`);
      return;
    }
    folder = join(folder, name);
  }
}

/** Rewriting every line end or adding a byte-order mark hides the real change from whoever approves it. */
function refuseFormatFlip(path: string, before: string | undefined, after: string): void {
  if (before === undefined || before === '') return;
  if (after.startsWith('\uFEFF') && !before.startsWith('\uFEFF'))
    throw refuse(path, 'the new text adds a byte-order mark');
  const had = before.includes('\r\n');
  const has = after.includes('\r\n');
  const someLines = before.includes('\n') && after.includes('\n');
  if (someLines && had !== has) throw refuse(path, 'the new text changes the line ends of the whole file');
}

function refuse(path: string, why: string): AppError {
  return new AppError('invalid_input', `${JSON.stringify(path.slice(0, 200))} was refused: ${why}`, {
    hint: 'Only regular files of the repository are read and written, in the format they have.',
  });
}

function tooLarge(path: string, bytes: number, maxBytes: number): AppError {
  return new AppError(
    'payload_too_large',
    `${JSON.stringify(path.slice(0, 200))} has ${bytes} bytes, allowed are ${maxBytes}`,
  );
}
