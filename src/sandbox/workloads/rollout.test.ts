import { describe, expect, it } from 'vitest';
import { valueAt } from '../json.ts';
import { startRollout, toRollout, toService, toTemplate } from './test-rollout.ts';

const steps = {
  canary: { steps: [{ setWeight: 25 }, { pause: {} }, { setWeight: 50 }, { pause: { duration: '30s' } }] },
};
const OLD = 'shop/web:1';
const NEW = 'shop/web:2';

describe('a simulated canary', () => {
  it('brings the first version up without any step, its generation observed as text', async () => {
    const { status, pods } = await startRollout(steps);
    expect(status('observedGeneration')).toBe('1');
    expect(status('currentStepIndex')).toBe(4);
    expect(status('stableRS')).toBe(status('currentPodHash'));
    expect(pods()[0]?.name).toMatch(/^web-[a-z0-9]{10}-[a-z0-9]{5}$/);
  });

  it('waits at an open pause with its share of pods, goes on when resumed, and by itself after a timed one', async () => {
    const { act, actions, health, images, seconds, status, update } = await startRollout(steps);
    update(toRollout(NEW, steps));
    expect(health()).toMatchObject({ status: 'Progressing', message: expect.stringContaining('observed') });
    await seconds(10);
    expect(health()).toEqual({ status: 'Suspended', message: 'CanaryPauseStep' });
    expect(images()).toEqual([OLD, OLD, OLD, NEW]);
    expect(status('pauseConditions', 0, 'reason')).toBe('CanaryPauseStep');
    await seconds(10_000);
    expect(status('currentStepIndex')).toBe(1);
    expect(actions()).toEqual(['restart', 'abort', 'pause', 'promote-full', 'resume', 'skip-current-step']);
    act('resume');
    await seconds(10);
    expect(status('currentStepIndex')).toBe(3);
    expect(images()).toEqual([OLD, OLD, NEW, NEW]);
    await seconds(45);
    expect(health()).toEqual({ status: 'Healthy', message: '' });
    expect(images()).toEqual(Array(4).fill(NEW));
    expect(status('stableRS')).toBe(status('currentPodHash'));
  });

  it.each([
    [1, 20, [OLD, NEW]],
    [2, 20, [OLD, OLD, NEW]],
    [3, 50, [OLD, OLD, NEW, NEW]],
    [4, 25, [OLD, OLD, OLD, NEW]],
    [10, 5, [...Array<string>(10).fill(OLD), NEW]],
    [2, 0, [OLD, OLD]],
  ])('of %i pods comes as near to %i %% as whole pods can', async (replicas, setWeight, wanted) => {
    const strategy = { canary: { steps: [{ setWeight }, { pause: {} }] } };
    const { images, seconds, update } = await startRollout(strategy);
    update(toRollout(OLD, strategy, { replicas }));
    await seconds(20);
    update(toRollout(NEW, strategy, { replicas }));
    await seconds(20);
    expect(images()).toEqual(wanted);
  });

  it('keeps enough pods available on the whole way', async () => {
    const strategy = { canary: { steps: [{ setWeight: 50 }, { pause: { duration: 5 } }] } };
    const { clock, health, pods, ready, update } = await startRollout(strategy);
    update(toRollout(NEW, strategy));
    for (let tenth = 0; tenth < 300; tenth += 1) {
      await clock.advance(100);
      expect(ready()).toBeGreaterThanOrEqual(3);
      expect(pods().length).toBeLessThanOrEqual(5);
    }
    expect(health()?.status).toBe('Healthy');
  });

  it('aborted by hand: back on the stable pods, Degraded, until git returns to them; then Healthy without steps', async () => {
    const { act, actions, health, images, seconds, status, update } = await startRollout(steps);
    update(toRollout(NEW, steps));
    await seconds(10);
    act('abort');
    await seconds(10);
    expect(health()).toEqual({ status: 'Degraded', message: expect.stringMatching(/^RolloutAborted/) });
    expect(images()).toEqual(Array(4).fill(OLD));
    expect(actions()).toContain('retry');
    await seconds(1000);
    expect(health()?.status).toBe('Degraded');
    update(toRollout(OLD, steps));
    await seconds(3);
    expect(health()?.status).toBe('Healthy');
    expect(status('abort')).toBeUndefined();
    expect(status('abortedAt')).toBeUndefined();
  });

  it('retried after an abort it starts from the first step, and a full promotion skips what is left', async () => {
    const { act, health, images, seconds, status, update } = await startRollout(steps);
    update(toRollout(NEW, steps));
    await seconds(10);
    act('abort');
    await seconds(10);
    act('retry');
    await seconds(10);
    expect(health()?.status).toBe('Suspended');
    expect(status('currentStepIndex')).toBe(1);
    act('promote-full');
    await seconds(20);
    expect(health()?.status).toBe('Healthy');
    expect(images()).toEqual(Array(4).fill(NEW));
  });

  it('takes a template that changes in the middle from the first step, and ends what measured the last one', async () => {
    const strategy = {
      canary: { analysis: { templates: [{ templateName: 'rate' }] }, steps: [{ setWeight: 25 }, { pause: {} }] },
    };
    const { health, images, runs, seconds, update } = await startRollout(strategy, [
      toTemplate('rate', { interval: '10s' }),
    ]);
    update(toRollout(NEW, strategy));
    await seconds(20);
    update(toRollout('shop/web:3', strategy));
    await seconds(20);
    expect(images()).toEqual([OLD, OLD, OLD, 'shop/web:3']);
    expect(runs().map((run) => run.split(' ')[1])).toEqual(['Successful', 'Running']);
    expect(health()?.status).toBe('Suspended');
  });

  it('says what is missing, a template of a later step too, and moves nothing meanwhile', async () => {
    const { health, images, seconds, update } = await startRollout(steps);
    const analysis = { templates: [{ templateName: 'nowhere' }] };
    update(toRollout(NEW, { canary: { steps: [{ setWeight: 25 }, { analysis }] } }));
    await seconds(5);
    expect(health()).toEqual({
      status: 'Degraded',
      message:
        'InvalidSpec: The Rollout "web" is invalid: spec.strategy.canary.steps[1].analysis.templates: Invalid value: "nowhere": AnalysisTemplate \'nowhere\' not found',
    });
    expect(images()).toEqual(Array(4).fill(OLD));
    update(toRollout(NEW, { blueGreen: { activeService: 'nowhere' } }));
    await seconds(5);
    expect(health()?.message).toContain('service "nowhere" not found');
    update(toRollout(NEW, {}));
    await seconds(5);
    expect(health()?.message).toContain('InvalidSpec');
    expect(images()).toEqual(Array(4).fill(OLD));
  });

  it('goes on by itself once what was missing is there', async () => {
    const { cluster, health, images, seconds, update } = await startRollout(steps);
    const strategy = { canary: { steps: [{ analysis: { templates: [{ templateName: 'late' }] } }] } };
    update(toRollout(NEW, strategy));
    await seconds(5);
    cluster.create(toTemplate('late', {}));
    await seconds(40);
    expect(health()?.status).toBe('Healthy');
    expect(images()).toEqual(Array(4).fill(NEW));
  });

  it('is Degraded at its deadline when the canary does not come up, or aborts if told to', async () => {
    for (const [progressDeadlineAbort, message] of [
      [false, /^ProgressDeadlineExceeded/],
      [true, /^RolloutAborted: .*ProgressDeadlineExceeded/],
    ] as const) {
      const { health, pods, seconds, update } = await startRollout(steps);
      update(toRollout('shop/web:2-crash', steps, { progressDeadlineSeconds: 60, progressDeadlineAbort }));
      await seconds(30);
      expect(health()?.status).toBe('Progressing');
      await seconds(60);
      expect(health()).toEqual({ status: 'Degraded', message: expect.stringMatching(message) });
      expect(pods().filter((pod) => pod.ready && pod.image === OLD).length).toBeGreaterThanOrEqual(3);
    }
  });

  it('has no deadline at a pause or an analysis', async () => {
    const { health, seconds, update } = await startRollout(steps, [toTemplate('slow', { interval: '1h', count: 2 })]);
    const analysis = { templates: [{ templateName: 'slow' }] };
    update(toRollout(NEW, { canary: { steps: [{ setWeight: 25 }, { analysis }] } }, { progressDeadlineSeconds: 60 }));
    await seconds(1000);
    expect(health()).toMatchObject({ status: 'Progressing', message: 'more replicas need to be updated' });
  });

  it('turns Services that are its own by the first available pod, and those it takes over by the last', async () => {
    const routed = { canaryService: 'canary', stableService: 'stable', trafficRouting: { nginx: {} } };
    const strategy = { canary: { ...routed, steps: [{ setWeight: 25 }, { pause: {} }] } };
    const { act, images, seconds, selected, status, update } = await startRollout(strategy, [
      toService('canary'),
      toService('stable'),
    ]);
    const stable = status('stableRS');
    expect([selected('canary'), selected('stable')]).toEqual([stable, stable]);
    update(toRollout(NEW, strategy));
    await seconds(1);
    expect(selected('canary')).toBe(stable);
    await seconds(10);
    expect([selected('canary'), selected('stable')]).toEqual([status('currentPodHash'), stable]);
    // A router splits the requests, so the stable side keeps all its pods.
    expect(images()).toEqual([...Array<string>(4).fill(OLD), NEW]);
    act('resume');
    await seconds(10);
    expect(selected('stable')).toBe(status('currentPodHash'));
    expect(images()).toHaveLength(8);
    await seconds(40);
    expect(images()).toEqual(Array(4).fill(NEW));
  });
});

