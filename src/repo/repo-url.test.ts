import { describe, expect, it } from 'vitest';
import { isAppError } from '../lib/errors.ts';
import { parseBranchName, parseRepoUrl } from './repo-url.ts';

const refuses = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return isAppError(error, 'config_invalid') && error.hint !== undefined;
  }
  return false;
};

describe('repository addresses', () => {
  it.each([
    ['https://github.com/acme/infra.git', 'https'],
    ['http://127.0.0.1:8080/infra.git', 'http'],
    ['http://[::1]:8080/infra.git', 'http'],
    ['ssh://git@github.com:22/acme/infra.git', 'ssh'],
    ['git@github.com:acme/infra.git', 'ssh'],
    ['file:///srv/git/infra.git', 'file'],
    ['/srv/git/infra.git', 'file'],
  ])('accepts %s', (url, protocol) => {
    expect(parseRepoUrl(url)).toMatchObject({ given: url, protocol });
  });

  it('makes a file address of an absolute path', () => {
    expect(parseRepoUrl('/srv/my repo%').remote).toBe('file:///srv/my%20repo%25');
  });

  it.each([
    '',
    'infra.git',
    '../infra.git',
    'ext::sh -c touch% /tmp/owned',
    'ext::sh',
    'EXT::sh',
    'fd::17',
    'transport::https://host/x',
    'git://github.com/acme/infra.git',
    'ftp://host/x',
    '/srv/a\nb',
    '-oProxyCommand=touch:x',
    '--upload-pack=touch',
    'ssh://-oProxyCommand=touch/x',
    'ssh://git@-oProxyCommand=x/y',
    'git@-oProxyCommand=x:y',
    '-u@host:path',
    'https://user:secret@github.com/acme/infra.git',
    'https://token@github.com/acme/infra.git',
    'ssh://git:secret@host/x',
    'https://github.com/acme/infra.git?private_token=abc',
    'https://github.com/acme/infra.git#abc',
    'https://github.com/',
    'file://other-host/srv/infra.git',
    'https://host/a\nb',
    'https://host/a b',
    'https://host\\@evil/x',
    `https://host/${'a'.repeat(3000)}`,
  ])('refuses %s with a hint', (url) => {
    expect(refuses(() => parseRepoUrl(url))).toBe(true);
  });

  it('never repeats the password of an address it refuses', () => {
    expect(() => parseRepoUrl('https://user:hunter2hunter2@host/x')).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') as string }),
    );
  });
});

describe('branch names', () => {
  it.each(['main', 'env/prod', 'release-1.2', 'größe', 'a_b+c=d#e'])('accepts %s', (name) => {
    expect(parseBranchName(name)).toBe(name);
  });

  it.each([
    '',
    '--upload-pack=x',
    '-c',
    '-',
    'refs/heads/--format=x',
    'refs/heads/main',
    'a/--format=x',
    'a/-x',
    'HEAD',
    '@',
    'a..b',
    'a@{1}',
    'a b',
    'a~1',
    'a^',
    'a:b',
    'a?b',
    'a*b',
    'a[b',
    'a\\b',
    'a\nb',
    'a\0b',
    '/a',
    'a/',
    'a//b',
    '.a',
    'a/.b',
    'a.lock',
    'a/b.LOCK',
    'a.',
    'a\u200bb',
    '+main',
    'x'.repeat(201),
  ])('refuses %j', (name) => {
    expect(refuses(() => parseBranchName(name))).toBe(true);
  });
});
