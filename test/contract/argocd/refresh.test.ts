import { expect, it } from 'vitest';
import { describeBackends } from './backend.ts';
import type { Json } from './http-call.ts';
import { toConfigMap } from './manifests.ts';

const COMMIT = /^[0-9a-f]{40}$/;
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

describeBackends('refresh and revision', (backend) => {
  const project = () => backend().settings.project;
  const url = (folder: string, rest: string) => {
    const separator = rest.includes('?') ? '&' : '?';
    return `/api/v1/applications/${backend().nameOf(folder)}/${rest}${separator}project=${project()}`;
  };

  it('a refresh answers after one reconcile at the commit just pushed, without its annotation', async () => {
    const first = await backend().push({ 'refresh/map.json': toConfigMap('refresh', 'one') });
    const name = await backend().createApplication('refresh');
    const before = await backend().get(name, 'refresh=normal');
    expect(await backend().carries(before.status.sync.revision, first)).toBe(true);
    const second = await backend().push({ 'refresh/map.json': toConfigMap('refresh', 'two') });
    const after = await backend().get(name, 'refresh=normal');
    expect(after.status.sync.status).toBe('OutOfSync');
    expect(await backend().carries(after.status.sync.revision, second)).toBe(true);
    expect(after.metadata.annotations?.['argocd.argoproj.io/refresh']).toBeUndefined();
    expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
    expect(after.metadata.resourceVersion).toEqual(expect.any(String));
    expect(after.status.reconciledAt).toMatch(STAMP);
    expect(after.metadata.creationTimestamp).toMatch(STAMP);
  });

  it('a new Application with nothing applied is OutOfSync, its resources Missing, and waits for a person', async () => {
    const application = await backend().get(backend().nameOf('refresh'), 'refresh=hard');
    expect(application.status.sync.status).toBe('OutOfSync');
    expect(application.status.resources).toEqual([
      expect.objectContaining({
        kind: 'ConfigMap',
        name: 'refresh',
        status: 'OutOfSync',
        version: 'v1',
        health: expect.objectContaining({ status: 'Missing' }),
      }),
    ]);
    expect(application.operation).toBeUndefined();
    expect(application.status.operationState).toBeUndefined();
    const tree = await backend().call('GET', url('refresh', 'resource-tree'));
    const node = tree.json.nodes.find((one: Json) => one.name === 'refresh');
    expect(node).toMatchObject({ kind: 'ConfigMap', health: { status: 'Missing' } });
    // What is not there has no identity.
    expect(node.uid ?? '').toBe('');
  });

  it('an automated Application carries an operation when the refresh returns, and gets there by itself', async () => {
    const commit = await backend().push({ 'auto/map.json': toConfigMap('auto', 'one') });
    const name = await backend().createApplication('auto', { automated: {} });
    await backend().until(name, 'synced', (application) => application.status.operationState?.phase === 'Succeeded');
    const next = await backend().push({ 'auto/map.json': toConfigMap('auto', 'two') });
    const refreshed = await backend().get(name, 'refresh=normal');
    expect(await backend().carries(refreshed.status.sync.revision, next)).toBe(true);
    const operation = refreshed.operation ?? refreshed.status.operationState.operation;
    expect(operation.initiatedBy).toMatchObject({ automated: true });
    expect(await backend().carries(operation.sync.revision, next)).toBe(true);
    const done: Json = await backend().until(
      name,
      'synced at the commit',
      (application) =>
        application.status.operationState?.syncResult?.revision === operation.sync.revision &&
        application.operation === undefined,
    );
    expect(done.status.operationState).toMatchObject({
      phase: 'Succeeded',
      message: expect.stringContaining('successfully synced'),
      startedAt: expect.stringMatching(STAMP),
      finishedAt: expect.stringMatching(STAMP),
    });
    const [first, second] = done.status.history;
    expect(await backend().carries(first.revision, commit)).toBe(true);
    expect(await backend().carries(second.revision, next)).toBe(true);
    expect([typeof first.id, second.id - first.id]).toEqual(['number', 1]);
  });

  it('a commit that changes nothing for it moves the revision without any operation', async () => {
    const name = backend().nameOf('auto');
    await backend().until(name, 'Synced', (application) => application.status.sync.status === 'Synced');
    const before = await backend().get(name);
    const commit = await backend().push({ 'elsewhere/map.json': toConfigMap('other', 'one') });
    const after = await backend().get(name, 'refresh=normal');
    expect(after.status.sync.status).toBe('Synced');
    expect(await backend().carries(after.status.sync.revision, commit)).toBe(true);
    expect(after.operation).toBeUndefined();
    expect(after.status.operationState.startedAt).toBe(before.status.operationState.startedAt);
    expect(await backend().carries(after.status.operationState.syncResult.revision, commit)).toBe(false);
  });

  it('manifests that cannot be read make it Unknown with the branch in place of a commit, and a condition', async () => {
    const name = backend().nameOf('auto');
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
    expect(healed.status.sync.status).toBe('Synced');
    expect(await backend().carries(healed.status.sync.revision, commit)).toBe(true);
    // Warnings may stay, of objects that belong to nobody for one.
    const errors = (healed.status.conditions ?? []).filter(({ type }: Json) => String(type).endsWith('Error'));
    expect(errors).toEqual([]);
  });

  it('renders any commit on request and tells who wrote it', async () => {
    const { revision } = (await backend().get(backend().nameOf('auto'))).status.sync;
    const rendered = await backend().call('GET', url('auto', `manifests?revision=${revision}`));
    expect(rendered.json.manifests.map((text: string) => JSON.parse(text).metadata.name)).toEqual(['auto']);
    const nowhere = await backend().call('GET', url('auto', 'manifests?revision=tiphys-no-such-branch'));
    expect(nowhere.status).toBeGreaterThanOrEqual(400);
    const metadata = await backend().call('GET', url('auto', `revisions/${await backend().head()}/metadata`));
    expect(metadata.json).toMatchObject({
      author: expect.stringContaining('Contract'),
      message: 'contract test',
      date: expect.any(String),
    });
  });

  it('lists what is asked for, sorted by name, cut down to the fields asked for', async () => {
    const mine = [backend().nameOf('auto'), backend().nameOf('refresh')];
    const all = await backend().call('GET', `/api/v1/applications?projects=${project()}`);
    const names = all.json.items.map((item: Json) => item.metadata.name);
    expect(names).toEqual(names.toSorted((a: string, b: string) => (a < b ? -1 : 1)));
    expect(names).toEqual(expect.arrayContaining(mine));
    expect(all.json.metadata.resourceVersion).toEqual(expect.any(String));
    const one = `name=${mine[0]}`;
    const other = encodeURIComponent('https://elsewhere.example.com/x.git');
    const byRepo = await backend().call('GET', `/api/v1/applications?${one}&repo=${other}`);
    expect(byRepo.json.items ?? []).toEqual([]);
    const byLabel = await backend().call('GET', `/api/v1/applications?${one}&selector=tiphys.dev%2Fsuite%3Dcontract`);
    expect(byLabel.json.items).toHaveLength(1);
    const fields = 'items.metadata.name,items.status.sync.status,items.status.conditions';
    const cut = await backend().call('GET', `/api/v1/applications?${one}&fields=${fields}`);
    const [item] = cut.json.items;
    expect(item.metadata.name).toBe(mine[0]);
    expect(item.status.sync.status).toBe('Synced');
    expect(item.spec?.source).toBeUndefined();
    expect(item.status.conditions).toBeUndefined();
  });

  it('gives the health of single resources where one Application is read, not in lists', async (test) => {
    const name = backend().nameOf('refresh');
    const list = await backend().call('GET', `/api/v1/applications?name=${name}`);
    const { status } = list.json.items[0];
    test.skip(status.resourceHealthSource !== 'appTree', 'the controller is set to keep the health of resources');
    expect(status.resources[0].health).toBeUndefined();
    expect((await backend().get(name)).status.resources[0].health).toBeDefined();
  });
});
