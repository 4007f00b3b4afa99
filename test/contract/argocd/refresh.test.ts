import { expect, it } from 'vitest';
import { describeBackends, toConfigMap } from './backend.ts';
import type { Json } from './backend.ts';

const COMMIT = /^[0-9a-f]{40}$/;
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

describeBackends('refresh and revision', (backend) => {
  it('a refresh answers after one reconcile at the commit just pushed, without its annotation', async () => {
    const first = await backend().push({ 'refresh/map.json': toConfigMap('settings', 'one') });
    const name = await backend().createApplication('refresh');
    const before = await backend().get(name, 'refresh=normal');
    expect(before.status.sync.revision).toBe(first);
    const second = await backend().push({ 'refresh/map.json': toConfigMap('settings', 'two') });
    const after = await backend().get(name, 'refresh=normal');
    expect(after.status.sync).toMatchObject({ status: 'OutOfSync', revision: second });
    expect(after.metadata.annotations?.['argocd.argoproj.io/refresh']).toBeUndefined();
    expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
    expect(after.metadata.resourceVersion).toEqual(expect.any(String));
    expect(after.status.reconciledAt).toMatch(STAMP);
    expect(after.metadata.creationTimestamp).toMatch(STAMP);
  });

  it('a new Application with nothing applied is OutOfSync, its resources Missing, and waits for a person', async () => {
    const application = await backend().get(backend().namespaceOf('refresh'), 'refresh=hard');
    expect(application.status.sync.status).toBe('OutOfSync');
    expect(application.status.resources).toEqual([
      expect.objectContaining({
        kind: 'ConfigMap',
        name: 'settings',
        status: 'OutOfSync',
        version: 'v1',
        health: { status: 'Missing' },
      }),
    ]);
    expect(application.operation).toBeUndefined();
    expect(application.status.operationState).toBeUndefined();
  });

  it('an automated Application carries an operation when the refresh returns, and gets there by itself', async () => {
    const commit = await backend().push({ 'auto/map.json': toConfigMap('settings', 'one') });
    const name = await backend().createApplication('auto', { automated: {} });
    await backend().until(name, 'synced', (application) => application.status.operationState?.phase === 'Succeeded');
    const next = await backend().push({ 'auto/map.json': toConfigMap('settings', 'two') });
    const refreshed = await backend().get(name, 'refresh=normal');
    expect(refreshed.status.sync.revision).toBe(next);
    expect(refreshed.operation ?? refreshed.status.operationState.operation).toMatchObject({
      sync: { revision: next },
      initiatedBy: { automated: true },
    });
    const done: Json = await backend().until(
      name,
      'synced at the commit',
      (application) =>
        application.status.operationState?.syncResult?.revision === next && application.operation === undefined,
    );
    expect(done.status.operationState).toMatchObject({
      phase: 'Succeeded',
      message: expect.stringContaining('successfully synced'),
      startedAt: expect.stringMatching(STAMP),
      finishedAt: expect.stringMatching(STAMP),
    });
    expect(done.status.history.map((entry: Json) => entry.revision)).toEqual([commit, next]);
    expect(done.status.history.every((entry: Json) => typeof entry.id === 'number')).toBe(true);
  });

  it('a commit that changes nothing for it moves the revision without any operation', async () => {
    const name = backend().namespaceOf('auto');
    await backend().until(name, 'Synced', (application) => application.status.sync.status === 'Synced');
    const before = await backend().get(name);
    const commit = await backend().push({ 'elsewhere/map.json': toConfigMap('other', 'one') });
    const after = await backend().get(name, 'refresh=normal');
    expect(after.status.sync).toMatchObject({ status: 'Synced', revision: commit });
    expect(after.operation).toBeUndefined();
    expect(after.status.operationState.startedAt).toBe(before.status.operationState.startedAt);
    expect(after.status.operationState.syncResult.revision).not.toBe(commit);
  });

  it('manifests that cannot be read make it Unknown with the branch in place of a commit, and a condition', async () => {
    const name = backend().namespaceOf('auto');
    await backend().push({ 'auto/broken.yaml': 'kind: [unclosed' });
    const broken = await backend().get(name, 'refresh=normal');
    expect(broken.status.sync.status).toBe('Unknown');
    expect(broken.status.sync.revision).not.toMatch(COMMIT);
    expect(broken.status.conditions).toContainEqual({
      type: 'ComparisonError',
      message: expect.stringContaining('Failed to load target state'),
      lastTransitionTime: expect.stringMatching(STAMP),
    });
    const commit = await backend().push({ 'auto/broken.yaml': null });
    const healed = await backend().get(name, 'refresh=normal');
    expect(healed.status.sync).toMatchObject({ status: 'Synced', revision: commit });
    expect(healed.status.conditions ?? []).toEqual([]);
  });

  it('renders any commit on request and tells who wrote it', async () => {
    const name = backend().namespaceOf('auto');
    const { revision } = (await backend().get(name)).status.sync;
    const rendered = await backend().call(
      'GET',
      `/api/v1/applications/${name}/manifests?project=default&revision=${revision}`,
    );
    expect(rendered.json.revision).toBe(revision);
    expect(rendered.json.manifests.map((text: string) => JSON.parse(text).metadata.name)).toEqual(['settings']);
    const nowhere = await backend().call(
      'GET',
      `/api/v1/applications/${name}/manifests?project=default&revision=tiphys-no-such-branch`,
    );
    expect(nowhere.status).toBeGreaterThanOrEqual(400);
    const metadata = await backend().call(
      'GET',
      `/api/v1/applications/${name}/revisions/${revision}/metadata?project=default`,
    );
    expect(metadata.json).toMatchObject({
      author: expect.stringContaining('Contract'),
      message: 'contract test',
      date: expect.any(String),
    });
  });

  it('lists what is asked for, sorted by name, cut down to the fields asked for', async () => {
    const mine = [backend().namespaceOf('auto'), backend().namespaceOf('refresh')];
    const suite = mine[0]?.replace(/-auto$/, '') ?? '';
    const selector = encodeURIComponent(`suite=${suite}`);
    const all = await backend().call('GET', `/api/v1/applications?selector=${selector}`);
    expect(all.json.items.map((item: Json) => item.metadata.name)).toEqual(mine.toSorted());
    expect(all.json.metadata.resourceVersion).toEqual(expect.any(String));
    const byRepo = await backend().call(
      'GET',
      `/api/v1/applications?selector=${selector}&repo=${encodeURIComponent('https://elsewhere.example.com/x.git')}`,
    );
    expect(byRepo.json.items ?? []).toEqual([]);
    const fields = 'items.metadata.name,items.status.sync.status,items.status.conditions';
    const cut = await backend().call('GET', `/api/v1/applications?selector=${selector}&fields=${fields}`);
    const [item] = cut.json.items;
    expect(item.metadata.name).toBe(mine[0]);
    expect(item.status.sync.status).toBe('Synced');
    expect(item.spec?.source).toBeUndefined();
    expect(item.status.conditions).toBeUndefined();
  });

  it('gives the health of single resources where one Application is read, not in lists', async () => {
    const name = backend().namespaceOf('refresh');
    const list = await backend().call('GET', `/api/v1/applications?name=${name}`);
    expect(list.json.items[0].status.resources[0].health).toBeUndefined();
    expect((await backend().get(name)).status.resources[0].health).toBeDefined();
  });
});
