import { describe, expect, it } from 'vitest';
import { numberAt, recordAt } from '../json.ts';
import { createTestCluster, toWorkload } from './test-cluster.ts';
import { openRollout, toRollout, toService } from './test-rollout.ts';

const DEPLOYMENT = { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' };
const canary = { canary: { steps: [{ setWeight: 25 }, { pause: {} }] } };
const blueGreen = { blueGreen: { activeService: 'active', autoPromotionEnabled: false } };

/** A Deployment of four pods that serve, and a Rollout beside it that borrows their template. */
async function startBeside(scaleDown: string | undefined, strategy: object = canary, image = 'shop/web:1') {
  const test = createTestCluster();
  const { cluster } = test;
  cluster.create(toService('active'));
  cluster.create(toWorkload('Deployment', 'web', image, { replicas: 4 }));
  await test.seconds(10);
  const workloadRef = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: 'web',
    ...(scaleDown === undefined ? {} : { scaleDown }),
  };
  const wanted = toRollout('', strategy, { workloadRef });
  const { template: _none, ...spec } = recordAt(wanted, 'spec');
  cluster.create({ ...wanted, spec });
  const own = () => numberAt(cluster.find(DEPLOYMENT), 'spec', 'replicas');
  const deploy = (next: string, replicas: number) =>
    void cluster.update(DEPLOYMENT, (live) => ({
      ...live,
      spec: toWorkload('Deployment', 'web', next, { replicas })['spec'],
    }));
  return { ...test, ...openRollout(test), own, deploy };
}

describe('a simulated Rollout that borrows the template of a Deployment', () => {
  it.each(['onsuccess', 'progressively', 'never'])('%s: no moment with fewer pods than before', async (scaleDown) => {
    const { clock, health, ready } = await startBeside(scaleDown);
    for (let tenth = 0; tenth < 200; tenth += 1) {
      await clock.advance(100);
      expect(ready()).toBeGreaterThanOrEqual(4);
    }
    expect(health()?.status).toBe('Healthy');
  });

  it.each([undefined, 'never'])('%s: leaves the pods of the Deployment alone', async (scaleDown) => {
    const { own, pods, seconds } = await startBeside(scaleDown);
    await seconds(100);
    expect(own()).toBe(4);
    expect(pods()).toHaveLength(8);
  });

  it('onsuccess: takes them away at once when the first version is Healthy, and again when they are put back', async () => {
    const { deploy, health, own, pods, seconds, clock } = await startBeside('onsuccess');
    while (health()?.status !== 'Healthy') {
      expect(own()).toBe(4);
      await clock.advance(100);
    }
    await seconds(5);
    expect([own(), pods().length]).toEqual([0, 4]);
    deploy('shop/web:1', 4);
    await seconds(10);
    expect([own(), pods().length]).toEqual([0, 4]);
  });

  it('progressively: one of them goes for each pod of the first version that is ready, before it is Healthy', async () => {
    const { clock, health, own, status, seconds, update } = await startBeside('progressively');
    const workloadRef = { kind: 'Deployment', name: 'web', scaleDown: 'progressively' };
    update(toRollout('', canary, { workloadRef, minReadySeconds: 30 }));
    for (let tenth = 0; tenth < 100; tenth += 1) {
      await clock.advance(100);
      expect(own()).toBeGreaterThanOrEqual(4 - Number(status('readyReplicas') ?? 0));
    }
    expect(health()).toMatchObject({ status: 'Progressing', message: 'updated replicas are still becoming available' });
    expect(own()).toBe(0);
    await seconds(40);
    expect([health()?.status, own()]).toEqual(['Healthy', 0]);
  });

  it('progressively: a first version that does not come up leaves them where they are', async () => {
    const { deploy, health, images, own, ready, seconds, update } = await startBeside('progressively');
    await seconds(0.5);
    deploy('shop/web:2-crash', 4);
    update(
      toRollout('', canary, {
        workloadRef: { kind: 'Deployment', name: 'web', scaleDown: 'progressively' },
        progressDeadlineSeconds: 30,
      }),
    );
    await seconds(100);
    expect(health()?.status).not.toBe('Healthy');
    expect(own()).toBeGreaterThan(0);
    expect(ready()).toBeGreaterThanOrEqual(3);
    expect(images()).toContain('shop/web:1');
  });

  it.each(['onsuccess', 'progressively'])(
    '%s: is meant for the first version, later ones touch nothing',
    async (scaleDown) => {
      const { act, deploy, health, own, pods, seconds } = await startBeside(scaleDown);
      await seconds(20);
      deploy('shop/web:2', 0);
      await seconds(10);
      act('resume');
      await seconds(20);
      expect(health()?.status).toBe('Healthy');
      deploy('shop/web:2', 4);
      await seconds(20);
      expect([own(), pods().length]).toEqual([4, 8]);
    },
  );

  it('follows the template, step by step', async () => {
    const { deploy, health, images, seconds } = await startBeside('onsuccess');
    await seconds(20);
    deploy('shop/web:2', 0);
    await seconds(10);
    expect(health()?.status).toBe('Suspended');
    expect(images()).toEqual(['shop/web:1', 'shop/web:1', 'shop/web:1', 'shop/web:2']);
  });

  it('blue-green: the Service goes on selecting the pods of the Deployment until all of its own are available', async () => {
    const { clock, pods, selected, status } = await startBeside('never', blueGreen, 'shop/web:1-slow');
    for (let half = 0; half < 240; half += 1) {
      await clock.advance(500);
      const ready = pods().filter((pod) => pod.name.includes(String(status('currentPodHash'))) && pod.ready).length;
      if (ready < 4) expect(selected('active')).toBeUndefined();
    }
    expect(selected('active')).toBe(status('currentPodHash'));
  });
});
