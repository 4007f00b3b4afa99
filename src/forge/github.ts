import { z } from 'zod';
import { toForgeError, toHostWords } from './failure.ts';
import type { Forge, PullRequest, Remark } from './forge.ts';
import { parseAnswer, type ForgeHttp } from './http.ts';

// GitHub's REST API (api.github.com, or HOST/api/v3), version 2022-11-28.

const login = z.object({ login: z.string() }).nullish();

const pullSchema = z.object({
  number: z.number(),
  html_url: z.string(),
  state: z.string(),
  /** Only in the answer about a single one; lists have `merged_at`. */
  merged: z.boolean().optional(),
  merged_at: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  merged_by: login,
  closed_at: z.string().nullish(),
  /** Null while GitHub works it out. */
  mergeable: z.boolean().nullish(),
  head: z.object({ ref: z.string(), sha: z.string() }),
  base: z.object({ ref: z.string() }),
});

const commentSchema = z.object({
  id: z.number(),
  body: z.string().nullish(),
  user: login,
  html_url: z.string(),
  created_at: z.string(),
});
const lineCommentSchema = commentSchema.extend({ path: z.string().nullish(), line: z.number().nullish() });
const reviewSchema = z.object({
  id: z.number(),
  body: z.string().nullish(),
  user: login,
  state: z.string(),
  html_url: z.string(),
  submitted_at: z.string().nullish(),
});
const repositorySchema = z.object({
  full_name: z.string(),
  archived: z.boolean().optional(),
  permissions: z.object({ push: z.boolean() }).optional(),
});

const MAX_PAGES = 4;

const VERDICTS: Readonly<Record<string, Remark['verdict']>> = {
  APPROVED: 'approved',
  CHANGES_REQUESTED: 'changes_requested',
  DISMISSED: 'dismissed',
};

/** @param project `owner/name`. */
export function createGitHub(http: ForgeHttp, options: { apiUrl: string; project: string }): Forge {
  const { apiUrl, project } = options;
  const [owner = ''] = project.split('/');
  const repo = `/repos/${project.split('/').map(encodeURIComponent).join('/')}`;

  const findCloser = async (number: number, signal: AbortSignal | undefined): Promise<string | null> => {
    const call = { doing: `read who closed pull request ${number}`, path: `${repo}/issues/${number}`, signal };
    return (await http.json(z.object({ closed_by: login }), call)).closed_by?.login ?? null;
  };

  return {
    kind: 'github',
    apiUrl,
    project,
    describe: async (signal) => {
      const found = await http.json(repositorySchema, { doing: 'read the repository', path: repo, signal });
      const refuse = (message: string) => ({ status: 403, body: { message }, retryAfterMs: undefined });
      if (found.archived === true)
        throw toForgeError('github', 'work in the repository', refuse('archived repository'));
      if (found.permissions?.push === false)
        throw toForgeError('github', 'write to the repository', refuse('no write access'));
      return `${found.full_name} on GitHub at ${apiUrl}`;
    },
    open: async (request, signal) => {
      const doing = 'open the pull request';
      const answer = await http.ask({ doing, method: 'POST', path: `${repo}/pulls`, body: request, signal });
      if (answer.status === 201) return { kind: 'opened', pull: toPull(parseAnswer(pullSchema, answer.body, doing)) };
      const words = toHostWords(answer.body);
      if (answer.status !== 422) throw toForgeError('github', doing, answer);
      if (/pull request already exists/i.test(words)) return { kind: 'exists' };
      return { kind: 'refused', reason: words, hint: 'GitHub does not take this pull request as it is.' };
    },
    find: async (head, base, signal) => {
      const query = { head: `${owner}:${head}`, base, state: 'all', sort: 'created', direction: 'desc' };
      const doing = `look for a pull request from ${head}`;
      const found = await http.list(pullSchema, { doing, path: `${repo}/pulls`, query, signal, maxPages: 1 });
      const known = found.find(({ state }) => state === 'open') ?? found[0];
      return known === undefined ? undefined : toPull(known);
    },
    get: async (number, signal) => {
      const call = { doing: `read pull request ${number}`, path: `${repo}/pulls/${number}`, signal };
      const pull = toPull(await http.json(pullSchema, call));
      return pull.state === 'closed' ? { ...pull, endedBy: await findCloser(number, signal) } : pull;
    },
    update: async (number, text, signal) => {
      const call = { doing: `describe pull request ${number} anew`, path: `${repo}/pulls/${number}`, body: text };
      await http.json(pullSchema, { ...call, method: 'PATCH', signal });
    },
    comment: async (number, body, signal) => {
      const path = `${repo}/issues/${number}/comments`;
      const call = { doing: `comment on pull request ${number}`, path, body: { body } };
      await http.json(z.object({ id: z.number() }), { ...call, method: 'POST', signal });
    },
    close: async (number, signal) => {
      const body = { state: 'closed' };
      const call = { doing: `close pull request ${number}`, path: `${repo}/pulls/${number}`, body };
      await http.json(pullSchema, { ...call, method: 'PATCH', signal });
    },
    listRemarks: async (number, sinceMs, signal) => {
      const query = { since: new Date(sinceMs).toISOString().replace(/\.\d+Z$/, 'Z') };
      const common = { doing: `read what was said about pull request ${number}`, signal, maxPages: MAX_PAGES };
      const [comments, lines, reviews] = await Promise.all([
        http.list(commentSchema, { ...common, path: `${repo}/issues/${number}/comments`, query }),
        http.list(lineCommentSchema, { ...common, path: `${repo}/pulls/${number}/comments`, query }),
        http.list(reviewSchema, { ...common, path: `${repo}/pulls/${number}/reviews` }),
      ]);
      return [
        ...comments.map((one) => toComment('comment', one)),
        ...lines.map((one) => ({ ...toComment('line', one), ...toPlace(one) })),
        ...reviews.flatMap(toReview),
      ].sort((a, b) => a.atMs - b.atMs);
    },
  };
}

