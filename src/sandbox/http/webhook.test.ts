import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestSandbox, toApplication, toConfigMap, toYaml } from '../test-sandbox.ts';
import type { TestSandbox } from '../test-sandbox.ts';

const URL_OF = 'https://git.example.com/shop/infra.git';
let test: TestSandbox;
afterEach(async () => await test.close());

async function start(annotations?: Record<string, string>) {
  test = await createTestSandbox({
    files: { 'app/map.yaml': toYaml(toConfigMap('settings', 'one')) },
    webhookSecrets: { github: 'hook secret', gitlab: 'lab secret' },
    pollIntervalMs: 1_000_000_000,
    configure: ({ repository }) => ({
      repositories: [{ url: URL_OF, path: repository }],
      applications: [{ ...toApplication(URL_OF, 'app'), ...(annotations === undefined ? {} : { annotations }) }],
    }),
  });
  await test.untilIs(
    'app',
    'synced',
    ({ status, operation }) => status.sync.status === 'Synced' && operation === undefined,
  );
  return await test.push({ 'app/map.yaml': toYaml(toConfigMap('settings', 'two')) });
}

function toGithub(body: object, secret = 'hook secret') {
  const text = JSON.stringify(body);
  const signature = `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`;
  return { text, headers: { 'x-github-event': 'push', 'x-hub-signature-256': signature } };
}

const push = (changes: object = {}) => ({
  ref: 'refs/heads/main',
  repository: { html_url: 'https://git.example.com/shop/infra', default_branch: 'main' },
  commits: [{ added: [], removed: [], modified: ['app/map.yaml'] }],
  ...changes,
});

describe('the webhook of git hosts', () => {
  it('makes the Applications of that branch look at git at once', async () => {
    const commit = await start();
    const { text, headers } = toGithub(push());
    expect((await fetch(`${test.sandbox.url}/api/webhook`, { method: 'POST', body: text, headers })).status).toBe(200);
    await test.untilIs('app', 'at the commit', ({ status }) => status.sync.revision === commit);
  });

  it.each([
    ['a wrong signature', toGithub(push(), 'other'), 400],
    ['no signature', { text: JSON.stringify(push()), headers: { 'x-github-event': 'push' } }, 400],
    ['an event of another kind', { text: '{}', headers: { 'x-github-event': 'ping' } }, 400],
    ['no host that is known', { text: '{}', headers: {} }, 400],
    [
      'a wrong token of GitLab',
      { text: '{}', headers: { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': 'no' } },
      400,
    ],
    ['another branch', toGithub(push({ ref: 'refs/heads/other' })), 200],
    [
      'another repository',
      toGithub(push({ repository: { html_url: 'https://git.example.com/shop/other', default_branch: 'main' } })),
      200,
    ],
  ])('does nothing for %s', async (_what, { text, headers }, status) => {
    await start();
    expect(
      (
        await fetch(`${test.sandbox.url}/api/webhook`, {
          method: 'POST',
          body: text,
          headers: { ...headers } as Record<string, string>,
        })
      ).status,
    ).toBe(status);
    await test.seconds(60);
    expect((await test.get('app')).status.sync.revision).toBe(test.commit);
  });

  it('leaves an Application alone whose paths were not touched', async () => {
    await start({ 'argocd.argoproj.io/manifest-generate-paths': '.' });
    const { text, headers } = toGithub(push({ commits: [{ modified: ['elsewhere/map.yaml'] }] }));
    expect((await fetch(`${test.sandbox.url}/api/webhook`, { method: 'POST', body: text, headers })).status).toBe(200);
    await test.seconds(60);
    expect((await test.get('app')).status.sync.revision).toBe(test.commit);
    const touched = toGithub(push());
    await fetch(`${test.sandbox.url}/api/webhook`, { method: 'POST', body: touched.text, headers: touched.headers });
    await test.untilIs('app', 'refreshed', ({ status }) => status.sync.revision !== test.commit);
  });
});
