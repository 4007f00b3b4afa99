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

/** GitHub Enterprise Server's REST API, as far as pull requests go. */
export const gitHubDialect: Dialect = {
  apiPath: '/api/v3',
  isAuthorized: (headers, token) =>
    headers['authorization'] === `Bearer ${token}` && headers['user-agent'] !== undefined,
  answer: async (request, host) => {
    const [area, owner, name, ...rest] = request.parts;
    if (area !== 'repos' || `${owner}/${name}` !== host.project) return NOT_FOUND;
    const [kind, number, what] = rest;
    if (kind === undefined) return { status: 200, body: toRepository(host) };
    if (kind === 'pulls' && number === undefined) return await answerPulls(request, host);
    const pull = await host.pulls.find(Number(number));
    if (pull === undefined) return NOT_FOUND;
    if (kind === 'pulls') return await answerPull(request, host, pull, what);
    return answerIssue(request, host, pull, what);
  },
  toHook: (event, host) => {
    const repository = toRepository(host);
    const headers = (name: string) => ({ 'X-GitHub-Event': name, 'X-GitHub-Delivery': randomUUID() });
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
        const issue = { number: event.pull.number, title: event.pull.title, pull_request: { url: 'x' } };
        return { headers: headers('issue_comment'), body: { action: 'created', issue, repository } };
      }
      case 'push': {
        const { branch, before, after } = event;
        return { headers: headers('push'), body: { ref: `refs/heads/${branch}`, before, after, repository } };
      }
    }
  },
  sign: (body, secret) => ({
    'X-Hub-Signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  }),
};

async function answerPulls({ method, query, body }: ApiRequest, host: DialectHost): Promise<ApiAnswer> {
  if (method === 'GET') {
    const branch = query.get('head')?.split(':')[1];
    const found = host.pulls.all
      .filter((pull) => branch === undefined || pull.head === branch)
      .filter((pull) => query.get('base') === null || pull.base === query.get('base'))
      .filter((pull) => query.get('state') === 'all' || pull.state === 'open')
      .toReversed();
    return { status: 200, body: toPage(found, query, 'per_page').map((pull) => toListed(pull, host)) };
  }
  const { title, body: text, head, base } = body;
  const opened = await host.pulls.open({
    title: String(title),
    body: String(text),
    head: String(head),
    base: String(base),
  });
  const invalid = (message: string): ApiAnswer => ({
    status: 422,
    body: {
      message: 'Validation Failed',
      errors: [{ resource: 'PullRequest', code: 'custom', message }],
      documentation_url: 'https://docs.github.com/rest/pulls/pulls#create-a-pull-request',
    },
  });
  if (opened === 'exists')
    return invalid(`A pull request already exists for ${host.project.split('/')[0]}:${String(head)}.`);
  if (opened === 'empty') return invalid(`No commits between ${String(base)} and ${String(head)}`);
  return { status: 201, body: await toSingle(opened, host) };
}

async function answerPull(
  { method, query, body }: ApiRequest,
  host: DialectHost,
  pull: HostPull,
  what: string | undefined,
): Promise<ApiAnswer> {
  if (what === 'comments') {
    const lines = pull.comments.filter((one) => one.path !== undefined && isSince(one.at, query));
    return { status: 200, body: toPage(lines, query, 'per_page').map((one) => toLineComment(one, pull, host)) };
  }
  if (what === 'reviews')
    return { status: 200, body: toPage(pull.reviews, query, 'per_page').map((one) => toReview(one, pull, host)) };
  if (method === 'PATCH') {
    if (typeof body['title'] === 'string') pull.title = body['title'];
    if (typeof body['body'] === 'string') pull.body = body['body'];
    if (body['state'] === 'closed') host.pulls.close(pull.number, host.account);
  }
  return { status: 200, body: await toSingle(pull, host) };
}

function answerIssue(
  { method, query, body }: ApiRequest,
  host: DialectHost,
  pull: HostPull,
  what: string | undefined,
): ApiAnswer {
  if (what === undefined) {
    const closed_by = pull.state === 'open' || pull.endedBy === null ? null : toUser(pull.endedBy);
    return { status: 200, body: { number: pull.number, title: pull.title, state: toState(pull), closed_by } };
  }
  if (method === 'POST') {
    const comment = host.pulls.comment(pull.number, host.account, String(body['body']));
    return { status: 201, body: toComment(comment, pull, host) };
  }
  const own = pull.comments.filter((one) => one.path === undefined && isSince(one.at, query));
  return { status: 200, body: toPage(own, query, 'per_page').map((one) => toComment(one, pull, host)) };
}

const toState = (pull: HostPull) => (pull.state === 'open' ? 'open' : 'closed');
const toUser = (login: string) => ({ login, id: login.length, type: login.endsWith('[bot]') ? 'Bot' : 'User' });

function toRepository({ origin, project }: DialectHost) {
  return {
    id: 1296269,
    name: project.split('/')[1],
    full_name: project,
    private: true,
    html_url: `${origin}/${project}`,
    default_branch: 'main',
    archived: false,
    permissions: { admin: false, maintain: false, push: true, triage: true, pull: true },
  };
}

function toListed(pull: HostPull, host: DialectHost) {
  const repo = toRepository(host);
  return {
    url: `${host.origin}/api/v3/repos/${host.project}/pulls/${pull.number}`,
    id: 500 + pull.number,
    html_url: `${host.origin}/${host.project}/pull/${pull.number}`,
    number: pull.number,
    state: toState(pull),
    locked: false,
    title: pull.title,
    user: toUser(host.account),
    body: pull.body,
    created_at: pull.createdAt,
    updated_at: pull.updatedAt,
    closed_at: pull.endedAt,
    merged_at: pull.state === 'merged' ? pull.endedAt : null,
    // While it is open this is the commit of a trial merge.
    merge_commit_sha: pull.state === 'merged' ? pull.mergeSha : 'f'.repeat(40),
    draft: false,
    head: { label: `acme:${pull.head}`, ref: pull.head, sha: pull.headSha, repo },
    base: { label: `acme:${pull.base}`, ref: pull.base, sha: '0'.repeat(40), repo },
  };
}

async function toSingle(pull: HostPull, host: DialectHost) {
  const isConflicting = pull.state === 'open' && (await host.pulls.isConflicting(pull));
  return {
    ...toListed(pull, host),
    merged: pull.state === 'merged',
    mergeable: pull.state === 'open' ? !isConflicting : null,
    mergeable_state: isConflicting ? 'dirty' : 'clean',
    merged_by: pull.state === 'merged' && pull.endedBy !== null ? toUser(pull.endedBy) : null,
    comments: pull.comments.length,
  };
}

function toComment(comment: HostComment, pull: HostPull, host: DialectHost) {
  return {
    id: comment.id,
    body: comment.text,
    user: toUser(comment.author),
    html_url: `${host.origin}/${host.project}/pull/${pull.number}#issuecomment-${comment.id}`,
    created_at: comment.at,
    updated_at: comment.at,
  };
}

function toLineComment(comment: HostComment, pull: HostPull, host: DialectHost) {
  const html_url = `${host.origin}/${host.project}/pull/${pull.number}#discussion_r${comment.id}`;
  return { ...toComment(comment, pull, host), html_url, path: comment.path, line: comment.line, side: 'RIGHT' };
}

function toReview(review: HostReview, pull: HostPull, host: DialectHost) {
  const states = {
    approved: 'APPROVED',
    changes_requested: 'CHANGES_REQUESTED',
    comment: 'COMMENTED',
    pending: 'PENDING',
  } as const;
  return {
    id: review.id,
    user: toUser(review.author),
    body: review.text,
    state: review.dismissed ? 'DISMISSED' : states[review.verdict],
    html_url: `${host.origin}/${host.project}/pull/${pull.number}#pullrequestreview-${review.id}`,
    ...(review.verdict === 'pending' ? {} : { submitted_at: review.at }),
    commit_id: pull.headSha,
  };
}
