import { describe, expect, it } from 'vitest';
import type { ObjectRef } from '../manifest/object.ts';
import type { AnalysisReport } from './analysis-runs.ts';
import type { ObservationFacts } from './facts.ts';
import { at, follow, toAppliedApp, toFacts, toInput, toManaged, toTree } from './test-facts.ts';

const ROLLOUT: ObjectRef = { group: 'argoproj.io', kind: 'Rollout', namespace: 'prod', name: 'web' };
const input = toInput({ changed: [ROLLOUT] });

function toReport(
  phase: string,
  metric: Partial<AnalysisReport['metrics'][number]>,
  name = 'web-abc-2-1',
): AnalysisReport {
  const zero = { name: 'success-rate', good: 0, bad: 0, open: 0, errors: 0, last: '' };
  return {
    name,
    rollout: ROLLOUT,
    phase,
    message: `because ${phase}`,
    createdAt: at(5),
    metrics: [{ ...zero, ...metric }],
  };
}

/** A tree in which the Rollout has these analyses, begun so many seconds after the push. */
function withRuns(names: string[], began = 5) {
  const tree = toTree();
  const [first] = tree.nodes;
  if (first === undefined) throw new Error('the tree is empty');
  const rollout = { ...first, ...ROLLOUT, uid: 'ro', parentRefs: [], createdAt: at(-500) };
  const run = { ...first, group: 'argoproj.io', kind: 'AnalysisRun', version: 'v1alpha1', createdAt: at(began) };
  const parentRefs = [{ ...ROLLOUT, uid: 'ro' }];
  return { nodes: [...tree.nodes, rollout, ...names.map((name) => ({ ...run, name, uid: name, parentRefs }))] };
}

function play(health: string, message: string, more: Partial<ObservationFacts>, live: object = {}) {
  const resources = [{ ...ROLLOUT, status: 'Synced', health: { status: health, message } }];
  const app = toAppliedApp({ health, resources });
  const managed = [toManaged(ROLLOUT, live)];
  return follow((now) => toFacts(now, app, { managed, ...more }), { input });
}

const ABORTED = 'RolloutAborted: Rollout aborted update to revision 2: Step-based analysis phase error/failed: ';

describe('a rollout its analysis aborted', () => {
  const tree = withRuns(['web-abc-2-1']);

  it('failed where something bad was measured', () => {
    const analyses = [toReport('Failed', { bad: 2 })];
    expect(play('Degraded', `${ABORTED}x`, { tree, analyses }).outcome).toMatchObject({
      kind: 'failed',
      reason: 'degraded',
      object: ROLLOUT,
    });
  });

  it('is inconclusive where nothing could be measured: the new version was not found bad', () => {
    const analyses = [toReport('Error', { errors: 5, last: 'connection refused' })];
    const { outcome } = play('Degraded', `${ABORTED}Unable to resolve metric arguments`, { tree, analyses });
    expect(outcome).toMatchObject({ kind: 'inconclusive', state: 'aborted', rollout: ROLLOUT });
    expect(outcome?.sentence).toContain('nothing is known about the new one');
    expect(outcome?.evidence).toContainEqual({
      object: 'AnalysisRun web-abc-2-1',
      field: 'status.metricResults',
      value: 'success-rate: 0 good, 5 errors (last: connection refused)',
    });
  });

  it('goes by the newest that ended badly', () => {
    const analyses = [toReport('Failed', { bad: 1 }, 'web-abc-2-1.1'), toReport('Error', { errors: 5 })];
    expect(play('Degraded', ABORTED, { tree, analyses }).outcome).toMatchObject({ kind: 'failed' });
  });

  it.each([
    ['assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4)', 'inconclusive'],
    ['assessed Failed due to failed (1) > failureLimit (0)', 'failed'],
    ['', 'failed'],
  ])('goes by its own words where the analysis cannot be read: %s', (words, kind) => {
    const unreadable = { analyses: 'permission denied' };
    const message = `${ABORTED}Metric "success-rate" ${words}`;
    expect(play('Degraded', message, { tree, unreadable }).outcome).toMatchObject({ kind });
  });

  it('aborted by hand is a failure, although an analysis had errors', () => {
    const message = 'RolloutAborted: Rollout aborted update to revision 2';
    const analyses = [toReport('Running', { errors: 2 })];
    expect(play('Degraded', message, { tree, analyses }).outcome).toMatchObject({ kind: 'failed', reason: 'degraded' });
  });

  it('asks for the analyses before it says anything, and only for those of this update', () => {
    const { actions } = play('Degraded', ABORTED, { tree });
    expect(actions.map(({ action }) => action)).toContainEqual({ type: 'read', what: 'analyses' });
    const earlier = play('Degraded', ABORTED, { tree: withRuns(['web-abc-1-1'], -3600) });
    expect(earlier.actions.map(({ action }) => action)).not.toContainEqual({ type: 'read', what: 'analyses' });
    expect(earlier.outcome).toMatchObject({ kind: 'failed' });
  });
});

