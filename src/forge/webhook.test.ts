import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ForgeKind } from '../config/git-host.ts';
import { verifyWebhook } from './webhook.ts';

const SECRET = 'It is a Secret to Everybody';
const NOW = Date.UTC(2026, 0, 1);
const hex = (body: string, secret = SECRET) => createHmac('sha256', secret).update(body).digest('hex');
const verify = (kind: ForgeKind, headers: Record<string, string>, body: string, secret = SECRET) =>
  verifyWebhook(kind, { headers, body: Buffer.from(body) }, secret, NOW);

describe('the signature of a webhook', () => {
  it('is that of the example in the documentation of GitHub', () => {
    const headers = {
      'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    };
    expect(verify('github', headers, 'Hello, World!', "It's a Secret to Everybody")).toMatchObject({
      kind: 'verified',
    });
  });

  it.each([
    ['github', 'x-hub-signature-256', (body: string) => `sha256=${hex(body)}`],
    ['gitea', 'x-gitea-signature', hex],
    ['gitea', 'x-forgejo-signature', hex],
  ] as const)('of %s in %s holds for exactly its body and secret', (kind, name, sign) => {
    const body = '{"zen":"ünïcode"}';
    const signed = sign(body);
    expect(verify(kind, { [name]: signed }, body).kind).toBe('verified');
    expect(verify(kind, { [name]: signed }, `${body} `).kind).toBe('refused');
    expect(verify(kind, { [name]: signed }, body, 'another secret of theirs').kind).toBe('refused');
    expect(verify(kind, { [name]: '' }, body).kind).toBe('refused');
    expect(verify(kind, { [name]: 'sha256=' }, body).kind).toBe('refused');
    expect(verify(kind, { [name]: signed.slice(0, -1) }, body).kind).toBe('refused');
    expect(verify(kind, {}, body)).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('has no') as string,
    });
  });

  it('of Forgejo is not made up for by an older header', () => {
    const headers = { 'x-forgejo-signature': hex('other'), 'x-gitea-signature': hex('{}') };
    expect(verify('gitea', headers, '{}').kind).toBe('refused');
  });

  it('of GitLab is the secret token itself, or better a signature with a time', () => {
    expect(verify('gitlab', { 'x-gitlab-token': SECRET }, '{}').kind).toBe('verified');
    expect(verify('gitlab', { 'x-gitlab-token': `${SECRET}x` }, '{}').kind).toBe('refused');
    expect(verify('gitlab', {}, '{}').kind).toBe('refused');

    const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
    const sign = (id: string, time: string, body: string) => {
      const key = Buffer.from(secret.slice(6), 'base64');
      return `v1,${createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64')}`;
    };
    const headers = (time: string, signature = sign('msg_1', time, '{}')) => ({
      'webhook-id': 'msg_1',
      'webhook-timestamp': time,
      'webhook-signature': signature,
    });
    const now = String(NOW / 1000);
    expect(verify('gitlab', headers(now), '{}', secret).kind).toBe('verified');
    expect(verify('gitlab', headers(now, `v1,bm9wZQ== ${sign('msg_1', now, '{}')}`), '{}', secret).kind).toBe(
      'verified',
    );
    expect(verify('gitlab', headers(now), '{"a":1}', secret).kind).toBe('refused');
    expect(verify('gitlab', headers(now, sign('msg_2', now, '{}')), '{}', secret).kind).toBe('refused');
    expect(verify('gitlab', headers(String(NOW / 1000 - 600)), '{}', secret)).toMatchObject({ kind: 'refused' });
    // Whoever has a signing token never falls back to a token that travels in the open.
    expect(verify('gitlab', { 'x-gitlab-token': secret }, '{}', secret).kind).toBe('refused');
  });
});

describe('what a verified webhook says', () => {
  const github = (event: string, body: unknown, more: Record<string, string> = {}) => {
    const text = JSON.stringify(body);
    const headers = { 'x-hub-signature-256': `sha256=${hex(text)}`, 'x-github-event': event, ...more };
    const verdict = verify('github', headers, text);
    if (verdict.kind !== 'verified') throw new Error(verdict.reason);
    return verdict;
  };
  const repository = { full_name: 'acme/infra' };
  const pull = { kind: 'pull_request', project: 'acme/infra', number: 7 };

  it.each([
    ['pull_request', { repository, action: 'closed', number: 7, pull_request: { number: 7 } }, pull],
    ['pull_request_review', { repository, review: {}, pull_request: { number: 7 } }, pull],
    ['pull_request_review_comment', { repository, pull_request: { number: 7 } }, pull],
    ['issue_comment', { repository, issue: { number: 7, pull_request: {} } }, pull],
    ['push', { repository, ref: 'refs/heads/env/prod' }, { kind: 'push', project: 'acme/infra', branch: 'env/prod' }],
    ['push', { repository, ref: 'refs/tags/v1' }, undefined],
    ['ping', { zen: 'Keep it logically awesome.', repository }, undefined],
    ['star', { repository, number: 7 }, undefined],
    ['pull_request', { repository, number: -1 }, undefined],
    ['pull_request', { number: 7 }, undefined],
    ['pull_request', null, undefined],
    ['pull_request', [{ repository, number: 7 }], undefined],
  ])('%s %j', (event, body, hint) => {
    expect(github(event, body).hint).toEqual(hint);
  });

  it('is nothing where the body is not JSON, or of nonsense', () => {
    const body = 'payload=%7B%7D';
    const headers = { 'x-hub-signature-256': `sha256=${hex(body)}`, 'x-github-event': 'pull_request' };
    expect(verify('github', headers, body)).toMatchObject({ kind: 'verified', hint: undefined });
  });

  it.each([
    ['Merge Request Hook', { object_attributes: { iid: 7 } }, { ...pull, project: 'acme/platform/infra' }],
    ['Note Hook', { merge_request: { iid: 7 } }, { ...pull, project: 'acme/platform/infra' }],
    ['Note Hook', { issue: { iid: 7 } }, undefined],
    ['Push Hook', { ref: 'refs/heads/main' }, { kind: 'push', project: 'acme/platform/infra', branch: 'main' }],
    ['Pipeline Hook', { object_attributes: { iid: 7 } }, undefined],
  ])('of GitLab: %s %j', (event, body, hint) => {
    const text = JSON.stringify({ ...body, project: { path_with_namespace: 'acme/platform/infra' } });
    const verdict = verify('gitlab', { 'x-gitlab-token': SECRET, 'x-gitlab-event': event }, text);
    expect(verdict).toMatchObject({ kind: 'verified', hint });
  });

  it('has a name that a repeat has too, even under another id', () => {
    const first = github('ping', { repository }, { 'x-github-delivery': 'a' }).deliveries;
    const again = github('ping', { repository }, { 'x-github-delivery': 'a' }).deliveries;
    const renamed = github('ping', { repository }, { 'x-github-delivery': 'b' }).deliveries;
    const other = github('ping', { repository, n: 1 }, { 'x-github-delivery': 'c' }).deliveries;
    expect(again).toEqual(first);
    expect(renamed.some((name) => first.includes(name))).toBe(true);
    expect(other.some((name) => first.includes(name))).toBe(false);
  });
});
