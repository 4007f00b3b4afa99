import { describe, expect, it } from 'vitest';
import { listAt, numberAt, textAt, valueAt } from '../json.ts';
import { findCondition } from './children.ts';
import { createTestCluster, toWorkload } from './test-cluster.ts';

const web = { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' };

function setImage(test: ReturnType<typeof createTestCluster>, image: string) {
  test.cluster.update(web, (live) => ({
    ...live,
    spec: toWorkload('Deployment', 'web', image, { replicas: 3 })['spec'],
  }));
}

function listSets(test: ReturnType<typeof createTestCluster>) {
  return test.cluster.list('ReplicaSet').map((set) => ({
    name: set.metadata.name,
    replicas: numberAt(set, 'spec', 'replicas'),
    revision: textAt(set, 'metadata', 'annotations', 'deployment.kubernetes.io/revision'),
  }));
}

describe('a simulated Deployment', () => {
  it('becomes healthy with pods named as Kubernetes names them', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1.0', { replicas: 3 }));
    expect(test.health(web)?.status).toBe('Progressing');
    await test.seconds(10);
    expect(test.health(web)).toEqual({ status: 'Healthy' });
    expect(test.pods().map((pod) => [pod.ready, pod.health])).toEqual(Array(3).fill([true, 'Healthy']));
    for (const pod of test.pods())
      expect(pod.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(findCondition(test.cluster.find(web), 'Progressing')?.['reason']).toBe('NewReplicaSetAvailable');
  });

  it('never has fewer available or more pods than the strategy allows while it rolls', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1.0', { replicas: 3 }));
    await test.seconds(10);
    setImage(test, 'shop/web:2.0');
    expect(test.health(web)?.message).toContain('observed deployment generation');
    for (let step = 0; step < 100; step += 1) {
      await test.clock.advance(100);
      const pods = test.pods();
      expect(pods.length).toBeLessThanOrEqual(4);
      expect(pods.filter((pod) => pod.ready).length).toBeGreaterThanOrEqual(3);
    }
    expect(test.health(web)?.status).toBe('Healthy');
    expect(new Set(test.pods().map((pod) => pod.image))).toEqual(new Set(['shop/web:2.0']));
    expect(listSets(test).map((set) => [set.replicas, set.revision])).toEqual([
      [0, '1'],
      [3, '2'],
    ]);
  });

  it('keeps the old pods when the new ones crash, is Degraded at the deadline, and a revert finds its old ReplicaSet', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1.0', { replicas: 3 }));
    await test.seconds(10);
    const [first] = listSets(test);
    setImage(test, 'shop/web:1.1-crash');
    await test.seconds(60);
    const crashing = test.pods().filter((pod) => pod.image === 'shop/web:1.1-crash');
    expect(crashing).toMatchObject([{ ready: false, lastExitCode: 1, lastReason: 'Error', health: 'Degraded' }]);
    expect(crashing[0]?.restarts).toBeGreaterThanOrEqual(3);
    expect(test.pods().filter((pod) => pod.ready && pod.image === 'shop/web:1.0')).toHaveLength(3);
    expect(test.health(web)?.status).toBe('Progressing');
    expect(
      test.logs
        .read(crashing[0]?.uid ?? '', 'web', true)
        ?.map((line) => line.content)
        .join('\n'),
    ).toContain('DATABASE_URL');

    await test.seconds(600);
    expect(test.health(web)).toMatchObject({
      status: 'Degraded',
      message: expect.stringContaining('progress deadline'),
    });

    setImage(test, 'shop/web:1.0');
    await test.seconds(5);
    expect(test.health(web)?.status).toBe('Healthy');
    const sets = listSets(test);
    expect(sets).toHaveLength(2);
    expect(sets.find((set) => set.name === first?.name)).toMatchObject({ replicas: 3, revision: '3' });
  });

  it('starts the deadline anew with every step forward', async () => {
    const test = createTestCluster({ progressDeadlineSeconds: 60 });
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1-slow', { replicas: 3 }));
    await test.seconds(10);
    setImage(test, 'shop/web:2-slow');
    // Each of three rounds takes about 50 s: together longer than the deadline, none alone.
    for (let round = 0; round < 20; round += 1) {
      await test.seconds(10);
      expect(test.health(web)?.status).not.toBe('Degraded');
    }
    expect(test.health(web)?.status).toBe('Healthy');
  });

  it('Recreate takes all old pods away first', async () => {
    const test = createTestCluster();
    const spec = { replicas: 2, strategy: { type: 'Recreate' } };
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1.0', spec));
    await test.seconds(10);
    test.cluster.update(web, (live) => ({
      ...live,
      spec: toWorkload('Deployment', 'web', 'shop/web:2.0', spec)['spec'],
    }));
    for (let step = 0; step < 60; step += 1) {
      await test.clock.advance(100);
      expect(
        new Set(test.cluster.list('Pod').map((pod) => valueAt(pod, 'spec', 'containers', 0, 'image'))).size,
      ).toBeLessThanOrEqual(1);
    }
    expect(test.health(web)?.status).toBe('Healthy');
    expect(test.pods().map((pod) => pod.image)).toEqual(['shop/web:2.0', 'shop/web:2.0']);
  });

  it('goes with its ReplicaSets and pods', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1.0', { replicas: 2 }));
    await test.seconds(10);
    test.cluster.delete(web);
    expect(test.health(web)).toMatchObject({ status: 'Progressing', message: 'Pending deletion' });
    await test.seconds(10);
    expect(test.cluster.list()).toEqual([]);
  });

  it('says which quota keeps pods from being made', async () => {
    const test = createTestCluster({ progressDeadlineSeconds: 60 });
    test.cluster.create({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'few', namespace: 'shop' },
      spec: { hard: { pods: '1' } },
    });
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1.0', { replicas: 2 }));
    await test.seconds(70);
    expect(test.health(web)?.status).toBe('Degraded');
    expect(findCondition(test.cluster.find(web), 'ReplicaFailure')?.['message']).toContain('exceeded quota: few');
    expect(listAt(test.cluster.find(web), 'status', 'conditions').length).toBe(3);
  });
});
