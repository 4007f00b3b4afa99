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
