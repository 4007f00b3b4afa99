import type { Mixture } from './mixture.ts';
import { createMixture, learnMixture, mix } from './mixture.ts';

/**
 * How often deploys of an environment fail, whatever the service. Four ways of counting are mixed, since no one way is
 * right everywhere: plain counting; counting from a strong belief that failures are rare (an environment with none so far
 * is not safe for ever); and two that fade, so that bad months and good months are seen. The fading ones count a mass
 * failure as few events: thirty services rolled back in one minute are one incident.
 */
export interface BaseRate {
  deploys: number;
  failures: number;
  month: { deploys: number; failures: number };
  season: { deploys: number; failures: number };
  mixture: Mixture;
  /** Failures that came with others within the hour, of all failures; starts from a belief worth five. */
  massed: { failures: number; of: number };
}

export interface BaseForecast {
  /** Plain, rare, month, season; in the order of the mixture. */
  opinions: [number, number, number, number];
  rate: number;
  /** The part of the rate that hits every service at once and that no good record of one service lowers. */
  systemic: number;
}

// What is believed before anything was seen, and how many deploys that belief is worth.
const PLAIN = { rate: 0.03, weight: 10 };
const RARE = { rate: 0.01, weight: 1000 };
const MONTH = { decay: 0.5 ** (1 / 300), weight: 100 };
const SEASON = { decay: 0.5 ** (1 / 1000), weight: 300 };
/** As many others failing within the hour make a failure part of a mass. */
const MASS = 2;

export function createBaseRate(): BaseRate {
  return {
    deploys: 0,
    failures: 0,
    month: { deploys: 0, failures: 0 },
    season: { deploys: 0, failures: 0 },
    mixture: createMixture([0.2, 0.3, 0.2, 0.3]),
    massed: { failures: 1.5, of: 5 },
  };
}

export function forecastBase(base: BaseRate): BaseForecast {
  const plain = (base.failures + PLAIN.rate * PLAIN.weight) / (base.deploys + PLAIN.weight);
  const rare = (base.failures + RARE.rate * RARE.weight) / (base.deploys + RARE.weight);
  const month = (base.month.failures + MONTH.weight * rare) / (base.month.deploys + MONTH.weight);
  const season = (base.season.failures + SEASON.weight * rare) / (base.season.deploys + SEASON.weight);
  const opinions: BaseForecast['opinions'] = [plain, rare, month, season];
  const rate = mix(base.mixture, opinions);
  return { opinions, rate, systemic: (rate * base.massed.failures) / base.massed.of };
}

/**
 * @param weight what the outcome is worth as an independent observation
 * @param others failures of the environment within the hour before
 * @param isLater the deploy was counted as healthy before and is known to have failed now
 */
export function learnBase(
  base: BaseRate,
  forecast: BaseForecast,
  failed: boolean,
  weight: number,
  others: number,
  isLater: boolean,
): void {
  learnMixture(base.mixture, forecast.opinions, failed, weight);
  const counted = failed ? weight : 0;
  if (!isLater) {
    base.deploys += 1;
    base.month.deploys = base.month.deploys * MONTH.decay + 1;
    base.month.failures *= MONTH.decay;
    base.season.deploys = base.season.deploys * SEASON.decay + 1;
    base.season.failures *= SEASON.decay;
  }
  base.month.failures += counted;
  base.season.failures += counted;
  if (!failed) return;
  base.failures += 1;
  base.massed.of += 1;
  if (others >= MASS) base.massed.failures += 1;
}
