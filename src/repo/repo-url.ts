import { pathToFileURL } from 'node:url';
import { isAbsolute } from 'node:path';
import { AppError } from '../lib/errors.ts';

type RepoProtocol = 'https' | 'http' | 'ssh' | 'file';

/** A repository address that is safe to hand to git. */
export interface RepoUrl {
  /** As it was given. */
  given: string;
  /** What git is called with; an absolute path has become a `file://` URL. */
  remote: string;
  protocol: RepoProtocol;
}

// `user@host:path`, the short form of ssh. The host must not begin with a dash: ssh would read it as an option.
const SCP_LIKE = /^(?:[A-Za-z0-9._][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!\/\/)[^\s:]+$/;
const HOST = /^(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:.]+\])$/;
const USER = /^[A-Za-z0-9._][A-Za-z0-9._-]*$/;

/**
 * Reads a repository address: `https://`, `http://`, `ssh://`, `user@host:path`, `file://` or an absolute path.
 * Throws `config_invalid` for anything else, and for addresses that carry a password or token.
 */
export function parseRepoUrl(given: string): RepoUrl {
  const refuse = (why: string, hint: string) =>
    new AppError('config_invalid', `the repository address ${why}`, { hint });
  if (given === '' || given.length > 2048) throw refuse('is empty or too long', 'Give an https, ssh or file address.');
  if (/[\p{Cc}\p{Cf}\\]/u.test(given)) throw refuse('holds control characters or backslashes', 'Remove them.');
  if (isAbsolute(given)) return { given, remote: pathToFileURL(given).href, protocol: 'file' };
  if (/\s/.test(given)) throw refuse('holds spaces', 'Remove them, or write %20.');
  if (given.startsWith('-')) throw refuse('begins with a dash', 'Give an https, ssh or file address.');
  // `ext::`, `fd::` and every other transport helper runs a program named by the address.
  if (/^[A-Za-z0-9+.-]+::/.test(given)) throw refuse('names a transport helper', 'Give an https, ssh or file address.');
  if (!given.includes('://')) {
    if (SCP_LIKE.test(given)) return { given, remote: given, protocol: 'ssh' };
    throw refuse('is not understood', 'Use https://host/path, ssh://git@host/path, git@host:path or an absolute path.');
  }
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const protocol = url?.protocol.slice(0, -1);
  if (url === undefined || !isRepoProtocol(protocol))
    throw refuse('has a protocol that is not allowed', 'Use https, http, ssh or file.');
  if (url.password !== '' || (url.username !== '' && protocol !== 'ssh'))
    throw refuse(
      'carries a user name or password',
      'Remove everything before the @; give the token in its own setting (git.token), never in the address.',
    );
  if (url.search !== '' || url.hash !== '') throw refuse('has a query or fragment', 'Remove what follows the path.');
  if (protocol === 'file' ? url.hostname !== '' : !HOST.test(url.hostname))
    throw refuse('has a host name that is not allowed', 'Check the part between // and the next /.');
  if (url.username !== '' && !USER.test(url.username)) throw refuse('has a strange user name', 'Use a plain name.');
  if (url.pathname === '' || url.pathname === '/') throw refuse('names no repository', 'Add the path.');
  return { given, remote: given, protocol };
}

function isRepoProtocol(text: string | undefined): text is RepoProtocol {
  return text === 'https' || text === 'http' || text === 'ssh' || text === 'file';
}

/** Checks a short branch name such as `main` or `env/prod`; throws `config_invalid` where it is not one. */
export function parseBranchName(name: string): string {
  const refuse = (why: string) =>
    new AppError('config_invalid', `${JSON.stringify(name.slice(0, 100))} is not a branch name: ${why}`, {
      hint: 'Give the short name of a branch, such as main.',
    });
  if (name.length === 0 || name.length > 200) throw refuse('it is empty or longer than 200 characters');
  if (!/^[\p{L}\p{N}_.][\p{L}\p{N}._/+=#@-]*$/u.test(name)) throw refuse('it holds characters that are not allowed');
  if (name.startsWith('refs/')) throw refuse('it is a full reference');
  if (name === 'HEAD' || name === '@') throw refuse('git gives it another meaning');
  if (name.includes('..') || name.includes('@{') || name.endsWith('.')) throw refuse('git does not allow it');
  for (const part of name.split('/')) {
    if (part === '') throw refuse('it has an empty part');
    // A part that begins with a dash could be read as an option by a program further down.
    if (part.startsWith('-') || part.startsWith('.')) throw refuse('a part of it begins with a dash or a dot');
    if (part.toLowerCase().endsWith('.lock')) throw refuse('a part of it ends in .lock');
  }
  return name;
}
