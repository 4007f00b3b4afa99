import type { Config } from '../config/schema.ts';
import type { GitCredentials } from './credentials.ts';

/** What the configuration says about getting in: a token before a key; undefined where it names neither. */
export function toCredentials({ git }: Pick<Config, 'git'>): GitCredentials | undefined {
  if (git.token !== null) {
    return { kind: 'token', token: git.token, ...(git.username === null ? {} : { username: git.username }) };
  }
  if (git.sshKeyFile === null) return undefined;
  const known = git.knownHostsFile;
  return { kind: 'ssh', privateKeyFile: git.sshKeyFile, ...(known === null ? {} : { knownHostsFile: known }) };
}
