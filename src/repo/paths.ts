import { AppError } from '../lib/errors.ts';

const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096;

/**
 * Checks a path inside the repository, written with slashes and relative to its root, and returns it unchanged.
 * Nothing is repaired: a path that needs repair was not written by someone who knew where it leads.
 * Throws `invalid_input` with the reason.
 */
export function parseRepoPath(path: string): string {
  const reason = findPathFault(path);
  if (reason === undefined) return path;
  throw new AppError(
    'invalid_input',
    `${JSON.stringify(path.slice(0, 200))} is not a path in the repository: ${reason}`,
    {
      hint: 'Give a path relative to the root of the repository, such as src/main.ts.',
    },
  );
}

/** Why a path cannot be used, or undefined where it can. */
export function findPathFault(path: string): string | undefined {
  if (path === '') return 'it is empty';
  if (!path.isWellFormed()) return 'it is not valid Unicode';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `it is longer than ${MAX_PATH_BYTES} bytes`;
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(path)) return 'it holds control characters';
  if (/[\p{Cf}\p{Default_Ignorable_Code_Point}]/u.test(path)) return 'it holds invisible characters';
  if (path.includes('\\')) return 'it holds a backslash';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'it is absolute';
  if (path.startsWith('~')) return 'it begins with ~';
  if (/%(?:2e|2f|5c|00)/i.test(path)) return 'it holds an encoded dot, slash, backslash or NUL';
  for (const name of path.split('/')) {
    const fault = findNameFault(name);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function findNameFault(name: string): string | undefined {
  if (name === '') return 'it has an empty part';
  if (name === '.' || name === '..') return 'it has a . or .. part';
  if (isGitFolderName(name)) return "it leads into git's own folder";
  if (/[. ]$/.test(name)) return 'a part of it ends in a dot or a space';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `a part of it is longer than ${MAX_NAME_BYTES} bytes`;
  return undefined;
}

/** `.git` in every spelling that some file system takes for it: case, trailing dots, short names, wide letters. */
function isGitFolderName(name: string): boolean {
  const folded = (toFoldedName(name).split(':')[0] ?? '').replace(/[. ]+$/, '').trimStart();
  return folded === '.git' || /^git~\d+$/.test(folded);
}

/** Names that fold to the same text are one file on some file systems (case, Unicode composition). */
export function toFoldedName(name: string): string {
  return name.normalize('NFKC').toLowerCase().normalize('NFKC');
}
