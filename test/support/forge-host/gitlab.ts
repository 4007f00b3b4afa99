import { createHmac, randomUUID } from 'node:crypto';
import { NOT_FOUND, toPage, type ApiAnswer, type ApiRequest, type Dialect, type DialectHost } from './dialect.ts';
import type { HostPull } from './pulls.ts';

/** GitLab's REST API, version 4, as far as merge requests go. */
export const gitLabDialect: Dialect = {
  apiPath: '/api/v4',
  isAuthorized: (headers, token) =>
    headers['private-token'] === token || headers['authorization'] === `Bearer ${token}`,
  answer: async (request, host) => {
    const [area, project, kind, number, what] = request.parts;
    // The path of the project is one part, encoded.
    if (area !== 'projects' || project !== host.project)
      return { status: 404, body: { message: '404 Project Not Found' } };
    if (kind === undefined) return { status: 200, body: toProject(host) };
    if (kind !== 'merge_requests') return NOT_FOUND;
    if (number === undefined) return await answerRequests(request, host);
    const pull = await host.pulls.find(Number(number));
    if (pull === undefined) return { status: 404, body: { message: '404 Not found' } };
    return what === 'notes' ? answerNotes(request, host, pull) : await answerRequest(request, host, pull);
  },
  toHook: (event, host) => {
    const project = { id: 3, path_with_namespace: host.project, web_url: `${host.origin}/${host.project}` };
    const headers = (name: string) => ({
      'X-Gitlab-Event': name,
      'X-Gitlab-Event-UUID': randomUUID(),
      'X-Gitlab-Instance': host.origin,
      'Idempotency-Key': randomUUID(),
    });
    switch (event.kind) {
      case 'pull': {
        const { number: iid, head: source_branch, base: target_branch } = event.pull;
        const object_attributes = {
          iid,
          source_branch,
          target_branch,
          action: event.action,
          updated_at: event.pull.updatedAt,
        };
        return {
          headers: headers('Merge Request Hook'),
          body: { object_kind: 'merge_request', project, object_attributes },
        };
      }
      case 'comment': {
        const note = event.pull.comments.at(-1);
        const object_attributes = { id: note?.id, note: note?.text, noteable_type: 'MergeRequest' };
        const merge_request = { iid: event.pull.number, source_branch: event.pull.head };
        return {
          headers: headers('Note Hook'),
          body: { object_kind: 'note', project, object_attributes, merge_request },
        };
      }
      case 'push': {
        const { branch, before, after } = event;
        const body = { object_kind: 'push', ref: `refs/heads/${branch}`, before, after, project };
        return { headers: headers('Push Hook'), body };
      }
    }
  },
  // A secret that GitLab made itself is a signing token; any other is sent along as it is.
  sign: (body, secret) => {
    if (!secret.startsWith('whsec_')) return { 'X-Gitlab-Token': secret };
    const id = randomUUID();
    const timestamp = String(Math.floor(Date.now() / 1000));
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
  },
};

async function answerRequests({ method, query, body }: ApiRequest, host: DialectHost): Promise<ApiAnswer> {
  if (method === 'GET') {
    const found = host.pulls.all
      .filter((pull) => query.get('source_branch') === null || pull.head === query.get('source_branch'))
      .filter((pull) => query.get('target_branch') === null || pull.base === query.get('target_branch'))
      .filter((pull) => query.get('state') === 'all' || pull.state === 'open')
      .toReversed();
    const page = toPage(found, query, 'per_page');
    return { status: 200, body: await Promise.all(page.map(async (pull) => await toMergeRequest(pull, host))) };
  }
  const { title, description, source_branch, target_branch } = body;
  const opened = await host.pulls.open({
    title: String(title),
    body: String(description),
    head: String(source_branch),
    base: String(target_branch),
  });
  if (opened === 'exists') {
    const message = [`Another open merge request already exists for this source branch: !1`];
    return { status: 409, body: { message } };
  }
  if (opened === 'empty') return { status: 400, body: { message: { base: ['Source branch does not exist'] } } };
  return { status: 201, body: await toMergeRequest(opened, host) };
}

