import { afterEach, describe, expect, it } from 'vitest';
import { createTestSandbox, toApplication, toConfigMap, toYaml } from '../test-sandbox.ts';
import type { TestSandbox } from '../test-sandbox.ts';
import { isAllowed, toRights } from './policy.ts';

let test: TestSandbox;
afterEach(async () => await test.close());

async function start(pollIntervalMs?: number) {
  const file = toYaml(toConfigMap('settings', 'one'));
  test = await createTestSandbox({
    files: { 'mine/map.yaml': file, 'theirs/map.yaml': file, 'far/map.yaml': file },
    token: 'root',
    // A day passes here, in which nothing but its length matters.
    pollIntervalMs: 7 * 24 * 3600 * 1000,
    projects: [{ name: 'default' }, { name: 'payments' }],
    applicationNamespaces: ['team-*'],
    accounts: [
      {
        name: 'agent',
        token: 'agent-token',
        rights: [
          { resource: 'applications', action: 'get', object: 'default/*' },
          { resource: 'applications', action: 'sync', object: 'default/mine' },
        ],
      },
      { name: 'ada', password: 'correct horse', rights: 'admin' },
    ],
    configure: ({ repository }) => {
      const theirs = toApplication(repository, 'theirs');
      return {
        applications: [
          toApplication(repository, 'mine'),
          { ...theirs, spec: { ...theirs.spec, project: 'payments' } },
          { ...toApplication(repository, 'far'), namespace: 'team-a' },
          { ...toApplication(repository, 'far'), name: 'lost', namespace: 'elsewhere' },
        ],
        ...(pollIntervalMs === undefined ? {} : { pollIntervalMs }),
      };
    },
  });
}

const call = async (method: string, path: string, token: string, body?: unknown) => {
  const { status, json } = await test.call(method, path, body, { authorization: `Bearer ${token}` });
  return [status, (json as { code?: number } | null)?.code];
};

describe('access', () => {
  it.each([
    ['there and allowed', 'mine?project=default', 200, undefined],
    ['there and allowed, no project', 'mine', 200, undefined],
    ['absent, no project', 'nothing', 403, 7],
    ['absent, project allowed', 'nothing?project=default', 404, 5],
    ['absent, project refused', 'nothing?project=payments', 403, 7],
    ['of another project, no project named', 'theirs', 403, 7],
    ['of another project, its project refused', 'theirs?project=payments', 403, 7],
    ['of another project, an allowed project named', 'theirs?project=default', 404, 5],
    ['in a namespace not enabled', 'lost?appNamespace=elsewhere', 403, 7],
    ['in a namespace not enabled, project named', 'lost?appNamespace=elsewhere&project=default', 403, 7],
    ['in another namespace, enabled', 'far?appNamespace=team-a', 200, undefined],
    ['in another namespace, looked for at home', 'far?project=default', 404, 5],
  ])('an Application that is %s: %s', async (_what, path, status, code) => {
    await start();
    expect(await call('GET', `/api/v1/applications/${path}`, 'agent-token')).toEqual([status, code]);
  });

  it('what may be read may not all be synced, and logs are a right of their own', async () => {
    await start();
    const sync = (name: string) =>
      call('POST', `/api/v1/applications/${name}/sync`, 'agent-token', { project: 'default', dryRun: true });
    expect(await sync('mine')).toEqual([200, undefined]);
    expect(await call('GET', '/api/v1/applications/mine/logs?project=default', 'agent-token')).toEqual([403, 7]);
    expect(
      (
        await test.call('GET', '/api/v1/account/can-i/applications/sync/default/mine', undefined, {
          authorization: 'Bearer agent-token',
        })
      ).json,
    ).toEqual({ value: 'yes' });
    expect(
      (
        await test.call('GET', '/api/v1/account/can-i/applications/delete/default/mine', undefined, {
          authorization: 'Bearer agent-token',
        })
      ).json,
    ).toEqual({ value: 'no' });
    const { json } = await test.call('GET', '/api/v1/applications', undefined, { authorization: 'Bearer agent-token' });
    expect((json as { items: { metadata: { name: string } }[] }).items.map((item) => item.metadata.name)).toEqual([
      'far',
      'mine',
    ]);
  });

  it.each([
    ['applications/get/default/mine', 200, 'yes'],
    ['applications/get/default/argocd/mine', 200, 'yes'],
    ['applications/get/default/team-a/mine', 200, 'yes'],
    ['applications/sync/default/mine', 200, 'yes'],
    ['applications/rollback/default/mine', 200, 'yes'],
    ['applications/sync/default/far', 200, 'no'],
    ['applications/action/default/mine', 200, 'no'],
    ['applications/action/apps/Deployment/restart/default/mine', 200, 'no'],
    ['logs/get/default/mine', 200, 'no'],
    ['applications/fly/default/mine', 400, undefined],
    ['deployments/get/default/mine', 400, undefined],
  ])('can-i %s: %s %s', async (path, status, value) => {
    await start();
    const answer = await test.call('GET', `/api/v1/account/can-i/${path}`, undefined, {
      authorization: 'Bearer agent-token',
    });
    expect([answer.status, (answer.json as { value?: string }).value]).toEqual([status, value]);
  });

  it('an administrator may run actions, and still has no right called so; one line that denies beats the rest', () => {
    const admin = toRights('admin');
    expect(isAllowed(admin, 'applications', 'action/apps/Deployment/restart', 'default/web')).toBe(true);
    expect(isAllowed(admin, 'applications', 'action', 'default/web')).toBe(false);
    expect(isAllowed(admin, 'applications', 'update/apps/Deployment/web/web', 'default/web')).toBe(true);
    const policy =
      'p, role:team, applications, *, */*, allow\np, ada, applications, delete, */*, deny\ng, ada, role:team';
    const rights = toRights('ada', policy);
    expect(isAllowed(rights, 'applications', 'sync', 'default/web')).toBe(true);
    expect(isAllowed(rights, 'applications', 'delete', 'default/web')).toBe(false);
    expect(isAllowed(toRights('bob', policy), 'applications', 'sync', 'default/web')).toBe(false);
    expect(() => toRights('ada', 'allow everything')).toThrow('not a line of a policy: allow everything');
  });

  it('logs in with a password for a day, by header or cookie', async () => {
    // A day of polls would start git a thousand times.
    await start(48 * 3600_000);
    const login = await test.call('POST', '/api/v1/session', { username: 'ada', password: 'correct horse' });
    const { token } = login.json as { token: string };
    expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))).toMatchObject({
      sub: 'ada',
      exp: expect.any(Number),
    });
    expect(await call('GET', '/api/v1/applications', token)).toEqual([200, undefined]);
    expect(
      (await test.call('GET', '/api/v1/applications', undefined, { cookie: `argocd.token=${token}` })).status,
    ).toBe(200);
    await test.seconds(24 * 3600 + 1);
    expect(await call('GET', '/api/v1/applications', token)).toEqual([401, 16]);
  });

  it('refuses even the right password after five wrong ones, until five minutes have passed', async () => {
    await start();
    const login = async (password: string) =>
      (await test.call('POST', '/api/v1/session', { username: 'ada', password })).status;
    for (let attempt = 0; attempt < 5; attempt += 1) expect(await login('wrong')).toBe(401);
    expect(await login('correct horse')).toBe(401);
    await test.seconds(301);
    expect(await login('correct horse')).toBe(200);
  });
});
