import type { ConfirmedPattern } from './pair-evidence.ts';
import { toClaim, toServiceName } from './explain.ts';
import type { FailureFingerprint, Scope } from './facts.ts';
import { toScopeLabel } from './facts.ts';
import type { RiskAssessment } from './risk.ts';
import type { ServiceState } from './service-state.ts';
import type { StrategyChoice } from './strategy.ts';
import { formatPercent } from './strategy.ts';

/** A way in which deploys of this scope have failed. */
export interface KnownPattern {
  fingerprint: FailureFingerprint;
  count: number;
  firstAtMs: number;
  lastAtMs: number;
  lastDeployId: string;
}

/** A claim that deploys of this scope fail while another service deploys too. */
export interface CoDeployClaim {
  with: string;
  failedTogether: number;
  deploysTogether: number;
  failedAlone: number;
  deploysAlone: number;
  /** 80 % interval of the probability of failure when both deploy. */
  low: number;
  high: number;
  detail: string;
}

/** What the memory can tell about a scope before a deploy. */
export interface MemoryContext {
  scope: Scope;
  /** Whether anything is remembered about this scope. */
  known: boolean;
  risk: RiskAssessment;
  /** Most frequent first. */
  patterns: KnownPattern[];
  coDeploys: CoDeployClaim[];
  /** What is going wrong elsewhere just now, one sentence each. */
  bursts: string[];
  recommendations: string[];
  strategy: StrategyChoice;
}

export function toMemoryContext(
  risk: RiskAssessment,
  strategy: StrategyChoice,
  company: readonly ConfirmedPattern[],
  state: ServiceState | undefined,
): MemoryContext {
  const patterns = [...(state?.patterns.values() ?? [])]
    .map((pattern) => ({ ...pattern }))
    .sort((a, b) => b.count - a.count || b.lastAtMs - a.lastAtMs);
  const coDeploys = company.map((pattern) => toCoDeployClaim(pattern));
  return {
    scope: risk.scope,
    known: state !== undefined,
    risk,
    patterns,
    coDeploys,
    bursts: risk.signals.filter((signal) => signal.name === 'fleet_burst').map((signal) => signal.detail),
    recommendations: toRecommendations(risk, patterns, coDeploys, strategy),
    strategy,
  };
}

function toCoDeployClaim(pattern: ConfirmedPattern): CoDeployClaim {
  const { failedTogether, deploysTogether, failedAlone, deploysAlone, low, high } = pattern;
  return {
    with: toServiceName(pattern.with),
    failedTogether,
    deploysTogether,
    failedAlone,
    deploysAlone,
    low,
    high,
    detail: toClaim(pattern),
  };
}

function toRecommendations(
  risk: RiskAssessment,
  patterns: readonly KnownPattern[],
  coDeploys: readonly CoDeployClaim[],
  strategy: StrategyChoice,
): string[] {
  const lines = [
    risk.deploys === 0
      ? `Nothing is remembered about ${toScopeLabel(risk.scope)}; the estimate of ${formatPercent(risk.probability)} is that of its environment.`
      : `${risk.failures} of ${risk.deploys} remembered deploys of ${toScopeLabel(risk.scope)} failed; the risk now is ` +
        `${formatPercent(risk.probability)} (${formatPercent(risk.low)} to ${formatPercent(risk.high)}).`,
  ];
  for (const signal of risk.signals.filter(({ effect }) => effect >= 0.3).slice(0, 3)) lines.push(signal.detail);
  const top = patterns[0];
  if (top !== undefined && top.count >= 2)
    lines.push(
      `It failed ${top.count} times with ${top.fingerprint.class}: ${top.fingerprint.signature}. Look there first.`,
    );
  for (const claim of coDeploys) lines.push(claim.detail);
  if (strategy.strategy === 'hold') lines.push('Ask a person before anything is pushed.');
  else if (strategy.strategy !== 'direct')
    lines.push(`Deploy by ${strategy.strategy === 'canary' ? 'canary' : 'blue-green'}.`);
  return lines;
}
