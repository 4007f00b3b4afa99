import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sha256Hex } from '../../lib/ids.ts';
import { listSources } from '../argo/application.ts';
import { isSameRepository } from '../argo/address.ts';
import { listAt, textAt } from '../json.ts';
import type { Backend } from './backend.ts';

interface Push {
  webUrl: string;
  ref: string;
  defaultBranch: string;
  changedPaths: string[];
}

/** Pushes of git hosts: the answer comes first, then every Application that follows the branch is refreshed. */
export function registerWebhook(app: FastifyInstance, backend: Backend): void {
  app.route({
    method: ['GET', 'PUT', 'PATCH', 'DELETE'],
    url: '/api/webhook',
    handler: (_request, reply) => reply.code(405).type('text/plain').send('Method not allowed'),
  });
  app.post('/api/webhook', (request, reply) => {
    const push = readPush(backend, request);
    if (typeof push === 'string') return reply.code(400).type('text/plain').send(push);
    backend.timeline.after(0, () => {
      announce(backend, push);
      void backend.discover();
    });
    return reply.code(200).send('');
  });
}

function readPush(backend: Backend, request: FastifyRequest): Push | string {
  const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const header = (name: string) => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  const { github, gitlab, gogs } = backend.webhookSecrets;
  const isSigned = (secret: string, given: string | undefined) =>
    given !== undefined &&
    isSame(createHmac('sha256', secret).update(raw).digest('hex'), given.replace(/^sha256=/, ''));
  let body: unknown;
  try {
    body = JSON.parse(raw.toString('utf8'));
  } catch {
    return 'Webhook processing failed: error parsing payload';
  }
  const refused = 'Webhook processing failed: HMAC verification failed';
  // Gitea and its kin also send the header of GitHub, so theirs is looked at first.
  if (header('x-gogs-event') !== undefined) {
    if (header('x-gogs-event') !== 'push') return 'Unknown webhook event';
    if (gogs !== undefined && !isSigned(gogs, header('x-gogs-signature'))) return refused;
    return toPush(body, ['repository', 'html_url'], ['repository', 'default_branch']);
  }
  if (header('x-github-event') !== undefined) {
    if (header('x-github-event') !== 'push') return 'Unknown webhook event';
    if (github !== undefined && !isSigned(github, header('x-hub-signature-256'))) return refused;
    return toPush(body, ['repository', 'html_url'], ['repository', 'default_branch']);
  }
  if (header('x-gitlab-event') !== undefined) {
    if (!['Push Hook', 'Tag Push Hook', 'System Hook'].includes(header('x-gitlab-event') ?? ''))
      return 'Unknown webhook event';
    if (gitlab !== undefined && !isSame(gitlab, header('x-gitlab-token') ?? ''))
      return 'Webhook processing failed: X-Gitlab-Token validation failed';
    return toPush(body, ['project', 'web_url'], ['project', 'default_branch']);
  }
  return 'Unknown webhook event';
}

function toPush(body: unknown, urlPath: string[], branchPath: string[]): Push {
  const changed = listAt(body, 'commits').flatMap((commit) => [
    ...listAt(commit, 'added'),
    ...listAt(commit, 'modified'),
    ...listAt(commit, 'removed'),
  ]);
  return {
    webUrl: textAt(body, ...urlPath) ?? '',
    ref: (textAt(body, 'ref') ?? '').replace(/^refs\/(heads|tags)\//, ''),
    defaultBranch: textAt(body, ...branchPath) ?? '',
    changedPaths: changed.filter((path) => typeof path === 'string'),
  };
}

function announce(backend: Backend, push: Push): void {
  for (const application of backend.registry.snapshot()) {
    const isMeant = listSources(application.spec).some((source) => {
      const target = source.targetRevision ?? 'HEAD';
      const isBranch = target === push.ref || ((target === 'HEAD' || target === '') && push.ref === push.defaultBranch);
      // An address without a host never matches, so a file:// repository is not refreshed by its host's hook.
      const isHosted = !source.repoURL.startsWith('/') && !source.repoURL.startsWith('file:');
      return (
        isHosted &&
        isSameRepository(source.repoURL, push.webUrl) &&
        isBranch &&
        isTouched(application.metadata.annotations, source.path ?? '', push)
      );
    });
    if (isMeant) backend.requestCompare(application, 3);
  }
}

/** With the paths annotation an Application is left alone by pushes that touch none of them. */
function isTouched(annotations: Record<string, string> | undefined, path: string, push: Push): boolean {
  const paths = annotations?.['argocd.argoproj.io/manifest-generate-paths'];
  if (paths === undefined || paths === '' || push.changedPaths.length === 0) return true;
  const roots = paths
    .split(';')
    .map((root) => (root.startsWith('/') ? root.slice(1) : `${path}/${root}`.replace(/\/\.?$/, '')));
  return push.changedPaths.some((changed) =>
    roots.some((root) => root === '' || changed === root || changed.startsWith(`${root}/`)),
  );
}

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(sha256Hex(a)), Buffer.from(sha256Hex(b)));
}
