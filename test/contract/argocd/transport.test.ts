import { expect, it } from 'vitest';
import { describeBackends } from './backend.ts';
import { toConfigMap } from './manifests.ts';

describeBackends('transport', (backend) => {
  const toPath = (name: string) => `/api/v1/applications/${name}`;
  const project = () => backend().settings.project;

  it('answers version, settings and health before anyone has logged in', async () => {
    const version = await backend().call('GET', '/api/version', { token: null });
    expect(version.json).toMatchObject({ Version: expect.stringMatching(/^v3\./) });
    expect((await backend().call('GET', '/healthz', { token: null })).status).toBe(200);
    const settings = await backend().call('GET', '/api/v1/settings');
    expect(settings.json).toMatchObject({ controllerNamespace: expect.any(String) });
    expect((await backend().call('GET', '/api/v1/session/userinfo')).json).toMatchObject({
      loggedIn: true,
      username: expect.any(String),
    });
  });

  it.for([
    ['a charset after it', 'POST', 'application/json; charset=utf-8'],
    ['a form', 'POST', 'application/x-www-form-urlencoded'],
    ['plain text', 'POST', 'text/plain'],
    ['a POST without one', 'POST', undefined],
    ['a DELETE without one', 'DELETE', undefined],
  ] as const)('refuses writes whose content type is not exactly application/json: %s', async (given, test) => {
    const [, method, contentType] = given;
    const plain = await backend().call('POST', `${toPath('nothing')}/sync`, {
      headers: { 'content-type': 'text/plain' },
    });
    test.skip(plain.status !== 415, 'the server is set to take other content types (--api-content-types)');
    const path = method === 'POST' ? `${toPath('nothing')}/sync` : `${toPath('nothing')}/operation`;
    const answer = await backend().call(method, path, {
      headers: { 'content-type': contentType },
      ...(method === 'POST' ? { body: '{}' } : {}),
    });
    expect(answer.status).toBe(415);
    expect(answer.text).toContain('Invalid content type');
  });

  it('says 401 with code 16 to no token, and to one that is not a JWT, in the same words', async (test) => {
    const anonymous = await backend().call('GET', '/api/v1/applications', { token: null });
    test.skip(anonymous.status === 200, 'the server lets anonymous users in');
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
    const withoutProject = await backend().call('GET', toPath('tiphys-nothing-here'));
    expect([withoutProject.status, withoutProject.json]).toEqual([
      403,
      expect.objectContaining({ code: 7, error: 'permission denied', message: 'permission denied' }),
    ]);
    const withProject = await backend().call('GET', `${toPath('tiphys-nothing-here')}?project=${project()}`);
    expect([withProject.status, withProject.json.code]).toEqual([404, 5]);
    expect(withProject.json.error).toContain('tiphys-nothing-here');
    for (const query of ['', `&project=${project()}`]) {
      const path = `${toPath('tiphys-nothing-here')}?appNamespace=tiphys-not-enabled${query}`;
      const elsewhere = await backend().call('GET', path);
      // Where all namespaces are enabled this one is too.
      const isEnabled = elsewhere.status === 404 && query !== '' && (await backend().heedsOtherNamespaces());
      expect([elsewhere.status, elsewhere.json.code]).toEqual(isEnabled ? [404, 5] : [403, 7]);
    }
  });

  it('says 404 for an Application of another project, or 403 where that one is forbidden, and 400 for two', async () => {
    await backend().push({ 'transport/map.json': toConfigMap('transport', 'one') });
    const name = await backend().createApplication('transport');
    const wrong = await backend().call('GET', `${toPath(name)}?project=tiphys-other-project`);
    const isAllowed = await backend().call(
      'GET',
      `/api/v1/account/can-i/applications/get/tiphys-other-project/${name}`,
    );
    expect([wrong.status, wrong.json.code]).toEqual(isAllowed.json.value === 'yes' ? [404, 5] : [403, 7]);
    const two = await backend().call('GET', `${toPath(name)}?project=${project()}&project=other`);
    expect([two.status, two.json.code]).toEqual([400, 3]);
    expect((await backend().call('GET', `${toPath(name)}?project=${project()}`)).status).toBe(200);
    expect((await backend().call('GET', toPath(name))).status).toBe(200);
  });

  it('reads project and everything else of a sync from the body and ignores them in the query', async () => {
    const name = backend().nameOf('transport');
    await backend().get(name, 'refresh=normal');
    const inQuery = await backend().call('POST', `${toPath(name)}/sync?project=tiphys-other-project`, {
      body: { dryRun: true },
    });
    expect(inQuery.status).toBe(200);
    await backend().until(name, 'done with the dry run', (application) => application.operation === undefined);
    const inBody = await backend().call('POST', `${toPath(name)}/sync`, {
      body: { dryRun: true, project: 'tiphys-other-project' },
    });
    expect([403, 404]).toContain(inBody.status);
  });

  it('takes int64 as a number only, and options as a list within an object', async () => {
    const name = backend().nameOf('transport');
    const post = async (what: string, body: unknown) => {
      const { status, json } = await backend().call('POST', `${toPath(name)}/${what}`, { body });
      return [status, json.code];
    };
    expect(await post('rollback', { id: '3', project: project() })).toEqual([400, 3]);
    expect(await post('sync', { project: project(), syncOptions: ['Prune=true'] })).toEqual([400, 3]);
    expect(await post('sync', '{"project":')).toEqual([400, 3]);
  });

  it('answers rights with yes or no', async () => {
    const object = `${project()}/${backend().nameOf('transport')}`;
    const ask = async (path: string) => (await backend().call('GET', `/api/v1/account/can-i/${path}`)).json;
    expect(await ask(`applications/sync/${object}`)).toEqual({ value: 'yes' });
    expect(await ask(`applications/get/tiphys-${object}`)).toEqual({ value: expect.stringMatching(/^(yes|no)$/) });
  });

  it('shows projects and the state of connections to those who may see them', async (test) => {
    const mayRead = await backend().call('GET', `/api/v1/account/can-i/projects/get/${project()}`);
    test.skip(mayRead.json.value !== 'yes', 'the account may not read projects');
    const projects = await backend().call('GET', '/api/v1/projects');
    const names = projects.json.items.map((item: { metadata: { name: string } }) => item.metadata.name);
    expect(names).toContain(project());
    expect((await backend().call('GET', `/api/v1/projects/${project()}`)).json.metadata.name).toBe(project());
    const clusters = await backend().call('GET', '/api/v1/clusters');
    for (const cluster of clusters.json.items ?? [])
      expect(cluster.connectionState.status).toMatch(/^(Successful|Failed|Unknown)$/);
  });

  it('changes Applications by both kinds of patch, JSON when none is named, and takes over no status', async (test) => {
    test.skip(!(await backend().may('update')), 'the account may not update Applications');
    const name = backend().nameOf('transport');
    const patch = async (patchType: string | undefined, change: unknown) =>
      await backend().call('PATCH', toPath(name), {
        body: {
          name,
          project: project(),
          patch: JSON.stringify(change),
          ...(patchType === undefined ? {} : { patchType }),
        },
      });
    const merged = await patch('merge', {
      metadata: { labels: { seen: 'yes' } },
      status: { sync: { status: 'Synced' } },
    });
    expect(merged.json.metadata.labels).toMatchObject({ seen: 'yes' });
    for (const [patchType, value] of [
      ['json', 'one'],
      [undefined, 'two'],
    ] as const) {
      const changed = await patch(patchType, [
        { op: 'replace', path: '/metadata/labels/seen', value },
        { op: 'replace', path: '/status/sync/status', value: 'Synced' },
      ]);
      expect(changed.json.metadata.labels.seen).toBe(value);
    }
    expect((await backend().get(name)).status.sync.status).toBe('OutOfSync');
    const missing = await patch('json', [{ op: 'remove', path: '/spec/tiphysNoSuchField' }]);
    expect(missing.status).toBeGreaterThanOrEqual(400);
    expect((await patch('strategic', {})).json.code).toBe(3);
  });
});
