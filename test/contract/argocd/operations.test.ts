import { expect, it } from 'vitest';
import { describeBackends } from './backend.ts';
import type { Json } from './http-call.ts';
import { toConfigMap, toJob, toStuckClaim, toUnheard } from './manifests.ts';

const isDone = (application: Json) =>
  application.operation === undefined && application.status.operationState?.finishedAt !== undefined;

const toResult = (application: Json, name: string): Json =>
  application.status.operationState.syncResult.resources.find((resource: Json) => resource.name === name);

const toResource = (application: Json, name: string): Json =>
  application.status.resources.find((resource: Json) => resource.name === name);

describeBackends('operations', (backend) => {
  const post = (name: string, what: string, body: object) =>
    backend().call('POST', `/api/v1/applications/${name}/${what}`, {
      body: { project: backend().settings.project, ...body },
    });
  const terminate = (name: string) =>
    backend().call('DELETE', `/api/v1/applications/${name}/operation?project=${backend().settings.project}`);

  it('a sync stands as requested, without a state, until it is taken up; what was sent along comes back', async () => {
    const commit = await backend().push({ 'manual/map.json': toConfigMap('manual', 'one') });
    const name = await backend().createApplication('manual');
    await backend().get(name, 'refresh=normal');
    const infos = [{ name: 'ticket', value: 'tkt_1' }];
    const requested = await backend().sync(name, { infos });
    expect(requested.operation).toMatchObject({ info: infos });
    expect(await backend().carries(requested.operation.sync.revision, commit)).toBe(true);
    expect(requested.operation.initiatedBy.automated).toBeUndefined();
    expect(requested.status.operationState).toBeUndefined();
    const done = await backend().until(name, 'done', isDone);
    expect(done.status.operationState).toMatchObject({ phase: 'Succeeded', operation: { info: infos } });
    expect(await backend().carries(done.status.operationState.syncResult.revision, commit)).toBe(true);
    // Ordinary objects have a hook phase too; only a hook has a type.
    const result = toResult(done, 'manual');
    expect(result).toMatchObject({ kind: 'ConfigMap', status: 'Synced', syncPhase: 'Sync', hookPhase: 'Running' });
    expect(result.hookType ?? '').toBe('');
    expect(done.status.history).toHaveLength(1);
  });

  it('dry runs and partial syncs leave no history', async () => {
    const name = backend().nameOf('manual');
    await backend().push({
      'manual/map.json': toConfigMap('manual', 'two'),
      'manual/more.json': toConfigMap('manual-more', 'one'),
    });
    await backend().get(name, 'refresh=normal');
    await backend().sync(name, { dryRun: true });
    await backend().until(name, 'done', isDone);
    expect((await backend().get(name, 'refresh=normal')).status.sync.status).toBe('OutOfSync');
    await backend().sync(name, { resources: [{ group: '', kind: 'ConfigMap', name: 'manual-more' }] });
    const partly = await backend().until(name, 'done', isDone);
    expect(partly.status.operationState.syncResult.resources.map((resource: Json) => resource.name)).toEqual([
      'manual-more',
    ]);
    const after = await backend().get(name, 'refresh=normal');
    expect(after.status.history).toHaveLength(1);
    expect([toResource(after, 'manual').status, toResource(after, 'manual-more').status]).toEqual([
      'OutOfSync',
      'Synced',
    ]);
  });

  it('extra objects stay unless pruning is asked for', async () => {
    const name = backend().nameOf('manual');
    await backend().push({ 'manual/more.json': null });
    await backend().get(name, 'refresh=normal');
    await backend().sync(name);
    const kept = await backend().until(name, 'done', isDone);
    expect(toResult(kept, 'manual-more')).toMatchObject({ status: 'PruneSkipped' });
    const extra = await backend().get(name, 'refresh=normal');
    expect(extra.status.sync.status).toBe('OutOfSync');
    expect(toResource(extra, 'manual-more')).toMatchObject({ requiresPruning: true, status: 'OutOfSync' });
    await backend().sync(name, { prune: true });
    const pruned = await backend().until(name, 'done', isDone);
    expect(toResult(pruned, 'manual-more')).toMatchObject({ status: 'Pruned' });
    await backend().until(name, 'Synced', (application) => application.status.sync.status === 'Synced');
  });

  it('a commit that is not there fails inside the operation, a name that is not there at once', async () => {
    const name = backend().nameOf('manual');
    await backend().sync(name, { revision: '0123456789012345678901234567890123456789' });
    const done = await backend().until(name, 'done', isDone);
    expect(done.status.operationState.phase).toMatch(/^(Error|Failed)$/);
    const answer = await post(name, 'sync', { revision: 'tiphys-no-such-branch' });
    expect([answer.status, answer.json.code]).toEqual([400, 9]);
  });

  it('a kind the cluster does not know fails before anything is applied', async () => {
    await backend().push({
      'unknown/custom.json': toUnheard('unknown-of'),
      'unknown/map.json': toConfigMap('unknown', 'one'),
    });
    const name = await backend().createApplication('unknown');
    await backend().get(name, 'refresh=normal');
    await backend().sync(name);
    const failed = await backend().until(name, 'done', isDone);
    expect(failed.status.operationState).toMatchObject({
      phase: 'Failed',
      message: expect.stringContaining('not valid'),
    });
    expect(toResult(failed, 'unknown-of')).toMatchObject({ kind: 'Unheard', status: 'SyncFailed' });
    expect(toResult(failed, 'unknown')).toBeUndefined();
    expect(failed.status.history).toBeUndefined();
  });

  it('an object the cluster refuses to change fails the operation in its own words, with the pauses it is given', async () => {
    await backend().push({ 'fixed/map.json': toConfigMap('fixed', 'one', { immutable: true }) });
    const name = await backend().createApplication('fixed');
    await backend().get(name, 'refresh=normal');
    await backend().sync(name);
    await backend().until(name, 'done', isDone);
    await backend().push({ 'fixed/map.json': toConfigMap('fixed', 'two', { immutable: true }) });
    await backend().get(name, 'refresh=normal');
    await backend().sync(name, {
      retryStrategy: { limit: 1, backoff: { duration: '20s', factor: 2, maxDuration: '1m' } },
    });
    const pause = await backend().until(
      name,
      'between attempts',
      ({ status }) => status.operationState?.retryCount === 1,
    );
    // Over for now, and not over: the phase says Running, and the end is set.
    expect(pause.operation).toBeDefined();
    expect(pause.status.operationState).toMatchObject({
      phase: 'Running',
      finishedAt: expect.any(String),
      message: expect.stringMatching(/Retrying attempt #1 at \d+:\d\d[AP]M/),
    });
    const failed = await backend().until(name, 'failed', isDone);
    expect(failed.status.operationState).toMatchObject({
      phase: 'Failed',
      retryCount: 1,
      message: expect.stringContaining('(retried 1 times)'),
    });
    expect(toResult(failed, 'fixed')).toMatchObject({
      status: 'SyncFailed',
      hookPhase: 'Failed',
      message: expect.stringContaining('immutable'),
    });
  });

  it('rollback is for manual Applications and known deployments only', async () => {
    expect((await post(backend().nameOf('manual'), 'rollback', { id: 9999 })).status).toBe(400);
    await backend().push({ 'own/map.json': toConfigMap('own', 'one') });
    const automated = await backend().createApplication('own', { automated: {} });
    await backend().until(automated, 'done', isDone);
    const refused = await post(automated, 'rollback', { id: 0 });
    expect([refused.status, refused.json.code]).toEqual([400, 9]);
    expect(refused.json.message).toContain('auto-sync');
  });

  it('an automated Application is not synced to anything but what it follows', async () => {
    const name = backend().nameOf('own');
    const { revision } = (await backend().get(name)).status.sync;
    const answer = await post(name, 'sync', { revision });
    expect([answer.status, answer.json.code]).toEqual([400, 9]);
    expect(answer.json.message).toMatch(/Cannot sync to .*: auto-sync currently set to/);
  });

  it('terminating nothing is refused', async () => {
    const answer = await terminate(backend().nameOf('own'));
    expect(answer.status).toBe(400);
    expect(answer.json.message).toContain('No operation is in progress');
  });

  it('waves wait for health, block other operations meanwhile, and can be terminated', async () => {
    await backend().push({
      'waves/a.json': toStuckClaim('waves-never', { wave: 0 }),
      'waves/b.json': toConfigMap('waves-later', 'one', { wave: 1 }),
    });
    const name = await backend().createApplication('waves');
    await backend().get(name, 'refresh=normal');
    await backend().sync(name);
    const waiting = await backend().until(name, 'waiting', ({ status }) =>
      String(status.operationState?.message).includes(
        'waiting for healthy state of /PersistentVolumeClaim/waves-never',
      ),
    );
    expect(waiting.status.operationState).toMatchObject({ phase: 'Running' });
    expect(waiting.status.operationState.finishedAt).toBeUndefined();
    expect(waiting.operation).toBeDefined();
    const second = await post(name, 'sync', {});
    expect([second.status, second.json.code]).toEqual([400, 9]);
    expect(second.json.message).toContain('another operation is already in progress');
    expect((await terminate(name)).status).toBe(200);
    const ended = await backend().until(name, 'terminated', isDone);
    expect(ended.status.operationState).toMatchObject({
      phase: 'Failed',
      message: expect.stringContaining('Operation terminated'),
    });
    expect(toResource(ended, 'waves-later').status).toBe('OutOfSync');
  });

  it('what the last wave applies is not waited for', async () => {
    await backend().push({
      'last/a.json': toConfigMap('last-first', 'one', { wave: 0 }),
      'last/b.json': toStuckClaim('last-never', { wave: 1 }),
    });
    const name = await backend().createApplication('last');
    await backend().get(name, 'refresh=normal');
    await backend().sync(name);
    const done = await backend().until(name, 'done', isDone);
    expect(done.status.operationState.phase).toBe('Succeeded');
    expect((await backend().get(name, 'refresh=normal')).status.health.status).toBe('Progressing');
  });

  it('hooks run in their phase; a failed one fails the operation before anything else is applied', async () => {
    await backend().push({
      'hooks/before.json': toJob('hooks-before', { hook: 'PreSync' }),
      'hooks/map.json': toConfigMap('hooks', 'one'),
    });
    const name = await backend().createApplication('hooks');
    await backend().get(name, 'refresh=normal');
    await backend().sync(name);
    const done = await backend().until(name, 'done', isDone);
    expect(done.status.operationState.phase).toBe('Succeeded');
    expect(toResult(done, 'hooks-before')).toMatchObject({
      kind: 'Job',
      hookType: 'PreSync',
      hookPhase: 'Succeeded',
      syncPhase: 'PreSync',
    });
    await backend().push({
      'hooks/before.json': toJob('hooks-before', { hook: 'PreSync', fails: true }),
      'hooks/map.json': toConfigMap('hooks', 'two'),
    });
    await backend().get(name, 'refresh=normal');
    await backend().sync(name);
    const failed = await backend().until(name, 'failed', isDone);
    expect(failed.status.operationState.phase).toBe('Failed');
    expect(toResult(failed, 'hooks-before')).toMatchObject({ hookType: 'PreSync', hookPhase: 'Failed' });
    expect(toResult(failed, 'hooks')).toBeUndefined();
    expect(failed.status.history).toHaveLength(1);
  });

  it('an object that turns bad in an early wave fails the operation, though it is no hook', async () => {
    await backend().push({
      'sick/a.json': toJob('sick-job', { fails: true, wave: 0 }),
      'sick/b.json': toConfigMap('sick-later', 'one', { wave: 1 }),
    });
    const name = await backend().createApplication('sick');
    await backend().get(name, 'refresh=normal');
    await backend().sync(name);
    const failed = await backend().until(name, 'failed', isDone);
    expect(failed.status.operationState.phase).toBe('Failed');
    const result = toResult(failed, 'sick-job');
    expect(result).toMatchObject({ status: 'Synced', hookPhase: 'Failed' });
    expect(result.hookType ?? '').toBe('');
  });

  it('deletions marked for it wait for a word, and go on when it is given', async (test) => {
    test.skip(!(await backend().may('update')), 'the account may not update Applications');
    const options = { annotations: { 'argocd.argoproj.io/sync-options': 'Prune=confirm' } };
    await backend().push({
      'asked/keep.json': toConfigMap('asked-keep', 'one'),
      'asked/gone.json': toConfigMap('asked-gone', 'one', options),
    });
    const name = await backend().createApplication('asked');
    await backend().get(name, 'refresh=normal');
    await backend().sync(name);
    await backend().until(name, 'done', isDone);
    await backend().push({ 'asked/gone.json': null });
    const refreshed = await backend().get(name, 'refresh=normal');
    expect(toResource(refreshed, 'asked-gone')).toMatchObject({
      requiresPruning: true,
      requiresDeletionConfirmation: true,
    });
    await backend().sync(name, { prune: true });
    const waiting = await backend().until(name, 'waiting', ({ status }) =>
      String(status.operationState?.message).includes('waiting for pruning confirmation of /ConfigMap/asked-gone'),
    );
    expect(waiting.status.operationState.phase).toBe('Running');
    const approved = { 'argocd.argoproj.io/deletion-approved': new Date(Date.now() + 60_000).toISOString() };
    const patch = { metadata: { annotations: approved } };
    await backend().call('PATCH', `/api/v1/applications/${name}`, {
      body: { name, project: backend().settings.project, patchType: 'merge', patch: JSON.stringify(patch) },
    });
    const done = await backend().until(name, 'done', isDone);
    expect([done.status.operationState.phase, toResult(done, 'asked-gone').status]).toEqual(['Succeeded', 'Pruned']);
  });
});
