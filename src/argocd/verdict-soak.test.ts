import { describe, expect, it } from 'vitest';
import type { ObservationFacts } from './facts.ts';
import { createBudgets } from './observation.ts';
import { toSnapshot } from './snapshot.ts';
import { FOREIGN, NEXT, OLD, T0, toApp, toAppliedApp, toFacts, toInput, toTree, WEB } from './test-facts.ts';
import { decideSoak, type SoakFacts, type SoakInput, type SoakOutcome, type SoakTrace } from './verdict-soak.ts';

const UNTIL = 600;
const OTHER = { group: 'apps', kind: 'Deployment', namespace: 'prod', name: 'other' };
const BUDGETS = createBudgets();

const toSoak = (over: Partial<SoakInput> = {}): SoakInput => {
  const { application, snapshot, commit, pushedAtMs, changed } = toInput();
  return { application, snapshot, commit, pushedAtMs, changed, budgets: BUDGETS, untilMs: T0 + UNTIL * 1000, ...over };
};

interface Ended {
  outcome: SoakOutcome | undefined;
  seconds: number;
  looks: number;
}

/** The loop without a network: looks when the last decision said so, at what `look` shows then. */
function soak(
  look: (seconds: number) => ObservationFacts & { touched?: Record<string, boolean> },
  options: { input?: SoakInput; from?: number; trace?: SoakTrace; until?: number } = {},
): Ended {
  const input = options.input ?? toSoak();
  let trace = options.trace ?? {};
  let looks = 0;
  let seconds = options.from ?? 60;
  for (; seconds < (options.until ?? 10_000); looks += 1) {
    const facts: SoakFacts = { touched: {}, ...look(seconds) };
    const verdict = decideSoak(input, facts, trace);
    trace = verdict.trace;
    if (verdict.decision.kind === 'conclude') return { outcome: verdict.decision.outcome, seconds, looks };
    if (verdict.decision.kind === 'read') throw new Error(`the test gives no ${verdict.decision.what}`);
    seconds += verdict.decision.recheckMs / 1000;
  }
  return { outcome: undefined, seconds, looks };
}

const toDegraded = (message = 'crashed', more: object = {}) =>
  toAppliedApp({
    health: 'Degraded',
    resources: [{ ...WEB, status: 'Synced', health: { status: 'Degraded', message } }],
    ...more,
  });
const unreachable = (seconds: number): ObservationFacts =>
  toFacts(seconds, toAppliedApp(), { reading: { state: 'unreachable', denied: false, message: 'ECONNREFUSED' } });

