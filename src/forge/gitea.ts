import { z } from 'zod';
import { toForgeError, toHostWords } from './failure.ts';
import type { Forge, PullRequest, Remark } from './forge.ts';
import { parseAnswer, type ForgeHttp } from './http.ts';

// The API of Gitea and Forgejo, version 1.

const login = z.object({ login: z.string() }).nullish();

const pullSchema = z.object({
  number: z.number(),
  html_url: z.string(),
  state: z.string(),
  merged: z.boolean(),
  merged_at: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  merged_by: login,
  closed_at: z.string().nullish(),
  /** False also while it is being worked out. */
  mergeable: z.boolean(),
  head: z.object({ label: z.string().nullish(), ref: z.string(), sha: z.string(), repo_id: z.number().nullish() }),
  base: z.object({ ref: z.string(), repo_id: z.number().nullish() }),
});

const commentSchema = z.object({
  id: z.number(),
  body: z.string().nullish(),
  user: login,
  html_url: z.string(),
  created_at: z.string(),
});
const reviewSchema = z.object({
  id: z.number(),
  body: z.string().nullish(),
  user: login,
  state: z.string(),
  dismissed: z.boolean().nullish(),
  comments_count: z.number().nullish(),
  html_url: z.string(),
  submitted_at: z.string(),
});
const lineCommentSchema = commentSchema.extend({ path: z.string().nullish(), position: z.number().nullish() });
const timelineSchema = z.object({ type: z.string(), user: login });
const repositorySchema = z.object({
  full_name: z.string(),
  archived: z.boolean().optional(),
  has_pull_requests: z.boolean().optional(),
  permissions: z.object({ push: z.boolean() }).optional(),
});

const MAX_PAGES = 4;

const VERDICTS: Readonly<Record<string, Remark['verdict']>> = {
  APPROVED: 'approved',
  REQUEST_CHANGES: 'changes_requested',
};

/** @param project `owner/name`. */
export function createGitea(http: ForgeHttp, options: { apiUrl: string; project: string }): Forge {
  const { apiUrl, project } = options;
  const repo = `/repos/${project.split('/').map(encodeURIComponent).join('/')}`;

  const findCloser = async (number: number, signal: AbortSignal | undefined): Promise<string | null> => {
    const call = { doing: `read who closed pull request ${number}`, path: `${repo}/issues/${number}/timeline`, signal };
    const events = await http.list(timelineSchema, { ...call, maxPages: MAX_PAGES });
    return events.findLast(({ type }) => type === 'close')?.user?.login ?? null;
  };

  return {
    kind: 'gitea',
    apiUrl,
    project,
    describe: async (signal) => {
      const found = await http.json(repositorySchema, { doing: 'read the repository', path: repo, signal });
      const refuse = (message: string) => ({ status: 403, body: { message }, retryAfterMs: undefined });
      if (found.archived === true) throw toForgeError('gitea', 'work in the repository', refuse('archived repository'));
      if (found.has_pull_requests === false)
        throw toForgeError('gitea', 'open pull requests', refuse('pull requests are switched off in the repository'));
      if (found.permissions?.push === false)
        throw toForgeError('gitea', 'write to the repository', refuse('no write access'));
      return `${found.full_name} on Gitea or Forgejo at ${apiUrl}`;
    },
    open: async (request, signal) => {
      const doing = 'open the pull request';
      const answer = await http.ask({ doing, method: 'POST', path: `${repo}/pulls`, body: request, signal });
      if (answer.status === 201) return { kind: 'opened', pull: toPull(parseAnswer(pullSchema, answer.body, doing)) };
      const words = toHostWords(answer.body);
      if (answer.status === 409) return { kind: 'exists' };
      if (answer.status !== 422 && answer.status !== 400) throw toForgeError('gitea', doing, answer);
      return { kind: 'refused', reason: words, hint: 'The git host does not take this pull request as it is.' };
    },
    find: async (head, base, signal) => {
      // No filter by branch in all versions: the newest come first, and ours is among the newest when it is looked for.
      const call = { doing: `look for a pull request from ${head}`, path: `${repo}/pulls`, query: { state: 'all' } };
      const found = (await http.list(pullSchema, { ...call, signal, maxPages: MAX_PAGES })).filter((pull) =>
        isBetween(pull, head, base),
      );
      const known = found.find(({ state }) => state === 'open') ?? found[0];
      return known === undefined ? undefined : toPull(known);
    },
    get: async (number, signal) => {
      const call = { doing: `read pull request ${number}`, path: `${repo}/pulls/${number}`, signal };
      const pull = toPull(await http.json(pullSchema, call));
      return pull.state === 'closed' ? { ...pull, endedBy: await findCloser(number, signal) } : pull;
    },
    update: async (number, text, signal) => {
      const call = { doing: `describe pull request ${number} anew`, path: `${repo}/pulls/${number}`, signal };
      await http.json(pullSchema, { ...call, method: 'PATCH', body: text });
    },
    comment: async (number, body, signal) => {
      const call = { doing: `comment on pull request ${number}`, path: `${repo}/issues/${number}/comments`, signal };
      await http.json(z.object({ id: z.number() }), { ...call, method: 'POST', body: { body } });
    },
    close: async (number, signal) => {
      const call = { doing: `close pull request ${number}`, path: `${repo}/pulls/${number}`, signal };
      await http.json(pullSchema, { ...call, method: 'PATCH', body: { state: 'closed' } });
    },
    listRemarks: async (number, sinceMs, signal) => {
      const doing = `read what was said about pull request ${number}`;
      const common = { doing, signal, maxPages: MAX_PAGES };
      const query = { since: new Date(sinceMs).toISOString().replace(/\.\d+Z$/, 'Z') };
      const path = `${repo}/pulls/${number}/reviews`;
      const [comments, reviews] = await Promise.all([
        // This list comes whole, whatever page is asked for.
        http.list(commentSchema, { ...common, path: `${repo}/issues/${number}/comments`, query, maxPages: 1 }),
        http.list(reviewSchema, { ...common, path }),
      ]);
      // Comments at lines belong to a review and are read with it.
      const recent = reviews.filter((one) => Date.parse(one.submitted_at) >= sinceMs && (one.comments_count ?? 0) > 0);
      const lines = await Promise.all(
        recent.map(async ({ id }) => await http.list(lineCommentSchema, { ...common, path: `${path}/${id}/comments` })),
      );
      return [
        ...comments.map((one) => toComment('comment', one)),
        ...lines.flat().map((one) => ({ ...toComment('line', one), ...toPlace(one) })),
        ...reviews.flatMap(toReview),
      ].sort((a, b) => a.atMs - b.atMs);
    },
  };
}

