import { describe, expect, it } from 'vitest';
import type { EscalationInput } from './escalation.ts';
import { findEscalation } from './escalation.ts';
import type { DeployRecord } from './facts.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = 1000 * HOUR_MS;
const symptom = { class: 'oom', signature: 'container killed' };

const failedAt = (hour: number, changeKind = 'set_image'): DeployRecord => ({
  deploy: {
    id: `d${hour}`,
    cluster: 'main',
    environment: 'production',
    namespace: 'shop',
    service: 'web',
    changeKind,
    startedAtMs: hour * HOUR_MS - 60_000,
    strategy: 'direct',
  },
  outcome: { deployId: `d${hour}`, atMs: hour * HOUR_MS, outcome: 'failed' },
});
const input = (over: Partial<EscalationInput> = {}): EscalationInput => ({
  atMs: NOW_MS,
  attempts: [],
  history: [],
  probability: 0.05,
  ...over,
});

describe('escalation', () => {
  it('lets an ordinary change go on', () => {
    expect(findEscalation(input())).toBeUndefined();
  });

  it('asks instead of trying the same cure a third time', () => {
    const worked = (atMs: number) => ({ atMs, symptom, fix: 'raise memory', worked: true });
    const attempts = [worked(NOW_MS - 50 * HOUR_MS), worked(NOW_MS - 20 * HOUR_MS)];
    expect(findEscalation(input({ attempts, symptom, fix: 'raise memory' }))).toMatchObject({
      rule: 'symptom_returned',
      times: 2,
    });
    expect(findEscalation(input({ attempts, symptom, fix: 'roll back' }))).toBeUndefined();
    expect(
      findEscalation(input({ attempts, symptom: { class: 'oom', signature: 'other' }, fix: 'raise memory' })),
    ).toBeUndefined();
    expect(findEscalation(input({ attempts: attempts.slice(1), symptom, fix: 'raise memory' }))).toBeUndefined();
  });

  it('asks above the hold threshold', () => {
    expect(findEscalation(input({ probability: 0.71 }))?.rule).toBe('risk_above_hold');
    expect(findEscalation(input({ probability: 0.7 }))).toBeUndefined();
  });

  it('blocks a target after ineffective repeats within the window, until the oldest of them has left it', () => {
    const history = [failedAt(999), failedAt(998), failedAt(997)];
    const blocked = findEscalation(input({ history, probability: 0.9, changeKind: 'set_image' }));
    expect(blocked).toMatchObject({ rule: 'target_blocked', failures: 3, untilMs: (997 + 6) * HOUR_MS });
    expect(findEscalation(input({ history, changeKind: 'scale' }))).toBeUndefined();
    expect(findEscalation(input({ history, atMs: 1003.5 * HOUR_MS }))).toBeUndefined();
  });
});
