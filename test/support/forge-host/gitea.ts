import { createHmac, randomUUID } from 'node:crypto';
import {
  isSince,
  NOT_FOUND,
  toPage,
  type ApiAnswer,
  type ApiRequest,
  type Dialect,
  type DialectHost,
} from './dialect.ts';
import type { HostComment, HostPull, HostReview } from './pulls.ts';

/** The API of Gitea and Forgejo, version 1, as far as pull requests go. */
export const giteaDialect: Dialect = {
  apiPath: '/api/v1',
  isAuthorized: (headers, token) => headers['authorization'] === `token ${token}`,
  answer: async (request, host) => {
    const [area, owner, name, ...rest] = request.parts;
    if (area !== 'repos' || `${owner}/${name}` !== host.project)
      return { status: 404, body: { errors: null, message: 'not found', url: `${host.origin}/api/swagger` } };
    const [kind, number, what, id] = rest;
    if (kind === undefined) return { status: 200, body: toRepository(host) };
    if (kind === 'pulls' && number === undefined) return await answerPulls(request, host);
    const pull = await host.pulls.find(Number(number));
    if (pull === undefined) return NOT_FOUND;
    if (kind === 'pulls') return await answerPull(request, host, pull, what, id);
    return answerIssue(request, host, pull, what);
  },
  toHook: (event, host) => {
    const repository = toRepository(host);
    const headers = (name: string) => {
      const delivery = randomUUID();
      const all = { Event: name, 'Event-Type': name, Delivery: delivery };
      // Both hosts also send the headers of those they descend from.
      return Object.fromEntries(
        Object.entries(all).flatMap(([key, value]) =>
          ['X-Forgejo-', 'X-Gitea-', 'X-Gogs-', 'X-GitHub-'].map((prefix) => [`${prefix}${key}`, value]),
        ),
      );
    };
    switch (event.kind) {
      case 'pull':
        return {
          headers: headers('pull_request'),
          body: {
            action: event.action,
            number: event.pull.number,
            pull_request: toListed(event.pull, host),
            repository,
          },
        };
      case 'comment': {
        const issue = { number: event.pull.number, title: event.pull.title };
        return { headers: headers('issue_comment'), body: { action: 'created', issue, is_pull: true, repository } };
      }
      case 'push': {
        const { branch, before, after } = event;
        return { headers: headers('push'), body: { ref: `refs/heads/${branch}`, before, after, repository } };
      }
    }
  },
  sign: (body, secret) => {
    const hex = createHmac('sha256', secret).update(body).digest('hex');
    return {
      'X-Forgejo-Signature': hex,
      'X-Gitea-Signature': hex,
      'X-Gogs-Signature': hex,
      'X-Hub-Signature-256': `sha256=${hex}`,
    };
  },
};

async function answerPulls({ method, query, body }: ApiRequest, host: DialectHost): Promise<ApiAnswer> {
  if (method === 'GET') {
    const found = host.pulls.all.filter((pull) => query.get('state') === 'all' || pull.state === 'open').toReversed();
    const page = toPage(found, query, 'limit');
    return { status: 200, body: await Promise.all(page.map(async (pull) => await toSingle(pull, host))) };
  }
  const { title, body: text, head, base } = body;
  const opened = await host.pulls.open({
    title: String(title),
    body: String(text),
    head: String(head),
    base: String(base),
  });
  if (opened === 'exists') {
    const message =
      'pull request already exists for these targets [id: 1, issue_id: 1, head_repo_id: 1, base_repo_id: 1]';
    return { status: 409, body: { message, url: `${host.origin}/api/swagger` } };
  }
  if (opened === 'empty') return { status: 404, body: { message: "The target couldn't be found.", errors: [] } };
  return { status: 201, body: await toSingle(opened, host) };
}

async function answerPull(
  { method, query, body }: ApiRequest,
  host: DialectHost,
  pull: HostPull,
  what: string | undefined,
  id: string | undefined,
): Promise<ApiAnswer> {
  if (what === 'reviews' && id !== undefined) {
    const lines = pull.comments.filter((one) => String(one.reviewId) === id);
    return { status: 200, body: toPage(lines, query, 'limit').map((one) => toLineComment(one, pull, host)) };
  }
  if (what === 'reviews')
    return { status: 200, body: toPage(pull.reviews, query, 'limit').map((one) => toReview(one, pull, host)) };
  if (method === 'PATCH') {
    if (typeof body['title'] === 'string') pull.title = body['title'];
    if (typeof body['body'] === 'string') pull.body = body['body'];
    if (body['state'] === 'closed') host.pulls.close(pull.number, host.account);
    return { status: 201, body: await toSingle(pull, host) };
  }
  return { status: 200, body: await toSingle(pull, host) };
}

