import { z } from 'zod';
import { toForgeError, toHostWords } from './failure.ts';
import type { Forge, PullRequest, Remark } from './forge.ts';
import { parseAnswer, type ForgeHttp } from './http.ts';

// GitLab's REST API, version 4. What others call pull requests are merge requests here, their numbers `iid`, and all that
// is said about them, verdicts included, are notes.

const user = z.object({ username: z.string() }).nullish();

const mergeRequestSchema = z.object({
  iid: z.number(),
  web_url: z.string(),
  /** `opened`, `closed`, `merged`, or `locked` for the moment of merging. */
  state: z.string(),
  sha: z.string().nullish(),
  source_branch: z.string(),
  target_branch: z.string(),
  merge_commit_sha: z.string().nullish(),
  squash_commit_sha: z.string().nullish(),
  merge_user: user,
  /** Of servers before 14.7. */
  merged_by: user,
  merged_at: z.string().nullish(),
  closed_by: user,
  closed_at: z.string().nullish(),
  has_conflicts: z.boolean().nullish(),
  detailed_merge_status: z.string().nullish(),
  merge_status: z.string().nullish(),
});

const noteSchema = z.object({
  id: z.number(),
  body: z.string(),
  author: user,
  /** Written by GitLab itself about something that happened. */
  system: z.boolean(),
  created_at: z.string(),
  position: z.object({ new_path: z.string().nullish(), new_line: z.number().nullish() }).nullish(),
});

const projectSchema = z.object({
  path_with_namespace: z.string(),
  archived: z.boolean().optional(),
  merge_requests_enabled: z.boolean().optional(),
});

/** Verdicts are told by notes of the system, in these words. */
const VERDICTS: readonly [pattern: RegExp, verdict: Remark['verdict']][] = [
  [/^approved this merge request\b/, 'approved'],
  [/^unapproved this merge request\b/, 'dismissed'],
  [/^requested changes\b/, 'changes_requested'],
];

const MAX_PAGES = 4;

/** @param project the path with all groups. */
export function createGitLab(http: ForgeHttp, options: { apiUrl: string; project: string }): Forge {
  const { apiUrl, project } = options;
  const root = `/projects/${encodeURIComponent(project)}`;
  const requests = `${root}/merge_requests`;

  return {
    kind: 'gitlab',
    apiUrl,
    project,
    describe: async (signal) => {
      const found = await http.json(projectSchema, { doing: 'read the project', path: root, signal });
      const refuse = (message: string) => ({ status: 403, body: { message }, retryAfterMs: undefined });
      if (found.archived === true) throw toForgeError('gitlab', 'work in the project', refuse('archived project'));
      if (found.merge_requests_enabled === false)
        throw toForgeError('gitlab', 'open merge requests', refuse('merge requests are switched off in the project'));
      return `${found.path_with_namespace} on GitLab at ${apiUrl}`;
    },
    open: async (request, signal) => {
      const { title, body: description, head: source_branch, base: target_branch } = request;
      const doing = 'open the merge request';
      const body = { title, description, source_branch, target_branch };
      const answer = await http.ask({ doing, method: 'POST', path: requests, body, signal });
      if (answer.status === 201)
        return { kind: 'opened', pull: toPull(parseAnswer(mergeRequestSchema, answer.body, doing)) };
      const words = toHostWords(answer.body);
      if (answer.status === 409 || /already exists for this source branch/i.test(words)) return { kind: 'exists' };
      if (answer.status !== 400 && answer.status !== 422) throw toForgeError('gitlab', doing, answer);
      return { kind: 'refused', reason: words, hint: 'GitLab does not take this merge request as it is.' };
    },
    find: async (head, base, signal) => {
      const query = { source_branch: head, target_branch: base, state: 'all', order_by: 'created_at', sort: 'desc' };
      const call = { doing: `look for a merge request from ${head}`, path: requests, query, signal, maxPages: 1 };
      const found = await http.list(mergeRequestSchema, call);
      const known = found.find(({ state }) => state === 'opened' || state === 'locked') ?? found[0];
      return known === undefined ? undefined : toPull(known);
    },
    get: async (number, signal) => {
      const call = { doing: `read merge request ${number}`, path: `${requests}/${number}`, signal };
      return toPull(await http.json(mergeRequestSchema, call));
    },
    update: async (number, { title, body: description }, signal) => {
      const call = { doing: `describe merge request ${number} anew`, path: `${requests}/${number}`, signal };
      await http.json(mergeRequestSchema, { ...call, method: 'PUT', body: { title, description } });
    },
    comment: async (number, body, signal) => {
      const call = { doing: `comment on merge request ${number}`, path: `${requests}/${number}/notes`, signal };
      await http.json(z.object({ id: z.number() }), { ...call, method: 'POST', body: { body } });
    },
    close: async (number, signal) => {
      const call = { doing: `close merge request ${number}`, path: `${requests}/${number}`, signal };
      const body = { state_event: 'close' };
      await http.json(mergeRequestSchema, { ...call, method: 'PUT', body });
    },
    listRemarks: async (number, sinceMs, signal) => {
      const page = `${apiUrl.replace(/\/api\/v4$/, '')}/${project}/-/merge_requests/${number}#note_`;
      const query = { order_by: 'created_at', sort: 'desc' };
      const call = { doing: `read what was said about merge request ${number}`, path: `${requests}/${number}/notes` };
      const notes = await http.list(noteSchema, { ...call, query, signal, maxPages: MAX_PAGES });
      return notes
        .flatMap((note) => toRemark(note, page))
        .filter(({ atMs }) => atMs >= sinceMs)
        .reverse();
    },
  };
}

