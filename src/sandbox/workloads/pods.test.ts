import { describe, expect, it } from 'vitest';
import { createTestCluster, toWorkload } from './test-cluster.ts';

const ref = { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' };

function reasons(test: ReturnType<typeof createTestCluster>): string[] {
  const [pod] = test.pods();
  return test.cluster.events.listFor(pod?.uid ?? '').map((event) => `${event.type} ${event.reason}`);
}

describe('simulated pods', () => {
  it.each([
    ['shop/web:1.0', undefined, 'Healthy'],
    ['shop/web:1.0-pull-failure', 'ImagePullBackOff', 'Degraded'],
    ['registry.example.com:5000/shop/web:2.0-missing', 'ImagePullBackOff', 'Degraded'],
    ['shop/web:1.0-crash', 'CrashLoopBackOff', 'Degraded'],
    ['shop/web:1.0_broken', 'CrashLoopBackOff', 'Degraded'],
    ['shop/web:1.0-oom', 'CrashLoopBackOff', 'Degraded'],
    ['shop/web:broken-down.1', 'CrashLoopBackOff', 'Degraded'],
    ['shop/crash:1.0', undefined, 'Healthy'],
    ['shop/web:1.0-unbroken', undefined, 'Healthy'],
    // Argo CD knows back-offs and errors; a name that is not one is neither.
    ['shop/Web:1.0', 'InvalidImageName', 'Progressing'],
  ])('%s waits with %s and is %s', async (image, waiting, health) => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('Deployment', 'web', image));
    await test.seconds(45);
    const seen = new Set<string | undefined>();
    for (let second = 0; second < 30; second += 1) {
      await test.seconds(1);
      seen.add(test.pods()[0]?.waiting);
    }
    expect(seen.has(waiting)).toBe(true);
    expect(test.pods()[0]?.ready).toBe(waiting === undefined);
    expect(test.pods()[0]?.health).toBe(health);
  });

  it('the annotation wins over the tag', async () => {
    const test = createTestCluster();
    const workload = toWorkload('Deployment', 'web', 'shop/web:1.0-crash');
    const annotations = { 'sandbox.tiphys.dev/behaviour': 'healthy' };
    const template = {
      metadata: { labels: { app: 'web' }, annotations },
      spec: { containers: [{ name: 'web', image: 'shop/web:1.0-crash' }] },
    };
    test.cluster.create({ ...workload, spec: { selector: { matchLabels: { app: 'web' } }, template } });
    await test.seconds(10);
    expect(test.pods()).toMatchObject([{ ready: true, restarts: 0 }]);
  });

  it('a crash restarts at once, then after 10, 20, 40 seconds', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1-crash'));
    const restartsAt: number[] = [];
    for (let tenth = 0; tenth < 900; tenth += 1) {
      await test.clock.advance(100);
      const restarts = test.pods()[0]?.restarts ?? 0;
      if (restarts > restartsAt.length) restartsAt.push(tenth / 10);
    }
    const gaps = restartsAt.slice(1).map((at, index) => Math.round(at - (restartsAt[index] ?? 0)));
    expect(gaps.slice(0, 3)).toEqual([11, 21, 41]);
    expect(reasons(test)).toContain('Warning BackOff');
  });

  it('running out of memory says so, with exit code 137', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1-oom'));
    await test.seconds(30);
    expect(test.pods()[0]).toMatchObject({ lastReason: 'OOMKilled', lastExitCode: 137 });
  });

  it('a pod that is never ready keeps running, says why, and holds the Deployment back until its deadline', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1-never-ready'));
    await test.seconds(60);
    expect(test.pods()[0]).toMatchObject({ phase: 'Running', ready: false, restarts: 0 });
    expect(reasons(test)).toContain('Warning Unhealthy');
    expect(test.health(ref)?.status).toBe('Progressing');
    await test.seconds(600);
    expect(test.health(ref)?.status).toBe('Degraded');
  });

  it('a flapping pod turns ready and back again', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1-flapping'));
    const seen: boolean[] = [];
    for (let second = 0; second < 60; second += 1) {
      await test.seconds(1);
      const ready = test.pods()[0]?.ready ?? false;
      if (seen.at(-1) !== ready) seen.push(ready);
    }
    expect(seen.slice(0, 5)).toEqual([false, true, false, true, false]);
  });

  it('a container waits for the ConfigMap it cannot do without, and starts when it comes', async () => {
    const test = createTestCluster();
    const envFrom = [{ configMapRef: { name: 'settings' } }];
    test.cluster.create(
      toWorkload('Deployment', 'web', '', {}, { containers: [{ name: 'web', image: 'shop/web:1', envFrom }] }),
    );
    await test.seconds(10);
    expect(test.pods()[0]).toMatchObject({ waiting: 'CreateContainerConfigError', ready: false, health: 'Degraded' });
    test.cluster.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'shop' } });
    await test.seconds(20);
    expect(test.pods()[0]?.ready).toBe(true);
  });

  it('a pod no node can take stays Pending with the reason of the scheduler', async () => {
    const test = createTestCluster();
    const resources = { requests: { cpu: '500', memory: '1Gi' } };
    test.cluster.create(
      toWorkload('Deployment', 'web', '', {}, { containers: [{ name: 'web', image: 'shop/web:1', resources }] }),
    );
    await test.seconds(10);
    const [pod] = test.pods();
    expect(pod).toMatchObject({ phase: 'Pending', ready: false });
    const [event] = test.cluster.events.listFor(pod?.uid ?? '').filter((other) => other.reason === 'FailedScheduling');
    expect(event?.message).toContain('0/3 nodes are available: 3 Insufficient cpu');
  });

  it('init containers run first and one after another', async () => {
    const test = createTestCluster();
    const pod = {
      initContainers: [
        { name: 'first', image: 'a:1' },
        { name: 'second', image: 'b:1-crash' },
      ],
      containers: [{ name: 'web', image: 'shop/web:1' }],
    };
    test.cluster.create(toWorkload('Deployment', 'web', '', {}, pod));
    await test.seconds(20);
    expect(test.pods()[0]).toMatchObject({ phase: 'Pending', ready: false, health: 'Degraded' });
    const events = test.cluster.events.listFor(test.pods()[0]?.uid ?? '').map((event) => event.message);
    expect(events).toContain('Started container first');
    expect(events).toContain('Started container second');
    expect(events).not.toContain('Started container web');
  });

  it('running pods can be troubled later, and recover', async () => {
    const test = createTestCluster();
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1', { replicas: 2 }));
    await test.seconds(10);
    for (const pod of test.pods()) expect(test.controllers.pods.disturb(pod.uid, 'crash')).toBe(true);
    await test.seconds(20);
    expect(test.pods().map((pod) => [pod.ready, pod.waiting])).toEqual([
      [false, 'CrashLoopBackOff'],
      [false, 'CrashLoopBackOff'],
    ]);
    // A Deployment that was complete once does not fail its deadline afterwards.
    await test.seconds(1000);
    expect(test.health(ref)?.status).toBe('Progressing');
    for (const pod of test.pods()) test.controllers.pods.disturb(pod.uid, 'healthy');
    await test.seconds(5);
    expect(test.health(ref)?.status).toBe('Healthy');
    expect(test.controllers.pods.disturb('nobody', 'crash')).toBe(false);
  });
});
