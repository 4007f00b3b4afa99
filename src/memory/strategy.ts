import type { Strategy } from './facts.ts';
import type { RiskAssessment } from './risk.ts';

/** What things cost in one environment, all in units of one failed deploy that everybody sees. */
export interface EnvironmentCosts {
  /** Waiting for a canary's steps. */
  canaryDelay: number;
  /** The share of a failure's cost that a canary lets through. */
  canaryResidual: number;
  /** Waiting for, and paying for, a second full set of pods. */
  blueGreenDelay: number;
  blueGreenResidual: number;
  /** A person's attention. */
  attention: number;
  /** The share of a failure's cost that is left after a person has looked. */
  attentionResidual: number;
}

/** Costs by environment; `*` stands for those not named. */
export type CostTable = Readonly<Record<string, Partial<EnvironmentCosts>>>;

const DEFAULT_COSTS: EnvironmentCosts = {
  canaryDelay: 0.05,
  canaryResidual: 0.15,
  blueGreenDelay: 0.07,
  blueGreenResidual: 0.1,
  attention: 0.12,
  attentionResidual: 0.03,
};

/** To go back to direct the advantage must be this clear; a service on the border would otherwise flip at every deploy. */
const LEAVE_FACTOR = 0.7;

function costsOf(table: CostTable, environment: string): EnvironmentCosts {
  return { ...DEFAULT_COSTS, ...table['*'], ...table[environment] };
}

export interface StrategyInput {
  environment: string;
  /** Has state of its own: two versions side by side are not safe. */
  stateful: boolean;
  /** False where a Rollout cannot take the place of what runs it, such as a DaemonSet or a CronJob. By default true. */
  shiftable?: boolean;
  /** What the ticket asked for in so many words. */
  wish?: Strategy;
  /** A freeze window is open. */
  freeze?: boolean;
  /** Whether a controller that can shift traffic is installed. */
  rolloutsAvailable: boolean;
  /** What the operator set for this service. */
  override?: Strategy;
}

/** What is not said is taken as usual: no state, pods of a Deployment, Argo Rollouts there. */
export function toStrategyInput(
  environment: string,
  { stateful = false, rolloutsAvailable = true, shiftable, wish, freeze, override }: AskedStrategy,
): StrategyInput {
  return {
    ...{ environment, stateful, rolloutsAvailable },
    ...(shiftable === undefined ? {} : { shiftable }),
    ...(wish === undefined ? {} : { wish }),
    ...(freeze === undefined ? {} : { freeze }),
    ...(override === undefined ? {} : { override }),
  };
}

export type AskedStrategy = Partial<Omit<StrategyInput, 'environment'>>;

export interface StrategyChoice {
  /** `hold` asks a person before anything is pushed. */
  strategy: Strategy | 'hold';
  /** What decided, most important first; plain sentences. */
  reasons: string[];
  /** In units of one failed deploy; only the choices that were open. */
  expectedCosts: Partial<Record<Strategy | 'hold', number>>;
}

/**
 * The cheapest way to deploy in expectation, within the rules that no cost can bend: a freeze holds, state forbids two
 * versions side by side, and a first deploy has no old version to share traffic with. A wish goes before the override,
 * and both go before the costs, as far as the rules allow.
 */
export function chooseStrategy(
  assessment: RiskAssessment,
  input: StrategyInput,
  table: CostTable = {},
): StrategyChoice {
  const costs = expectedCosts(assessment.probability, costsOf(table, input.environment));
  const barrier = findBarrier(assessment, input);
  const open: Strategy[] = barrier === undefined ? ['direct', 'canary', 'blue_green'] : ['direct'];
  const shown = pick(costs, [...open, 'hold']);
  const percent = formatPercent(assessment.probability);
  if (input.freeze === true) return { strategy: 'hold', reasons: ['A freeze window is open.'], expectedCosts: shown };

  const asked = input.wish ?? input.override;
  if (asked !== undefined) {
    const who = input.wish === undefined ? 'The operator set' : 'The ticket asks for';
    if (open.includes(asked)) return { strategy: asked, reasons: [`${who} ${label(asked)}.`], expectedCosts: shown };
    return {
      strategy: 'direct',
      reasons: [`${who} ${label(asked)}, which is not possible: ${barrier ?? ''}`, 'Direct is what is left.'],
      expectedCosts: shown,
    };
  }

  // A person is asked where even the most careful strategy left is dearer than their attention.
  const best = [...open].sort((a, b) => costs[a] - costs[b])[0] ?? 'direct';
  if (costs.hold < costs[best])
    return {
      strategy: 'hold',
      reasons: [
        `The risk of failure is ${percent}: a person's attention (${formatCost(costs.hold)}) costs less than ` +
          `${label(best)} (${formatCost(costs[best])}).`,
        ...strongest(assessment),
      ],
      expectedCosts: shown,
    };
  if (barrier !== undefined) return { strategy: 'direct', reasons: [barrier], expectedCosts: shown };
  const last = assessment.lastStrategy;
  if (best === 'direct' && last !== undefined && last !== 'direct' && costs.direct > LEAVE_FACTOR * costs[last])
    return {
      strategy: last,
      reasons: [
        `The last deploy was ${label(last)}, and at ${percent} risk direct is not yet clearly cheaper ` +
          `(${formatCost(costs.direct)} against ${formatCost(costs[last])}).`,
      ],
      expectedCosts: shown,
    };
  const others = open.filter((strategy) => strategy !== best).sort((a, b) => costs[a] - costs[b]);
  const next = others[0] ?? 'direct';
  return {
    strategy: best,
    reasons: [
      `At ${percent} risk ${label(best)} costs least (${formatCost(costs[best])} against ` +
        `${formatCost(costs[next])} for ${label(next)}).`,
      ...strongest(assessment),
    ],
    expectedCosts: shown,
  };
}

function expectedCosts(probability: number, costs: EnvironmentCosts): Record<Strategy | 'hold', number> {
  return {
    direct: probability,
    canary: costs.canaryDelay + costs.canaryResidual * probability,
    blue_green: costs.blueGreenDelay + costs.blueGreenResidual * probability,
    hold: costs.attention + costs.attentionResidual * probability,
  };
}

/** Why nothing but direct is possible, if so. */
function findBarrier(assessment: RiskAssessment, input: StrategyInput): string | undefined {
  if (input.stateful) return 'The service keeps state: two versions must not run side by side.';
  if (input.shiftable === false)
    return 'No Deployment runs this service, and only the pods of one can be replaced step by step.';
  if (!input.rolloutsAvailable) return 'Argo Rollouts is not installed, so traffic cannot be shifted step by step.';
  if (assessment.firstDeploy)
    return 'This is the first deploy that memory knows of: it has nothing to judge a canary by.';
  return undefined;
}

function strongest(assessment: RiskAssessment): string[] {
  return assessment.signals
    .filter((signal) => Math.abs(signal.effect) >= 0.2)
    .slice(0, 3)
    .map((signal) => signal.detail);
}

function pick(
  costs: Record<Strategy | 'hold', number>,
  names: readonly (Strategy | 'hold')[],
): Partial<Record<Strategy | 'hold', number>> {
  return Object.fromEntries(names.map((name) => [name, costs[name]]));
}

function label(strategy: Strategy): string {
  return strategy === 'blue_green' ? 'blue-green' : strategy;
}

function formatCost(cost: number): string {
  return cost.toFixed(3);
}

/** `0.4 %`, `12 %`: as many digits as a person can use. */
export function formatPercent(probability: number): string {
  const percent = probability * 100;
  return `${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}
