import { describe, expect, it } from 'vitest';
import type { ManifestObject } from '../../manifest/object.ts';
import { createActions } from '../argo/actions.ts';
import { numberAt, textAt, valueAt } from '../json.ts';
import { createTestCluster, toWorkload } from './test-cluster.ts';

const ref = { group: 'argoproj.io', kind: 'Rollout', namespace: 'shop', name: 'web' };
type Test = ReturnType<typeof createTestCluster>;

function toRollout(
  image: string,
  strategy: object,
  spec: object = {},
  annotations: Record<string, string> = {},
): ManifestObject {
  const labels = { app: 'web' };
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      replicas: 4,
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: { containers: [{ name: 'web', image }] } },
      strategy,
      ...spec,
    },
  };
}

function toTemplate(name: string, metric: object): ManifestObject {
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name, namespace: 'shop' },
    spec: { metrics: [{ name: 'success-rate', ...metric }] },
  };
}

const update = (test: Test, rollout: ManifestObject) =>
  test.cluster.update(ref, (live) => ({ ...live, spec: rollout['spec'] }));
const status = (test: Test, ...path: (string | number)[]) => valueAt(test.cluster.find(ref), 'status', ...path);
const images = (test: Test) =>
  test
    .pods()
    .map((pod) => pod.image)
    .sort();
const act = (test: Test, action: string) =>
  createActions(test.cluster, test.timeline).run(test.cluster.find(ref)?.metadata.uid ?? '', action, {});
const actions = (test: Test) =>
  createActions(test.cluster, test.timeline)
    .list(test.cluster.find(ref)?.metadata.uid ?? '')
    .filter((action) => action.disabled !== true)
    .map((action) => action.name);

async function startWith(strategy: object, rest: ManifestObject[] = []): Promise<Test> {
  const test = createTestCluster();
  for (const object of rest) test.cluster.create(object);
  test.cluster.create(toRollout('shop/web:1', strategy));
  await test.seconds(10);
  expect(test.health(ref)?.status).toBe('Healthy');
  return test;
}

const steps = {
  canary: { steps: [{ setWeight: 25 }, { pause: {} }, { setWeight: 50 }, { pause: { duration: '30s' } }] },
};