describe('a soak', () => {
  it('ends quietly when its time is over, having looked about once a minute', () => {
    const { outcome, seconds, looks } = soak((now) => toFacts(now, toAppliedApp()));
    expect(outcome).toMatchObject({ kind: 'quiet', sentence: 'Commit cccccccc stayed healthy.' });
    expect(seconds).toBe(UNTIL);
    expect(looks).toBeLessThan(12);
  });

  it('finds what was healthy degraded, when that lasts', () => {
    const { outcome, seconds } = soak((now) => toFacts(now, now < 300 ? toAppliedApp() : toDegraded()));
    expect(outcome).toMatchObject({ kind: 'regressed', reason: 'degraded', object: WEB, message: 'crashed' });
    expect(outcome?.evidence).toContainEqual({
      object: 'Deployment prod/web',
      field: 'health.status',
      value: 'Degraded',
    });
    expect(seconds - 300).toBeGreaterThanOrEqual(30);
    expect(seconds - 300).toBeLessThan(100);
  });

  it('finds pods in a crash loop that the Application does not speak of', () => {
    const bad = toTree([{ name: 'web-new-1', reason: 'CrashLoopBackOff', restarts: 2, message: 'back-off' }]);
    const { outcome } = soak((now) => toFacts(now, toAppliedApp(), now < 300 ? {} : { tree: bad }));
    expect(outcome).toMatchObject({ kind: 'regressed', reason: 'early', message: 'back-off' });
  });

  it('passes over what recovers in time', () => {
    const { outcome } = soak((now) => toFacts(now, now >= 300 && now < 320 ? toDegraded() : toAppliedApp()));
    expect(outcome?.kind).toBe('quiet');
  });

  it('sees to its end what began to go bad just before the end', () => {
    const { outcome, seconds } = soak((now) => toFacts(now, now < 590 ? toAppliedApp() : toDegraded()), { from: 595 });
    expect(outcome?.kind).toBe('regressed');
    expect(seconds).toBeGreaterThan(UNTIL);
    const recovered = soak((now) => toFacts(now, now < 590 || now > 610 ? toAppliedApp() : toDegraded()), {
      from: 595,
    });
    expect(recovered.outcome?.kind).toBe('quiet');
  });

  it('does not excuse what it changed by a fault from before the push, and still excuses the rest', () => {
    const faults = toApp({
      revision: OLD,
      resources: [
        { ...WEB, status: 'Synced', health: { status: 'Degraded', message: 'crashed' } },
        { ...OTHER, status: 'Synced', health: { status: 'Degraded', message: 'old fault' } },
      ],
    });
    const snapshot = toSnapshot(toSoak().application, faults, toTree([]));
    const input = toSoak({ snapshot });
    const other = { ...OTHER, status: 'Synced', health: { status: 'Degraded', message: 'old fault' } };
    const well = { ...WEB, status: 'Synced', health: { status: 'Healthy' } };
    const ill = { ...WEB, status: 'Synced', health: { status: 'Degraded', message: 'crashed' } };
    expect(soak((now) => toFacts(now, toAppliedApp({ resources: [well, other] })), { input }).outcome?.kind).toBe(
      'quiet',
    );
    expect(soak((now) => toFacts(now, toAppliedApp({ resources: [ill, other] })), { input }).outcome).toMatchObject({
      kind: 'regressed',
      object: WEB,
    });
  });

  it('concludes nothing while Argo CD does not answer, whatever the hour, and judges what it sees afterwards', () => {
    const silent = (end: number, then: typeof toAppliedApp) =>
      soak((now) => (now < end ? unreachable(now) : toFacts(now, then())));
    expect(silent(5_000, toAppliedApp)).toMatchObject({ outcome: { kind: 'quiet' } });
    expect(silent(5_000, toAppliedApp).seconds).toBeGreaterThanOrEqual(5_000);
    expect(silent(5_000, () => toDegraded()).outcome?.kind).toBe('regressed');
    const day = 25 * 3_600;
    expect(soak(unreachable, { from: UNTIL + day - 3_700, until: UNTIL + day }).outcome?.kind).toBe('unseen');
  });

  it('does not take a silence for the end of a fault', () => {
    const { outcome, seconds } = soak(
      (now) => {
        if (now >= 310 && now < 320) return unreachable(now);
        return toFacts(now, toDegraded());
      },
      { from: 300 },
    );
    expect(outcome?.kind).toBe('regressed');
    expect(seconds).toBe(330);
  });

  it('ends as superseded when a later commit changed the same, also where that is bad', () => {
    const touched = { [NEXT]: true };
    const { outcome } = soak((now) => ({ ...toFacts(now, toDegraded('theirs', { revision: NEXT })), touched }));
    expect(outcome).toMatchObject({ kind: 'superseded', by: NEXT });
  });

  it('goes on under a later commit that changed something else, for what it changed itself', () => {
    const touched = { [NEXT]: false };
    const other = { ...OTHER, status: 'Synced', health: { status: 'Degraded', message: 'theirs' } };
    const well = { ...WEB, status: 'Synced', health: { status: 'Healthy' } };
    const theirs = toAppliedApp({ revision: NEXT, health: 'Degraded', resources: [other, well] });
    const { outcome } = soak((now) => ({ ...toFacts(now, theirs), touched }));
    expect(outcome).toMatchObject({ kind: 'quiet' });
    const ill = { ...WEB, status: 'Synced', health: { status: 'Degraded', message: 'ours' } };
    const ours = toAppliedApp({ revision: NEXT, health: 'Degraded', resources: [other, ill] });
    expect(soak((now) => ({ ...toFacts(now, ours), touched })).outcome).toMatchObject({
      kind: 'regressed',
      object: WEB,
    });
  });

  it('waits for git to say what a later commit changed', () => {
    const bad = toDegraded('x', { revision: NEXT });
    const { outcome } = soak((now) => ({ ...toFacts(now, bad), touched: now < 400 ? {} : { [NEXT]: true } }));
    expect(outcome?.kind).toBe('superseded');
  });

  it.each([
    ['deleted', (now: number) => toFacts(now, toAppliedApp(), { reading: { state: 'missing', message: 'no such' } })],
    ['made anew', (now: number) => toFacts(now, toAppliedApp({ uid: 'uid-2' }))],
    ['pointed elsewhere', (now: number) => toFacts(now, toAppliedApp({ repoURL: 'https://other/x' }))],
    ['on a rewritten branch', (now: number) => toFacts(now, toAppliedApp({ revision: FOREIGN }))],
  ])('is lost when the Application is %s', (_what, look) => {
    expect(soak(look).outcome?.kind).toBe('lost');
  });

  it('says nothing while Argo CD compares with something from before the commit, or with nothing', () => {
    expect(soak((now) => toFacts(now, toDegraded('x', { revision: OLD })), { until: 3_000 }).outcome).toBeUndefined();
    const unknown = toDegraded('x', { sync: 'Unknown', revision: 'main' });
    expect(soak((now) => toFacts(now, unknown), { until: 3_000 }).outcome).toBeUndefined();
  });

  it('takes slowness, missing room and drift for no regression', () => {
    const slow = { ...WEB, status: 'OutOfSync', health: { status: 'Progressing', message: 'waiting' } };
    const { outcome } = soak((now) => toFacts(now, toAppliedApp({ sync: 'OutOfSync', resources: [slow] })));
    expect(outcome).toMatchObject({ kind: 'quiet', sentence: expect.stringContaining('did not fail') });
  });

  it('needs nothing but its input to go on after a restart', () => {
    const stored = JSON.parse(JSON.stringify(toSoak())) as SoakInput;
    const ended = soak((now) => toFacts(now, toDegraded()), { input: stored, from: 500 });
    expect(ended.outcome).toMatchObject({ kind: 'regressed' });
  });

  it('is the same for the same facts, and asks Argo CD for nothing', () => {
    const facts: SoakFacts = { ...toFacts(300, toDegraded()), touched: {} };
    const texts = [JSON.stringify(facts)];
    const first = decideSoak(toSoak(), facts, {});
    texts.push(JSON.stringify(facts));
    expect(texts[1]).toBe(texts[0]);
    expect(decideSoak(toSoak(), facts, {})).toEqual(first);
  });
});
