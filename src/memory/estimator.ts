import type { BaseForecast, BaseRate } from './base-rate.ts';
import { createBaseRate, forecastBase, learnBase } from './base-rate.ts';
import { FEATURES, toFeatures } from './features.ts';
import type { Observation } from './features.ts';
import type { OnlineLogistic } from './logistic.ts';
import { averagedProbability, createLogistic, learnLogistic, scoreOf, varianceOf } from './logistic.ts';
import type { Mixture } from './mixture.ts';
import { createMixture, learnMixture, mix } from './mixture.ts';
import { toLogit, toProbability } from './statistics.ts';

/** What is learned about one environment. Nothing in it comes from another one. Plain data. */
export interface EnvironmentModel {
  base: BaseRate;
  logistic: OnlineLogistic;
  mixture: Mixture;
}

/** A prediction with all that is needed to learn from its outcome later. */
export interface Forecast {
  probability: number;
  low: number;
  high: number;
  base: BaseForecast;
  features: readonly number[];
  /** Log-odds of the part that is the service's own, before its signals. */
  offset: number;
  /** Plain rate, mixed rate, own rate, signals, signals and company; in the order of the mixture. */
  opinions: [number, number, number, number, number];
}

const OPINION_PRIOR = [0.15, 0.45, 0.05, 0.2, 0.15];
const OWN_WEIGHT = 20;
const EIGHTY_PERCENT = 1.2816;
const FLOOR = 1e-5;

export function createEnvironmentModel(): EnvironmentModel {
  return { base: createBaseRate(), logistic: createLogistic(FEATURES), mixture: createMixture(OPINION_PRIOR) };
}

/**
 * How likely a deploy fails: a systemic part that spares nobody, beside a part of the service's own. The own part has four
 * opinions (the environment's rate, the service's rate, the signals, and the signals with what deploys beside it), trusted by how well each foretold before.
 */
export function forecast(
  model: EnvironmentModel,
  seen: Observation,
  atMs: number,
  ignored?: ReadonlySet<string>,
): Forecast {
  const base = forecastBase(model.base);
  const own = base.rate - base.systemic;
  const offset = toLogit(own);
  const features = toFeatures(seen, atMs, base.rate, ignored);
  const score = scoreOf(model.logistic, features);
  const variance = Math.max(0, varianceOf(model.logistic, features));
  const either = (probability: number) => 1 - (1 - probability) * (1 - base.systemic);
  const slow = seen.state?.slow ?? { deploys: 0, failures: 0 };
  const signals = either(averagedProbability(offset + score, variance));
  const opinions: Forecast['opinions'] = [
    base.opinions[0],
    base.rate,
    either((slow.failures + own * OWN_WEIGHT) / (slow.deploys + OWN_WEIGHT)),
    signals,
    1 - (1 - signals) * (1 - seen.company.beside),
  ];
  const probability = clamp(mix(model.mixture, opinions));
  const sd = spreadOf(model, opinions, probability, variance);
  const logit = toLogit(probability);
  return {
    probability,
    low: toProbability(logit - EIGHTY_PERCENT * sd),
    high: toProbability(logit + EIGHTY_PERCENT * sd),
    base,
    features,
    offset,
    opinions,
  };
}

/** How unsure the prediction is, in log-odds: of the environment's rate, of the coefficients, and among the opinions. */
function spreadOf(model: EnvironmentModel, opinions: readonly number[], mixed: number, variance: number): number {
  const center = toLogit(clamp(mixed));
  let apart = 0;
  for (let index = 0; index < opinions.length; index += 1)
    apart += (model.mixture.weights[index] ?? 0) * (toLogit(clamp(opinions[index] ?? mixed)) - center) ** 2;
  const trust = trustInSignals(model);
  return Math.sqrt(1 / (model.base.failures + 1) + trust * variance + apart);
}

/**
 * Learns how a forecast came out.
 * @param others failures of the environment known within the hour before
 * @param isLater it was learned as healthy before, and is known to have failed now
 */
export function learnForecast(
  model: EnvironmentModel,
  made: Forecast,
  failed: boolean,
  others: number,
  isLater = false,
): void {
  // What comes with a burst of failures has one cause: the tenth outcome in such an hour tells a tenth of what the first told.
  const weight = 1 / (1 + others);
  // What company explains is not held against the rest.
  const [, , , alone, beside] = made.opinions;
  const unexplained = failed ? alone / beside : 1;
  learnMixture(model.mixture, made.opinions, failed, weight);
  learnLogistic(model.logistic, made.features, made.offset, failed, weight * unexplained);
  learnBase(model.base, made.base, failed, weight * unexplained, others, isLater);
}

/** How far the signals are listened to, with company or without. */
export function trustInSignals(model: EnvironmentModel): number {
  return (model.mixture.weights[3] ?? 0) + (model.mixture.weights[4] ?? 0);
}

function clamp(probability: number): number {
  return Math.min(1 - FLOOR, Math.max(FLOOR, probability));
}
