import { expect, it } from 'vitest';
import { describeBackends, toConfigMap, toDeployment, toJob } from './backend.ts';
import type { Backend, Json } from './backend.ts';

const HOOK = 'argocd.argoproj.io/hook';
const WAVE = 'argocd.argoproj.io/sync-wave';

async function sync(backend: Backend, name: string, body: object = {}): Promise<Json> {
  const answer = await backend.call('POST', `/api/v1/applications/${name}/sync`, {
    body: { project: 'default', ...body },
  });
  expect(answer.text === '' ? answer.status : answer.json).toMatchObject({ operation: expect.anything() });
  return answer.json;
}

const isDone = (application: Json) =>
  application.operation === undefined && application.status.operationState?.finishedAt !== undefined;

describeBackends('operations', (backend) => {
  it('a sync stands as requested, without a state, until it is taken up; what was sent along comes back', async () => {
    const commit = await backend().push({ 'manual/map.json': toConfigMap('settings', 'one') });
    const name = await backend().createApplication('manual');
    await backend().get(name, 'refresh=normal');
    const requested = await sync(backend(), name, { infos: [{ name: 'ticket', value: 'tkt_1' }] });
    expect(requested.operation).toMatchObject({
      sync: { revision: commit },
      info: [{ name: 'ticket', value: 'tkt_1' }],
    });
    expect(requested.operation.initiatedBy.automated).toBeUndefined();
    expect(requested.status.operationState).toBeUndefined();
    const done = await backend().until(name, 'done', isDone);
    expect(done.status.operationState).toMatchObject({
      phase: 'Succeeded',
      operation: { info: [{ name: 'ticket', value: 'tkt_1' }] },
      syncResult: {
        revision: commit,
        resources: [
          expect.objectContaining({ kind: 'ConfigMap', name: 'settings', status: 'Synced', syncPhase: 'Sync' }),
        ],
      },
    });
    expect(done.status.history).toHaveLength(1);
  });

  it('dry runs and partial syncs leave no history', async () => {
    const name = backend().namespaceOf('manual');
    await backend().push({
      'manual/map.json': toConfigMap('settings', 'two'),
      'manual/more.json': toConfigMap('more', 'one'),
    });
    await sync(backend(), name, { dryRun: true });
    await backend().until(name, 'done', isDone);
    expect((await backend().get(name, 'refresh=normal')).status.sync.status).toBe('OutOfSync');
    await sync(backend(), name, { resources: [{ group: '', kind: 'ConfigMap', name: 'more' }] });
    const partly = await backend().until(name, 'done', isDone);
    expect(partly.status.operationState.syncResult.resources.map((resource: Json) => resource.name)).toEqual(['more']);
    const after = await backend().get(name, 'refresh=normal');
    expect(after.status.history).toHaveLength(1);
    expect(after.status.resources.map((resource: Json) => [resource.name, resource.status]).sort()).toEqual([
      ['more', 'Synced'],
      ['settings', 'OutOfSync'],
    ]);
  });

  it('extra objects stay unless pruning is asked for', async () => {
    const name = backend().namespaceOf('manual');
    await backend().push({ 'manual/more.json': null });
    await sync(backend(), name);
    const kept = await backend().until(name, 'done', isDone);
    expect(kept.status.operationState.syncResult.resources).toContainEqual(
      expect.objectContaining({ name: 'more', status: 'PruneSkipped' }),
    );
    const extra = await backend().get(name, 'refresh=normal');
    expect(extra.status.sync.status).toBe('OutOfSync');
    expect(extra.status.resources.find((resource: Json) => resource.name === 'more')).toMatchObject({
      requiresPruning: true,
      status: 'OutOfSync',
    });
    await sync(backend(), name, { prune: true });
    const pruned = await backend().until(name, 'done', isDone);
    expect(pruned.status.operationState.syncResult.resources).toContainEqual(
      expect.objectContaining({ name: 'more', status: 'Pruned' }),
    );
    await backend().until(name, 'Synced', (application) => application.status.sync.status === 'Synced');
  });

  it('a commit that is not there fails inside the operation, a name that is not there at once', async () => {
    const name = backend().namespaceOf('manual');
    await sync(backend(), name, { revision: '0123456789012345678901234567890123456789' });
    const done = await backend().until(name, 'done', isDone);
    expect(done.status.operationState.phase).toMatch(/^(Error|Failed)$/);
    const answer = await backend().call('POST', `/api/v1/applications/${name}/sync`, {
      body: { project: 'default', revision: 'tiphys-no-such-branch' },
    });
    expect([answer.status, answer.json.code]).toEqual([400, 9]);
  });

  it('a kind the cluster does not know fails before anything is applied', async () => {
    const custom = JSON.stringify({
      apiVersion: 'tiphys.example.com/v1',
      kind: 'Unheard',
      metadata: { name: 'of' },
      spec: {},
    });
    await backend().push({ 'unknown/custom.json': custom, 'unknown/map.json': toConfigMap('settings', 'one') });
    const name = await backend().createApplication('unknown');
    await sync(backend(), name);
    const failed = await backend().until(name, 'done', isDone);
    expect(failed.status.operationState).toMatchObject({
      phase: 'Failed',
      message: expect.stringContaining('not valid'),
    });
    expect(failed.status.operationState.syncResult.resources).toContainEqual(
      expect.objectContaining({ kind: 'Unheard', status: 'SyncFailed' }),
    );
    expect(failed.status.history).toBeUndefined();
  });

  it('rollback is for manual Applications and known deployments only', async () => {
    const name = backend().namespaceOf('manual');
    const unknown = await backend().call('POST', `/api/v1/applications/${name}/rollback`, {
      body: { project: 'default', id: 9999 },
    });
    expect(unknown.status).toBe(400);
    await backend().push({ 'own/map.json': toConfigMap('settings', 'one') });
    const automated = await backend().createApplication('own', { automated: {} });
    await backend().until(automated, 'done', isDone);
    const refused = await backend().call('POST', `/api/v1/applications/${automated}/rollback`, {
      body: { project: 'default', id: 0 },
    });
    expect([refused.status, refused.json.code]).toEqual([400, 9]);
    expect(refused.json.message).toContain('auto-sync');
  });

  it('an automated Application is not synced to anything but what it follows', async () => {
    const name = backend().namespaceOf('own');
    const { revision } = (await backend().get(name)).status.sync;
    const answer = await backend().call('POST', `/api/v1/applications/${name}/sync`, {
      body: { project: 'default', revision },
    });
    expect([answer.status, answer.json.code]).toEqual([400, 9]);
    expect(answer.json.message).toMatch(/Cannot sync to .*: auto-sync currently set to/);
  });

  it('terminating nothing is refused', async () => {
    const answer = await backend().call(
      'DELETE',
      `/api/v1/applications/${backend().namespaceOf('own')}/operation?project=default`,
    );
    expect(answer.status).toBe(400);
    expect(answer.json.message).toContain('No operation is in progress');
  });

  it('waves wait for health, block other operations meanwhile, and can be terminated', async () => {
    await backend().push({
      'waves/a.json': toDeployment('never', { crash: true, annotations: { [WAVE]: '0' } }),
      'waves/b.json': toConfigMap('later', 'one', { [WAVE]: '1' }),
    });
    const name = await backend().createApplication('waves');
    await sync(backend(), name);
    const waiting = await backend().until(name, 'waiting', (application) =>
      String(application.status.operationState?.message).includes('waiting for healthy state of apps/Deployment/never'),
    );
    expect(waiting.status.operationState).toMatchObject({ phase: 'Running' });
    expect(waiting.status.operationState.finishedAt).toBeUndefined();
    expect(waiting.operation).toBeDefined();
    const second = await backend().call('POST', `/api/v1/applications/${name}/sync`, { body: { project: 'default' } });
    expect([second.status, second.json.code, second.json.message]).toEqual([
      400,
      9,
      'another operation is already in progress',
    ]);
    expect((await backend().call('DELETE', `/api/v1/applications/${name}/operation?project=default`)).status).toBe(200);
    const ended = await backend().until(name, 'terminated', isDone);
    expect(ended.status.operationState).toMatchObject({
      phase: 'Failed',
      message: expect.stringContaining('Operation terminated'),
    });
    expect(ended.status.resources.find((resource: Json) => resource.name === 'later').status).toBe('OutOfSync');
  });

  it('hooks run in their phase; a failed one fails the operation before anything else is applied', async () => {
    await backend().push({
      'hooks/before.json': toJob('before', { annotations: { [HOOK]: 'PreSync' } }),
      'hooks/map.json': toConfigMap('settings', 'one'),
    });
    const name = await backend().createApplication('hooks');
    await sync(backend(), name);
    const done = await backend().until(name, 'done', isDone);
    expect(done.status.operationState.phase).toBe('Succeeded');
    expect(done.status.operationState.syncResult.resources).toContainEqual(
      expect.objectContaining({
        kind: 'Job',
        name: 'before',
        hookType: 'PreSync',
        hookPhase: 'Succeeded',
        syncPhase: 'PreSync',
      }),
    );
    expect(done.status.sync.status).not.toBe('Unknown');
    await backend().push({
      'hooks/before.json': toJob('before', { fails: true, annotations: { [HOOK]: 'PreSync' } }),
      'hooks/map.json': toConfigMap('settings', 'two'),
    });
    await sync(backend(), name);
    const failed = await backend().until(
      name,
      'failed',
      (application) => isDone(application) && application.status.operationState.phase !== 'Succeeded',
    );
    expect(failed.status.operationState.phase).toBe('Failed');
    expect(failed.status.operationState.syncResult.resources).toContainEqual(
      expect.objectContaining({ name: 'before', hookPhase: 'Failed' }),
    );
    expect(
      failed.status.operationState.syncResult.resources.some((resource: Json) => resource.name === 'settings'),
    ).toBe(false);
    expect(failed.status.history).toHaveLength(1);
  });
});
