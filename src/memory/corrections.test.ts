import { describe, expect, it } from 'vitest';
import { createCorrectedMemory } from './corrected-memory.ts';
import { openCorrections, type Correction } from './corrections.ts';
import { CRASH, HOUR_MS, START_MS, toDeploy, toOutcome, WEB } from './test-memory.ts';

const by = { actor: 'person:ann', atMs: START_MS, scope: WEB, text: '' };
const deploy = toDeploy('dep_1', 1);
const failed = toOutcome(deploy, 'failed');
const told = (corrections: Correction[], seq: number) => openCorrections(corrections).toTold(deploy, failed, seq);

describe('corrections', () => {
  it('speak of what was recorded before them and of nothing later', () => {
    const weaken: Correction = { ...by, seq: 10, kind: 'weaken', factor: 0.5 };
    expect(told([weaken], 9)).toMatchObject({ outcome: 'failed', weight: 0.5 });
    expect(told([weaken], 11)).toEqual(failed);
    expect(told([{ ...weaken, scope: { ...WEB, environment: 'staging' } }], 9)).toEqual(failed);
  });

  it('multiply where there are several, and leave nothing of a failure that counts nothing', () => {
    const weaken = (seq: number, factor: number): Correction => ({ ...by, seq, kind: 'weaken', factor });
    expect(told([weaken(10, 0.5), weaken(11, 0.2)], 9).weight).toBeCloseTo(0.1);
    expect(told([weaken(10, 0)], 9)).toMatchObject({ outcome: 'cancelled' });
    expect(told([weaken(10, 0)], 9)).not.toHaveProperty('fingerprint');
  });

  it('narrow to one class, or to one cause of it', () => {
    const forget = (fingerprint: { class: string; signature?: string }): Correction[] => [
      { ...by, seq: 10, kind: 'forget', fingerprint },
    ];
    expect(told(forget({ class: 'crash_loop' }), 9).outcome).toBe('cancelled');
    expect(told(forget(CRASH), 9).outcome).toBe('cancelled');
    expect(told(forget({ class: 'crash_loop', signature: 'another' }), 9)).toEqual(failed);
    expect(told(forget({ class: 'quota' }), 9)).toEqual(failed);
  });

  it('never touch a good deploy', () => {
    const healthy = toOutcome(deploy, 'healthy');
    const book = openCorrections([{ ...by, seq: 10, kind: 'weaken', factor: 0 }]);
    expect(book.toTold(deploy, healthy, 9)).toEqual(healthy);
  });

  it('take pins and notes along when all is forgotten, and keep what was said afterwards', () => {
    const book = openCorrections([
      { ...by, seq: 1, kind: 'pin', fingerprint: CRASH, known: { count: 1, deploys: 2 } },
      { ...by, seq: 2, kind: 'note', text: 'before' },
      { ...by, seq: 3, kind: 'forget' },
      { ...by, seq: 4, kind: 'note', text: 'after' },
    ]);
    expect(book.pins(WEB)).toEqual([]);
    expect(book.notes(WEB).map(({ text }) => text)).toEqual(['after']);
  });
});

describe('a corrected memory', () => {
  it('refuses what changes the past, so that its keeper begins anew', () => {
    const memory = createCorrectedMemory({});
    const tell = (correction: Correction) => memory.tell({ seq: correction.seq, kind: 'correction', correction });
    expect(tell({ ...by, seq: 1, kind: 'note', text: 'fine' })).toBe(true);
    expect(tell({ ...by, seq: 2, kind: 'weaken', factor: 0.5 })).toBe(false);
    expect(tell({ ...by, seq: 3, kind: 'forget' })).toBe(false);
    expect(memory.context(WEB, START_MS).notes).toHaveLength(1);
  });

  it('goes on counting a pinned failure, and holds the risk up by it', () => {
    const pin: Correction = { ...by, seq: 0, kind: 'pin', fingerprint: CRASH, known: { count: 2, deploys: 4 } };
    const memory = createCorrectedMemory({}, [pin]);
    for (let index = 0; index < 20; index += 1) {
      const one = toDeploy(`dep_${index}`, index);
      memory.tell({ seq: 2 * index + 1, kind: 'deploy', deploy: one });
      const outcome = toOutcome(one, index === 3 ? 'failed' : 'healthy');
      memory.tell({ seq: 2 * index + 2, kind: 'outcome', outcome });
    }
    const known = memory.context(WEB, START_MS + 100 * HOUR_MS);
    expect(known.pinned).toMatchObject([{ count: 3, deploys: 24, lastDeployId: 'dep_3' }]);
    expect(known.risk.probability).toBeGreaterThanOrEqual(3 / 25);
    expect(known.risk.signals.map(({ name }) => name)).toContain('pinned_failure');
    expect(known.risk.high).toBeGreaterThanOrEqual(known.risk.probability);
  });

  it('sets the strategy of an override below an explicit wish', () => {
    const override: Correction = { ...by, seq: 1, kind: 'override_strategy', strategy: 'canary' };
    const memory = createCorrectedMemory({}, [override]);
    memory.tell({ seq: 2, kind: 'deploy', deploy });
    expect(memory.context(WEB, START_MS + 5 * HOUR_MS).strategy.strategy).toBe('canary');
    expect(memory.context(WEB, START_MS + 5 * HOUR_MS, { wish: 'direct' }).strategy.strategy).toBe('direct');
    expect(memory.context({ ...WEB, service: 'api' }, START_MS).strategy.strategy).toBe('direct');
  });
});
