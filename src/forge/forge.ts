import type { ForgeKind } from '../config/git-host.ts';

/** A pull request as the host tells it; GitLab calls it a merge request. */
export interface PullRequest {
  number: number;
  /** Its page, for people. */
  url: string;
  state: 'open' | 'merged' | 'closed';
  head: { branch: string; sha: string };
  baseBranch: string;
  /** The commit on the base branch that the merge came to; null before, and where the host does not say. */
  mergeCommit: string | null;
  /** Who merged or closed it; null while it is open, and where the host does not say. */
  endedBy: string | null;
  endedAtMs: number | null;
  /** What the host thinks of merging it. Gitea says `conflict` also while it has not looked yet. */
  mergeable: 'clean' | 'conflict' | 'unknown';
}

/** A word of a person at a pull request: untrusted text, never more than something to show. */
export interface Remark {
  /** Stable within the pull request. */
  id: string;
  verdict: 'comment' | 'approved' | 'changes_requested' | 'dismissed';
  author: string;
  text: string;
  /** The file and line it stands at, where it is about one. */
  path?: string;
  line?: number;
  url: string;
  atMs: number;
}

export interface NewPullRequest {
  title: string;
  /** Markdown. */
  body: string;
  head: string;
  base: string;
}

export type OpenOutcome =
  | { kind: 'opened'; pull: PullRequest }
  /** There is an open one from the same branch already. */
  | { kind: 'exists' }
  /** The host will not have it; asking again does not help. */
  | { kind: 'refused'; reason: string; hint: string };

/**
 * Pull requests on one git host, in one repository. Reads are repeated after connection faults, writes never. Throws
 * `git_unavailable` where waiting helps, with `retryAfterMs` in its details where the host says how long; `git_rejected`
 * where token or rights are wrong; `not_found`; `git_failed` for answers that are not understood.
 */
export interface Forge {
  readonly kind: ForgeKind;
  readonly apiUrl: string;
  /** `owner/name`, as the host writes it in webhooks. */
  readonly project: string;
  /** One sentence about the repository as the API shows it; throws where pull requests cannot work. */
  describe(signal?: AbortSignal): Promise<string>;
  open(request: NewPullRequest, signal?: AbortSignal): Promise<OpenOutcome>;
  /** The one from this branch to that: an open one before those that ended, the newest first. */
  find(head: string, base: string, signal?: AbortSignal): Promise<PullRequest | undefined>;
  get(number: number, signal?: AbortSignal): Promise<PullRequest>;
  update(number: number, text: { title: string; body: string }, signal?: AbortSignal): Promise<void>;
  comment(number: number, body: string, signal?: AbortSignal): Promise<void>;
  /** Closes without merging; one that is closed stays so. */
  close(number: number, signal?: AbortSignal): Promise<void>;
  /** Comments and reviews since a time, oldest first; what was said before may be among them. */
  listRemarks(number: number, sinceMs: number, signal?: AbortSignal): Promise<Remark[]>;
}
