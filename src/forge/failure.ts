import type { ForgeKind } from '../config/git-host.ts';
import { AppError } from '../lib/errors.ts';
import { cutText, toPlain } from '../lib/plain-text.ts';

/** What a token needs, in the words of each host. */
const NEEDED: Readonly<Record<ForgeKind, string>> = {
  github:
    'A fine-grained token needs "Pull requests" and "Contents", read and write, for this repository; a classic one needs "repo".',
  gitlab: 'The token needs the scope "api" and at least the role Developer in the project.',
  gitea:
    'The token needs the scopes "write:repository" and "write:issue", and its user write access to the repository.',
};

const MAX_WORDS = 300;

/** The host's own words about what went wrong: one bounded line without anything a terminal would act on. */
export function toHostWords(body: unknown): string {
  const parts: string[] = [];
  const collect = (value: unknown, depth: number) => {
    if (depth > 3) return;
    if (typeof value === 'string' || typeof value === 'number') parts.push(String(value));
    else if (Array.isArray(value)) for (const item of value.slice(0, 10)) collect(item, depth + 1);
    else if (typeof value === 'object' && value !== null)
      for (const [key, item] of Object.entries(value)) if (WORDY.has(key)) collect(item, depth + 1);
  };
  collect(body, 0);
  const words = toPlain([...new Set(parts)].join('; '))
    .replace(/\s+/g, ' ')
    .trim();
  return cutText(words, MAX_WORDS);
}

// Where the three hosts put sentences: GitHub in message and errors[].message, GitLab in message (a text, a list, or an
// object of lists) and error, Gitea in message and errors.
const WORDY = new Set(['message', 'errors', 'error', 'error_description', 'base', 'source_branch', 'target_branch']);

/** The error for an answer that is no success. `doing` completes the sentence "could not ...". */
export function toForgeError(
  kind: ForgeKind,
  doing: string,
  answer: { status: number; body: unknown; retryAfterMs: number | undefined },
): AppError {
  const { status, body, retryAfterMs } = answer;
  const words = toHostWords(body);
  const message = `could not ${doing}: the git host answered ${status}${words === '' ? '' : ` (${words})`}`;
  const details = { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  const make = (
    code: 'git_unavailable' | 'git_rejected' | 'git_failed' | 'not_found' | 'config_invalid',
    hint: string,
  ) => new AppError(code, message, { hint, details });
  if (retryAfterMs !== undefined)
    return make(
      'git_unavailable',
      `The git host wants fewer requests; it is asked again in ${Math.ceil(retryAfterMs / 1000)} seconds.`,
    );
  if (status >= 500 || status === 408) return make('git_unavailable', 'It is safe to try again when the host is well.');
  if (status === 401) return make('git_rejected', `The token is not accepted; it may have ended. ${NEEDED[kind]}`);
  if (status === 423 || /archived|read-only/i.test(words))
    return make('git_rejected', 'The repository is archived or read-only: nothing can be proposed in it.');
  if (status === 403) return make('git_rejected', `The token may not do this. ${NEEDED[kind]}`);
  if (status === 404)
    return make(
      'not_found',
      `Check git.repoUrl and git.apiUrl; hosts also answer so when the token may not see it. ${NEEDED[kind]}`,
    );
  if (status >= 300 && status < 400)
    return make('config_invalid', 'The repository has moved: configure its new address as git.repoUrl.');
  return make('git_failed', 'The answer says what the git host does not like.');
}