function toPull(pull: z.infer<typeof pullSchema>): PullRequest {
  const isMerged = pull.merged === true || (pull.merged_at ?? null) !== null;
  const endedAt = (isMerged ? pull.merged_at : pull.closed_at) ?? null;
  return {
    number: pull.number,
    url: pull.html_url,
    state: isMerged ? 'merged' : pull.state === 'open' ? 'open' : 'closed',
    head: { branch: pull.head.ref, sha: pull.head.sha },
    baseBranch: pull.base.ref,
    // Before the merge it is a commit that GitHub made to try it.
    mergeCommit: isMerged ? (pull.merge_commit_sha ?? null) : null,
    endedBy: isMerged ? (pull.merged_by?.login ?? null) : null,
    endedAtMs: endedAt === null ? null : Date.parse(endedAt),
    mergeable: pull.mergeable === true ? 'clean' : pull.mergeable === false ? 'conflict' : 'unknown',
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

function toPlace({ path, line }: z.infer<typeof lineCommentSchema>): Pick<Remark, 'path' | 'line'> {
  return { ...(typeof path === 'string' ? { path } : {}), ...(typeof line === 'number' ? { line } : {}) };
}

/** A review without words that is no verdict is only the envelope of its comments; one not sent yet is nobody's business. */
function toReview(review: z.infer<typeof reviewSchema>): Remark[] {
  const verdict = VERDICTS[review.state];
  const text = review.body ?? '';
  if (review.state === 'PENDING' || (verdict === undefined && text.trim() === '')) return [];
  const atMs = Date.parse(review.submitted_at ?? '');
  return [
    {
      // Dismissing changes a review in place, and is worth telling.
      id: `review:${review.id}${verdict === 'dismissed' ? ':dismissed' : ''}`,
      verdict: verdict ?? 'comment',
      author: review.user?.login ?? 'ghost',
      text,
      url: review.html_url,
      atMs: Number.isNaN(atMs) ? 0 : atMs,
    },
  ];
}
