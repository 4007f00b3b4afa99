import { logLoss } from './statistics.ts';

/** The costs a policy is judged at: a canary costs this share of a failed deploy. */
export const COST_REGIMES = [0.03, 0.08, 0.2] as const;
/** The share of a failure's cost that a canary lets through. */
export const CANARY_RESIDUAL = 0.15;
const BINS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1] as const;

export interface CalibrationBin {
  upTo: number;
  deploys: number;
  failures: number;
  /** Mean of the predictions, to be held against failures / deploys. */
  predicted: number;
}

export interface Score {
  deploys: number;
  failures: number;
  /** Mean in nats. */
  logLoss: number;
  baseLogLoss: number;
  /** Below 1 is better than always saying the rate known so far. */
  logLossOfBase: number;
  brier: number;
  /** Share of the failures within the twentieth of the deploys that was predicted riskiest. */
  failuresInRiskiest5Percent: number;
  costs: { canaryCost: number; direct: number; canary: number; chosen: number; ofBetterConstant: number }[];
  calibration: CalibrationBin[];
}

/** Gathers predictions and how they came out. */
export interface Scorer {
  add(probability: number, base: number, failed: boolean): void;
  score(): Score;
}

export function createScorer(): Scorer {
  const predictions: number[] = [];
  const outcomes: boolean[] = [];
  let loss = 0;
  let baseLoss = 0;
  let squares = 0;
  return {
    add: (probability, base, failed) => {
      predictions.push(probability);
      outcomes.push(failed);
      loss += logLoss(probability, failed);
      baseLoss += logLoss(base, failed);
      squares += (probability - (failed ? 1 : 0)) ** 2;
    },
    score: () => {
      const deploys = predictions.length;
      const failures = outcomes.filter(Boolean).length;
      return {
        deploys,
        failures,
        logLoss: ratio(loss, deploys),
        baseLogLoss: ratio(baseLoss, deploys),
        logLossOfBase: ratio(loss, baseLoss),
        brier: ratio(squares, deploys),
        failuresInRiskiest5Percent: ratio(countTop(predictions, outcomes), failures),
        costs: COST_REGIMES.map((canaryCost) => costOf(predictions, outcomes, failures, canaryCost)),
        calibration: toCalibration(predictions, outcomes),
      };
    },
  };
}

function countTop(predictions: readonly number[], outcomes: readonly boolean[]): number {
  const order = predictions.map((_, index) => index).sort((a, b) => (predictions[b] ?? 0) - (predictions[a] ?? 0));
  return order.slice(0, Math.ceil(order.length * 0.05)).filter((index) => outcomes[index]).length;
}

function costOf(predictions: readonly number[], outcomes: readonly boolean[], failures: number, canaryCost: number) {
  const threshold = canaryCost / (1 - CANARY_RESIDUAL);
  let chosen = 0;
  predictions.forEach((probability, index) => {
    const failed = outcomes[index] === true ? 1 : 0;
    chosen += probability > threshold ? canaryCost + CANARY_RESIDUAL * failed : failed;
  });
  const canary = predictions.length * canaryCost + CANARY_RESIDUAL * failures;
  return { canaryCost, direct: failures, canary, chosen, ofBetterConstant: ratio(chosen, Math.min(failures, canary)) };
}

function toCalibration(predictions: readonly number[], outcomes: readonly boolean[]): CalibrationBin[] {
  const bins = BINS.map((upTo) => ({ upTo, deploys: 0, failures: 0, predicted: 0 }));
  predictions.forEach((probability, index) => {
    const bin = bins.find(({ upTo }) => probability <= upTo);
    if (bin === undefined) return;
    bin.deploys += 1;
    bin.predicted += probability;
    if (outcomes[index] === true) bin.failures += 1;
  });
  return bins.filter(({ deploys }) => deploys > 0).map((bin) => ({ ...bin, predicted: bin.predicted / bin.deploys }));
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
