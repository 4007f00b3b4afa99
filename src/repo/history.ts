import type { CommitSha } from '../lib/ids.ts';
import { parseCommitSha } from '../lib/ids.ts';
import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { CHANGE_TRAILER, STEP_TRAILER, TICKET_TRAILER } from './commit.ts';
import type { Git } from './git.ts';
import { toGitError } from './git-error.ts';
import { parseRepoPath } from './paths.ts';

/** One commit as people read it. Texts are free of control characters; `at` is the commit time in UTC. */
export interface CommitInfo {
  sha: CommitSha;
  parents: CommitSha[];
  authorName: string;
  authorEmail: string;
  at: string;
  subject: string;
  /** Without subject and trailers. */
  body: string;
  /** Every value of every trailer, in order, by its name as written. */
  trailers: Record<string, string[]>;
}

// A commit message cannot hold NUL, so NUL parts the fields and no message can forge one.
const FIELDS = ['%H', '%P', '%an', '%ae', '%ct', '%s', '%b', '%(trailers)', '%(trailers:only,unfold)'];
const FORMAT = `--format=tformat:${FIELDS.join('%x00')}`;

interface LogQuery {
  git: Git;
  gitDir: string;
  /** A commit id or a full reference name. */
  from: string;
  limit?: number;
  path?: string;
  firstParent?: boolean;
  /** Only commits whose message holds this text; a coarse filter, done by git. */
  containing?: string;
}

/** Commits reachable from `from`, children before parents. */
export async function listCommits(query: LogQuery): Promise<CommitInfo[]> {
  const args = ['log', '-z', '--topo-order', '--no-show-signature', '--no-color', '--no-mailmap', FORMAT];
  if (query.limit !== undefined) args.push(`--max-count=${toLimit(query.limit)}`);
  if (query.firstParent === true) args.push('--first-parent');
  if (query.containing !== undefined) args.push('--fixed-strings', `--grep=${query.containing}`);
  args.push('--end-of-options', query.from, '--');
  if (query.path !== undefined) args.push(parseRepoPath(query.path));
  const result = await query.git.run(args, { gitDir: query.gitDir });
  if (result.exitCode !== 0) throw toGitError('read the history', result);
  return parseLog(result.stdout);
}

/** Commits with exactly this trailer, newest first. */
export async function findCommitsByTrailer(
  query: { git: Git; gitDir: string; from: string },
  key: string,
  value: string,
  limit: number,
): Promise<CommitInfo[]> {
  if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(key) || value === '' || /\p{Cc}/u.test(value))
    throw new AppError('invalid_input', 'a trailer is looked up by its name and a single line of text');
  // git narrows the search by plain text; whether it is a trailer, and exactly this one, is decided on what git parsed.
  const commits = await listCommits({ ...query, containing: value });
  const wanted = key.toLowerCase();
  const has = (commit: CommitInfo) =>
    Object.entries(commit.trailers).some(([name, values]) => name.toLowerCase() === wanted && values.includes(value));
  return commits.filter(has).slice(0, toLimit(limit));
}

const GRAPH_KEYS = [TICKET_TRAILER, STEP_TRAILER, CHANGE_TRAILER];

/** The history as git draws it, with our trailers under the subjects. */
export async function drawGraph(query: { git: Git; gitDir: string; from: string; limit: number }): Promise<string> {
  const keys = GRAPH_KEYS.map((key) => `key=${key}`).join(',');
  const format = `--format=tformat:%h %s%+(trailers:${keys},unfold,separator=%x0A)`;
  const args = ['log', '--graph', '--topo-order', '--no-color', `--max-count=${toLimit(query.limit)}`, format];
  const result = await query.git.run([...args, '--end-of-options', query.from, '--'], { gitDir: query.gitDir });
  if (result.exitCode !== 0) throw toGitError('draw the history', result);
  return cleanText(result.stdout).trimEnd();
}

function toLimit(limit: number): number {
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new AppError('invalid_input', `a number of commits must be a whole number above 0, not ${limit}`);
}

function parseLog(stdout: string): CommitInfo[] {
  if (stdout === '') return [];
  const fields = stdout.split('\0');
  const commits: CommitInfo[] = [];
  for (let at = 0; at + FIELDS.length <= fields.length; at += FIELDS.length)
    commits.push(toCommitInfo(fields.slice(at, at + FIELDS.length)));
  return commits;
}

function toCommitInfo(fields: readonly string[]): CommitInfo {
  const [sha = '', parents = '', authorName = '', authorEmail = '', time = '', subject = '', rawBody = ''] = fields;
  const [block = '', trailers = ''] = fields.slice(7);
  const body = rawBody.trimEnd();
  const tail = block.trimEnd();
  return {
    sha: parseCommitSha(sha),
    parents: parents
      .split(' ')
      .filter((parent) => parent !== '')
      .map(parseCommitSha),
    authorName: cleanText(authorName),
    authorEmail: cleanText(authorEmail),
    at: toIsoTime(Number(time) * 1000),
    subject: cleanText(subject),
    body: cleanText(tail !== '' && body.endsWith(tail) ? body.slice(0, -tail.length).trimEnd() : body),
    trailers: parseTrailers(trailers),
  };
}

function parseTrailers(text: string): Record<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const key = line.slice(0, colon).trim();
    found.set(key, [...(found.get(key) ?? []), cleanText(line.slice(colon + 1)).trim()]);
  }
  return Object.fromEntries(found);
}

function cleanText(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '');
}
