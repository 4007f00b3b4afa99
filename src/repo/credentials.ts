import { isAbsolute } from 'node:path';
import { AppError } from '../lib/errors.ts';
import type { RepoUrl } from './repo-url.ts';

/** How we prove to the git host who we are. */
export type GitCredentials =
  | { kind: 'token'; username?: string; token: string }
  | { kind: 'ssh'; privateKeyFile: string; knownHostsFile?: string };

interface RemoteAccess {
  /** Configuration for the commands that talk to the remote; other commands never get it. */
  config: [key: string, value: string][];
  sshCommand: string;
  /** Values that must not appear in any text we pass on. */
  secrets: string[];
}

// GitHub wants some user name beside a token and ignores which; GitLab and Gitea do the same.
const TOKEN_USERNAME = 'x-access-token';

/** Throws `config_invalid` where the credentials do not fit the address. */
export function toRemoteAccess(url: RepoUrl, credentials: GitCredentials | undefined): RemoteAccess {
  if (credentials?.kind === 'token') return toTokenAccess(url, credentials);
  if (credentials?.kind === 'ssh' && url.protocol !== 'ssh')
    throw mismatch('an ssh key', url, 'Use an ssh address, or give a token.');
  return { config: [], sshCommand: toSshCommand(credentials), secrets: [] };
}

function toTokenAccess(url: RepoUrl, credentials: { username?: string; token: string }): RemoteAccess {
  if (url.protocol !== 'https' && url.protocol !== 'http')
    throw mismatch('a token', url, 'Use an https address, or remove the token.');
  const username = credentials.username ?? TOKEN_USERNAME;
  // A line break would add headers of its own to the request.
  if (!/^[\x21-\x7e]+$/.test(credentials.token) || !/^[\x21-\x39\x3b-\x7e]+$/.test(username))
    throw new AppError('config_invalid', 'the git token or user name holds characters that cannot be sent', {
      hint: 'Check for line breaks and spaces at its ends.',
    });
  const basic = Buffer.from(`${username}:${credentials.token}`).toString('base64');
  return {
    // The header goes to one origin only: redirects are switched off for all commands (git-environment.ts).
    config: [['http.extraHeader', `Authorization: Basic ${basic}`]],
    sshCommand: toSshCommand(undefined),
    secrets: [credentials.token, basic],
  };
}

function toSshCommand(credentials: { privateKeyFile: string; knownHostsFile?: string } | undefined): string {
  const options = ['-oBatchMode=yes', '-oStrictHostKeyChecking=yes', '-oConnectTimeout=20'];
  options.push('-oServerAliveInterval=15', '-oServerAliveCountMax=4', '-oForwardAgent=no', '-oPermitLocalCommand=no');
  if (credentials !== undefined) {
    // With a key of our own the personal ssh configuration of whoever runs the process has no say.
    options.push('-F/dev/null', '-oIdentitiesOnly=yes', `-i${toKeyPath(credentials.privateKeyFile)}`);
    if (credentials.knownHostsFile !== undefined)
      options.push(`-oUserKnownHostsFile=${toKeyPath(credentials.knownHostsFile)}`, '-oGlobalKnownHostsFile=/dev/null');
  }
  // git hands this text to a shell, so every word is quoted.
  return ['ssh', ...options].map((word) => `'${word}'`).join(' ');
}

function toKeyPath(path: string): string {
  // Quotes would end our quoting; ssh itself splits on spaces and expands % and ~ in these options.
  if (isAbsolute(path) && /^[A-Za-z0-9_./@+=,-]+$/.test(path)) return path;
  throw new AppError('config_invalid', `the path of an ssh file is not usable: ${JSON.stringify(path.slice(0, 200))}`, {
    hint: 'Give an absolute path of letters, digits and _ . / @ + = , -.',
  });
}

function mismatch(what: string, url: RepoUrl, hint: string): AppError {
  return new AppError('config_invalid', `${what} does not go with a ${url.protocol} repository address`, { hint });
}
