import { expect, it } from 'vitest';
import { describeBackends, toConfigMap } from './backend.ts';

describeBackends('transport', (backend) => {
  const paths = (name: string) => `/api/v1/applications/${name}`;

  it('answers version, settings and health before anyone has logged in', async () => {
    expect((await backend().call('GET', '/api/version', { token: null })).json).toEqual({
      Version: expect.stringMatching(/^v3\./),
    });
    expect((await backend().call('GET', '/healthz', { token: null })).status).toBe(200);
    const settings = await backend().call('GET', '/api/v1/settings');
    expect(settings.json).toMatchObject({ controllerNamespace: expect.any(String) });
    expect((await backend().call('GET', '/api/v1/session/userinfo')).json).toMatchObject({
      loggedIn: true,
      username: expect.any(String),
    });
  });

  it.each([
    ['none at all', 'POST', undefined],
    ['a charset after it', 'POST', 'application/json; charset=utf-8'],
    ['another type', 'POST', 'text/plain'],
    ['a DELETE without one', 'DELETE', undefined],
  ])('refuses writes whose content type is not exactly application/json: %s', async (_what, method, contentType) => {
    const path = method === 'POST' ? `${paths('nothing')}/sync` : `${paths('nothing')}/operation`;
    const response = await fetch(`${backend().url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${backend().token}`,
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
      },
      ...(method === 'POST' ? { body: new TextEncoder().encode('{}') } : {}),
    });
    expect(response.status).toBe(415);
    expect(await response.text()).toContain('Invalid content type');
  });

  it('says 401 with code 16 to no token, and to one that is not a JWT, in the same words', async () => {
    for (const token of [null, 'not-a-jwt']) {
      const answer = await backend().call('GET', '/api/v1/applications', { token });
      expect(answer.status).toBe(401);
      expect(answer.json).toMatchObject({ code: 16, error: expect.stringContaining('no session information') });
      expect(answer.json.message).toBe(answer.json.error);
    }
    const forged = await backend().call('GET', '/api/v1/applications', { token: 'eyJhbGciOiJIUzI1NiJ9.e30.x' });
    expect([forged.status, forged.json.code]).toEqual([401, 16]);
  });

  it('does not tell a missing Application from a forbidden one unless the project is named', async () => {
    const withoutProject = await backend().call('GET', paths('tiphys-nothing-here'));
    expect([withoutProject.status, withoutProject.json]).toEqual([
      403,
      { code: 7, error: 'permission denied', message: 'permission denied' },
    ]);
    const withProject = await backend().call('GET', `${paths('tiphys-nothing-here')}?project=default`);
    expect([withProject.status, withProject.json.code]).toEqual([404, 5]);
    expect(withProject.json.error).toContain('tiphys-nothing-here');
    const elsewhere = await backend().call('GET', `${paths('tiphys-nothing-here')}?appNamespace=tiphys-not-enabled`);
    expect([elsewhere.status, elsewhere.json.code]).toEqual([403, 7]);
  });

  it('says 404 for an Application of another project and 400 for two projects', async () => {
    await backend().push({ 'transport/map.json': toConfigMap('settings', 'one') });
    const name = await backend().createApplication('transport');
    const wrong = await backend().call('GET', `${paths(name)}?project=tiphys-other-project`);
    expect([wrong.status, wrong.json.code]).toEqual([404, 5]);
    const two = await backend().call('GET', `${paths(name)}?project=default&project=other`);
    expect([two.status, two.json.code]).toEqual([400, 3]);
    expect((await backend().call('GET', `${paths(name)}?project=default`)).status).toBe(200);
    expect((await backend().call('GET', paths(name))).status).toBe(200);
  });

  it('reads appNamespace and project of a sync from the body and ignores them in the query', async () => {
    const name = backend().namespaceOf('transport');
    const inQuery = await backend().call('POST', `${paths(name)}/sync?project=tiphys-other-project`, {
      body: { dryRun: true },
    });
    expect(inQuery.status).toBe(200);
    await backend().until(name, 'done with the dry run', (application) => application.operation === undefined);
    const inBody = await backend().call('POST', `${paths(name)}/sync`, {
      body: { dryRun: true, project: 'tiphys-other-project' },
    });
    expect([inBody.status, inBody.json.code]).toEqual([404, 5]);
  });

  it('takes int64 as a number only, and options as a list within an object', async () => {
    const name = backend().namespaceOf('transport');
    const rollback = await backend().call('POST', `${paths(name)}/rollback`, { body: { id: '3', project: 'default' } });
    expect([rollback.status, rollback.json.code]).toEqual([400, 3]);
    const sync = await backend().call('POST', `${paths(name)}/sync`, {
      body: { project: 'default', syncOptions: ['Prune=true'] },
    });
    expect([sync.status, sync.json.code]).toEqual([400, 3]);
    const broken = await backend().call('POST', `${paths(name)}/sync`, { body: '{"project":' });
    expect([broken.status, broken.json.code]).toEqual([400, 3]);
  });

  it('answers rights with yes or no', async () => {
    const name = backend().namespaceOf('transport');
    const answer = await backend().call('GET', `/api/v1/account/can-i/applications/sync/default/${name}`);
    expect(answer.json).toEqual({ value: 'yes' });
  });

  it('shows projects and the state of connections', async () => {
    const projects = await backend().call('GET', '/api/v1/projects');
    expect(projects.json.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toContain('default');
    expect((await backend().call('GET', '/api/v1/projects/default')).json.metadata.name).toBe('default');
    const clusters = await backend().call('GET', '/api/v1/clusters');
    expect(clusters.json.items[0].connectionState.status).toMatch(/^(Successful|Failed|Unknown)$/);
  });
});
