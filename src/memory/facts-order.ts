import type { DeployFact, DeployRecord, OutcomeFact, RegressionFact } from './facts.ts';
import type { DeployMemory } from './memory.ts';

/** One thing that is told to a memory. */
export type MemoryFact =
  | { type: 'deploy'; fact: DeployFact }
  | { type: 'outcome'; fact: OutcomeFact }
  | { type: 'regression'; fact: RegressionFact };

/**
 * Recorded deploys as the facts they were told as, in order of time. At the same moment an end comes before a beginning, as
 * it does when one deploy replaces another; beyond that the id decides, so that the order is always the same.
 */
export function toFactOrder(records: Iterable<DeployRecord>): MemoryFact[] {
  const facts: { atMs: number; rank: number; id: string; told: MemoryFact }[] = [];
  for (const { deploy, outcome, regression } of records) {
    facts.push({ atMs: deploy.startedAtMs, rank: 1, id: deploy.id, told: { type: 'deploy', fact: deploy } });
    if (outcome === undefined) continue;
    // An end that is dated before its own beginning is told right after it.
    const early = outcome.atMs <= deploy.startedAtMs;
    facts.push({
      atMs: early ? deploy.startedAtMs : outcome.atMs,
      rank: early ? 2 : 0,
      id: deploy.id,
      told: { type: 'outcome', fact: outcome },
    });
    if (regression === undefined) continue;
    // Told after the end it corrects, whatever the clocks said.
    facts.push({
      atMs: Math.max(regression.atMs, outcome.atMs, deploy.startedAtMs),
      rank: 3,
      id: deploy.id,
      told: { type: 'regression', fact: regression },
    });
  }
  facts.sort((a, b) => a.atMs - b.atMs || a.rank - b.rank || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return facts.map(({ told }) => told);
}

/** Tells facts in the order given. A memory told the same facts in the same order is the same memory. */
export function tellFacts(memory: DeployMemory, facts: Iterable<MemoryFact>): void {
  for (const told of facts) {
    if (told.type === 'deploy') memory.recordDeploy(told.fact);
    else if (told.type === 'outcome') memory.recordOutcome(told.fact);
    else memory.recordRegression(told.fact);
  }
}
