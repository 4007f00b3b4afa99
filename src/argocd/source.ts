import { type CommitSha, isCommitSha } from '../lib/ids.ts';
import type { Application, ApplicationSource, OperationState } from './schema.ts';

/**
 * One text for every way of writing the same repository: `https://git@Host:443/team/repo.git`, `ssh://git@host/team/repo` and
 * `git@host:team/repo` are equal, and so are a path and its `file://` address. Scheme, user, port and `.git` do not tell
 * repositories apart; upper and lower case does for files only.
 */
export function toRepoKey(repoUrl: string): string {
  const text = repoUrl.trim();
  const file = /^file:\/\/(?:localhost)?(\/.*)$/i.exec(text)?.[1] ?? (text.startsWith('/') ? text : undefined);
  if (file !== undefined) return `file:${trimPath(decodePath(file))}`;
  const scp = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/\/)(.+)$/.exec(text);
  if (scp !== null) return `${scp[1] ?? ''}/${trimPath(scp[2] ?? '')}`.toLowerCase();
  if (!URL.canParse(text)) return trimPath(text).toLowerCase();
  const url = new URL(text);
  return `${url.hostname}/${trimPath(decodePath(url.pathname))}`.toLowerCase();
}

function trimPath(path: string): string {
  return path
    .replace(/\/{2,}/g, '/')
    .replace(/^\/+|\/+$/g, '')
    .replace(/\.git$/i, '');
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** `spec.sources` when there is any, since Argo CD then ignores `spec.source`. */
export function listSources(application: Application): ApplicationSource[] {
  if (application.spec.sources.length > 0) return application.spec.sources;
  return application.spec.source === undefined ? [] : [application.spec.source];
}

export function isMultiSource(application: Application): boolean {
  return application.spec.sources.length > 0;
}

/** True for a target revision that follows the branch. HEAD and nothing mean the default branch, which the caller pushes to. */
export function isFollowing(targetRevision: string, branch: string): boolean {
  const target = targetRevision.replace(/^refs\/heads\//, '');
  return target === '' || target === 'HEAD' || target === branch;
}

interface Revisioned {
  revision: string;
  revisions: string[];
}

/**
 * The revision of one source. Lists run parallel to `spec.sources`; what Argo CD could not resolve holds a branch name or a
 * chart version instead of a commit, so callers test with `isCommitSha`.
 */
export function toRevisionAt(holder: Revisioned | undefined, sourceIndex: number | undefined): string {
  if (holder === undefined) return '';
  return sourceIndex === undefined ? holder.revision : (holder.revisions[sourceIndex] ?? '');
}

/** The revision an operation applies: what it resolved, or before that what was asked for. */
export function toOperationRevision(state: OperationState, sourceIndex: number | undefined): string {
  const resolved = toRevisionAt(state.syncResult, sourceIndex);
  return resolved !== '' ? resolved : toRevisionAt(state.operation?.sync, sourceIndex);
}

/** The commits whose place in history a verdict may ask for. */
export function listRevisions(application: Application, sourceIndex: number | undefined): CommitSha[] {
  const { sync, operationState, history } = application.status;
  const found = [
    toRevisionAt(sync, sourceIndex),
    operationState === undefined ? '' : toOperationRevision(operationState, sourceIndex),
    toRevisionAt(history.at(-1), sourceIndex),
  ];
  return [...new Set(found.filter(isCommitSha))];
}
