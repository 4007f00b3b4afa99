import { describe, expect, it } from 'vitest';
import { textAt } from '../json.ts';
import { createTestCluster, toWorkload } from './test-cluster.ts';

const ref = (kind: string, name: string, group = 'apps') => ({ group, kind, namespace: 'shop', name });

describe('a simulated StatefulSet', () => {
  const redis = ref('StatefulSet', 'redis');
  const claims = { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }] };

  it('makes its pods upwards one at a time, each with its claim', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('StatefulSet', 'redis', 'redis:7.2', { replicas: 3, ...claims }));
    const order: string[] = [];
    for (let tenth = 0; tenth < 150; tenth += 1) {
      await test.clock.advance(100);
      const pods = test.pods();
      expect(pods.filter((pod) => !pod.ready).length).toBeLessThanOrEqual(1);
      for (const pod of pods) if (!order.includes(pod.name)) order.push(pod.name);
    }
    expect(order).toEqual(['redis-0', 'redis-1', 'redis-2']);
    expect(test.health(redis)?.status).toBe('Healthy');
    expect(test.cluster.list('PersistentVolumeClaim').map((claim) => claim.metadata.name)).toEqual([
      'data-redis-0',
      'data-redis-1',
      'data-redis-2',
    ]);
    expect(test.health(ref('PersistentVolumeClaim', 'data-redis-0', ''))?.status).toBe('Healthy');
  });

  it('is replaced downwards, keeps its claims, and stops at a pod that does not come up, also on the way back', async () => {
    const test = createTestCluster();
    const at = (image: string) => toWorkload('StatefulSet', 'redis', image, { replicas: 2, ...claims });
    test.cluster.create(at('redis:7.2'));
    await test.seconds(15);
    test.cluster.update(redis, (live) => ({ ...live, spec: at('redis:7.4-crash')['spec'] }));
    await test.seconds(60);
    expect(test.pods().map((pod) => [pod.name, pod.image, pod.ready])).toEqual(
      expect.arrayContaining([
        ['redis-0', 'redis:7.2', true],
        ['redis-1', 'redis:7.4-crash', false],
      ]),
    );
    expect(test.health(redis)).toMatchObject({
      status: 'Progressing',
      message: expect.stringContaining('1 pods to be ready'),
    });
    test.cluster.update(redis, (live) => ({ ...live, spec: at('redis:7.2')['spec'] }));
    await test.seconds(120);
    expect(test.pods().find((pod) => pod.name === 'redis-1')?.image).toBe('redis:7.4-crash');
    test.cluster.delete(ref('Pod', 'redis-1', ''));
    await test.seconds(20);
    expect(test.health(redis)?.status).toBe('Healthy');
    expect(new Set(test.pods().map((pod) => pod.image))).toEqual(new Set(['redis:7.2']));
    expect(test.cluster.list('PersistentVolumeClaim')).toHaveLength(2);
  });

  it('scales down from the highest number', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('StatefulSet', 'redis', 'redis:7.2', { replicas: 3 }));
    await test.seconds(20);
    test.cluster.update(redis, (live) => ({
      ...live,
      spec: toWorkload('StatefulSet', 'redis', 'redis:7.2', { replicas: 1 })['spec'],
    }));
    await test.seconds(10);
    expect(test.pods().map((pod) => pod.name)).toEqual(['redis-0']);
    expect(test.health(redis)?.status).toBe('Healthy');
  });
});

describe('a simulated DaemonSet', () => {
  it('has a pod on every node and replaces them one by one', async () => {
    const test = createTestCluster();
    const agent = ref('DaemonSet', 'agent');
    test.cluster.create(toWorkload('DaemonSet', 'agent', 'agent:1'));
    await test.seconds(10);
    expect(test.health(agent)?.status).toBe('Healthy');
    expect(new Set(test.cluster.list('Pod').map((pod) => textAt(pod, 'spec', 'nodeName'))).size).toBe(3);
    test.cluster.update(agent, (live) => ({ ...live, spec: toWorkload('DaemonSet', 'agent', 'agent:2')['spec'] }));
    for (let tenth = 0; tenth < 200; tenth += 1) {
      await test.clock.advance(100);
      expect(test.pods().filter((pod) => pod.ready).length).toBeGreaterThanOrEqual(2);
    }
    expect(test.health(agent)?.status).toBe('Healthy');
    expect(new Set(test.pods().map((pod) => pod.image))).toEqual(new Set(['agent:2']));
  });
});

