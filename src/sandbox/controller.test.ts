import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Application } from './argo/application.ts';
import { createTestSandbox, toConfigMap, toYaml } from './test-sandbox.ts';
import type { TestSandbox } from './test-sandbox.ts';
import { toWorkload } from './workloads/test-cluster.ts';

const COMMIT = /^[0-9a-f]{40}$/;
let test: TestSandbox;
afterEach(async () => await test.close());

async function create(name: string, syncPolicy: object | undefined, rest: object = {}): Promise<void> {
  const { status, text } = await test.call('POST', '/api/v1/applications', {
    metadata: { name, ...('metadata' in rest ? (rest.metadata as object) : {}) },
    spec: {
      project: 'default',
      source: { repoURL: test.repository, path: name, targetRevision: 'main' },
      destination: { server: 'https://kubernetes.default.svc', namespace: name },
      ...(syncPolicy === undefined ? {} : { syncPolicy }),
      ...('spec' in rest ? (rest.spec as object) : {}),
    },
  });
  expect(`${status} ${text.slice(0, 200)}`).toMatch(/^200/);
}

const isSynced = ({ status, operation }: Application) => status.sync.status === 'Synced' && operation === undefined;

describe('the controller', () => {
  it('follows the branch by itself at the next poll, without a refresh', async () => {
    test = await createTestSandbox({ files: { 'app/map.yaml': toYaml(toConfigMap('settings', 'one')) } });
    await create('app', { automated: {} });
    await test.untilIs('app', 'synced', isSynced);
    const commit = await test.push({ 'app/map.yaml': toYaml(toConfigMap('settings', 'two')) });
    expect((await test.get('app')).status.sync.revision).not.toBe(commit);
    await test.until(
      'polled',
      async () => ((await test.get('app')).status.sync.revision === commit ? true : undefined),
      5000,
    );
  });

  it('keeps quiet about git errors for the grace period, but tells them at once to a refresh', async () => {
    test = await createTestSandbox({
      files: { 'app/map.yaml': toYaml(toConfigMap('settings', 'one')) },
      pollIntervalMs: 20_000,
    });
    await create('app', { automated: {} });
    await test.untilIs('app', 'synced', isSynced);
    await test.call('PATCH', '/sandbox/faults', { gitError: 'dial tcp: i/o timeout' });
    for (let second = 0; second < 150; second += 5) {
      await test.seconds(5);
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect((await test.get('app')).status).toMatchObject({ sync: { status: 'Synced', revision: test.commit } });
    }
    const told = await test.refresh('app');
    expect(told.status.sync).toMatchObject({ status: 'Unknown', revision: 'main' });
    expect(told.status.conditions?.[0]).toMatchObject({
      type: 'ComparisonError',
      message: expect.stringContaining('i/o timeout'),
    });
    await test.call('DELETE', '/sandbox/faults');
    expect((await test.refresh('app')).status).toMatchObject({ sync: { status: 'Synced', revision: test.commit } });
  });

  it('tells git errors without a refresh too, once the grace period is over', async () => {
    test = await createTestSandbox({
      files: { 'app/map.yaml': toYaml(toConfigMap('settings', 'one')) },
      pollIntervalMs: 20_000,
    });
    await create('app', { automated: {} });
    await test.untilIs('app', 'synced', isSynced);
    test.sandbox.faults.set({ gitError: 'repository moved' });
    await test.until(
      'told',
      async () => ((await test.get('app')).status.sync.status === 'Unknown' ? true : undefined),
      5000,
    );
  });

  it('retries a failed operation with pauses, shown as Running with an end, then gives up on that revision', async () => {
    test = await createTestSandbox({ files: { 'app/map.yaml': toYaml(toConfigMap('settings', 'one')) } });
    test.sandbox.faults.set({
      applyErrors: [
        { kind: 'ConfigMap', name: 'settings', message: 'admission webhook denied the request', times: -1 },
      ],
    });
    await create('app', { automated: {}, retry: { limit: 2, backoff: { duration: '5s', factor: 2 } } });
    const waiting = await test.untilIs(
      'app',
      'between attempts',
      ({ status }) => status.operationState?.retryCount === 1,
    );
    expect(waiting.operation).toBeDefined();
    expect(waiting.status.operationState).toMatchObject({
      phase: 'Running',
      finishedAt: expect.any(String),
      message: expect.stringMatching(/admission webhook.*Retrying attempt #1 at \d+:\d\d[AP]M\.$/),
    });
    const failed = await test.untilIs(
      'app',
      'given up',
      ({ operation, status }) => operation === undefined && status.operationState?.phase === 'Failed',
    );
    expect(failed.status.operationState).toMatchObject({
      retryCount: 2,
      message: expect.stringContaining('(retried 2 times)'),
    });
    const refused = await test.refresh('app');
    expect(refused.operation).toBeUndefined();
    expect(refused.status.conditions).toMatchObject([
      { type: 'SyncError', message: expect.stringContaining(`Failed last sync attempt to [${test.commit}]: `) },
    ]);
    test.sandbox.faults.reset();
    expect((await test.refresh('app')).operation).toBeUndefined();
    await test.push({ 'app/map.yaml': toYaml(toConfigMap('settings', 'two')) });
    await test.refresh('app');
    const healed = await test.untilIs('app', 'synced', isSynced);
    expect(healed.status.conditions).toBeUndefined();
  });

  it('heals drift only where it may, and only the object that drifted', async () => {
    const files = { 'app/map.yaml': toYaml(toConfigMap('settings', 'one'), toConfigMap('other', 'one')) };
    test = await createTestSandbox({ files });
    await create('app', { automated: {} });
    await test.untilIs('app', 'synced', isSynced);
    const drift = { kind: 'ConfigMap', namespace: 'app', name: 'settings', patch: { data: { value: 'by hand' } } };
    await test.call('PATCH', '/sandbox/objects', drift);
    const drifted = await test.untilIs('app', 'OutOfSync', ({ status }) => status.sync.status === 'OutOfSync');
    expect(
      drifted.status.resources?.filter((resource) => resource.status === 'OutOfSync').map((resource) => resource.name),
    ).toEqual(['settings']);
    await test.seconds(30);
    expect((await test.refresh('app')).status.sync.status).toBe('OutOfSync');
    await test.call('PATCH', '/api/v1/applications/app', {
      project: 'default',
      patchType: 'merge',
      patch: JSON.stringify({ spec: { syncPolicy: { automated: { selfHeal: true } } } }),
    });
    const healed = await test.untilIs('app', 'healed', isSynced);
    expect(healed.status.operationState?.operation).toMatchObject({
      initiatedBy: { automated: true },
      sync: {
        revision: test.commit,
        resources: [{ kind: 'ConfigMap', name: 'settings' }],
        autoHealAttemptsCount: 1,
      },
    });
    expect(healed.status.history).toHaveLength(1);
  });

  it('does not prune by itself unless told to, and never everything', async () => {
    test = await createTestSandbox({
      files: { 'app/a.yaml': toYaml(toConfigMap('a', 'one')), 'app/b.yaml': toYaml(toConfigMap('b', 'one')) },
    });
    await create('app', { automated: {} });
    await test.untilIs('app', 'synced', isSynced);
    await test.push({ 'app/b.yaml': null });
    const left = await test.refresh('app');
    expect(left.operation).toBeUndefined();
    expect(left.status.sync.status).toBe('OutOfSync');
    expect(left.status.resources?.find((resource) => resource.name === 'b')).toMatchObject({ requiresPruning: true });
    await test.call('PATCH', '/api/v1/applications/app', {
      project: 'default',
      patchType: 'merge',
      patch: JSON.stringify({ spec: { syncPolicy: { automated: { prune: true } } } }),
    });
    // The revision is the one already synced: pruning waits for the next commit.
    await test.push({ 'app/a.yaml': toYaml(toConfigMap('a', 'two')) });
    await test.refresh('app');
    await test.untilIs(
      'app',
      'pruned',
      ({ status, operation }) =>
        operation === undefined && status.resources?.length === 1 && status.sync.status === 'Synced',
    );
    await test.push({ 'app/a.yaml': null, 'app/keep.txt': 'the folder stays' });
    const empty = await test.refresh('app');
    expect(empty.operation).toBeUndefined();
    expect(empty.status.conditions).toMatchObject([
      { type: 'SyncError', message: expect.stringContaining('wipe out all resources') },
    ]);
  });

  it('waits for an open sync window, and lets a person through only where the window says so', async () => {
    const syncWindows = [
      { kind: 'deny' as const, schedule: '* * * * *', duration: '1h', applications: ['app*'], manualSync: false },
    ];
    test = await createTestSandbox({
      files: { 'app/map.yaml': toYaml(toConfigMap('settings', 'one')) },
      projects: [{ name: 'default', syncWindows }],
    });
    await create('app', { automated: {} });
    const held = await test.refresh('app');
    expect([held.status.sync.status, held.operation]).toEqual(['OutOfSync', undefined]);
    const windows = await test.call('GET', '/api/v1/applications/app/syncwindows?project=default');
    expect(windows.json).toEqual({
      activeWindows: [expect.objectContaining({ kind: 'deny' })],
      assignedWindows: [expect.objectContaining({ schedule: '* * * * *' })],
    });
    const refused = await test.call('POST', '/api/v1/applications/app/sync', { project: 'default' });
    expect([refused.status, refused.json]).toEqual([
      403,
      expect.objectContaining({ code: 7, message: expect.stringContaining('blocked by sync window') }),
    ]);
  });

  it('holds an operation whose window closed before it was taken up, and runs it when the window opens', async () => {
    const syncWindows = [
      { kind: 'deny' as const, schedule: '10 0 * * *', duration: '30m', applications: ['*'], manualSync: false },
    ];
    test = await createTestSandbox({
      files: { 'app/map.yaml': toYaml(toConfigMap('settings', 'one')) },
      projects: [{ name: 'default', syncWindows }],
      pollIntervalMs: 24 * 3_600_000,
    });
    await create('app', undefined);
    await test.refresh('app');
    // The clock of this test begins at midnight.
    await test.seconds(9 * 60);
    test.sandbox.faults.set({ controllerDown: true });
    expect((await test.call('POST', '/api/v1/applications/app/sync', { project: 'default' })).status).toBe(200);
    await test.seconds(2 * 60);
    test.sandbox.faults.reset();
    const held = await test.untilIs('app', 'held', ({ status }) => status.operationState?.message !== undefined);
    expect(held.status.operationState).toMatchObject({
      phase: 'Running',
      message: 'Sync operation blocked by sync window',
    });
    await test.seconds(30 * 60);
    await test.untilIs('app', 'synced', isSynced);
  });

  it('a Deployment of one wave is synced before it is healthy', async () => {
    test = await createTestSandbox({
      files: {
        'app/web.yaml': toYaml(toWorkload('Deployment', 'web', 'shop/web:1.0-slow')).replaceAll('"shop"', '"app"'),
      },
    });
    await create('app', { automated: {} });
    const synced = await test.untilIs('app', 'synced', isSynced);
    expect(synced.status.operationState?.phase).toBe('Succeeded');
    expect(synced.status.health.status).toBe('Progressing');
    await test.untilIs('app', 'healthy', ({ status }) => status.health.status === 'Healthy');
  });

  it.each([
    ['3.2', 'Missing'],
    ['3.4', 'Healthy'],
  ] as const)('counts a missing resource as of %s: %s', async (argoVersion, health) => {
    const files = {
      'app/maps.yaml': toYaml(toWorkload('Deployment', 'web', 'shop/web:1.0')).replaceAll('"shop"', '"app"'),
    };
    test = await createTestSandbox({ files, argoVersion });
    await create('app', undefined);
    await test.call('POST', '/api/v1/applications/app/sync', { project: 'default' });
    await test.untilIs(
      'app',
      'healthy',
      ({ status }) => status.health.status === 'Healthy' && status.sync.status === 'Synced',
    );
    await test.push({ 'app/more.yaml': toYaml(toConfigMap('settings', 'one')) });
    const refreshed = await test.refresh('app');
    expect([refreshed.status.sync.status, refreshed.status.health.status]).toEqual(['OutOfSync', health]);
  });

  it('waits for several sources, and compares each with its own commit', async () => {
    test = await createTestSandbox({
      files: { 'one/a.yaml': toYaml(toConfigMap('a', 'x')), 'two/b.yaml': toYaml(toConfigMap('b', 'x')) },
    });
    const source = (path: string) => ({ repoURL: test.repository, path, targetRevision: 'main' });
    await create('app', { automated: {} }, { spec: { sources: [source('one'), source('two')] } });
    const synced = await test.untilIs('app', 'synced', isSynced);
    expect(synced.status.sync.revisions).toEqual([test.commit, test.commit]);
    expect(synced.status.sync.revision).toBeUndefined();
    expect(synced.status.operationState?.syncResult).toMatchObject({
      revision: '',
      revisions: [test.commit, test.commit],
    });
    expect(synced.status.history?.[0]).toMatchObject({ revisions: [test.commit, test.commit] });
    expect(synced.status.resources?.map((resource) => resource.name).sort()).toEqual(['a', 'b']);
  });

  it('an Application in git becomes one, has no health of its own, and goes with its parent', async () => {
    test = await createTestSandbox({ files: { 'child/map.yaml': toYaml(toConfigMap('settings', 'one')) } });
    await test.push({
      'app/child.yaml': toYaml({
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Application',
        metadata: { name: 'child', namespace: 'argocd' },
        spec: {
          project: 'default',
          source: { repoURL: test.repository, path: 'child', targetRevision: 'main' },
          destination: { server: 'https://kubernetes.default.svc', namespace: 'child' },
          syncPolicy: { automated: {} },
        },
      }),
    });
    await create('app', { automated: {} });
    const parent = await test.untilIs('app', 'synced', isSynced);
    expect(parent.status.resources).toEqual([expect.not.objectContaining({ health: expect.anything() })]);
    await test.untilIs('child', 'synced', (child) => child.metadata !== undefined && isSynced(child));
    await test.call('DELETE', '/api/v1/applications/app?project=default&cascade=true');
    await test.until('gone', () => (test.sandbox.applications().length === 0 ? true : undefined));
  });
});

describe('discovered Applications', () => {
  it('appear with their folder and go, with everything they deployed, when it goes', async () => {
    test = await createTestSandbox({
      files: { 'dist/web/map.yaml': toYaml(toConfigMap('settings', 'one')) },
      configure: ({ repository }) => ({
        applications: { autoDiscover: { repoUrl: repository, branch: 'main', root: 'dist' } },
      }),
    });
    const names = () => test.sandbox.applications().map((application) => application.name);
    await test.until('found', () => (names().join() === 'web' ? true : undefined));
    await test.untilIs('web', 'synced', isSynced);
    await test.push({ 'dist/redis/map.yaml': toYaml(toConfigMap('redis', 'one')) });
    await test.until('found', () => (names().includes('redis') ? true : undefined));
    await test.untilIs('redis', 'synced', isSynced);
    await test.push({ 'dist/redis/map.yaml': null });
    await test.until('gone', () => (names().join() === 'web' ? true : undefined));
    const { json } = await test.call('GET', '/sandbox/objects');
    const maps = (
      json as { items: { kind: string; metadata: { annotations: Record<string, string> } }[] }
    ).items.filter((item) => item.kind === 'ConfigMap');
    expect(maps.map((map) => map.metadata.annotations['argocd.argoproj.io/tracking-id'])).toEqual([
      expect.stringMatching(/^web:/),
    ]);
  });
});

describe('a restart', () => {
  it('finds Applications, live objects and pods as they were, and new names for new pods', async () => {
    const web = (image: string) =>
      toYaml(toWorkload('Deployment', 'web', image, { replicas: 2 })).replaceAll('"shop"', '"app"');
    test = await createTestSandbox({
      files: { 'app/web.yaml': web('shop/web:1.0') },
      configure: ({ dir }) => ({ statePath: join(dir, 'state.json') }),
    });
    await create('app', { automated: { selfHeal: true } });
    const before = await test.untilIs(
      'app',
      'healthy',
      ({ status }) => status.health.status === 'Healthy' && status.sync.status === 'Synced',
    );
    await test.restart();
    const after = await test.refresh('app');
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(after.status).toMatchObject({
      sync: { status: 'Synced' },
      health: { status: 'Healthy' },
      history: before.status.history,
    });
    expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
    await test.push({ 'app/web.yaml': web('shop/web:2.0') });
    await test.refresh('app');
    await test.untilIs(
      'app',
      'at 2.0',
      ({ status }) => status.summary?.images?.join() === 'shop/web:2.0' && status.health.status === 'Healthy',
    );
  });
});

describe('saved state', () => {
  it('that cannot be read stops the start with a clear error', async () => {
    test = await createTestSandbox();
    const statePath = join(test.dir, 'state.json');
    await writeFile(statePath, '{"format":1');
    await expect(createTestSandbox({ statePath })).rejects.toThrow(/cannot be read/);
    expect(await readFile(statePath, 'utf8')).toBe('{"format":1');
    expect(test.commit).toMatch(COMMIT);
  });
});

describe('an object of two Applications', () => {
  it('is warned about at the one that lost it', async () => {
    const shared = toYaml({ ...toConfigMap('settings', 'one'), metadata: { name: 'settings', namespace: 'shared' } });
    test = await createTestSandbox({ files: { 'one/map.yaml': shared, 'two/map.yaml': shared } });
    await create('one', { automated: {} });
    await test.untilIs('one', 'synced', isSynced);
    await create('two', { automated: {} });
    await test.untilIs('two', 'synced', isSynced);
    const lost = await test.refresh('one');
    expect(lost.status.conditions).toMatchObject([
      { type: 'SharedResourceWarning', message: 'ConfigMap/settings is part of applications argocd/one and two' },
    ]);
  });
});
