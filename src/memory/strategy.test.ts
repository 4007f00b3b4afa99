import { describe, expect, it } from 'vitest';
import type { RiskAssessment } from './risk.ts';
import type { StrategyInput } from './strategy.ts';
import { chooseStrategy } from './strategy.ts';

const assessment = (probability: number, over: Partial<RiskAssessment> = {}): RiskAssessment => ({
  scope: { cluster: 'main', environment: 'production', namespace: 'shop', service: 'web' },
  atMs: 0,
  probability,
  low: probability / 2,
  high: Math.min(1, probability * 2),
  signals: [],
  deploys: 10,
  failures: 1,
  firstDeploy: false,
  ...over,
});
const input = (over: Partial<StrategyInput> = {}): StrategyInput => ({
  environment: 'production',
  stateful: false,
  rolloutsAvailable: true,
  ...over,
});

describe('choosing a strategy', () => {
  it('grows more careful with the risk', () => {
    const chosen = [0.01, 0.2, 0.6, 0.9].map((p) => chooseStrategy(assessment(p), input()).strategy);
    expect(chosen).toEqual(['direct', 'canary', 'blue_green', 'hold']);
  });

  it('takes its threshold from the costs of the environment', () => {
    const table = { '*': { canaryDelay: 0.2 }, production: { canaryDelay: 0.01 } };
    expect(chooseStrategy(assessment(0.02), input(), table).strategy).toBe('canary');
    expect(chooseStrategy(assessment(0.02), input({ environment: 'staging' }), table).strategy).toBe('direct');
  });

  it.each([
    ['stateful services', { stateful: true }, {}],
    ['clusters without Argo Rollouts', { rolloutsAvailable: false }, {}],
    ['what no Deployment runs', { shiftable: false }, {}],
    ['first deploys', {}, { firstDeploy: true }],
  ])('never shifts traffic for %s and says why', (_name, change, over) => {
    const choice = chooseStrategy(assessment(0.1, over), input(change));
    expect(choice.strategy).toBe('direct');
    expect(choice.reasons[0]).not.toBe('');
    expect(choice.expectedCosts).not.toHaveProperty('canary');
  });

  it('still asks a person about a hopeless change where traffic cannot be shifted', () => {
    expect(chooseStrategy(assessment(0.8), input({ stateful: true })).strategy).toBe('hold');
  });

  it('holds in a freeze window, whatever was asked for', () => {
    expect(chooseStrategy(assessment(0.001), input({ freeze: true, wish: 'direct' })).strategy).toBe('hold');
  });

  it('follows a wish before an override, and an override before the costs', () => {
    expect(chooseStrategy(assessment(0.001), input({ override: 'canary' })).strategy).toBe('canary');
    const choice = chooseStrategy(assessment(0.001), input({ override: 'canary', wish: 'blue_green' }));
    expect(choice.strategy).toBe('blue_green');
    expect(choice.reasons[0]).toContain('ticket');
  });

  it('says so where a wish cannot be followed', () => {
    const choice = chooseStrategy(assessment(0.001), input({ wish: 'canary', stateful: true }));
    expect(choice.strategy).toBe('direct');
    expect(choice.reasons[0]).toContain('not possible');
  });

  it('leaves canary only when direct is clearly cheaper', () => {
    const border = assessment(0.055, { lastStrategy: 'canary' });
    expect(chooseStrategy(border, input()).strategy).toBe('canary');
    expect(chooseStrategy(assessment(0.055), input()).strategy).toBe('direct');
    expect(chooseStrategy(assessment(0.02, { lastStrategy: 'canary' }), input()).strategy).toBe('direct');
  });
});
