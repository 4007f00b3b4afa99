import { expect, it } from 'vitest';
import { describeBackends, readStream, toDeployment } from './backend.ts';
import type { Json } from './backend.ts';

describeBackends('workloads: health, tree, logs, events', (backend) => {
  const url = (rest: string) => `/api/v1/applications/${backend().namespaceOf('shop')}/${rest}`;
  const tree = async (): Promise<Json> => (await backend().call('GET', url('resource-tree?project=default'))).json;
  const pods = async (): Promise<Json[]> => (await tree()).nodes.filter((node: Json) => node.kind === 'Pod');

  it('an operation of one wave succeeds before its workloads are healthy; health follows', async () => {
    await backend().push({ 'shop/web.json': toDeployment('web', { replicas: 2, progressDeadlineSeconds: 90 }) });
    const name = await backend().createApplication('shop', { automated: { selfHeal: true } });
    const live = await backend().until(
      name,
      'Synced and Healthy',
      ({ status }) => status.sync.status === 'Synced' && status.health.status === 'Healthy',
    );
    expect(live.status.operationState.phase).toBe('Succeeded');
    expect(live.status.summary.images).toEqual(['busybox:1.36']);
    expect(live.status.resources).toEqual([
      expect.objectContaining({ group: 'apps', kind: 'Deployment', health: { status: 'Healthy' } }),
    ]);
  });

  it('the tree leads from the Deployment over its ReplicaSet to the pods', async () => {
    const { nodes } = await tree();
    const find = (kind: string) => nodes.filter((node: Json) => node.kind === kind);
    const [deployment] = find('Deployment');
    const [set] = find('ReplicaSet');
    expect(deployment.parentRefs).toBeUndefined();
    expect(set.parentRefs).toEqual([expect.objectContaining({ kind: 'Deployment', name: 'web', uid: deployment.uid })]);
    expect(set.info).toContainEqual({ name: 'Revision', value: 'Rev:1' });
    expect(find('Pod')).toHaveLength(2);
    for (const pod of find('Pod')) {
      expect(pod).toMatchObject({
        version: 'v1',
        images: ['busybox:1.36'],
        health: { status: 'Healthy' },
        createdAt: expect.any(String),
      });
      expect(pod.name).toMatch(/^web-[a-z0-9]+-[a-z0-9]{5}$/);
      expect(pod.parentRefs[0].uid).toBe(set.uid);
    }
  });

  it('managed resources come as JSON texts that agree when nothing differs', async () => {
    const { items } = (await backend().call('GET', url('managed-resources?project=default'))).json;
    expect(items).toHaveLength(1);
    const [item] = items;
    expect(item.modified ?? false).toBe(false);
    expect(JSON.parse(item.targetState).spec.replicas).toBe(2);
    expect(JSON.parse(item.liveState).status.readyReplicas).toBe(2);
    expect(JSON.parse(item.predictedLiveState).spec).toEqual(JSON.parse(item.normalizedLiveState).spec);
    const none = await backend().call('GET', url('managed-resources?project=default&kind=Service'));
    expect(none.json.items ?? []).toEqual([]);
  });

  it('a live object is shown only under its exact name and namespace', async () => {
    const namespace = backend().namespaceOf('shop');
    const query = 'resourceName=web&group=apps&kind=Deployment&version=v1&project=default';
    const found = await backend().call('GET', url(`resource?${query}&namespace=${namespace}`));
    expect(JSON.parse(found.json.manifest).metadata.name).toBe('web');
    const lost = await backend().call('GET', url(`resource?${query}&namespace=elsewhere`));
    expect(lost.status).toBe(400);
    expect(lost.json.message).toContain('not found as part of application');
  });

  it('a crashing template leaves the old pods up, shows on its own pods at once and on the Application only at the deadline', async () => {
    const name = backend().namespaceOf('shop');
    await backend().push({
      'shop/web.json': toDeployment('web', { replicas: 2, crash: true, progressDeadlineSeconds: 90 }),
    });
    await backend().get(name, 'refresh=normal');
    await backend().until(
      name,
      'Progressing',
      ({ status }) => status.sync.status === 'Synced' && status.health.status === 'Progressing',
    );
    // Between its end and its back-off a container is shortly in Error, which is Degraded without a message.
    const crashing = await backend().find('a pod in back-off', async () =>
      (await pods()).find((pod) =>
        pod.info?.some((one: { name: string; value: string }) => one.value === 'CrashLoopBackOff'),
      ),
    );
    expect(crashing.health).toMatchObject({ status: 'Degraded', message: expect.stringContaining('back-off') });
    expect((await pods()).filter((pod) => pod.health?.status === 'Healthy').length).toBeGreaterThanOrEqual(1);
    const resource = await backend().call(
      'GET',
      url(`resource?resourceName=${crashing.name}&namespace=${name}&group=&kind=Pod&version=v1&project=default`),
    );
    const [status] = JSON.parse(resource.json.manifest).status.containerStatuses;
    expect(status.restartCount).toBeGreaterThanOrEqual(1);
    expect((status.lastState.terminated ?? status.state.terminated).exitCode).toBe(3);
  });

  it('tells the logs of a pod, the last entry marked, and those of its last run', async () => {
    const crashing = (await pods()).find((pod) => pod.health?.status !== 'Healthy');
    const logs = await backend().call(
      'GET',
      url(
        `logs?podName=${crashing.name}&namespace=${crashing.namespace}&container=web&previous=true&tailLines=5&project=default`,
      ),
    );
    const entries = logs.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line).result);
    expect(entries.map((entry) => entry.content)).toContain('boom');
    expect(entries.at(-1)).toMatchObject({ last: true });
    expect(entries[0]).toMatchObject({ podName: crashing.name, timeStampStr: expect.any(String) });
    const nobody = await backend().call('GET', url('logs?podName=no-such-pod&project=default'));
    expect([nobody.status, nobody.text]).toEqual([200, '']);
    const filtered = await backend().call(
      'GET',
      url(`logs?podName=${crashing.name}&container=web&previous=true&filter=!boom&project=default`),
    );
    expect(filtered.text).not.toContain('"boom"');
    const sse = await readStream(
      backend(),
      url(`logs?podName=${crashing.name}&container=web&previous=true&project=default`),
      {
        accept: 'text/event-stream',
        until: (text) => text.includes('"last":true'),
      },
    );
    expect(sse.contentType).toContain('text/event-stream');
    expect(sse.text).toMatch(/^data: \{"result":/);
  });

  it('tells the events of a pod that is named in full, and refuses half a name', async () => {
    const crashing = (await pods()).find((pod) => pod.health?.status !== 'Healthy');
    const events = await backend().call(
      'GET',
      url(
        `events?resourceName=${crashing.name}&resourceNamespace=${crashing.namespace}&resourceUID=${crashing.uid}&project=default`,
      ),
    );
    expect(events.json.items).toContainEqual(
      expect.objectContaining({
        type: 'Warning',
        reason: 'BackOff',
        message: expect.stringContaining('Back-off restarting failed container'),
      }),
    );
    expect(events.json.items[0].involvedObject).toMatchObject({ kind: 'Pod', name: crashing.name });
    const half = await backend().call('GET', url(`events?resourceName=${crashing.name}&project=default`));
    expect(half.status).toBe(400);
  });

  it('is Degraded when the deadline has passed, and Healthy soon after a revert, on the old ReplicaSet', async () => {
    const name = backend().namespaceOf('shop');
    const degraded = await backend().until(name, 'Degraded', ({ status }) => status.health.status === 'Degraded');
    expect(degraded.status.sync.status).toBe('Synced');
    expect(degraded.status.resources[0].health).toMatchObject({
      status: 'Degraded',
      message: expect.stringContaining('progress deadline'),
    });
    const commit = await backend().push({
      'shop/web.json': toDeployment('web', { replicas: 2, progressDeadlineSeconds: 90 }),
    });
    await backend().get(name, 'refresh=normal');
    await backend().until(
      name,
      'back',
      ({ status }) =>
        status.sync.revision === commit && status.sync.status === 'Synced' && status.health.status === 'Healthy',
    );
    expect((await tree()).nodes.filter((node: Json) => node.kind === 'ReplicaSet')).toHaveLength(2);
  });

  it('offers actions, in both forms, and refuses one it does not have', async () => {
    const namespace = backend().namespaceOf('shop');
    const query = `resourceName=web&namespace=${namespace}&group=apps&kind=Deployment&version=v1&project=default`;
    const { actions } = (await backend().call('GET', url(`resource/actions?${query}`))).json;
    expect(actions.map((action: Json) => action.name)).toContain('restart');
    const before = (await pods()).map((pod) => pod.name);
    const body = {
      project: 'default',
      namespace,
      resourceName: 'web',
      version: 'v1',
      group: 'apps',
      kind: 'Deployment',
      action: 'restart',
    };
    expect((await backend().call('POST', url('resource/actions/v2'), { body })).status).toBe(200);
    await backend().until(namespace, 'restarted', ({ status }) => status.health.status === 'Progressing');
    await backend().until(namespace, 'Healthy', ({ status }) => status.health.status === 'Healthy');
    expect((await pods()).some((pod) => before.includes(pod.name) && pod.health?.status === 'Healthy')).toBe(false);
    // The annotation of a restart is not in git, yet no difference: nobody asked for that field.
    expect((await backend().get(namespace, 'refresh=normal')).status.sync.status).toBe('Synced');
    const unknown = await backend().call('POST', url('resource/actions/v2'), {
      body: { ...body, action: 'tiphys-no-such-action' },
    });
    expect(unknown.status).toBeGreaterThanOrEqual(400);
  });
});
