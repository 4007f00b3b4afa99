import { AppError } from '../lib/errors.ts';
import { parseBump, parseRevertedTitle, toPlainTitle } from './bump-title.ts';
import type { HistoryEvent } from './replay.ts';

/**
 * What `parseGitLog` reads: fields between unit separators, commits between record separators, oldest first.
 * `git log --reverse --no-merges --format=FORMAT BRANCH`
 */
export const GIT_LOG_FORMAT = '%H%x1f%cI%x1f%s%x1f%b%x1e';

const RESOLVE_MS = 48 * 3_600_000;
/** A version that is taken back this soon was a slip of the hand, not a deploy. */
const SLIP_MS = 2 * 60_000;

export interface GitCommit {
  sha: string;
  atMs: number;
  subject: string;
  body: string;
}

/** @throws AppError `invalid_input` with the number of the commit that cannot be read */
export function parseGitLog(text: string): GitCommit[] {
  return text
    .split('\x1e')
    .map((record) => record.replace(/^\r?\n/, ''))
    .filter((record) => record.trim() !== '')
    .map((record, index) => {
      const [sha = '', at = '', subject = '', body = ''] = record.split('\x1f');
      const atMs = Date.parse(at);
      if (!/^[0-9a-f]{7,64}$/.test(sha) || Number.isNaN(atMs))
        throw new AppError('invalid_input', `commit ${index + 1} of the git log cannot be read`, {
          hint: `Write the log with: git log --reverse --no-merges --format='${GIT_LOG_FORMAT}'`,
        });
      return { sha, atMs, subject, body };
    });
}

interface OpenBump {
  id: string;
  sha: string;
  subject: string;
  key: string;
  atMs: number;
  version: string;
}

/**
 * A plain git history as deploys and outcomes: every commit that bumps a version is a deploy. It was rolled back when within
 * 48 hours its commit was reverted or the service was moved to a version deployed there earlier; told at that commit.
 * Otherwise it was healthy; told when the next deploy of the service came, or after 48 hours. The label sees version moves,
 * not outages.
 * @param environment where titles do not name one
 */
export function* importGitHistory(
  commits: Iterable<GitCommit>,
  environment = 'production',
): Generator<HistoryEvent, void, undefined> {
  const open = new Map<string, OpenBump>();
  const seen = new Map<string, string[]>();
  let nowMs = Number.NEGATIVE_INFINITY;
  for (const commit of commits) {
    nowMs = Math.max(nowMs, commit.atMs);
    for (const bump of [...open.values()])
      if (bump.atMs + RESOLVE_MS <= nowMs) {
        open.delete(bump.key);
        yield toOutcome(bump.id, bump.atMs + RESOLVE_MS, 'healthy');
      }
    const found = readCommit(commit, environment, open, seen);
    if (found === undefined) continue;
    const { service, environment: where, version, revert } = found;
    const key = `${where}/${service}`;
    const versions = seen.get(key) ?? [];
    seen.set(key, versions);
    const before = open.get(key);
    const back = revert || (versions.includes(version) && versions.at(-1) !== version);
    if (before !== undefined) {
      open.delete(key);
      yield toOutcome(before.id, nowMs, back && nowMs - before.atMs >= SLIP_MS ? 'rolled_back' : 'healthy');
    }
    if (!versions.includes(version)) versions.push(version);
    const id = commit.sha;
    open.set(key, { id, sha: commit.sha, subject: commit.subject, key, atMs: nowMs, version });
    yield {
      type: 'deploy',
      id,
      at: new Date(nowMs).toISOString(),
      service,
      environment: where,
      version,
      changeKind: back ? 'revert' : 'set_image',
    };
  }
  for (const bump of [...open.values()].sort((a, b) => a.atMs - b.atMs))
    if (bump.atMs + RESOLVE_MS <= nowMs) yield toOutcome(bump.id, bump.atMs + RESOLVE_MS, 'healthy');
}

function readCommit(
  commit: GitCommit,
  environment: string,
  open: ReadonlyMap<string, OpenBump>,
  seen: ReadonlyMap<string, readonly string[]>,
): { service: string; environment: string; version: string; revert: boolean } | undefined {
  const bump = parseBump(commit.subject);
  if (bump !== undefined) return { environment, ...bump, revert: false };
  const title = parseRevertedTitle(commit.subject);
  const sha = /This reverts commit ([0-9a-f]{7,64})/.exec(commit.body)?.[1];
  if (title === undefined && sha === undefined) return undefined;
  const undone = [...open.values()].find(
    (candidate) => (sha !== undefined && candidate.sha.startsWith(sha)) || toPlainTitle(candidate.subject) === title,
  );
  if (undone === undefined) return undefined;
  const slash = undone.key.indexOf('/');
  const versions = seen.get(undone.key) ?? [];
  const previous = versions.filter((version) => version !== undone.version).at(-1) ?? 'before';
  return {
    service: undone.key.slice(slash + 1),
    environment: undone.key.slice(0, slash),
    version: previous,
    revert: true,
  };
}

function toOutcome(id: string, atMs: number, outcome: 'healthy' | 'rolled_back'): HistoryEvent {
  return { type: 'outcome', id, at: new Date(atMs).toISOString(), outcome };
}