describe('a canary and its analysis', () => {
  const rate = { templates: [{ templateName: 'rate' }] };
  const inStep = { canary: { steps: [{ setWeight: 25 }, { analysis: rate }, { setWeight: 50 }, { pause: {} }] } };
  const inBackground = {
    canary: {
      analysis: rate,
      steps: [{ setWeight: 25 }, { pause: { duration: '5m' } }, { setWeight: 50 }, { pause: {} }],
    },
  };
  const conditions = {
    successCondition: 'len(result) > 0 && result[0] >= 0.95',
    failureCondition: 'len(result) > 0 && result[0] < 0.95',
  };
  const metric = { interval: '10s', count: 3, ...conditions };

  async function play(strategy: object, script: string, more: object = {}, image = NEW) {
    const rollout = await startRollout(strategy, [toTemplate('rate', { ...metric, ...more })]);
    rollout.update(toRollout(image, strategy, {}, script === '' ? {} : { 'sandbox.tiphys.dev/analysis': script }));
    await rollout.seconds(100);
    return rollout;
  }

  it.each([
    ['good numbers', '0.99', 'Suspended', ['CanaryPauseStep'], 3],
    ['bad numbers', '0.42', 'Degraded', [], 1],
    ['numbers that are no numbers', 'NaN', 'Suspended', ['InconclusiveAnalysisRun'], 1],
    ['no data', '[]', 'Suspended', ['InconclusiveAnalysisRun'], 1],
    ['nothing but errors', 'error', 'Degraded', [], 5],
    ['errors that pass', 'error error error 0.99', 'Suspended', ['CanaryPauseStep'], 6],
  ])('%s', async (_what, script, wanted, reasons, measurements) => {
    const { cluster, health, images, pauses } = await play(inStep, script);
    expect(health()?.status).toBe(wanted);
    expect(pauses()).toEqual(reasons);
    const [run] = cluster.list('AnalysisRun');
    expect(run?.metadata.name).toMatch(/^web-[a-z0-9]{10}-2-1$/);
    expect(valueAt(run, 'status', 'metricResults', 0, 'measurements')).toHaveLength(measurements);
    if (wanted !== 'Degraded') return;
    expect(health()?.message).toMatch(
      /^RolloutAborted: .*: Step-based analysis phase error\/failed: Metric "success-rate" assessed (Failed|Error) due to /,
    );
    expect(images()).toEqual(Array(4).fill(OLD));
  });

  it('measures what its pods do where nothing else is said', async () => {
    const { health, images } = await play(inBackground, '', { count: undefined }, 'shop/web:2-flapping');
    expect(health()?.message).toMatch(/^RolloutAborted: .*: Background analysis phase error\/failed: Metric/);
    expect(images()).toEqual(Array(4).fill(OLD));
  });

  it('resumed after an inconclusive step it measures once more, without moving on', async () => {
    const { act, pauses, runs, seconds, status } = await play(inStep, '[]');
    const [index] = [status('currentStepIndex')];
    expect(runs()).toHaveLength(1);
    act('resume');
    await seconds(5);
    expect(pauses()).toEqual(['InconclusiveAnalysisRun']);
    expect(runs()).toEqual([expect.stringMatching(/-2-1 Inc/), expect.stringMatching(/-2-1\.1 Inc/)]);
    expect(status('currentStepIndex')).toBe(index);
    act('skip-current-step');
    await seconds(20);
    expect(status('currentStepIndex')).toBe(3);
    expect(pauses()).toEqual(['CanaryPauseStep']);
    expect(runs()).toHaveLength(2);
  });

  it('an inconclusive analysis in the background pauses it, whatever step it is at, and no pod comes or goes', async () => {
    const { act, health, images, pauses, runs, seconds, status } = await play(inBackground, '0.99 NaN', {
      count: undefined,
    });
    expect(health()).toEqual({ status: 'Suspended', message: 'CanaryPauseStep' });
    expect(pauses()).toEqual(['CanaryPauseStep', 'InconclusiveAnalysisRun']);
    await seconds(1000);
    expect(pauses()).toContain('InconclusiveAnalysisRun');
    expect(images()).toEqual([OLD, OLD, OLD, NEW]);
    act('resume');
    await seconds(5);
    // Measured anew, and past the pause: the first measurement of this script is a good one.
    expect(runs()).toEqual([expect.stringMatching(/-2 Inc/), expect.stringMatching(/-2\.1 Running/)]);
    expect(status('currentStepIndex')).toBe(3);
  });

  it('retried after an abort it measures anew', async () => {
    const { act, health, runs, seconds } = await play(inStep, '0.42');
    expect(health()?.status).toBe('Degraded');
    act('retry');
    await seconds(30);
    expect(runs()).toEqual([expect.stringMatching(/-2-1 Failed/), expect.stringMatching(/-2-1\.1 Failed/)]);
    expect(health()?.status).toBe('Degraded');
  });

  it('ends an analysis in the background at the last step: a success, even one that never measured', async () => {
    const { act, health, runs, seconds } = await play(inBackground, 'error', { count: undefined, initialDelay: '1h' });
    act('promote-full');
    await seconds(30);
    expect(health()?.status).toBe('Healthy');
    expect(runs()).toEqual([expect.stringMatching(/-2 Successful$/)]);
  });
});
