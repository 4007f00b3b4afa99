import { AppError } from '../lib/errors.ts';
import type { MemoryContext } from './context.ts';
import { toMemoryContext } from './context.ts';
import { createEstimator } from './estimator.ts';
import type { DeployFact, DeployRecord, OutcomeFact, Scope } from './facts.ts';
import { isFailure, toScopeKey } from './facts.ts';
import type { MemoryGraph } from './graph.ts';
import { toMemoryGraph } from './graph.ts';
import type { Prediction, RiskAssessment, RiskInput } from './risk.ts';
import type { ServiceState } from './service-state.ts';
import { addEnd, addStart, createServiceState } from './service-state.ts';
import type { CostTable, StrategyChoice, StrategyInput } from './strategy.ts';
import { chooseStrategy } from './strategy.ts';

/** What a context may take from outside the memory; all of it optional. */
export type ContextInput = Partial<Omit<StrategyInput, 'environment'>> &
  Pick<RiskInput, 'version' | 'changeKind' | 'size'>;

/**
 * What was deployed and how it ended, in memory. A pure function of the facts in the order in which they were told: the
 * same facts give the same answers, so it is rebuilt at start by telling them again.
 */
export interface DeployMemory {
  /**
   * A deploy has begun; answers what was to be expected of it. Call in order of time.
   * @throws AppError `conflict` when the id was told before and has not ended
   */
  recordDeploy(fact: DeployFact): Prediction;
  /** A deploy has ended. Of an unknown or already ended deploy nothing is learned. Answers whether it was taken. */
  recordOutcome(fact: OutcomeFact): boolean;
  /** How likely a deploy begun now would fail. Changes nothing. */
  assess(input: RiskInput): RiskAssessment;
  choose(assessment: RiskAssessment, input: StrategyInput): StrategyChoice;
  context(scope: Scope, atMs: number, input?: ContextInput): MemoryContext;
  /** Newest first. */
  history(scope: Scope, limit: number): DeployRecord[];
  graph(): MemoryGraph;
}

export function createDeployMemory(options: { costs?: CostTable } = {}): DeployMemory {
  const costs = options.costs ?? {};
  const services = new Map<string, ServiceState>();
  const pending = new Map<string, DeployRecord>();
  const estimator = createEstimator();
  const find = (scope: Scope) => services.get(toScopeKey(scope));

  const assess = (input: RiskInput): RiskAssessment => {
    const state = find(input.scope);
    const { probability, low, high, signals } = estimator.predict(input, state);
    const failure = state?.lastFailure;
    return {
      scope: input.scope,
      atMs: input.atMs,
      probability,
      low,
      high,
      signals,
      deploys: state?.deploys ?? 0,
      failures: state?.failures ?? 0,
      firstDeploy: state === undefined,
      ...(state?.lastStrategy === undefined ? {} : { lastStrategy: state.lastStrategy }),
      ...(failure?.outcome === undefined
        ? {}
        : {
            lastFailure: {
              deployId: failure.deploy.id,
              atMs: failure.outcome.atMs,
              ...(failure.deploy.version === undefined ? {} : { version: failure.deploy.version }),
              ...(failure.outcome.fingerprint === undefined ? {} : { fingerprint: failure.outcome.fingerprint }),
            },
          }),
    };
  };
  const choose = (assessment: RiskAssessment, input: StrategyInput) => chooseStrategy(assessment, input, costs);

  return {
    recordDeploy: (fact) => {
      if (pending.has(fact.id))
        throw new AppError('conflict', `deploy ${fact.id} was recorded before`, {
          hint: 'Give every deploy its own id.',
        });
      const key = toScopeKey(fact);
      const { probability, low, high } = estimator.predict(toRiskInput(fact), services.get(key));
      const state = services.get(key) ?? createServiceState(fact);
      services.set(key, state);
      const record: DeployRecord = { deploy: fact };
      pending.set(fact.id, record);
      addStart(state, record);
      return { probability, low, high };
    },
    recordOutcome: (fact) => {
      const record = pending.get(fact.deployId);
      if (record === undefined) return false;
      pending.delete(fact.deployId);
      record.outcome = fact;
      const state = find(record.deploy);
      if (state !== undefined) addEnd(state, record.deploy, fact);
      const failed = isFailure(fact.outcome);
      if (failed !== undefined) estimator.learn(record.deploy, fact.atMs, failed);
      return true;
    },
    assess,
    choose,
    context: (scope, atMs, input = {}) => {
      const { version, changeKind, size } = input;
      const risk = assess({
        scope,
        atMs,
        ...(version === undefined ? {} : { version }),
        ...(changeKind === undefined ? {} : { changeKind }),
        ...(size === undefined ? {} : { size }),
        stateful: input.stateful ?? false,
      });
      const choice = choose(risk, {
        environment: scope.environment,
        stateful: input.stateful ?? false,
        rolloutsAvailable: input.rolloutsAvailable ?? true,
        ...(input.wish === undefined ? {} : { wish: input.wish }),
        ...(input.freeze === undefined ? {} : { freeze: input.freeze }),
        ...(input.override === undefined ? {} : { override: input.override }),
      });
      return toMemoryContext(risk, choice, [], find(scope));
    },
    history: (scope, limit) =>
      (find(scope)?.recent ?? [])
        .slice()
        .reverse()
        .slice(0, limit)
        .map((record) => ({ ...record })),
    graph: () => toMemoryGraph(services.values()),
  };
}

function toRiskInput(fact: DeployFact): RiskInput {
  return {
    scope: fact,
    atMs: fact.startedAtMs,
    changeKind: fact.changeKind,
    ...(fact.version === undefined ? {} : { version: fact.version }),
    ...(fact.size === undefined ? {} : { size: fact.size }),
  };
}