function toPull(request: z.infer<typeof mergeRequestSchema>): PullRequest {
  const isMerged = request.state === 'merged';
  const endedAt = (isMerged ? request.merged_at : request.closed_at) ?? null;
  const sha = request.sha ?? '';
  const ender = isMerged ? (request.merge_user ?? request.merged_by) : request.closed_by;
  return {
    number: request.iid,
    url: request.web_url,
    // Locked is the moment in which GitLab merges; what comes of it is told next.
    state: isMerged ? 'merged' : request.state === 'closed' ? 'closed' : 'open',
    head: { branch: request.source_branch, sha },
    baseBranch: request.target_branch,
    // A fast-forward without squashing makes no commit: the branch's own head is on the base then.
    mergeCommit: isMerged ? toMergeCommit(request) : null,
    endedBy: ender?.username ?? null,
    endedAtMs: endedAt === null ? null : Date.parse(endedAt),
    mergeable: toMergeable(request),
  };
}

function toMergeCommit({
  merge_commit_sha,
  squash_commit_sha,
  sha,
}: z.infer<typeof mergeRequestSchema>): string | null {
  return [merge_commit_sha, squash_commit_sha, sha].find((one) => typeof one === 'string' && one !== '') ?? null;
}

const UNSURE = ['checking', 'unchecked', 'preparing', 'approvals_syncing', 'cannot_be_merged_recheck'];

function toMergeable(request: z.infer<typeof mergeRequestSchema>): PullRequest['mergeable'] {
  const status = request.detailed_merge_status ?? request.merge_status ?? 'unchecked';
  if (UNSURE.includes(status)) return 'unknown';
  return request.has_conflicts === true || status === 'conflict' ? 'conflict' : 'clean';
}

function toRemark(note: z.infer<typeof noteSchema>, page: string): Remark[] {
  const verdict = note.system ? VERDICTS.find(([pattern]) => pattern.test(note.body))?.[1] : 'comment';
  if (verdict === undefined) return [];
  const { new_path: path, new_line: line } = note.position ?? {};
  return [
    {
      id: `note:${note.id}`,
      verdict,
      author: note.author?.username ?? 'ghost',
      text: note.system ? '' : note.body,
      ...(typeof path === 'string' ? { path } : {}),
      ...(typeof line === 'number' ? { line } : {}),
      url: `${page}${note.id}`,
      atMs: Date.parse(note.created_at),
    },
  ];
}
