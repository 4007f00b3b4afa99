import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.ts';
import { isGitHost, readGitHost, type GitHost } from './git-host.ts';

function read(git: Record<string, string>) {
  const { config } = loadConfig({
    configDir: '/nowhere',
    env: {},
    overrides: { git, argocd: { server: 'https://argo' } },
  });
  return readGitHost(config.git);
}

const host = (repoUrl: string, more: Record<string, string> = {}): GitHost => {
  const found = read({ repoUrl, ...more });
  if (!isGitHost(found)) throw new Error(`${found.key} ${found.problem}`);
  return found;
};

describe('the API of a git host', () => {
  it.each([
    ['https://github.com/acme/infra.git', {}, 'github', 'https://api.github.com', 'acme/infra'],
    ['git@github.com:acme/infra.git', {}, 'github', 'https://api.github.com', 'acme/infra'],
    ['https://acme.ghe.com/acme/infra', {}, 'github', 'https://api.acme.ghe.com', 'acme/infra'],
    ['https://github.acme.io/a/b.git', { forge: 'github' }, 'github', 'https://github.acme.io/api/v3', 'a/b'],
    ['https://gitlab.com/acme/platform/infra.git', {}, 'gitlab', 'https://gitlab.com/api/v4', 'acme/platform/infra'],
    ['ssh://git@git.acme.io:2222/a/b/c/d.git', { forge: 'gitlab' }, 'gitlab', 'https://git.acme.io/api/v4', 'a/b/c/d'],
    ['https://codeberg.org/acme/infra', {}, 'gitea', 'https://codeberg.org/api/v1', 'acme/infra'],
    ['http://127.0.0.1:3000/acme/infra.git', { forge: 'forgejo' }, 'gitea', 'http://127.0.0.1:3000/api/v1', 'acme/infra'],
    ['https://acme.io/git/a/b.git', { forge: 'gitea', apiUrl: 'https://acme.io/git/api/v1/' }, 'gitea', 'https://acme.io/git/api/v1', 'a/b'],
    ['https://acme.io/lab/a/b.git', { forge: 'gitlab', apiUrl: 'https://acme.io/lab/api/v4' }, 'gitlab', 'https://acme.io/lab/api/v4', 'a/b'],
  ])('of %s %j', (repoUrl, more, kind, apiUrl, project) => {
    expect(host(repoUrl, more)).toEqual({ kind, apiUrl, project, ownsGitToken: true });
  }); // prettier-ignore

  it('is sent the git token only where that token is at home', () => {
    const elsewhere = host('https://git.acme.io/a/b.git', { forge: 'gitlab', apiUrl: 'https://api.acme.io/api/v4' });
    expect(elsewhere.ownsGitToken).toBe(false);
    const plain = host('https://git.acme.io/a/b.git', { forge: 'gitlab', apiUrl: 'http://git.acme.io/api/v4' });
    expect(plain.ownsGitToken).toBe(false);
    const other = host('https://github.com/a/b', { apiUrl: 'https://api.github.com.evil.example' });
    expect(other.ownsGitToken).toBe(false);
  });

  it.each([
    [{ repoUrl: 'https://git.acme.io/a/b.git' }, 'git.forge', 'git.acme.io'],
    [{ repoUrl: 'https://github.com/infra.git' }, 'git.repoUrl', 'OWNER/NAME'],
    [{ repoUrl: 'https://github.com/a/b/c.git' }, 'git.repoUrl', 'OWNER/NAME'],
    [{ repoUrl: 'https://gitlab.com/a/%2E%2E/b' }, 'git.repoUrl', 'OWNER/NAME'],
    [{ repoUrl: '/srv/git/infra.git' }, 'git.repoUrl', 'git host'],
    [{ repoUrl: 'file:///srv/git/infra.git', forge: 'gitea' }, 'git.repoUrl', 'git host'],
  ])('is not guessed from %j', (git, key, words) => {
    expect(read(git)).toEqual({ key, problem: expect.stringContaining(words) as string });
  });
});