function answerIssue(
  { method, query, body }: ApiRequest,
  host: DialectHost,
  pull: HostPull,
  what: string | undefined,
): ApiAnswer {
  if (what === 'timeline') {
    const opened = { id: 1, type: 'pull_push', user: toUser(host.account), body: '', created_at: pull.createdAt };
    const ended = { id: 2, type: 'close', user: toUser(pull.endedBy ?? ''), body: '', created_at: pull.endedAt };
    return { status: 200, body: toPage(pull.endedBy === null ? [opened] : [opened, ended], query, 'limit') };
  }
  if (method === 'POST') {
    const comment = host.pulls.comment(pull.number, host.account, String(body['body']));
    return { status: 201, body: toComment(comment, pull, host) };
  }
  const own = pull.comments.filter((one) => one.path === undefined && isSince(one.at, query));
  // This list is not cut into pages.
  return { status: 200, body: query.get('page') === '1' ? own.map((one) => toComment(one, pull, host)) : [] };
}

const toUser = (login: string) => ({ id: login.length, login, full_name: '', email: `${login}@noreply.example` });

function toRepository({ origin, project }: DialectHost) {
  return {
    id: 1,
    name: project.split('/')[1],
    full_name: project,
    html_url: `${origin}/${project}`,
    default_branch: 'main',
    archived: false,
    has_pull_requests: true,
    permissions: { admin: false, push: true, pull: true },
  };
}

function toListed(pull: HostPull, host: DialectHost) {
  return {
    id: 700 + pull.number,
    url: `${host.origin}/${host.project}/pulls/${pull.number}`,
    number: pull.number,
    user: toUser(host.account),
    title: pull.title,
    body: pull.body,
    state: pull.state === 'open' ? 'open' : 'closed',
    html_url: `${host.origin}/${host.project}/pulls/${pull.number}`,
    merged: pull.state === 'merged',
    merged_at: pull.state === 'merged' ? pull.endedAt : null,
    merge_commit_sha: pull.state === 'merged' ? pull.mergeSha : null,
    merged_by: pull.state === 'merged' && pull.endedBy !== null ? toUser(pull.endedBy) : null,
    base: { label: pull.base, ref: pull.base, sha: '0'.repeat(40), repo_id: 1 },
    head: { label: pull.head, ref: pull.head, sha: pull.headSha, repo_id: 1 },
    created_at: pull.createdAt,
    updated_at: pull.updatedAt,
    closed_at: pull.endedAt,
  };
}

async function toSingle(pull: HostPull, host: DialectHost) {
  return { ...toListed(pull, host), mergeable: pull.state === 'open' && !(await host.pulls.isConflicting(pull)) };
}

function toComment(comment: HostComment, pull: HostPull, host: DialectHost) {
  return {
    id: comment.id,
    html_url: `${host.origin}/${host.project}/pulls/${pull.number}#issuecomment-${comment.id}`,
    user: toUser(comment.author),
    body: comment.text,
    created_at: comment.at,
    updated_at: comment.at,
  };
}

function toLineComment(comment: HostComment, pull: HostPull, host: DialectHost) {
  return { ...toComment(comment, pull, host), path: comment.path, position: comment.line, original_position: 0 };
}

function toReview(review: HostReview, pull: HostPull, host: DialectHost) {
  const states = {
    approved: 'APPROVED',
    changes_requested: 'REQUEST_CHANGES',
    comment: 'COMMENT',
    pending: 'PENDING',
  } as const;
  return {
    id: review.id,
    user: toUser(review.author),
    state: states[review.verdict],
    body: review.text,
    commit_id: pull.headSha,
    stale: false,
    official: true,
    dismissed: review.dismissed,
    comments_count: pull.comments.filter((one) => one.reviewId === review.id).length,
    submitted_at: review.at,
    html_url: `${host.origin}/${host.project}/pulls/${pull.number}#issuecomment-${review.id}`,
  };
}