/** When the branch is gone, the reference is one of the host's own and only the label still names the branch. */
function isBetween({ head, base }: z.infer<typeof pullSchema>, from: string, to: string): boolean {
  const isOurs = (head.repo_id ?? -1) === (base.repo_id ?? -1);
  return isOurs && base.ref === to && (head.ref === from || head.label === from);
}

function toPull(pull: z.infer<typeof pullSchema>): PullRequest {
  const endedAt = (pull.merged ? pull.merged_at : pull.closed_at) ?? null;
  return {
    number: pull.number,
    url: pull.html_url,
    state: pull.merged ? 'merged' : pull.state === 'open' ? 'open' : 'closed',
    head: { branch: pull.head.ref, sha: pull.head.sha },
    baseBranch: pull.base.ref,
    mergeCommit: pull.merged ? (pull.merge_commit_sha ?? null) : null,
    endedBy: pull.merged ? (pull.merged_by?.login ?? null) : null,
    endedAtMs: endedAt === null ? null : Date.parse(endedAt),
    mergeable: pull.mergeable ? 'clean' : 'conflict',
  };
}

function toComment(kind: 'comment' | 'line', comment: z.infer<typeof commentSchema>): Remark {
  return {
    id: `${kind}:${comment.id}`,
    verdict: 'comment',
    author: comment.user?.login ?? 'ghost',
    text: comment.body ?? '',
    url: comment.html_url,
    atMs: Date.parse(comment.created_at),
  };
}

function toPlace({ path, position }: z.infer<typeof lineCommentSchema>): Pick<Remark, 'path' | 'line'> {
  return {
    ...(typeof path === 'string' && path !== '' ? { path } : {}),
    ...(typeof position === 'number' && position > 0 ? { line: position } : {}),
  };
}

/** Requests for a review and reviews that are not sent yet are no words of anybody. */
function toReview(review: z.infer<typeof reviewSchema>): Remark[] {
  const verdict = review.dismissed === true ? 'dismissed' : VERDICTS[review.state];
  const text = review.body ?? '';
  if (verdict === undefined && (review.state !== 'COMMENT' || text.trim() === '')) return [];
  return [
    {
      id: `review:${review.id}${verdict === 'dismissed' ? ':dismissed' : ''}`,
      verdict: verdict ?? 'comment',
      author: review.user?.login ?? 'ghost',
      text,
      url: review.html_url,
      atMs: Date.parse(review.submitted_at),
    },
  ];
}
