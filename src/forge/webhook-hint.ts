import { z } from 'zod';
import type { ForgeKind } from '../config/git-host.ts';

/** Where to look, as a webhook tells it. */
export type WebhookHint =
  { kind: 'pull_request'; project: string; number: number } | { kind: 'push'; project: string; branch: string };

const repository = z.object({ full_name: z.string().max(1_000) });
const number = z.number().int().positive();
const ref = z.string().max(1_000).startsWith('refs/heads/');

// GitHub and Gitea write alike; comments name the issue that the pull request is.
const pullEventSchema = z.object({ repository, number });
const pullReviewSchema = z.object({ repository, pull_request: z.object({ number }) });
const commentSchema = z.object({ repository, issue: z.object({ number }) });
const pushSchema = z.object({ repository, ref });

const project = z.object({ path_with_namespace: z.string().max(1_000) });
const mergeRequestSchema = z.object({ project, object_attributes: z.object({ iid: number }) });
const noteSchema = z.object({ project, merge_request: z.object({ iid: number }) });
const gitLabPushSchema = z.object({ project, ref });

/** What a webhook is about; undefined for other events and for bodies of another shape. Never throws. */
export function readWebhookHint(kind: ForgeKind, event: string, body: unknown): WebhookHint | undefined {
  return kind === 'gitlab' ? readGitLab(event, body) : readGitHubLike(event, body);
}

function readGitHubLike(event: string, body: unknown): WebhookHint | undefined {
  if (event === 'push') {
    const push = pushSchema.safeParse(body).data;
    return push === undefined ? undefined : toPush(push.repository.full_name, push.ref);
  }
  if (!/^(?:pull_request|issue_comment)/.test(event)) return undefined;
  const own = pullEventSchema.safeParse(body).data;
  if (own !== undefined) return toPull(own.repository.full_name, own.number);
  const review = pullReviewSchema.safeParse(body).data;
  if (review !== undefined) return toPull(review.repository.full_name, review.pull_request.number);
  const comment = commentSchema.safeParse(body).data;
  return comment === undefined ? undefined : toPull(comment.repository.full_name, comment.issue.number);
}

function readGitLab(event: string, body: unknown): WebhookHint | undefined {
  switch (event) {
    case 'Push Hook': {
      const push = gitLabPushSchema.safeParse(body).data;
      return push === undefined ? undefined : toPush(push.project.path_with_namespace, push.ref);
    }
    case 'Merge Request Hook': {
      const request = mergeRequestSchema.safeParse(body).data;
      if (request === undefined) return undefined;
      return toPull(request.project.path_with_namespace, request.object_attributes.iid);
    }
    case 'Note Hook': {
      const note = noteSchema.safeParse(body).data;
      return note === undefined ? undefined : toPull(note.project.path_with_namespace, note.merge_request.iid);
    }
    default:
      return undefined;
  }
}

function toPull(name: string, of: number): WebhookHint {
  return { kind: 'pull_request', project: name, number: of };
}

function toPush(name: string, reference: string): WebhookHint {
  return { kind: 'push', project: name, branch: reference.slice('refs/heads/'.length) };
}