describe('a rollout that was promoted', () => {
  const tree = withRuns(['web-abc-2']);

  it('is live where every metric saw something good', () => {
    const analyses = [toReport('Successful', { good: 3, open: 1 })];
    expect(play('Healthy', '', { tree, analyses }).outcome).toMatchObject({ kind: 'live' });
  });

  it.each([
    ['nothing at all', {}],
    ['errors', { errors: 4 }],
    ['no data', { open: 3, last: '[]' }],
  ])('is inconclusive where a metric saw %s, although its run was Successful', (_what, metric) => {
    const { outcome } = play('Healthy', '', { tree, analyses: [toReport('Successful', metric)] });
    expect(outcome).toMatchObject({ kind: 'inconclusive', state: 'promoted', rollout: ROLLOUT });
    expect(outcome?.sentence).toContain('success-rate: 0 good');
  });

  it('counts what another analysis of the update measured', () => {
    const analyses = [toReport('Successful', {}, 'web-abc-2.1'), toReport('Successful', { good: 1 }, 'web-abc-2')];
    expect(play('Healthy', '', { tree, analyses }).outcome).toMatchObject({ kind: 'live' });
  });

  it('does not ask twice where a person has decided about one that was inconclusive', () => {
    const analyses = [toReport('Successful', {}, 'web-abc-2.1'), toReport('Inconclusive', { open: 1 }, 'web-abc-2')];
    expect(play('Healthy', '', { tree, analyses }).outcome).toMatchObject({ kind: 'live' });
  });

  it('says so where the analyses could not be read', () => {
    const { outcome } = play('Healthy', '', { tree, unreadable: { analyses: 'permission denied' } });
    expect(outcome).toMatchObject({ kind: 'live', caveats: ['the analyses of its rollout could not be read'] });
  });
});

describe('a rollout its analysis paused', () => {
  const since = at(20);
  const paused = (strategy: object, status: object) => ({
    spec: { strategy },
    status: { pauseConditions: [{ reason: 'InconclusiveAnalysisRun', startTime: since }], ...status },
  });
  const canary = { canary: { steps: [{ setWeight: 20 }, { analysis: {} }, { pause: { duration: '1m' } }] } };
  const inStep = { currentStepIndex: 1, canary: { currentStepAnalysisRunStatus: { status: 'Inconclusive' } } };
  const analyses = [toReport('Inconclusive', { good: 1, open: 1, last: '[]' })];
  const tree = withRuns(['web-abc-2-1']);

  it.each([
    ['of a step', paused(canary, inStep), 'Go on without the rest of this analysis'],
    ['in the background', paused(canary, { currentStepIndex: 2 }), 'Go on, which measures anew'],
    ['before a switch', paused({ blueGreen: {} }, {}), 'Promote it without any further analysis'],
  ])('%s: tells what was measured, and what going on does', (_what, live, words) => {
    const { outcome } = play('Suspended', 'x', { tree, analyses }, live);
    expect(outcome).toMatchObject({ kind: 'promotion', pause: 'InconclusiveAnalysisRun', since });
    expect(outcome?.sentence).toContain('(success-rate: 1 good, 1 neither good nor bad (last: []))');
    expect(outcome?.sentence).toContain(words);
  });

  it('goes before the timed pause it stands at', () => {
    const live = paused(canary, { currentStepIndex: 2 });
    live.status.pauseConditions.unshift({ reason: 'CanaryPauseStep', startTime: at(10) });
    expect(play('Suspended', 'CanaryPauseStep', { tree, analyses }, live).outcome).toMatchObject({
      kind: 'promotion',
      pause: 'InconclusiveAnalysisRun',
    });
  });
});
