import { describe, expect, it } from 'vitest';
import { isUnmeasured, parseAnalysis, toMeasured } from './analysis-runs.ts';

const rollout = { group: 'argoproj.io', kind: 'Rollout', namespace: 'prod', name: 'web' };

function toRun(phase: string, metricResults: object[], names = ['rate']) {
  const live = { spec: { metrics: names.map((name) => ({ name })) }, status: { phase, message: 'why', metricResults } };
  return { ...parseAnalysis(live), name: 'run', rollout, createdAt: '' };
}

describe('an analysis as it was measured', () => {
  it('counts what every metric saw, and names those that saw nothing', () => {
    const result = {
      name: 'rate',
      successful: 2,
      failed: 1,
      inconclusive: 3,
      error: 1,
      measurements: [{ value: '[1]' }],
    };
    const run = toRun('Failed', [result], ['rate', 'latency']);
    expect(run).toMatchObject({ phase: 'Failed', message: 'why' });
    expect(toMeasured(run)).toBe('rate: 2 good, 1 bad, 3 neither good nor bad, 1 error (last: [1]); latency: 0 good');
  });

  it('shows the error rather than the value, cut where it is long', () => {
    const run = toRun('Error', [{ name: 'rate', error: 5, measurements: [{ value: '[]', message: 'x'.repeat(300) }] }]);
    expect(toMeasured(run)).toBe(`rate: 0 good, 5 errors (last: ${'x'.repeat(160)}…)`);
  });

  it.each([
    ['every metric saw something good', 'Successful', [{ name: 'rate', successful: 1 }], ['rate'], false],
    ['one metric saw nothing at all', 'Successful', [{ name: 'rate', successful: 1 }], ['rate', 'latency'], true],
    ['a metric saw errors only', 'Successful', [{ name: 'rate', error: 3 }], ['rate'], true],
    ['a metric saw nothing it could tell by', 'Successful', [{ name: 'rate', inconclusive: 3 }], ['rate'], true],
    ['a metric that only ran dry saw nothing', 'Successful', [{ name: 'dry', dryRun: true }], ['dry'], false],
    ['it said so itself', 'Inconclusive', [{ name: 'rate', inconclusive: 3 }], ['rate'], false],
    ['it still runs', 'Running', [], ['rate'], false],
  ])('where %s', (_what, phase, results, names, wanted) => {
    expect(isUnmeasured(toRun(phase, results, names))).toBe(wanted);
  });

  it('reads a run that has no status yet', () => {
    expect(parseAnalysis({ spec: { metrics: [{ name: 'rate' }] } })).toMatchObject({
      phase: '',
      metrics: [{ good: 0 }],
    });
  });
});
