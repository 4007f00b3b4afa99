import { AppError } from '../lib/errors.ts';
import type { MemoryContext } from './context.ts';
import { toMemoryContext } from './context.ts';
import type { DeployFact, DeployRecord, OutcomeFact, RegressionFact, Scope } from './facts.ts';
import type { MemoryGraph } from './graph.ts';
import { toMemoryGraph } from './graph.ts';
import { createProjection } from './projection.ts';
import type { Prediction, RiskAssessment, RiskInput } from './risk.ts';
import { listRecent } from './service-state.ts';
import type { AskedStrategy, CostTable, StrategyChoice, StrategyInput } from './strategy.ts';
import { chooseStrategy, toStrategyInput } from './strategy.ts';

/** What a context may take from outside the memory; all of it optional. */
export type ContextInput = AskedStrategy & Pick<RiskInput, 'version' | 'changeKind' | 'size'>;

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
  /** A deploy told healthy lately has failed after all. Of any other nothing is learned. Answers whether it was taken. */
  recordRegression(fact: RegressionFact): boolean;
  /** How likely a deploy begun now would fail. Changes nothing. */
  assess(input: RiskInput): RiskAssessment;
  choose(assessment: RiskAssessment, input: StrategyInput): StrategyChoice;
  context(scope: Scope, atMs: number, input?: ContextInput): MemoryContext;
  /** Newest first. */
  history(scope: Scope, limit: number): DeployRecord[];
  graph(): MemoryGraph;
  /** All of it as bytes that only this version of the program reads: a shortcut for start-up, never the record. */
  snapshot(): Uint8Array;
}

export interface MemoryOptions {
  costs?: CostTable;
  /** What `snapshot` gave before. */
  snapshot?: Uint8Array;
  /** Names of signals that count for nothing; facts told before and after the change of this list must be told anew. */
  ignoredSignals?: readonly string[];
}

/** @throws AppError `invalid_input` when the snapshot is of another version; rebuild from the facts then */
export function createDeployMemory(options: MemoryOptions = {}): DeployMemory {
  const costs = options.costs ?? {};
  const projection = createProjection(options.snapshot, new Set(options.ignoredSignals));

  const assess = (input: RiskInput): RiskAssessment => {
    const { made, signals, state } = projection.assess(input);
    const failure = state?.lastFailure;
    return {
      scope: input.scope,
      atMs: input.atMs,
      probability: made.probability,
      low: made.low,
      high: made.high,
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
      if (projection.isOpen(fact.id))
        throw new AppError('conflict', `deploy ${fact.id} was recorded before`, {
          hint: 'Give every deploy its own id.',
        });
      const { probability, low, high } = projection.addDeploy(fact);
      return { probability, low, high };
    },
    recordOutcome: (fact) => projection.addOutcome(fact),
    recordRegression: (fact) => projection.addRegression(fact),
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
      const choice = choose(risk, toStrategyInput(scope.environment, input));
      return toMemoryContext(risk, choice, projection.patterns(scope), projection.find(scope));
    },
    history: (scope, limit) => {
      const state = projection.find(scope);
      const recent = state === undefined ? [] : listRecent(state);
      return recent.slice(0, Math.max(0, limit)).map((record) => ({ ...record }));
    },
    snapshot: () => projection.snapshot(),
    graph: () => toMemoryGraph(projection.states(), projection.patterns),
  };
}
