import type { Scope } from './facts.ts';
import { toScopeKey } from './facts.ts';
import type { Prediction, RiskInput, RiskSignal } from './risk.ts';
import type { ServiceState } from './service-state.ts';
import { betaQuantile, toLogit, toProbability } from './statistics.ts';

const HOUR_MS = 3_600_000;
const BURST_MS = 3 * HOUR_MS;
/** Before anything is known one deploy in fifty fails, as if 20 deploys had been seen. */
const START_RATE = 0.02;
const START_WEIGHT = 20;
/** How many deploys of its own a service needs before it counts as much as its environment. */
const PRIOR_WEIGHT = 15;

interface KnownFailure {
  atMs: number;
  environment: string;
  key: string;
}

export interface Estimator {
  predict(input: RiskInput, state: ServiceState | undefined): Prediction & { signals: RiskSignal[] };
  learn(scope: Scope, atMs: number, failed: boolean): void;
}

export function createEstimator(): Estimator {
  const environments = new Map<string, { deploys: number; failures: number }>();
  let failures: KnownFailure[] = [];

  const baseRate = (environment: string) => {
    const known = environments.get(environment) ?? { deploys: 0, failures: 0 };
    return (known.failures + START_RATE * START_WEIGHT) / (known.deploys + START_WEIGHT);
  };
  const countBurst = (input: RiskInput): number => {
    const key = toScopeKey(input.scope);
    const others = new Set<string>();
    for (const failure of failures)
      if (
        failure.atMs > input.atMs - BURST_MS &&
        failure.environment === input.scope.environment &&
        failure.key !== key
      )
        others.add(failure.key);
    return others.size;
  };

  return {
    predict: (input, state) => {
      const base = baseRate(input.scope.environment);
      const signals: RiskSignal[] = [];
      let logit = toLogit(base);
      let weight = PRIOR_WEIGHT;
      if (state !== undefined && state.deploys > 0) {
        const slow = (state.slow.failures + base * PRIOR_WEIGHT) / (state.slow.deploys + PRIOR_WEIGHT);
        const effect = toLogit(slow) - logit;
        logit += effect;
        weight += state.slow.deploys;
        signals.push({
          name: 'own_history',
          effect,
          detail: `${state.failures} of ${state.deploys} deploys of ${input.scope.service} in ${input.scope.environment} failed.`,
        });
      }
      if (state !== undefined && state.run > 0) {
        const effect = 1.2 + 0.5 * Math.min(3, state.run);
        logit += effect;
        signals.push({
          name: 'last_failed',
          effect,
          detail: state.run === 1 ? 'The last deploy failed.' : `The last ${state.run} deploys failed.`,
        });
      }
      const burst = countBurst(input);
      if (burst >= 2) {
        const effect = 0.5 * Math.min(4, burst - 1);
        logit += effect;
        signals.push({
          name: 'fleet_burst',
          effect,
          detail: `${burst} other services in ${input.scope.environment} failed in the last 3 hours.`,
        });
      }
      const probability = toProbability(logit);
      signals.sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect));
      return {
        probability,
        low: Math.min(probability, betaQuantile(0.1, probability * weight, (1 - probability) * weight)),
        high: Math.max(probability, betaQuantile(0.9, probability * weight, (1 - probability) * weight)),
        signals,
      };
    },
    learn: (scope, atMs, failed) => {
      const known = environments.get(scope.environment) ?? { deploys: 0, failures: 0 };
      known.deploys += 1;
      if (failed) {
        known.failures += 1;
        failures = failures.filter((failure) => failure.atMs > atMs - BURST_MS);
        failures.push({ atMs, environment: scope.environment, key: toScopeKey(scope) });
      }
      environments.set(scope.environment, known);
    },
  };
}
