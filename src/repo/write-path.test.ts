import { describe, expect, it } from 'vitest';
import { parseRepoPath } from './paths.ts';
import { checkWritePath, DEFAULT_PROTECTED_PATHS } from './write-path.ts';

const HOSTILE = [
  '',
  '.',
  '..',
  '../x',
  'a/../../x',
  'a/./b',
  'a//b',
  'a/',
  '/etc/passwd',
  '//host/share',
  '~/x',
  '~root/x',
  'C:/x',
  'c:x',
  '..\\x',
  'a\\..\\..\\x',
  '%2e%2e%2fx',
  'a/%2E%2E/x',
  'a%2fb',
  'a%5cb',
  'a%00b',
  'a\0b',
  'a\nb',
  'a\u2028b',
  'a\u202eb',
  'a\u200bb',
  'a\uFEFF',
  '.git',
  '.git/config',
  '.git/hooks/pre-commit',
  '.GIT/config',
  '.Git/config',
  '.git /config',
  '.git./config',
  '.git. . /config',
  '.git::$INDEX_ALLOCATION/config',
  '.git:x',
  'git~1/config',
  'GIT~2',
  '.g\u200cit/config',
  '．ｇｉｔ/config',
  '.ｇｉｔ/config',
  'sub/.git/config',
  'a/b.',
  'a/b ',
  'x'.repeat(300),
  `${'é'.repeat(128)}`,
  `${'a/'.repeat(3000)}b`,
  '\ud800',
];

describe('paths', () => {
  it.each(HOSTILE)('refuses %j everywhere', (path) => {
    expect(() => parseRepoPath(path)).toThrow(expect.objectContaining({ code: 'invalid_input' }) as Error);
    expect(checkWritePath(path)).toMatchObject({ kind: 'refused' });
  });

  it.each([
    'a',
    'src/charts/web.ts',
    'dist/web/0000-web.k8s.yaml',
    'a b/c',
    'größe.yaml',
    'a..b',
    '...x',
    '.gitignore',
    'git',
  ])('accepts %j', (path) => {
    expect(parseRepoPath(path)).toBe(path);
  });
});

describe('paths a model may write', () => {
  it.each([
    '.github/workflows/ci.yaml',
    '.GitHub/workflows/ci.yaml',
    '.gitlab-ci.yml',
    'sub/.gitlab-ci.yml',
    '.gitattributes',
    'src/.gitattributes',
    '.gitmodules',
    '.gitignore',
    'package.json',
    'PACKAGE.JSON',
    'sub/package.json',
    'package-lock.json',
    'yarn.lock',
    'pnpm-lock.yaml',
    '.npmrc',
    'cdk8s.yaml',
    'tiphys.yaml',
    'node_modules/x/index.js',
    'sub/node_modules/x/index.js',
    'run.sh',
    'a/b/run.sh',
    'Makefile',
    'tsconfig.json',
    '.env.production',
    'CODEOWNERS',
    'docs/CODEOWNERS',
  ])('protects %s, even inside the allowed globs', (path) => {
    expect(checkWritePath(path, { allowed: ['**'] })).toMatchObject({ kind: 'refused' });
  });

  it.each(['src/charts/web.ts', 'README.md', 'src/gitops.ts', 'src/shell.ts', 'src/packages.json.ts'])(
    'allows %s',
    (path) => {
      expect(checkWritePath(path)).toEqual({ kind: 'allowed', path });
    },
  );

  it('keeps to the allowed globs', () => {
    const rules = { allowed: ['src/**/*.ts', 'docs/*.{md,txt}', 'x?.yaml'] };
    const kinds = (paths: string[]) => paths.map((path) => checkWritePath(path, rules).kind);
    expect(kinds(['src/a.ts', 'src/b/c/d.ts', 'docs/a.md', 'docs/a.txt', 'x1.yaml'])).toEqual(Array(5).fill('allowed'));
    expect(kinds(['a.ts', 'srcx/a.ts', 'src/a.tsx', 'docs/a/b.md', 'docs/a.html', 'x12.yaml', 'SRC/a.ts'])).toEqual(
      Array(7).fill('refused'),
    );
  });

  it('says which files may be written', () => {
    expect(checkWritePath('a.ts', { allowed: ['src/**'] })).toMatchObject({ hint: 'Write only: src/**' });
    expect(checkWritePath('a.ts', { allowed: [] })).toMatchObject({ hint: 'This step may write no file.' });
  });

  it('takes other protected globs in place of its own', () => {
    const rules = { protected: [...DEFAULT_PROTECTED_PATHS, 'dist/**'] };
    expect(checkWritePath('dist/web/a.yaml', rules)).toMatchObject({
      kind: 'refused',
      reason: 'it is protected (dist/**)',
    });
    expect(checkWritePath('package.json', { protected: [] })).toMatchObject({ kind: 'allowed' });
    expect(checkWritePath('.git/config', { protected: [] })).toMatchObject({ kind: 'refused' });
  });

  it('takes signs of regular expressions in globs literally and survives an unclosed brace', () => {
    expect(checkWritePath('a.b', { allowed: ['a.b'] }).kind).toBe('allowed');
    expect(checkWritePath('axb', { allowed: ['a.b'] }).kind).toBe('refused');
    expect(checkWritePath('a+(b)', { allowed: ['a+(b)'] }).kind).toBe('allowed');
    expect(checkWritePath('ab', { allowed: ['a{b,c'] }).kind).toBe('allowed');
  });
});
