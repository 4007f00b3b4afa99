import { expect, it } from 'vitest';
import { describeBackends } from './backend.ts';
import type { Json } from './http-call.ts';
import { toDeployment } from './manifests.ts';

describeBackends(
  'running containers: pods, logs, crashes',
  (backend) => {
    const url = (rest: string) => {
      const separator = rest.includes('?') ? '&' : '?';
      const name = backend().nameOf('pods');
      return `/api/v1/applications/${name}/${rest}${separator}project=${backend().settings.project}`;
    };
    const pods = async (): Promise<Json[]> =>
      (await backend().call('GET', url('resource-tree'))).json.nodes.filter((node: Json) => node.kind === 'Pod');
    const toWeb = (crash: boolean) =>
      toDeployment('pods', {
        replicas: 2,
        image: backend().settings.image ?? '',
        script: crash ? 'echo boom; exit 3' : 'echo started; while true; do sleep 1; done',
        progressDeadlineSeconds: 90,
        // What the stand-in goes by instead of running the script.
        podAnnotations: crash
          ? {
              'sandbox.tiphys.dev/behaviour': 'crash',
              'sandbox.tiphys.dev/log-tail': 'boom',
              'sandbox.tiphys.dev/exit-code': '3',
            }
          : {},
      });
    const toReason = (pod: Json) => pod.info?.find((entry: Json) => entry.name === 'Status Reason')?.value;
    const findCrashing = () =>
      backend().find('a pod in back-off', async () =>
        (await pods()).find((pod) => toReason(pod) === 'CrashLoopBackOff'),
      );

    it('are up, and their images in the summary', async () => {
      await backend().push({ 'pods/web.json': toWeb(false) });
      const name = await backend().createApplication('pods', { automated: {} });
      const live = await backend().until(
        name,
        'Synced and Healthy',
        ({ status }) => status.sync.status === 'Synced' && status.health.status === 'Healthy',
      );
      expect(live.status.summary.images).toContain(backend().settings.image);
      const found = await backend().find('two pods', async () => {
        const all = await pods();
        return all.length === 2 && all.every((pod) => pod.health?.status === 'Healthy') ? all : undefined;
      });
      for (const pod of found) {
        expect(pod).toMatchObject({ version: 'v1', createdAt: expect.any(String) });
        expect(pod.parentRefs[0]).toMatchObject({ kind: 'ReplicaSet' });
        expect(pod.name).toMatch(/^pods-[a-z0-9]+-[a-z0-9]{5}$/);
      }
    });

    it('that crash leave the old ones up, and show on their own pods at once', async () => {
      const name = backend().nameOf('pods');
      await backend().push({ 'pods/web.json': toWeb(true) });
      await backend().get(name, 'refresh=normal');
      // Between its end and its back-off a container is shortly in Error, which is Degraded without a message.
      const crashing = await findCrashing();
      expect(crashing.health).toMatchObject({ status: 'Degraded', message: expect.stringContaining('back-off') });
      expect((await pods()).filter((pod) => pod.health?.status === 'Healthy').length).toBeGreaterThanOrEqual(1);
      const query = `resourceName=${crashing.name}&namespace=${crashing.namespace}&group=&kind=Pod&version=v1`;
      const { manifest } = (await backend().call('GET', url(`resource?${query}`))).json;
      const [status] = JSON.parse(manifest).status.containerStatuses;
      expect(status.restartCount).toBeGreaterThanOrEqual(1);
      expect((status.lastState.terminated ?? status.state.terminated).exitCode).toBe(3);
      const identity = `resourceName=${crashing.name}&resourceNamespace=${crashing.namespace}&resourceUID=${crashing.uid}`;
      const events = await backend().call('GET', url(`events?${identity}`));
      expect(events.json.items).toContainEqual(
        expect.objectContaining({
          type: 'Warning',
          reason: 'BackOff',
          message: expect.stringContaining('Back-off restarting failed container'),
        }),
      );
    });

    it('have logs, the last entry marked, and those of their last run', async (test) => {
      test.skip(!(await backend().may('get', 'logs')), 'the account may not read logs (logs, get)');
      const crashing = await findCrashing();
      const query = `podName=${crashing.name}&namespace=${crashing.namespace}&container=main&previous=true&tailLines=5`;
      const logs = await backend().call('GET', url(`logs?${query}`));
      const entries = logs.text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line).result);
      expect(entries.map((entry) => entry.content)).toContain('boom');
      expect(entries.at(-1)).toMatchObject({ last: true });
      expect(entries[0]).toMatchObject({ podName: crashing.name, timeStampStr: expect.any(String) });
      const nobody = await backend().call('GET', url('logs?podName=no-such-pod'));
      expect([nobody.status, nobody.text]).toEqual([200, '']);
      const filtered = await backend().call('GET', url(`logs?${query}&filter=!boom`));
      expect(filtered.text).not.toContain('"boom"');
      let text = '';
      for await (const chunk of backend().open(url(`logs?${query}`), { accept: 'text/event-stream' })) {
        expect(chunk.contentType).toContain('text/event-stream');
        text += chunk.text;
        if (text.includes('"last":true')) break;
      }
      expect(text).toMatch(/^(:\n)*data: \{"result":/);
    });

    it('are back on the old ReplicaSet after a revert', async () => {
      const name = backend().nameOf('pods');
      const commit = await backend().push({ 'pods/web.json': toWeb(false) });
      await backend().get(name, 'refresh=normal');
      const back = await backend().until(
        name,
        'back',
        ({ status }) => status.sync.status === 'Synced' && status.health.status === 'Healthy',
      );
      expect(await backend().carries(back.status.sync.revision, commit)).toBe(true);
      const { nodes } = (await backend().call('GET', url('resource-tree'))).json;
      expect(nodes.filter((node: Json) => node.kind === 'ReplicaSet')).toHaveLength(2);
    });
  },
  { image: true },
);