describe('a simulated Job', () => {
  const job = ref('Job', 'migrate', 'batch');
  const toJob = (image: string, spec: object = {}) =>
    toWorkload('Job', 'migrate', image, { ...spec }, { restartPolicy: 'Never' });

  it('completes', async () => {
    const test = createTestCluster();
    test.cluster.create(toJob('migrate:1', { completions: 2, parallelism: 1 }));
    expect(test.health(job)?.status).toBe('Progressing');
    await test.seconds(15);
    expect(test.health(job)?.status).toBe('Healthy');
    expect(test.cluster.list('Pod').map((pod) => textAt(pod, 'status', 'phase'))).toEqual(['Succeeded', 'Succeeded']);
  });

  it('fails when its pods have failed too often', async () => {
    const test = createTestCluster();
    test.cluster.create(toJob('migrate:1-crash', { backoffLimit: 2 }));
    await test.seconds(20);
    expect(test.health(job)?.status).toBe('Progressing');
    await test.seconds(100);
    expect(test.health(job)).toEqual({ status: 'Degraded', message: 'Job has reached the specified backoff limit' });
    expect(test.cluster.list('Pod')).toHaveLength(3);
  });

  it('fails at its own deadline, waits while suspended, and goes when its time is up', async () => {
    const test = createTestCluster();
    test.cluster.create(toJob('migrate:1-slow', { activeDeadlineSeconds: 10 }));
    await test.seconds(15);
    expect(test.health(job)?.message).toContain('longer than specified deadline');
    const other = { ...toJob('other:1', { suspend: true }), metadata: { name: 'other', namespace: 'shop' } };
    test.cluster.create(other);
    await test.seconds(5);
    expect(test.health(ref('Job', 'other', 'batch'))?.status).toBe('Suspended');
    const short = {
      ...toJob('short:1', { ttlSecondsAfterFinished: 30 }),
      metadata: { name: 'short', namespace: 'shop' },
    };
    test.cluster.create(short);
    await test.seconds(20);
    expect(test.health(ref('Job', 'short', 'batch'))?.status).toBe('Healthy');
    await test.seconds(30);
    expect(test.cluster.find(ref('Job', 'short', 'batch'))).toBeUndefined();
  });
});

describe('simulated single objects', () => {
  it.each([
    ['Service', '', { type: 'ClusterIP' }, 'Healthy', 'Healthy'],
    ['Service', '', { type: 'LoadBalancer' }, 'Progressing', 'Healthy'],
    ['Ingress', 'networking.k8s.io', {}, 'Progressing', 'Healthy'],
    ['PersistentVolumeClaim', '', { storageClassName: 'missing' }, 'Unknown', 'Progressing'],
    ['CronJob', 'batch', { suspend: true }, 'Suspended', 'Suspended'],
  ])('%s of %s with %o is %s first and %s later', async (kind, group, spec, first, later) => {
    const test = createTestCluster();
    const apiVersion = group === '' ? 'v1' : `${group}/v1`;
    test.cluster.create({ apiVersion, kind, metadata: { name: 'x', namespace: 'shop' }, spec });
    expect(test.health(ref(kind, 'x', group))?.status).toBe(first);
    await test.seconds(5);
    expect(test.health(ref(kind, 'x', group))?.status).toBe(later);
  });

  it('an ingress no controller cares for waits for ever', async () => {
    const test = createTestCluster();
    const annotations = { 'sandbox.tiphys.dev/address': 'none' };
    test.cluster.create({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'x', namespace: 'shop', annotations },
      spec: {},
    });
    await test.seconds(10_000);
    expect(test.health(ref('Ingress', 'x', 'networking.k8s.io'))?.status).toBe('Progressing');
  });

  it('an autoscaler without its target is Degraded until the target comes', async () => {
    const test = createTestCluster();
    const spec = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } };
    test.cluster.create({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web', namespace: 'shop' },
      spec,
    });
    await test.seconds(5);
    expect(test.health(ref('HorizontalPodAutoscaler', 'web', 'autoscaling'))?.status).toBe('Degraded');
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1'));
    await test.seconds(30);
    expect(test.health(ref('HorizontalPodAutoscaler', 'web', 'autoscaling'))?.status).toBe('Healthy');
  });
});
