import { expect, it } from 'vitest';
import { describeBackends } from './backend.ts';
import type { Json } from './http-call.ts';
import { NO_IMAGE, toConfigMap, toDeployment, toJob } from './manifests.ts';

describeBackends('workloads without containers: health, tree, live objects, events', (backend) => {
  const url = (rest: string) => {
    const separator = rest.includes('?') ? '&' : '?';
    const name = backend().nameOf('shop');
    return `/api/v1/applications/${name}/${rest}${separator}project=${backend().settings.project}`;
  };
  const tree = async (): Promise<Json> => (await backend().call('GET', url('resource-tree'))).json;
  const find = async (kind: string): Promise<Json[]> => (await tree()).nodes.filter((node: Json) => node.kind === kind);
  const isCalm = ({ status, operation }: Json) => operation === undefined && status.sync.status === 'Synced';
  const toQuery = (name: string) =>
    `resourceName=${name}&group=apps&kind=Deployment&version=v1&namespace=${backend().namespace}`;

  it('an operation of one wave succeeds before its workloads are healthy, and says nothing of their health', async () => {
    await backend().push({ 'shop/web.json': toDeployment('shop') });
    const name = await backend().createApplication('shop', { automated: { selfHeal: true } });
    const live = await backend().until(
      name,
      'Synced and Healthy',
      (application) => isCalm(application) && application.status.health.status === 'Healthy',
    );
    expect(live.status.operationState.phase).toBe('Succeeded');
    expect(live.status.resources).toEqual([
      expect.objectContaining({ group: 'apps', kind: 'Deployment', health: { status: 'Healthy' } }),
    ]);
  });

  it('the tree leads from the Deployment to its ReplicaSets, the newest with the highest revision', async () => {
    await backend().push({ 'shop/web.json': toDeployment('shop', { variant: 'b' }) });
    await backend().get(backend().nameOf('shop'), 'refresh=normal');
    const sets = await backend().find('two ReplicaSets', async () => {
      const found = await find('ReplicaSet');
      return found.length === 2 ? found : undefined;
    });
    const [deployment] = await find('Deployment');
    expect(deployment.parentRefs).toBeUndefined();
    for (const set of sets) {
      expect(set.parentRefs).toEqual([
        expect.objectContaining({ kind: 'Deployment', name: 'shop', uid: deployment.uid }),
      ]);
      expect(set).toMatchObject({ version: 'v1', createdAt: expect.any(String), resourceVersion: expect.any(String) });
    }
    const revisions = sets.flatMap((set) => set.info ?? []).filter((entry: Json) => entry.name === 'Revision');
    expect(revisions.map((entry: Json) => entry.value).sort()).toEqual(['Rev:1', 'Rev:2']);
  });

  it('managed resources come as JSON texts that agree when nothing differs', async () => {
    await backend().until(backend().nameOf('shop'), 'calm', isCalm);
    const { items } = (await backend().call('GET', url('managed-resources'))).json;
    expect(items).toHaveLength(1);
    const [item] = items;
    expect(item.modified ?? false).toBe(false);
    expect(JSON.parse(item.targetState).spec.replicas).toBe(0);
    expect(JSON.parse(item.liveState).metadata.name).toBe('shop');
    expect(JSON.parse(item.predictedLiveState).spec).toEqual(JSON.parse(item.normalizedLiveState).spec);
    const none = await backend().call('GET', url('managed-resources?kind=Service'));
    expect(none.json.items ?? []).toEqual([]);
  });

  it('a live object is shown only under its exact name and namespace', async () => {
    const found = await backend().call('GET', url(`resource?${toQuery('shop')}`));
    expect(JSON.parse(found.json.manifest).metadata.name).toBe('shop');
    for (const query of [toQuery('shop').replace(/namespace=.*$/, 'namespace=elsewhere'), toQuery('nothing')]) {
      const lost = await backend().call('GET', url(`resource?${query}`));
      expect(lost.status).toBe(400);
      expect(lost.json.message).toContain('not found as part of application');
    }
  });

  it('offers actions, in both forms, and refuses one it does not have', async (test) => {
    const kind = { group: 'apps', kind: 'Deployment', version: 'v1' };
    test.skip(
      !(await backend().mayAct('shop', kind, 'restart')),
      'the account may not run actions (applications, action/apps/Deployment/restart)',
    );
    const { actions } = (await backend().call('GET', url(`resource/actions?${toQuery('shop')}`))).json;
    expect(actions.map((action: Json) => action.name)).toContain('restart');
    const restartedAt = async (): Promise<string | undefined> => {
      const { manifest } = (await backend().call('GET', url(`resource?${toQuery('shop')}`))).json;
      return JSON.parse(manifest).spec.template.metadata.annotations?.['kubectl.kubernetes.io/restartedAt'];
    };
    const body = {
      name: backend().nameOf('shop'),
      project: backend().settings.project,
      ...{ namespace: backend().namespace, resourceName: 'shop', version: 'v1', group: 'apps', kind: 'Deployment' },
    };
    const act = (action: string) => backend().call('POST', url('resource/actions/v2'), { body: { ...body, action } });
    expect((await act('restart')).status).toBe(200);
    await backend().find('restarted', restartedAt);
    // The annotation of a restart is not in git, yet no difference: nobody asked for that field.
    const after = await backend().get(backend().nameOf('shop'), 'refresh=normal');
    expect(after.status.sync.status).toBe('Synced');
    expect((await act('tiphys-no-such-action')).status).toBeGreaterThanOrEqual(400);
    const older = await backend().call('POST', url(`resource/actions?${toQuery('shop')}`), { body: '"restart"' });
    expect(older.status).toBe(200);
  });

  it('a change past git is a difference, healed where that is asked for and not elsewhere', async (test) => {
    await backend().push({ 'drift/map.json': toConfigMap('drift', 'one') });
    const name = await backend().createApplication('drift', { automated: {} });
    await backend().until(name, 'synced', isCalm);
    const changed = await backend().changeLive(name, 'drift', { data: { value: 'by hand' } });
    test.skip(!changed, 'the account may not change live objects (applications, update/*)');
    const drifted = await backend().until(name, 'different', ({ status }) => status.sync.status === 'OutOfSync');
    const before = drifted.status.operationState.startedAt;
    const looked = await backend().get(name, 'refresh=normal');
    expect([looked.operation, looked.status.operationState.startedAt]).toEqual([undefined, before]);
    await backend().changeApplication('drift', { automated: { selfHeal: true } });
    const healed = await backend().until(name, 'healed', isCalm);
    expect(healed.status.operationState.operation).toMatchObject({
      initiatedBy: { automated: true },
      sync: { resources: [{ kind: 'ConfigMap', name: 'drift' }] },
    });
    expect(healed.status.history).toHaveLength(1);
  });

  it('a Job that fails is Degraded at once; its deadline is its own', async () => {
    await backend().push({ 'job/job.json': toJob('job', { fails: true }) });
    const name = await backend().createApplication('job', { automated: {} });
    const degraded = await backend().until(name, 'Degraded', ({ status }) => status.health.status === 'Degraded');
    expect(degraded.status.operationState.phase).toBe('Succeeded');
    const [job] = degraded.status.resources;
    expect(job.health).toMatchObject({ status: 'Degraded', message: expect.stringContaining('deadline') });
  });

  it('a Deployment whose pods no node takes is Progressing until its deadline, and well again after a revert', async () => {
    const name = backend().nameOf('shop');
    const good = toDeployment('shop', { variant: 'c' });
    await backend().push({
      'shop/web.json': toDeployment('shop', { variant: 'c', replicas: 1, nowhere: true, progressDeadlineSeconds: 20 }),
    });
    await backend().get(name, 'refresh=normal');
    const seen = new Set<string>();
    const degraded = await backend().until(name, 'Degraded', ({ status }) => {
      seen.add(status.health.status);
      return status.health.status === 'Degraded';
    });
    for (const health of seen) expect(health).toMatch(/^(Healthy|Progressing|Degraded)$/);
    expect(degraded.status.sync.status).toBe('Synced');
    expect(degraded.status.resources[0].health).toMatchObject({
      status: 'Degraded',
      message: expect.stringContaining('progress deadline'),
    });
    const [pod] = await find('Pod');
    expect(pod).toMatchObject({ version: 'v1', health: { status: 'Progressing' } });
    const commit = await backend().push({ 'shop/web.json': good });
    await backend().get(name, 'refresh=normal');
    const back = await backend().until(
      name,
      'back',
      (application) => isCalm(application) && application.status.health.status === 'Healthy',
    );
    expect(await backend().carries(back.status.sync.revision, commit)).toBe(true);
  });

  it('a pod whose image nobody has says so in its reason, its health and its events', async () => {
    const name = backend().nameOf('shop');
    await backend().push({
      'shop/web.json': toDeployment('shop', { variant: 'd', replicas: 1, image: NO_IMAGE }),
    });
    await backend().get(name, 'refresh=normal');
    const toReason = (pod: Json) => pod.info?.find((entry: Json) => entry.name === 'Status Reason')?.value;
    const pod = await backend().find('a pod that cannot pull', async () =>
      (await find('Pod')).find((one) => /^(ErrImagePull|ImagePullBackOff)$/.test(toReason(one) ?? '')),
    );
    expect(pod).toMatchObject({ health: { status: 'Degraded', message: expect.any(String) }, images: [NO_IMAGE] });
    const identity = `resourceName=${pod.name}&resourceNamespace=${pod.namespace}&resourceUID=${pod.uid}`;
    const events = await backend().call('GET', url(`events?${identity}`));
    expect(events.json.items).toContainEqual(
      expect.objectContaining({
        type: 'Warning',
        reason: 'Failed',
        involvedObject: expect.objectContaining({ name: pod.name }),
      }),
    );
    expect((await backend().call('GET', url(`events?resourceName=${pod.name}`))).status).toBe(400);
    await backend().push({ 'shop/web.json': toDeployment('shop', { variant: 'e' }) });
    await backend().get(name, 'refresh=normal');
  });
});
