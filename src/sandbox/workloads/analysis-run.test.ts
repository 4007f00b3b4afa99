import { describe, expect, it } from 'vitest';
import { listAt, recordAt, textAt, valueAt } from '../json.ts';
import { createTestCluster } from './test-cluster.ts';

const REF = { group: 'argoproj.io', kind: 'AnalysisRun', namespace: 'shop', name: 'run' };
const both = { successCondition: 'result[0] >= 0.95', failureCondition: 'result[0] < 0.9' };

function start(metrics: object[], script: string, spec: object = {}) {
  const test = createTestCluster();
  test.cluster.create({
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AnalysisRun',
    metadata: { name: 'run', namespace: 'shop', annotations: { 'sandbox.tiphys.dev/analysis': script } },
    spec: { metrics: metrics.map((metric, index) => ({ name: `m${index}`, ...metric })), ...spec },
  });
  const run = () => test.cluster.find(REF);
  return {
    ...test,
    phase: () => textAt(run(), 'status', 'phase'),
    message: () => textAt(run(), 'status', 'message'),
    result: (index = 0) => recordAt(run(), 'status', 'metricResults', index),
    taken: (index = 0) => listAt(run(), 'status', 'metricResults', index, 'measurements').length,
    summary: () => valueAt(run(), 'status', 'runSummary'),
    terminate: () =>
      test.cluster.update(REF, (live) => ({ ...live, spec: { ...recordAt(live, 'spec'), terminate: true } })),
  };
}

