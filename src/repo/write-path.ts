import { findPathFault } from './paths.ts';

/**
 * Files that run code, decide who may change what, or configure git, the build or this product itself. Text a model
 * wrote never lands there, whatever the allowed globs say.
 */
export const DEFAULT_PROTECTED_PATHS: readonly string[] = [
  '**/.git*',
  '**/.git*/**',
  '**/.gitlab-ci.{yml,yaml}',
  '.circleci/**',
  '.buildkite/**',
  '.woodpecker*',
  '.woodpecker/**',
  '.drone.{yml,yaml}',
  '.tekton/**',
  '.forgejo/**',
  'azure-pipelines*.{yml,yaml}',
  'bitbucket-pipelines.yml',
  '**/Jenkinsfile*',
  '**/CODEOWNERS',
  '**/package.json',
  '**/package-lock.json',
  '**/npm-shrinkwrap.json',
  '**/yarn.lock',
  '**/pnpm-lock.yaml',
  '**/pnpm-workspace.yaml',
  '**/bun.lock*',
  '**/.npmrc',
  '**/.yarnrc*',
  '**/.yarn/**',
  '**/.pnp.*',
  '**/.husky/**',
  '**/node_modules/**',
  '**/tsconfig*.json',
  '**/cdk8s.{yaml,yml}',
  '**/tiphys.{yaml,yml,json}',
  '**/.tiphys/**',
  '**/.env*',
  '**/.vscode/**',
  '**/.devcontainer/**',
  '**/Makefile',
  '**/Dockerfile*',
  '**/*.{sh,bash,zsh,ps1,bat,cmd}',
  '**/*.{pem,key,p12,pfx}',
  '**/*.node',
];

interface WritePathRules {
  /** Globs of which one must match; everything is allowed when left out. */
  allowed?: readonly string[];
  /** Globs of which none may match; in place of `DEFAULT_PROTECTED_PATHS`. */
  protected?: readonly string[];
}

type WritePathVerdict = { kind: 'allowed'; path: string } | { kind: 'refused'; reason: string; hint: string };

/**
 * Decides whether text that a model wrote may become this file. Looks at the path only; the work tree checks again,
 * on the real file system, when the file is written. In globs `*` and `?` stay within a name, `**` spans folders and
 * `{a,b}` chooses. Protected globs ignore case, allowed globs do not.
 */
export function checkWritePath(path: string, rules: WritePathRules = {}): WritePathVerdict {
  const fault = findPathFault(path);
  if (fault !== undefined)
    return { kind: 'refused', reason: fault, hint: 'Use a path relative to the repository root.' };
  const guard = (rules.protected ?? DEFAULT_PROTECTED_PATHS).find((glob) => toGlobPattern(glob, 'iu').test(path));
  if (guard !== undefined)
    return {
      kind: 'refused',
      reason: `it is protected (${guard})`,
      hint: 'A person has to change this file; leave it as it is.',
    };
  const allowed = rules.allowed;
  if (allowed !== undefined && !allowed.some((glob) => toGlobPattern(glob, 'u').test(path)))
    return {
      kind: 'refused',
      reason: 'it is outside the files this step may write',
      hint: allowed.length === 0 ? 'This step may write no file.' : `Write only: ${allowed.join(', ')}`,
    };
  return { kind: 'allowed', path };
}

function toGlobPattern(glob: string, flags: string): RegExp {
  let source = '';
  let depth = 0;
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob.charAt(at);
    if (glob.startsWith('**/', at) && (at === 0 || glob.charAt(at - 1) === '/')) {
      source += '(?:[^/]+/)*';
      at += 2;
    } else if (glob.startsWith('**', at)) {
      source += '.*';
      at += 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '{') {
      source += '(?:';
      depth += 1;
    } else if (char === '}' && depth > 0) {
      source += ')';
      depth -= 1;
    } else if (char === ',' && depth > 0) source += '|';
    else source += char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  }
  // An unclosed brace is closed here, so that a slip in a glob protects less exactly but never throws.
  return new RegExp(`^${source}${')'.repeat(depth)}$`, flags);
}