describe('a simulated canary', () => {
  it('brings the first version up without any step, its generation observed as text', async () => {
    const test = await startWith(steps);
    expect(status(test, 'observedGeneration')).toBe('1');
    expect(status(test, 'currentStepIndex')).toBe(4);
    expect(status(test, 'stableRS')).toBe(status(test, 'currentPodHash'));
    expect(test.pods()[0]?.name).toMatch(/^web-[a-z0-9]{10}-[a-z0-9]{5}$/);
  });

  it('waits at an open pause with its share of pods, goes on when resumed, and by itself after a timed one', async () => {
    const test = await startWith(steps);
    update(test, toRollout('shop/web:2', steps));
    expect(test.health(ref)).toMatchObject({ status: 'Progressing', message: expect.stringContaining('observed') });
    await test.seconds(10);
    expect(test.health(ref)).toEqual({ status: 'Suspended', message: 'CanaryPauseStep' });
    expect(images(test)).toEqual(['shop/web:1', 'shop/web:1', 'shop/web:1', 'shop/web:2']);
    expect(status(test, 'pauseConditions', 0, 'reason')).toBe('CanaryPauseStep');
    await test.seconds(10_000);
    expect(status(test, 'currentStepIndex')).toBe(1);
    expect(actions(test)).toEqual(['restart', 'abort', 'pause', 'promote-full', 'resume', 'skip-current-step']);
    act(test, 'resume');
    await test.seconds(10);
    expect(status(test, 'currentStepIndex')).toBe(3);
    expect(images(test)).toEqual(['shop/web:1', 'shop/web:1', 'shop/web:2', 'shop/web:2']);
    await test.seconds(45);
    expect(test.health(ref)).toEqual({ status: 'Healthy', message: '' });
    expect(images(test)).toEqual(Array(4).fill('shop/web:2'));
    expect(status(test, 'stableRS')).toBe(status(test, 'currentPodHash'));
  });

  it('keeps enough pods available on the whole way', async () => {
    const test = await startWith({ canary: { steps: [{ setWeight: 50 }, { pause: { duration: 5 } }] } });
    update(test, toRollout('shop/web:2', { canary: { steps: [{ setWeight: 50 }, { pause: { duration: 5 } }] } }));
    for (let tenth = 0; tenth < 300; tenth += 1) {
      await test.clock.advance(100);
      expect(test.pods().filter((pod) => pod.ready).length).toBeGreaterThanOrEqual(3);
      expect(test.pods().length).toBeLessThanOrEqual(5);
    }
    expect(test.health(ref)?.status).toBe('Healthy');
  });

  it('aborted by hand: back on the stable pods, Degraded, until git returns to them; then Healthy without steps', async () => {
    const test = await startWith(steps);
    update(test, toRollout('shop/web:2', steps));
    await test.seconds(10);
    act(test, 'abort');
    await test.seconds(10);
    expect(test.health(ref)).toEqual({ status: 'Degraded', message: expect.stringMatching(/^RolloutAborted/) });
    expect(images(test)).toEqual(Array(4).fill('shop/web:1'));
    expect(actions(test)).toContain('retry');
    await test.seconds(1000);
    expect(test.health(ref)?.status).toBe('Degraded');
    update(test, toRollout('shop/web:1', steps));
    await test.seconds(3);
    expect(test.health(ref)?.status).toBe('Healthy');
    expect(status(test, 'abort')).toBeUndefined();
  });

  it('retried after an abort it starts from the first step, and a full promotion skips what is left', async () => {
    const test = await startWith(steps);
    update(test, toRollout('shop/web:2', steps));
    await test.seconds(10);
    act(test, 'abort');
    await test.seconds(10);
    act(test, 'retry');
    await test.seconds(10);
    expect(test.health(ref)?.status).toBe('Suspended');
    expect(status(test, 'currentStepIndex')).toBe(1);
    act(test, 'promote-full');
    await test.seconds(20);
    expect(test.health(ref)?.status).toBe('Healthy');
    expect(images(test)).toEqual(Array(4).fill('shop/web:2'));
  });

  it.each([
    ['healthy pods', 'shop/web:2', {}, { count: 3, interval: '10s' }, 'Healthy', 3],
    [
      'crashing pods seen by the analysis in the background',
      'shop/web:2-flapping',
      {},
      { interval: '5s' },
      'Degraded',
      undefined,
    ],
    [
      'measurements that fail',
      'shop/web:2',
      { 'sandbox.tiphys.dev/analysis': 'failed' },
      { count: 3, interval: '10s' },
      'Degraded',
      1,
    ],
    [
      'measurements that fail within the limit',
      'shop/web:2',
      { 'sandbox.tiphys.dev/analysis': 'failed' },
      { count: 3, interval: '1s', failureLimit: 3 },
      'Healthy',
      3,
    ],
    [
      'no data at all',
      'shop/web:2',
      { 'sandbox.tiphys.dev/analysis': 'error' },
      { count: 3, interval: '2s' },
      'Degraded',
      5,
    ],
    [
      'measurements that say nothing',
      'shop/web:2',
      { 'sandbox.tiphys.dev/analysis': 'inconclusive' },
      { count: 3, interval: '10s' },
      'Suspended',
      1,
    ],
  ])('is judged by its analysis: %s', async (what, image, annotations, metric, health, measurements) => {
    const analysis = { templates: [{ templateName: 'rate' }] };
    const isBackground = what.includes('background');
    const strategy = isBackground
      ? { canary: { analysis, steps: [{ setWeight: 25 }, { pause: { duration: '5m' } }] } }
      : { canary: { steps: [{ setWeight: 25 }, { analysis }] } };
    const test = await startWith(strategy, [toTemplate('rate', metric)]);
    update(test, toRollout(image, strategy, {}, annotations));
    await test.seconds(100);
    expect(test.health(ref)?.status).toBe(health);
    const [run] = test.cluster.list('AnalysisRun');
    expect(run?.metadata.name).toMatch(/^web-[a-z0-9]{10}-2(-1)?$/);
    if (measurements !== undefined)
      expect(valueAt(run, 'status', 'metricResults', 0, 'measurements')).toHaveLength(measurements);
    if (health === 'Degraded') {
      expect(test.health(ref)?.message).toMatch(/^RolloutAborted: .*Metric "success-rate" assessed (Failed|Error)/);
      expect(images(test)).toEqual(Array(4).fill('shop/web:1'));
    }
    if (health !== 'Suspended') return;
    expect(status(test, 'pauseConditions', 0, 'reason')).toBe('InconclusiveAnalysisRun');
    act(test, 'resume');
    await test.seconds(20);
    expect(test.health(ref)?.status).toBe('Healthy');
  });

  it('a new template in the middle ends the old analysis and starts from the first step', async () => {
    const strategy = {
      canary: { analysis: { templates: [{ templateName: 'rate' }] }, steps: [{ setWeight: 25 }, { pause: {} }] },
    };
    const test = await startWith(strategy, [toTemplate('rate', { interval: '10s' })]);
    update(test, toRollout('shop/web:2', strategy));
    await test.seconds(20);
    update(test, toRollout('shop/web:3', strategy));
    await test.seconds(20);
    expect(images(test)).toEqual(['shop/web:1', 'shop/web:1', 'shop/web:1', 'shop/web:3']);
    expect(test.cluster.list('AnalysisRun').map((run) => textAt(run, 'status', 'phase'))).toEqual([
      'Successful',
      'Running',
    ]);
    expect(test.health(ref)?.status).toBe('Suspended');
  });

  it('says what is missing: a template, a service, a strategy', async () => {
    const test = await startWith(steps);
    update(
      test,
      toRollout('shop/web:2', { canary: { steps: [{ analysis: { templates: [{ templateName: 'nowhere' }] } }] } }),
    );
    await test.seconds(5);
    expect(test.health(ref)).toEqual({
      status: 'Degraded',
      message: "InvalidSpec: AnalysisTemplate 'nowhere' not found",
    });
    update(test, toRollout('shop/web:2', { blueGreen: { activeService: 'nowhere' } }));
    await test.seconds(5);
    expect(test.health(ref)?.message).toContain('service "nowhere" not found');
    update(test, toRollout('shop/web:2', {}));
    await test.seconds(5);
    expect(test.health(ref)?.message).toContain('InvalidSpec');
  });

  it('is Degraded at its deadline when the canary does not come up, or aborts if told to', async () => {
    for (const [progressDeadlineAbort, message] of [
      [false, /^ProgressDeadlineExceeded/],
      [true, /^RolloutAborted: .*ProgressDeadlineExceeded/],
    ] as const) {
      const test = await startWith(steps);
      update(test, toRollout('shop/web:2-crash', steps, { progressDeadlineSeconds: 60, progressDeadlineAbort }));
      await test.seconds(30);
      expect(test.health(ref)?.status).toBe('Progressing');
      await test.seconds(60);
      expect(test.health(ref)).toEqual({ status: 'Degraded', message: expect.stringMatching(message) });
      expect(test.pods().filter((pod) => pod.ready && pod.image === 'shop/web:1').length).toBeGreaterThanOrEqual(3);
    }
  });

  it('borrows the template of a Deployment, follows it, and takes its pods away once it stands', async () => {
    const test = createTestCluster();
    const deployment = { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' };
    test.cluster.create(toWorkload('Deployment', 'web', 'shop/web:1', { replicas: 4 }));
    await test.seconds(10);
    const workloadRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', scaleDown: 'onsuccess' };
    const { spec } = toRollout('', steps, { workloadRef });
    const { template: _none, ...rest } = spec as { template: unknown };
    test.cluster.create({ ...toRollout('', steps), spec: rest });
    for (let tenth = 0; tenth < 100; tenth += 1) {
      await test.clock.advance(100);
      expect(test.pods().filter((pod) => pod.ready).length).toBeGreaterThanOrEqual(4);
    }
    await test.seconds(10);
    expect(test.health(ref)?.status).toBe('Healthy');
    expect(numberAt(test.cluster.find(deployment), 'spec', 'replicas')).toBe(0);
    expect(test.pods()).toHaveLength(4);
    test.cluster.update(deployment, (live) => ({
      ...live,
      spec: toWorkload('Deployment', 'web', 'shop/web:2', { replicas: 0 })['spec'],
    }));
    await test.seconds(10);
    expect(test.health(ref)?.status).toBe('Suspended');
    expect(images(test)).toContain('shop/web:2');
  });
});

describe('a simulated blue-green update', () => {
  const service = (name: string): ManifestObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { selector: { app: 'web' } },
  });
  const services = [service('active'), service('preview')];
  const manual = { blueGreen: { activeService: 'active', previewService: 'preview', autoPromotionEnabled: false } };
  const selected = (test: Test, name: string) =>
    textAt(
      test.cluster.find({ group: '', kind: 'Service', namespace: 'shop', name }),
      'spec',
      'selector',
      'rollouts-pod-template-hash',
    );

  it('shows the new pods in the preview and switches when resumed; the old ones go a while later', async () => {
    const test = await startWith(manual, services);
    const stable = status(test, 'stableRS');
    expect(selected(test, 'active')).toBe(stable);
    update(test, toRollout('shop/web:2', manual));
    await test.seconds(10);
    expect(test.health(ref)).toEqual({ status: 'Suspended', message: 'BlueGreenPause' });
    expect(images(test)).toHaveLength(8);
    expect(selected(test, 'active')).toBe(stable);
    expect(selected(test, 'preview')).toBe(status(test, 'currentPodHash'));
    act(test, 'resume');
    await test.seconds(5);
    expect(test.health(ref)?.status).toBe('Healthy');
    expect(selected(test, 'active')).toBe(status(test, 'currentPodHash'));
    expect(images(test)).toHaveLength(8);
    await test.seconds(35);
    expect(images(test)).toEqual(Array(4).fill('shop/web:2'));
  });

  it('switches by itself by default, and after the seconds given', async () => {
    const automatic = { blueGreen: { activeService: 'active' } };
    const test = await startWith(automatic, services);
    update(test, toRollout('shop/web:2', automatic));
    await test.seconds(8);
    expect(test.health(ref)?.status).toBe('Healthy');
    const later = { blueGreen: { activeService: 'active', autoPromotionSeconds: 60 } };
    update(test, toRollout('shop/web:3', later));
    await test.seconds(30);
    expect(test.health(ref)?.status).toBe('Suspended');
    await test.seconds(60);
    expect(test.health(ref)?.status).toBe('Healthy');
  });

  it('a failed analysis before the switch leaves the active service alone, one after it turns it back', async () => {
    for (const field of ['prePromotionAnalysis', 'postPromotionAnalysis']) {
      const strategy = { blueGreen: { activeService: 'active', [field]: { templates: [{ templateName: 'rate' }] } } };
      const test = await startWith(strategy, [...services, toTemplate('rate', {})]);
      const stable = status(test, 'stableRS');
      update(test, toRollout('shop/web:2', strategy, {}, { 'sandbox.tiphys.dev/analysis': 'failed' }));
      await test.seconds(60);
      expect(test.health(ref)).toEqual({ status: 'Degraded', message: expect.stringContaining('RolloutAborted') });
      expect(selected(test, 'active')).toBe(stable);
      expect(images(test)).toEqual(Array(4).fill('shop/web:1'));
    }
  });

  it('crashing new pods never become active', async () => {
    const automatic = { blueGreen: { activeService: 'active' } };
    const test = await startWith(automatic, services);
    const stable = status(test, 'stableRS');
    update(test, toRollout('shop/web:2-crash', automatic, { progressDeadlineSeconds: 60 }));
    await test.seconds(200);
    expect(test.health(ref)?.status).toBe('Degraded');
    expect(selected(test, 'active')).toBe(stable);
  });
});