async function answerRequest({ method, body }: ApiRequest, host: DialectHost, pull: HostPull): Promise<ApiAnswer> {
  if (method === 'PUT') {
    if (typeof body['title'] === 'string') pull.title = body['title'];
    if (typeof body['description'] === 'string') pull.body = body['description'];
    if (body['state_event'] === 'close') host.pulls.close(pull.number, host.account);
  }
  return { status: 200, body: await toMergeRequest(pull, host) };
}

function answerNotes({ method, query, body }: ApiRequest, host: DialectHost, pull: HostPull): ApiAnswer {
  if (method === 'POST') {
    const note = host.pulls.comment(pull.number, host.account, String(body['body']));
    return { status: 201, body: { id: note.id, body: note.text, system: false } };
  }
  const comments = pull.comments.map((one) => ({
    id: one.id,
    type: one.path === undefined ? null : 'DiffNote',
    body: one.text,
    author: toUser(one.author),
    created_at: one.at,
    updated_at: one.at,
    system: false,
    noteable_id: 900 + pull.number,
    noteable_type: 'MergeRequest',
    noteable_iid: pull.number,
    resolvable: one.path !== undefined,
    ...(one.path === undefined ? {} : { position: { new_path: one.path, new_line: one.line, position_type: 'text' } }),
  }));
  const words = { approved: 'approved this merge request', changes_requested: 'requested changes' } as const;
  const verdicts = pull.reviews.flatMap((one) =>
    one.verdict === 'approved' || one.verdict === 'changes_requested'
      ? [
          {
            id: one.id,
            type: null,
            body: words[one.verdict],
            author: toUser(one.author),
            created_at: one.at,
            system: true,
          },
        ]
      : [],
  );
  const label = {
    id: 1,
    type: null,
    body: 'added 1 commit',
    author: toUser(host.account),
    created_at: pull.createdAt,
    system: true,
  };
  const notes = [label, ...comments, ...verdicts].sort((a, b) => a.id - b.id);
  return { status: 200, body: toPage(query.get('sort') === 'desc' ? notes.toReversed() : notes, query, 'per_page') };
}

const toUser = (username: string) => ({ id: username.length, username, name: username, state: 'active' });

function toProject({ origin, project }: DialectHost) {
  return {
    id: 3,
    name: project.split('/').at(-1),
    path_with_namespace: project,
    web_url: `${origin}/${project}`,
    default_branch: 'main',
    archived: false,
    merge_requests_enabled: true,
    permissions: { project_access: { access_level: 30 }, group_access: null },
  };
}

async function toMergeRequest(pull: HostPull, host: DialectHost) {
  const isConflicting = pull.state === 'open' && (await host.pulls.isConflicting(pull));
  const isMerged = pull.state === 'merged';
  const ender = pull.endedBy === null ? null : toUser(pull.endedBy);
  return {
    id: 900 + pull.number,
    iid: pull.number,
    project_id: 3,
    title: pull.title,
    description: pull.body,
    state: pull.state === 'open' ? 'opened' : pull.state,
    created_at: pull.createdAt,
    updated_at: pull.updatedAt,
    target_branch: pull.base,
    source_branch: pull.head,
    author: toUser(host.account),
    source_project_id: 3,
    target_project_id: 3,
    draft: false,
    merge_user: isMerged ? ender : null,
    merged_by: isMerged ? ender : null,
    merged_at: isMerged ? pull.endedAt : null,
    closed_by: pull.state === 'closed' ? ender : null,
    closed_at: pull.state === 'closed' ? pull.endedAt : null,
    merge_status: isConflicting ? 'cannot_be_merged' : 'can_be_merged',
    detailed_merge_status: isConflicting ? 'conflict' : 'mergeable',
    has_conflicts: isConflicting,
    sha: pull.headSha,
    merge_commit_sha: pull.squashSha === null ? pull.mergeSha : null,
    squash_commit_sha: pull.squashSha,
    web_url: `${host.origin}/${host.project}/-/merge_requests/${pull.number}`,
    user_notes_count: pull.comments.length,
  };
}