describe('a simulated AnalysisRun', () => {
  it('without interval and count decides by one measurement, taken at once', async () => {
    const { phase, seconds, taken } = start([both], '0.99');
    await seconds(1);
    expect([phase(), taken()]).toEqual(['Successful', 1]);
  });

  it('takes as many as it should, as far apart as it should, after its delay', async () => {
    const { phase, seconds, taken } = start([{ ...both, count: 3, interval: '10s', initialDelay: '30s' }], '0.99');
    await seconds(29);
    expect([phase(), taken()]).toEqual(['Running', 0]);
    for (const [wait, wanted] of [
      [2, 1],
      [10, 2],
      [10, 3],
    ] as const) {
      await seconds(wait);
      expect(taken()).toBe(wanted);
    }
    expect(phase()).toBe('Successful');
  });

  it('with an interval and no count measures until it is ended', async () => {
    const { phase, seconds, taken, terminate } = start([{ ...both, interval: '10s' }], '0.99');
    await seconds(600);
    expect([phase(), taken()]).toEqual(['Running', 10]);
    terminate();
    await seconds(1);
    expect(phase()).toBe('Successful');
  });

  it('ended before it measured anything it is a success all the same', async () => {
    const { message, phase, seconds, terminate } = start([{ ...both, initialDelay: '1h' }], 'error');
    await seconds(5);
    terminate();
    await seconds(1);
    expect([phase(), message()]).toEqual(['Successful', 'Run Terminated']);
  });

  it.each([
    ['one failure, none tolerated', {}, '0.1', 'Failed', 1],
    ['one failure, one tolerated', { failureLimit: 1 }, '0.1 0.99', 'Successful', 3],
    ['two failures, one tolerated', { failureLimit: 1 }, '0.1', 'Failed', 2],
    ['any failure, the limit switched off', { failureLimit: -1 }, '0.1', 'Successful', 3],
    ['a limit written as text', { failureLimit: '1' }, '0.1', 'Failed', 2],
    ['one that says nothing, none tolerated', {}, '0.92', 'Inconclusive', 1],
    ['one that says nothing, one tolerated', { inconclusiveLimit: 1 }, '0.92 0.99', 'Successful', 3],
    ['two that say nothing, one tolerated', { inconclusiveLimit: 1 }, '0.92', 'Inconclusive', 2],
    ['four errors in a row, as many as are tolerated', {}, 'error error error error 0.99', 'Successful', 7],
    ['five errors in a row', {}, 'error', 'Error', 5],
    ['errors that are never in a row', {}, 'error 0.99 error 0.99 error 0.99', 'Successful', 6],
    ['one error, none tolerated', { consecutiveErrorLimit: 0 }, '0.99 error', 'Error', 2],
    ['enough successes in a row', { consecutiveSuccessLimit: 2 }, '0.99', 'Successful', 2],
    [
      'too few of them',
      { count: 4, failureLimit: 2, consecutiveSuccessLimit: 3 },
      '0.99 0.1 0.99 0.99',
      'Inconclusive',
      4,
    ],
    [
      'too few, with the other limit off',
      { count: 2, failureLimit: -1, consecutiveSuccessLimit: 2 },
      '0.1 0.99',
      'Failed',
      2,
    ],
    ['no data, where the condition does not expect it', {}, '[]', 'Error', 5],
    ['no number, where the condition does not expect it', {}, 'NaN', 'Inconclusive', 1],
  ])('%s', async (_what, limits, script, wanted, measurements) => {
    const { phase, seconds, taken } = start([{ ...both, count: 3, interval: '5s', ...limits }], script);
    await seconds(200);
    expect([phase(), taken()]).toEqual([wanted, measurements]);
  });

  it('says which limit was passed, and what the last error was', async () => {
    const { message, result, seconds } = start([{ ...both, count: 3, interval: '5s' }], '[]');
    await seconds(200);
    expect(message()).toBe(
      'Metric "m0" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): "Error Message: could not evaluate successCondition "result[0] >= 0.95": metric result is nil or empty: no data returned from the metric provider"',
    );
    expect(result()).toMatchObject({ phase: 'Error', error: 5, consecutiveError: 5 });
    expect(result()).not.toHaveProperty('count');
  });

  it('repeats what went wrong after ten seconds, whatever its interval', async () => {
    const { seconds, taken } = start([{ ...both, count: 3, interval: '5m' }], 'error 0.99');
    await seconds(12);
    expect(taken()).toBe(2);
    await seconds(200);
    expect(taken()).toBe(2);
  });

  it.each([
    ['takes everything that is not good for bad', { successCondition: 'result[0] >= 0.95' }, 'NaN', 'Failed'],
    ['takes everything that is not bad for good', { failureCondition: 'result[0] < 0.95' }, 'NaN', 'Successful'],
    [
      'takes no data for good where nothing says otherwise',
      { successCondition: 'all(result, {# > 1})' },
      '[]',
      'Successful',
    ],
    ['takes everything for good', {}, '[]', 'Successful'],
  ])('with one condition or none %s', async (_what, conditions, script, wanted) => {
    const { phase, seconds } = start([conditions], script);
    await seconds(5);
    expect(phase()).toBe(wanted);
  });

  it('ends all its metrics with the first bad one, and is what the worst of them is', async () => {
    const slow = { ...both, count: 5, interval: '1m' };
    const { phase, result, seconds, summary } = start(
      [slow, { ...both, count: 2, interval: '5s' }, { ...both, initialDelay: '1h' }],
      '0.99; m1=0.99 0.1',
    );
    await seconds(10);
    expect(phase()).toBe('Failed');
    expect(result(0)).toMatchObject({ phase: 'Successful', count: 1 });
    expect(result(1)).toMatchObject({ phase: 'Failed', count: 2 });
    expect(summary()).toEqual({ count: 3, successful: 2, failed: 1 });
  });

  it('is Failed rather than Error, and Error rather than Inconclusive', async () => {
    const one = { ...both, consecutiveErrorLimit: 0 };
    const worst = start([one, one, one], 'm0=0.92; m1=error; m2=0.1');
    await worst.seconds(5);
    expect(worst.phase()).toBe('Failed');
    const next = start([one, one], 'm0=0.92; m1=error');
    await next.seconds(5);
    expect(next.phase()).toBe('Error');
  });

  it('counts no metric that only runs dry', async () => {
    const { phase, seconds } = start([both, both], 'm0=0.99; m1=0.1', { dryRun: [{ metricName: 'm1' }] });
    await seconds(5);
    expect(phase()).toBe('Successful');
  });
});
