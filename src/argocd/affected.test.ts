import { describe, expect, it } from 'vitest';
import { findAffectedApplications } from './affected.ts';
import { applicationSchema } from './schema.ts';
import { toRepoKey } from './source.ts';

describe('a repository address', () => {
  it.each([
    'https://git.example.com/team/infra',
    'https://git.example.com/team/infra.git/',
    'https://bot@GIT.example.com:443/Team/Infra.git',
    'http://git.example.com:8080/team/infra',
    'ssh://git@git.example.com:2222/team/infra.git',
    'git@git.example.com:team/infra.git',
  ])('has many spellings: %s', (address) => {
    expect(toRepoKey(address)).toBe('git.example.com/team/infra');
  });

  it('of a folder keeps its case and is the same with and without a scheme', () => {
    expect(toRepoKey('file:///srv/Git/infra.git')).toBe(toRepoKey('/srv/Git/infra'));
    expect(toRepoKey('/srv/Git/infra')).not.toBe(toRepoKey('/srv/git/infra'));
  });

  it('keeps different repositories apart', () => {
    const keys = ['https://a.com/x/y', 'https://b.com/x/y', 'https://a.com/x/z', '/x/y'].map(toRepoKey);
    expect(new Set(keys).size).toBe(4);
  });
});

const REPO = 'https://git.example.com/infra.git';

function toApplication(
  name: string,
  spec: object,
  annotations: Record<string, string> = {},
  deletionTimestamp?: string,
) {
  return applicationSchema.parse({
    metadata: { name, annotations, deletionTimestamp },
    spec: { project: 'default', ...spec },
  });
}

async function find(applications: ReturnType<typeof toApplication>[], changedPaths: string[]): Promise<string[]> {
  const argo = { listApplications: () => Promise.resolve(applications) };
  const query = { repoUrl: 'git@git.example.com:infra', branch: 'main', changedPaths };
  return (await findAffectedApplications(argo, query)).map(({ name }) => name);
}

describe('an application is affected', () => {
  const source = (path: string, targetRevision = 'main') => ({ source: { repoURL: REPO, path, targetRevision } });

  it('by paths below its own, segment by segment', async () => {
    const applications = [
      toApplication('web', source('dist/web')),
      toApplication('website', source('dist/website/')),
      toApplication('root', source('.')),
    ];
    expect(await find(applications, ['dist/web/deployment.yaml'])).toEqual(['web', 'root']);
    expect(await find(applications, ['dist/website'])).toEqual(['website', 'root']);
  });

  it('only where it follows the branch', async () => {
    const applications = ['main', 'HEAD', '', 'refs/heads/main', 'release', 'v1.0'].map((revision, index) =>
      toApplication(`app-${index}`, source('dist', revision)),
    );
    expect(await find(applications, ['dist/x'])).toEqual(['app-0', 'app-1', 'app-2', 'app-3']);
  });

  it('by the paths its annotation names, absolute, relative and with patterns', async () => {
    const key = 'argocd.argoproj.io/manifest-generate-paths';
    const web = toApplication('web', source('apps/web'), { [key]: '.;../shared;/global/*-values.yaml' });
    expect(await find([web], ['apps/shared/a.yaml'])).toEqual(['web']);
    expect(await find([web], ['global/eu-values.yaml'])).toEqual(['web']);
    expect(await find([web], ['global/eu.yaml', 'apps/other/x'])).toEqual([]);
  });

  it('through any of its sources, and through files it borrows', async () => {
    const sources = [
      {
        repoURL: 'https://charts.example.com',
        chart: 'redis',
        targetRevision: '7',
        helm: { valueFiles: ['$values/env/redis.yaml'] },
      },
      { repoURL: REPO, targetRevision: 'main', ref: 'values' },
      { repoURL: REPO, path: 'extras', targetRevision: 'main' },
    ];
    const redis = toApplication('redis', { source: { repoURL: REPO, path: 'ignored' }, sources });
    expect(await find([redis], ['env/redis.yaml'])).toEqual(['redis']);
    expect(await find([redis], ['extras/a.yaml'])).toEqual(['redis']);
    expect(await find([redis], ['ignored/a.yaml', 'env/other.yaml'])).toEqual([]);
  });

  it('not when it is being deleted', async () => {
    expect(await find([toApplication('web', source('dist'), {}, '2026-01-01T00:00:00Z')], ['dist/x'])).toEqual([]);
  });
});
