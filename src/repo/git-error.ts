import { AppError } from '../lib/errors.ts';
import type { GitResult } from './git.ts';

/** What git's words on standard error mean. This file is the only reader of them. */
interface GitFault {
  kind:
    | 'unreachable'
    | 'auth_failed'
    | 'forbidden'
    | 'repository_not_found'
    | 'branch_not_found'
    | 'redirected'
    | 'host_key'
    | 'tls'
    | 'ownership'
    | 'disk_full'
    | 'ref_locked'
    | 'too_large'
    | 'other';
  /** The line that says why, cleaned and cut. */
  reason: string;
}

// First match wins. git 2.32 to 2.50 word these the same; LC_ALL=C keeps them English.
const FAULTS: readonly [kind: GitFault['kind'], pattern: RegExp][] = [
  ['disk_full', /No space left on device|Disk quota exceeded/i],
  ['ownership', /dubious ownership/i],
  ['host_key', /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/i],
  ['tls', /SSL certificate problem|server certificate verification failed|certificate subject name/i],
  ['redirected', /unable to update url base from redirection|returned error: 30\d/i],
  [
    'auth_failed',
    /Authentication failed|could not read (?:Username|Password)|returned error: 401|Permission denied \(publickey|Permission denied, please try again/i,
  ],
  [
    'forbidden',
    /returned error: 403|(?:access|permission) (?:to \S+ )?denied|not allowed to push|insufficient permission|does not have write access|repository (?:was|is|has been) archived|is read-only|marked as read only/i,
  ],
  ['branch_not_found', /couldn't find remote ref|Remote branch .* not found/i],
  [
    'repository_not_found',
    /repository '.*' not found|returned error: 404|does not appear to be a git repository|Repository not found|project you were looking for could not be found/i,
  ],
  ['too_large', /(?:HTTP|returned error:) 413|exceeds .{0,40}(?:file )?size limit/i],
  ['ref_locked', /cannot lock ref|Unable to create '.*\.lock'/i],
  [
    'unreachable',
    /Could not resolve host|Failed to connect|Couldn't connect|Connection (?:refused|reset|timed out|closed)|Operation timed out|No route to host|Network is unreachable|Empty reply from server|hung up unexpectedly|early EOF|unexpected disconnect|RPC failed|returned error: (?:408|429|5\d\d)|Recv failure|Send failure|transfer closed|Operation too slow|kex_exchange_identification|Could not read from remote repository|unexpected (?:flush packet|EOF)|expected 'packfile'|bad (?:line length|band)|invalid index-pack output|index-pack failed|gnutls_handshake|TLS connect|SSL_ERROR_SYSCALL|OpenSSL SSL_/i,
  ],
];

/** Classifies standard error of a failed command. */
function readGitFault(stderr: string): GitFault {
  const found = FAULTS.find(([, pattern]) => pattern.test(stderr));
  return { kind: found?.[0] ?? 'other', reason: toReason(stderr) };
}

/** git leaves a branch where it was when the remote is shallow, and calls that a success. */
export function saysShallow(result: GitResult): boolean {
  return /shallow roots are not allowed|shallow update not allowed/.test(result.stderr);
}

/**
 * The error for a command that failed where it should not have. `doing` completes the sentence "could not ...".
 * Connection faults are retryable `git_unavailable`; a refusal is `git_rejected`.
 */
export function toGitError(doing: string, result: GitResult, details: Record<string, unknown> = {}): AppError {
  const fault = readGitFault(result.stderr);
  const message = `could not ${doing}: ${fault.reason === '' ? `git ended with code ${result.exitCode}` : fault.reason}`;
  const make = (
    code: 'git_unavailable' | 'git_rejected' | 'git_failed' | 'not_found' | 'config_invalid',
    hint?: string,
  ) => new AppError(code, message, { details, ...(hint === undefined ? {} : { hint }) });
  switch (fault.kind) {
    case 'unreachable':
      return make('git_unavailable', 'Check that the git host is up and reachable from here; it is safe to try again.');
    case 'auth_failed':
      return make('git_rejected', 'Check the git token or ssh key: the host does not accept it.');
    case 'forbidden':
      return make('git_rejected', 'Give the account of the token or key the right to this repository.');
    case 'repository_not_found':
      return make('not_found', 'Check the address; hosts also answer so when the credentials may not see it.');
    case 'branch_not_found':
      return make('not_found', 'Create the branch with a first commit, or configure the branch that exists.');
    case 'redirected':
      return make(
        'config_invalid',
        'The address redirects; configure the one it leads to (often with .git at its end).',
      );
    case 'host_key':
      return make('config_invalid', 'Put the host key into the known-hosts file that is configured for git.');
    case 'tls':
      return make('config_invalid', 'Give the certificate authority of the git host by SSL_CERT_FILE.');
    case 'ownership':
      return make('config_invalid', 'The repository on disk belongs to another user; run as that user.');
    case 'disk_full':
      return make('git_failed', 'Free disk space in the data folder or on the git host.');
    case 'ref_locked':
      return make('git_failed', 'Another process holds a lock in the repository; try again when it has ended.');
    case 'too_large':
      return make(
        'git_rejected',
        'The git host or a proxy before it limits the size of a push; raise the limit there.',
      );
    case 'other':
      return make('git_failed');
  }
}

/** What a push said about its one reference. */
export type PushReport =
  | { kind: 'done' }
  | { kind: 'up_to_date' }
  /** The branch is not where we expected it, or moved while we pushed. */
  | { kind: 'moved'; reason: string }
  | { kind: 'refused'; reason: string; hint: string }
  | { kind: 'unknown'; reason: string };

const REFUSALS: readonly [pattern: RegExp, hint: string][] = [
  [
    /protected branch|GH006|GH013|not allowed to push code to protected/i,
    'The branch is protected: allow this account to push, or use pull-request mode.',
  ],
  [/pre-receive hook declined/i, 'A pre-receive hook of the git host refused it; its own words stand in the reason.'],
  [/hook declined/i, 'A hook of the git host refused it; its own words stand in the reason.'],
  [/currently checked out/i, 'The remote is a repository with a work tree; push to a bare one.'],
  [
    /unpacker error|unpack failed|No space left/i,
    'The git host could not store the objects; look at its disk and its logs.',
  ],
  [
    /is read-only|marked as read only|repository (?:was|is|has been) archived/i,
    'The repository is read-only on the git host.',
  ],
];

/** Reads `git push --porcelain` of a single reference. */
export function readPushReport(result: GitResult): PushReport {
  const line = result.stdout.split('\n').find((text) => /^[ +\-*=!]\t/.test(text));
  const summary = line?.split('\t')[2] ?? '';
  if (line?.startsWith('=')) return { kind: 'up_to_date' };
  if (line !== undefined && !line.startsWith('!') && result.exitCode === 0) return { kind: 'done' };
  const remoteWords = toRemoteWords(result.stderr);
  const why = cleanText(summary === '' ? '' : (/\((.*)\)\s*$/.exec(summary)?.[1] ?? summary));
  const reason = [why, remoteWords].filter((text) => text !== '').join(': ') || toReason(result.stderr);
  if (/^\[rejected\]/.test(summary)) return { kind: 'moved', reason };
  if (/^\[remote rejected\]/.test(summary)) {
    if (/cannot lock ref|incorrect old value|failed to update ref|fetch first|non-fast-forward/i.test(summary))
      return { kind: 'moved', reason };
    return { kind: 'refused', reason, hint: findRefusalHint(reason) ?? REFUSED };
  }
  const fault = readGitFault(result.stderr);
  if (
    /^\[remote failure\]/.test(summary) ||
    fault.kind === 'unreachable' ||
    (line === undefined && fault.kind === 'other')
  )
    return { kind: 'unknown', reason };
  const error = toGitError('push', result);
  return {
    kind: 'refused',
    reason: remoteWords === '' ? fault.reason : reason,
    hint: findRefusalHint(result.stderr) ?? error.hint ?? REFUSED,
  };
}

const REFUSED = 'The git host refused the push; see the reason.';

function findRefusalHint(reason: string): string | undefined {
  return REFUSALS.find(([pattern]) => pattern.test(reason))?.[1];
}

function toRemoteWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.startsWith('remote:'));
  return cleanText(lines.map((line) => line.slice('remote:'.length).trim()).join(' ')).slice(0, 800);
}

function toReason(stderr: string): string {
  const lines = stderr.split('\n').map((line) => cleanText(line));
  const said = lines.filter((line) => /^(?:fatal|error|remote|ssh|Host key)\b/i.test(line));
  return (said.length > 0 ? said : lines.filter((line) => line !== '')).slice(-3).join('; ').slice(0, 500);
}

/** Text of others without colours, control characters and surplus blanks: it ends up in terminals. */
function cleanText(text: string): string {
  // eslint-disable-next-line no-control-regex
  const bare = text.replace(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*(?:\x07|$)/g, '');
  return bare
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
}
