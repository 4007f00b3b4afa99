import { describe, expect, it } from 'vitest';
import type { DeployFact, DeployOutcome, Scope } from './facts.ts';
import type { DeployMemory } from './memory.ts';
import { createDeployMemory } from './memory.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 5, 9);
const WEB: Scope = { cluster: 'main', environment: 'production', namespace: 'shop', service: 'web' };

function toFact(id: string, hour: number, over: Partial<DeployFact> = {}): DeployFact {
  return { ...WEB, id, changeKind: 'set_image', startedAtMs: START_MS + hour * HOUR_MS, strategy: 'direct', ...over };
}

function deploy(
  memory: DeployMemory,
  id: string,
  hour: number,
  outcome: DeployOutcome,
  over: Partial<DeployFact> = {},
) {
  const fact = toFact(id, hour, over);
  memory.recordDeploy(fact);
  memory.recordOutcome({
    deployId: id,
    atMs: fact.startedAtMs + 60_000,
    outcome,
    ...(outcome === 'failed' ? { fingerprint: { class: 'crash_loop', signature: 'exit code 1' } } : {}),
  });
}

const riskAt = (memory: DeployMemory, hour: number, scope: Scope = WEB) =>
  memory.assess({ scope, atMs: START_MS + hour * HOUR_MS }).probability;

