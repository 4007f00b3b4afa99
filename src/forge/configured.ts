import { readFileSync } from 'node:fs';
import type { Config } from '../config/schema.ts';
import { isGitHost, readGitHost, type GitHost } from '../config/git-host.ts';
import type { Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { Forge } from './forge.ts';
import { createGitea } from './gitea.ts';
import { createGitHub } from './github.ts';
import { createGitLab } from './gitlab.ts';
import { createForgeHttp } from './http.ts';

const TIMEOUT_MS = 30_000;

/** The git host's API as configured; undefined where changes are pushed. Throws `config_invalid` for settings that lack something. */
export function createConfiguredForge({ git }: Pick<Config, 'git'>, clock: Clock): Forge | undefined {
  if (git.delivery !== 'pull_request') return undefined;
  const host = readGitHost(git);
  if (!isGitHost(host)) throw new AppError('config_invalid', `${host.key} ${host.problem}`);
  const token = git.apiToken ?? (host.ownsGitToken ? git.token : null);
  if (token === null)
    throw new AppError('config_invalid', 'git.apiToken must be set where git.delivery is pull_request');
  return createForge(host, token, { clock, ca: git.apiCaFile === null ? undefined : readCa(git.apiCaFile) });
}

/** A client for one repository on one host; the token goes there and nowhere else. */
export function createForge(
  host: Pick<GitHost, 'kind' | 'apiUrl' | 'project'>,
  token: string,
  options: { clock: Clock; ca?: string | undefined; timeoutMs?: number },
): Forge {
  const { kind, apiUrl, project } = host;
  const http = createForgeHttp({
    kind,
    baseUrl: apiUrl,
    headers: toHeaders(kind, token),
    pageSizeName: kind === 'gitea' ? 'limit' : 'per_page',
    ca: options.ca,
    clock: options.clock,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
  });
  const about = { apiUrl, project };
  switch (kind) {
    case 'github':
      return createGitHub(http, about);
    case 'gitlab':
      return createGitLab(http, about);
    case 'gitea':
      return createGitea(http, about);
  }
}

function toHeaders(kind: GitHost['kind'], token: string): Record<string, string> {
  switch (kind) {
    case 'github':
      return {
        accept: 'application/vnd.github+json',
        'x-github-api-version': '2022-11-28',
        authorization: `Bearer ${token}`,
      };
    case 'gitlab':
      // An OAuth token is 64 hex digits and goes the OAuth way; personal, project and group tokens have a header of their own.
      return /^[0-9a-f]{64}$/.test(token)
        ? { accept: 'application/json', authorization: `Bearer ${token}` }
        : { accept: 'application/json', 'private-token': token };
    case 'gitea':
      return { accept: 'application/json', authorization: `token ${token}` };
  }
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new AppError('config_invalid', `the file of git.apiCaFile cannot be read: ${path}`, {
      cause: error,
      hint: 'Give the path of a file with the certificate authority in PEM form.',
    });
  }
}
