import { describe, expect, it } from 'vitest';
import { startRollout, toRollout, toService, toTemplate } from './test-rollout.ts';

const OLD = 'shop/web:1';
const NEW = 'shop/web:2';
const services = [toService('active'), toService('preview')];
const rate = { templates: [{ templateName: 'rate' }] };
const strategy = (options: object = {}) => ({
  blueGreen: { activeService: 'active', previewService: 'preview', ...options },
});

async function play(options: object, script = 'successful', more: object = {}) {
  const rollout = await startRollout(strategy(options), [
    ...services,
    toTemplate('rate', { count: 2, interval: '20s' }),
  ]);
  const stable = rollout.status('stableRS');
  rollout.update(toRollout(NEW, strategy(options), more, { 'sandbox.tiphys.dev/analysis': script }));
  return { ...rollout, stable, isSwitched: () => rollout.selected('active') !== stable };
}

describe('a simulated blue-green update', () => {
  it('shows the new pods in the preview and switches when resumed; the old ones go a while later', async () => {
    const { act, health, images, seconds, selected, stable, status } = await play({ autoPromotionEnabled: false });
    await seconds(10);
    expect(health()).toEqual({ status: 'Suspended', message: 'BlueGreenPause' });
    expect(images()).toHaveLength(8);
    expect(selected('active')).toBe(stable);
    expect(selected('preview')).toBe(status('currentPodHash'));
    act('resume');
    await seconds(5);
    expect(health()?.status).toBe('Healthy');
    expect(selected('active')).toBe(status('currentPodHash'));
    expect(images()).toHaveLength(8);
    await seconds(35);
    expect(images()).toEqual(Array(4).fill(NEW));
  });

  it('never switches before every new pod is available', async () => {
    const { clock, images, isSwitched, pods } = await play({});
    for (let tenth = 0; tenth < 100; tenth += 1) {
      await clock.advance(100);
      const ready = pods().filter((pod) => pod.image === NEW && pod.ready).length;
      if (ready < 4) expect(isSwitched()).toBe(false);
      expect(pods().filter((pod) => pod.image === OLD && pod.ready)).toHaveLength(4);
    }
    expect(isSwitched()).toBe(true);
    expect(images()).toHaveLength(8);
  });

  it('switches by itself by default, and after the seconds given', async () => {
    const { health, isSwitched, seconds } = await play({});
    await seconds(8);
    expect(health()?.status).toBe('Healthy');
    expect(isSwitched()).toBe(true);
    const later = await play({ autoPromotionSeconds: 60 });
    await later.seconds(30);
    expect(later.health()).toEqual({ status: 'Suspended', message: 'BlueGreenPause' });
    expect(later.isSwitched()).toBe(false);
    await later.seconds(60);
    expect(later.health()?.status).toBe('Healthy');
    expect(later.isSwitched()).toBe(true);
  });

  it('switches only after its first analysis was good, and pauses only then', async () => {
    const { act, health, isSwitched, pauses, runs, seconds } = await play({
      prePromotionAnalysis: rate,
      autoPromotionEnabled: false,
    });
    await seconds(15);
    expect(runs()).toEqual([expect.stringMatching(/-2-pre Running$/)]);
    expect(health()).toMatchObject({ status: 'Progressing', message: 'active service cutover pending' });
    expect(isSwitched()).toBe(false);
    await seconds(20);
    expect(runs()).toEqual([expect.stringMatching(/-2-pre Successful$/)]);
    expect(pauses()).toEqual(['BlueGreenPause']);
    expect(isSwitched()).toBe(false);
    act('resume');
    await seconds(5);
    expect(isSwitched()).toBe(true);
    expect(health()?.status).toBe('Healthy');
  });

  it.each(['prePromotionAnalysis', 'postPromotionAnalysis'])(
    'a failed %s leaves users with the old pods, or brings them back',
    async (field) => {
      const { health, images, isSwitched, seconds } = await play({ [field]: rate }, 'failed');
      await seconds(20);
      expect(health()).toEqual({ status: 'Degraded', message: expect.stringContaining('RolloutAborted') });
      expect(isSwitched()).toBe(false);
      expect(images()).toHaveLength(8);
      await seconds(40);
      expect(images()).toEqual(Array(4).fill(OLD));
    },
  );

  it.each([
    ['[]', 'prePromotionAnalysis', false],
    ['NaN', 'postPromotionAnalysis', true],
  ])(
    'an analysis that says neither yes nor no (%s, %s) waits for somebody, old pods and all',
    async (script, field, switched) => {
      const rollout = await startRollout(strategy({ [field]: rate }), [
        ...services,
        toTemplate('rate', {
          successCondition: 'len(result) > 0 && result[0] > 1',
          failureCondition: 'any(result, {# <= 1})',
        }),
      ]);
      const { act, health, images, pauses, runs, seconds, selected, status, update } = rollout;
      const stable = status('stableRS');
      update(toRollout(NEW, strategy({ [field]: rate }), {}, { 'sandbox.tiphys.dev/analysis': script }));
      await seconds(1000);
      expect(health()).toEqual({ status: 'Suspended', message: 'InconclusiveAnalysisRun' });
      expect(selected('active') !== stable).toBe(switched);
      expect(images()).toHaveLength(8);
      act('resume');
      await seconds(10);
      expect(pauses()).toEqual(['InconclusiveAnalysisRun']);
      expect(runs()).toHaveLength(2);
      act('promote-full');
      await seconds(10);
      expect(health()?.status).toBe('Healthy');
      expect(selected('active')).toBe(status('currentPodHash'));
      await seconds(40);
      expect(images()).toEqual(Array(4).fill(NEW));
    },
  );

  it('keeps the old pods while the last analysis runs', async () => {
    const { health, images, isSwitched, seconds } = await play({ postPromotionAnalysis: rate });
    await seconds(20);
    expect(isSwitched()).toBe(true);
    expect(health()).toMatchObject({ status: 'Progressing', message: 'waiting for analysis to complete' });
    await seconds(20);
    expect(health()?.status).toBe('Healthy');
    expect(images()).toHaveLength(8);
    await seconds(35);
    expect(images()).toEqual(Array(4).fill(NEW));
  });

  it.each([
    [{ scaleDownDelaySeconds: 120 }, 100, 8],
    [{ scaleDownDelaySeconds: 120 }, 135, 4],
    [{ scaleDownDelaySeconds: 0 }, 10, 4],
  ])('keeps the old pods as long as it says: %j', async (options, after, wanted) => {
    const { images, seconds } = await play(options);
    await seconds(after);
    expect(images()).toHaveLength(wanted);
  });

  it('keeps the pods of an aborted update as long as it says, 0 being for ever', async () => {
    for (const [abortScaleDownDelaySeconds, wanted] of [
      [90, 4],
      [0, 8],
    ] as const) {
      const { act, images, seconds } = await play({ autoPromotionEnabled: false, abortScaleDownDelaySeconds });
      await seconds(10);
      act('abort');
      await seconds(80);
      expect(images()).toHaveLength(8);
      await seconds(20);
      expect(images()).toHaveLength(wanted);
    }
  });

  it('goes back without pause or analysis while the old pods are still there', async () => {
    const { act, health, runs, seconds, selected, stable, update } = await play({
      autoPromotionEnabled: false,
      prePromotionAnalysis: rate,
      scaleDownDelaySeconds: 300,
    });
    await seconds(40);
    act('resume');
    await seconds(10);
    expect(health()?.status).toBe('Healthy');
    update(
      toRollout(OLD, strategy({ autoPromotionEnabled: false, prePromotionAnalysis: rate, scaleDownDelaySeconds: 300 })),
    );
    await seconds(5);
    expect(health()?.status).toBe('Healthy');
    expect(selected('active')).toBe(stable);
    expect(runs()).toHaveLength(1);
  });

  it('a preview of fewer pods grows to all of them before the switch', async () => {
    const { act, clock, images, isSwitched, pods, seconds } = await play({
      autoPromotionEnabled: false,
      previewReplicaCount: 1,
    });
    await seconds(10);
    expect(images()).toEqual([OLD, OLD, OLD, OLD, NEW]);
    act('resume');
    for (let tenth = 0; tenth < 100; tenth += 1) {
      await clock.advance(100);
      if (pods().filter((pod) => pod.image === NEW && pod.ready).length < 4) expect(isSwitched()).toBe(false);
    }
    expect(isSwitched()).toBe(true);
  });

  it('crashing new pods never become active', async () => {
    const { health, isSwitched, seconds, update } = await play({});
    await seconds(60);
    const before = isSwitched();
    update(toRollout('shop/web:3-crash', strategy(), { progressDeadlineSeconds: 60 }));
    await seconds(200);
    expect(health()?.status).toBe('Degraded');
    expect(isSwitched()).toBe(before);
  });
});
