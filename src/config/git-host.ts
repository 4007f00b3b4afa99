import type { Config } from './schema.ts';

// Where the API of the git host is, and whether a credential may be sent there: read from the address of the repository
// and the settings beside it. The rules ask here what is missing; the client is made of the same answer.

export const FORGE_KINDS = ['github', 'gitlab', 'gitea'] as const;
/** The API a git host speaks. Forgejo speaks that of Gitea. */
export type ForgeKind = (typeof FORGE_KINDS)[number];

export interface GitHost {
  kind: ForgeKind;
  /** Origin and prefix, without a slash at the end. */
  apiUrl: string;
  /** `owner/name`; GitLab also has `group/subgroup/name`. */
  project: string;
  /** Whether the API is the place the git token belongs to, so that it may be sent there. */
  ownsGitToken: boolean;
}

/** Names a setting and what is wrong with it, in words that follow the name. */
export interface GitHostProblem {
  key: string;
  problem: string;
}

const KNOWN_HOSTS: Readonly<Record<string, ForgeKind>> = {
  'github.com': 'github',
  'gitlab.com': 'gitlab',
  'codeberg.org': 'gitea',
  'gitea.com': 'gitea',
};

const API_PATHS: Readonly<Record<ForgeKind, string>> = { github: '/api/v3', gitlab: '/api/v4', gitea: '/api/v1' };

interface Remote {
  /** Of the web pages and the API, as far as the address of the repository tells. */
  origin: string;
  hostname: string;
  path: string;
}

/** What the settings say about the git host's API, or what they do not say. */
export function readGitHost(git: Config['git']): GitHost | GitHostProblem {
  if (git.repoUrl === null) return { key: 'git.repoUrl', problem: 'must be set where git.delivery is pull_request' };
  const remote = parseRemote(git.repoUrl);
  if (remote === undefined)
    return { key: 'git.repoUrl', problem: 'must be an address on a git host where git.delivery is pull_request' };
  const kind = toKind(git.forge, remote.hostname);
  if (kind === undefined)
    return {
      key: 'git.forge',
      problem: `must say what ${remote.hostname} is (github, gitlab, gitea or forgejo): its name does not tell`,
    };
  const apiUrl = (git.apiUrl ?? toApiUrl(kind, remote)).replace(/\/+$/, '');
  const project = toProject(kind, remote.path, apiUrl);
  if (project === undefined)
    return { key: 'git.repoUrl', problem: 'must name a repository as OWNER/NAME where git.delivery is pull_request' };
  const isDerived = git.apiUrl === null || sameOrigin(git.apiUrl, toApiUrl(kind, remote));
  return { kind, apiUrl, project, ownsGitToken: isDerived || sameOrigin(apiUrl, remote.origin) };
}

export function isGitHost(found: GitHost | GitHostProblem): found is GitHost {
  return 'kind' in found;
}

function toKind(forge: Config['git']['forge'], hostname: string): ForgeKind | undefined {
  if (forge === 'forgejo') return 'gitea';
  if (forge !== 'auto') return forge;
  return hostname.endsWith('.ghe.com') ? 'github' : KNOWN_HOSTS[hostname];
}

function parseRemote(address: string): Remote | undefined {
  if (!address.includes('://')) {
    const [, host = '', path = ''] = /^(?:[^@/]*@)?([A-Za-z0-9][A-Za-z0-9.-]*):([^/].*)$/.exec(address) ?? [];
    return host === '' ? undefined : toRemote('https:', host, host, path);
  }
  if (!URL.canParse(address)) return undefined;
  const { protocol, host, hostname, pathname } = new URL(address);
  if (hostname === '' || protocol === 'file:') return undefined;
  // The port of an ssh address is not that of the API.
  const isWeb = protocol === 'http:' || protocol === 'https:';
  return toRemote(isWeb ? protocol : 'https:', isWeb ? host : hostname, hostname, pathname);
}

function toRemote(protocol: string, host: string, hostname: string, path: string): Remote {
  return {
    origin: `${protocol}//${host.toLowerCase()}`,
    hostname: hostname.toLowerCase(),
    path: path.replace(/^\/+|\/+$/g, '').replace(/\.git$/, ''),
  };
}

function toApiUrl(kind: ForgeKind, { origin, hostname }: Remote): string {
  if (hostname === 'github.com') return 'https://api.github.com';
  if (hostname.endsWith('.ghe.com')) return `https://api.${hostname}`;
  return `${origin}${API_PATHS[kind]}`;
}

/** The part of the path that names the project: a host may live below a prefix, which its API shares. */
function toProject(kind: ForgeKind, path: string, apiUrl: string): string | undefined {
  const prefix = new URL(apiUrl).pathname.replace(API_PATHS[kind], '').replace(/^\/+|\/+$/g, '');
  const project = prefix !== '' && path.startsWith(`${prefix}/`) ? path.slice(prefix.length + 1) : path;
  const parts = decodeURIComponent(project).split('/');
  const isNamed = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isNamed || (kind === 'gitlab' ? parts.length < 2 : parts.length !== 2)) return undefined;
  return parts.join('/');
}

function sameOrigin(a: string, b: string): boolean {
  return new URL(a).origin === new URL(b).origin;
}