describe('deploy memory', () => {
  it('raises the risk after a failure and lowers it again with every success', () => {
    const memory = createDeployMemory();
    for (let day = 0; day < 10; day += 1) deploy(memory, `a${day}`, day * 24, 'healthy');
    const before = riskAt(memory, 240);
    deploy(memory, 'bad', 241, 'failed');
    const after = riskAt(memory, 265);
    expect(after).toBeGreaterThan(before * 2);
    let last = after;
    for (let day = 0; day < 3; day += 1) {
      deploy(memory, `b${day}`, 270 + day * 24, 'healthy');
      const now = riskAt(memory, 271 + day * 24);
      expect(now).toBeLessThan(last);
      last = now;
    }
  });

  it('takes a failure after a healthy end for a failure of the same deploy, known later', () => {
    const fingerprint = { class: 'oom_killed', signature: 'exit code 137' };
    const lived = (memory: DeployMemory, last: DeployOutcome) => {
      for (let day = 0; day < 10; day += 1) deploy(memory, `a${day}`, day * 24, 'healthy');
      deploy(memory, 'last', 241, last);
    };
    const [regressed, failed, healthy] = [createDeployMemory(), createDeployMemory(), createDeployMemory()];
    lived(regressed, 'healthy');
    lived(failed, 'failed');
    lived(healthy, 'healthy');
    const atMs = START_MS + 241.1 * HOUR_MS;
    expect(regressed.recordRegression({ deployId: 'last', atMs, fingerprint })).toBe(true);
    expect(riskAt(regressed, 265)).toBeGreaterThan(riskAt(healthy, 265) * 2);
    expect(riskAt(regressed, 265)).toBeGreaterThan(riskAt(failed, 265) * 0.7);
    expect(riskAt(regressed, 265)).toBeLessThan(riskAt(failed, 265) * 1.3);
    expect(regressed.context(WEB, START_MS + 265 * HOUR_MS)).toMatchObject({
      risk: { deploys: 11, failures: 1, lastFailure: { deployId: 'last', atMs, fingerprint } },
      patterns: [{ fingerprint, count: 1 }],
    });
    expect(regressed.history(WEB, 1)).toMatchObject([{ outcome: { outcome: 'healthy' }, regression: { fingerprint } }]);
  });

  it('learns of a regression once, and only where a healthy end was told', () => {
    const memory = createDeployMemory();
    deploy(memory, 'bad', 0, 'failed');
    deploy(memory, 'gone', 1, 'cancelled');
    deploy(memory, 'good', 2, 'healthy');
    memory.recordDeploy(toFact('open', 3));
    const take = (deployId: string) => memory.recordRegression({ deployId, atMs: START_MS + 4 * HOUR_MS });
    expect(['bad', 'gone', 'open', 'unknown', 'good', 'good'].map(take)).toEqual([
      false,
      false,
      false,
      false,
      true,
      false,
    ]);
    expect(memory.context(WEB, START_MS + 5 * HOUR_MS).risk).toMatchObject({ deploys: 2, failures: 2 });
  });

  it('says that the last deploy failed only while nothing has ended since', () => {
    const said = (after: DeployOutcome[]) => {
      const memory = createDeployMemory();
      deploy(memory, 'first', 0, 'healthy');
      after.forEach((outcome, index) => deploy(memory, `next${index}`, index + 1, outcome));
      memory.recordRegression({ deployId: 'first', atMs: START_MS + 20 * HOUR_MS });
      const { signals } = memory.assess({ scope: WEB, atMs: START_MS + 21 * HOUR_MS });
      return signals.map(({ detail }) => detail).join(' ');
    };
    expect(said([])).toContain('The last deploy here failed.');
    expect(said(['cancelled'])).toContain('The last deploy here failed.');
    expect(said(['healthy'])).not.toContain('The last deploy here failed.');
    expect(said(['healthy'])).toContain('1 of 2 deploys');
  });

  it('keeps a staging failure out of production', () => {
    const told = createDeployMemory();
    const untold = createDeployMemory();
    for (const memory of [told, untold])
      for (let day = 0; day < 5; day += 1) deploy(memory, `a${day}`, day * 24, 'healthy');
    deploy(told, 'bad', 121, 'failed', { environment: 'staging' });
    expect(riskAt(told, 122)).toBe(riskAt(untold, 122));
  });

  it('learns nothing from superseded and cancelled deploys', () => {
    const memory = createDeployMemory();
    deploy(memory, 'a', 0, 'superseded');
    deploy(memory, 'b', 1, 'cancelled');
    expect(memory.assess({ scope: WEB, atMs: START_MS + 2 * HOUR_MS })).toMatchObject({ deploys: 0, failures: 0 });
  });

  it('learns an outcome only when it is told, once', () => {
    const memory = createDeployMemory();
    memory.recordDeploy(toFact('a', 0));
    const before = riskAt(memory, 1);
    expect(memory.recordOutcome({ deployId: 'a', atMs: START_MS + HOUR_MS, outcome: 'failed' })).toBe(true);
    const after = riskAt(memory, 2);
    expect(after).toBeGreaterThan(before);
    expect(memory.recordOutcome({ deployId: 'a', atMs: START_MS + HOUR_MS, outcome: 'failed' })).toBe(false);
    expect(riskAt(memory, 2)).toBe(after);
  });

  it('refuses a deploy id that is still open', () => {
    const memory = createDeployMemory();
    memory.recordDeploy(toFact('a', 0));
    expect(() => memory.recordDeploy(toFact('a', 1))).toThrow(/recorded before/);
  });

  it('explains itself in counts', () => {
    const memory = createDeployMemory();
    for (let day = 0; day < 4; day += 1) deploy(memory, `a${day}`, day * 24, day === 3 ? 'failed' : 'healthy');
    const context = memory.context(WEB, START_MS + 100 * HOUR_MS);
    expect(context.known).toBe(true);
    expect(context.recommendations[0]).toMatch(/^1 of 4 remembered deploys of web in production failed/);
    expect(context.patterns).toMatchObject([{ fingerprint: { class: 'crash_loop' }, count: 1 }]);
    expect(context.strategy.strategy).toBe('canary');
    expect(context.risk.low).toBeLessThanOrEqual(context.risk.probability);
    expect(context.risk.high).toBeGreaterThanOrEqual(context.risk.probability);
  });

  it('lists history newest first, the open deploy included', () => {
    const memory = createDeployMemory();
    deploy(memory, 'a', 0, 'healthy');
    memory.recordDeploy(toFact('b', 1));
    expect(memory.history(WEB, 5).map(({ deploy: { id }, outcome }) => [id, outcome?.outcome])).toEqual([
      ['b', undefined],
      ['a', 'healthy'],
    ]);
    expect(memory.history(WEB, 1)).toHaveLength(1);
  });
});
