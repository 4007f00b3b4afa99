import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../lib/errors.ts';
import type { GitResult } from './git.ts';
import { toGitError } from './git-error.ts';

/** How much one change may hold. */
export interface ChangeLimits {
  maxFileBytes: number;
  maxFiles: number;
}

/** Runs git in one work tree. */
export type RunInTree = (
  args: readonly string[],
  extra?: { input?: string; env?: Record<string, string> },
) => Promise<GitResult>;

interface StagedChange {
  path: string;
  status: 'added' | 'changed' | 'removed';
}

/**
 * Brings everything changed into the index, which is private to the work tree, and says what differs from HEAD.
 * Throws where the change is too large, or would add a link or another repository.
 */
export async function stageChanges(tree: {
  run: RunInTree;
  dir: string;
  limits: ChangeLimits;
  /** Paths to add although `.gitignore` may name them. */
  written: ReadonlySet<string>;
}): Promise<StagedChange[]> {
  await expect('stage the changes', tree.run(['add', '--all', '--', '.']));
  const forced = [];
  for (const path of tree.written) if (await isFile(join(tree.dir, path))) forced.push(path);
  if (forced.length > 0) {
    const args = ['add', '--force', '--pathspec-from-file=-', '--pathspec-file-nul'];
    await expect('stage the changes', tree.run(args, { input: forced.join('\0') }));
  }
  const args = ['diff-index', '--cached', '--raw', '-z', '--no-renames', '--no-abbrev', 'HEAD', '--'];
  const changes = parseRaw(await expect('compare the work tree', tree.run(args)));
  if (changes.length > tree.limits.maxFiles)
    throw new AppError('payload_too_large', `${changes.length} files changed, allowed are ${tree.limits.maxFiles}`, {
      hint: 'Split the change, or keep generated folders out of the repository.',
    });
  for (const change of changes) await requirePlain(change, tree.dir, tree.limits.maxFileBytes);
  return changes.map(({ path, status }) => ({ path, status }));
}

/**
 * Regular files that are there, tracked or not ignored, and those of `written`; sorted by bytes. Of one folder, or one
 * file, where given. Touches nothing.
 */
export async function listPresent(
  tree: { run: RunInTree; dir: string; written: ReadonlySet<string> },
  under?: string,
): Promise<string[]> {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--'];
  const stdout = await expect('list the files', tree.run([...args, ...(under === undefined ? [] : [under])]));
  const paths = new Set(stdout.split('\0'));
  for (const path of tree.written)
    if (under === undefined || path === under || path.startsWith(`${under}/`)) paths.add(path);
  const present = [];
  for (const path of paths) if (path !== '' && (await isFile(join(tree.dir, path)))) present.push(path);
  return present.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

interface RawChange extends StagedChange {
  oldMode: string;
  newMode: string;
}

function parseRaw(stdout: string): RawChange[] {
  const parts = stdout.split('\0');
  const changes: RawChange[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const [, oldMode = '', newMode = '', letter = ''] =
      /^:(\d{6}) (\d{6}) [0-9a-f]+ [0-9a-f]+ ([A-Z])/.exec(parts[at] ?? '') ?? [];
    const status = letter === 'A' ? 'added' : letter === 'D' ? 'removed' : 'changed';
    changes.push({ path: parts[at + 1] ?? '', status, oldMode, newMode });
  }
  return changes;
}

/** Links lead readers elsewhere and nested repositories carry configuration: whoever made them, we do not publish them. */
async function requirePlain(change: RawChange, dir: string, maxFileBytes: number): Promise<void> {
  if (change.status === 'removed') return;
  if (change.newMode === '120000' || change.newMode === '160000')
    throw new AppError(
      'invalid_input',
      `${JSON.stringify(change.path)} is a ${change.newMode === '120000' ? 'symbolic link' : 'nested repository'}, which is not committed`,
      { hint: 'Remove it, or have a person add it.' },
    );
  const size = (await lstat(join(dir, change.path))).size;
  if (size > maxFileBytes)
    throw new AppError(
      'payload_too_large',
      `${JSON.stringify(change.path)} has ${size} bytes, allowed are ${maxFileBytes}`,
    );
}

async function isFile(full: string): Promise<boolean> {
  try {
    return (await lstat(full)).isFile();
  } catch {
    return false;
  }
}

async function expect(doing: string, result: Promise<GitResult>): Promise<string> {
  const ended = await result;
  if (ended.exitCode !== 0) throw toGitError(doing, ended);
  return ended.stdout;
}
