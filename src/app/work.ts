import { createCheckpointer } from '../agent/checkpointer.ts';
import type { GraphDeps } from '../agent/deps.ts';
import { createAgentGraph } from '../agent/graph.ts';
import { runSoak } from '../agent/soak.ts';
import type { Config } from '../config/schema.ts';
import { createPullWatcher, type PullWatcher } from '../runner/pull-watcher.ts';
import { createReviewSweep } from '../runner/review-sweep.ts';
import { createRunner, type Runner } from '../runner/runner.ts';
import { createSoakRunner } from '../runner/soak-runner.ts';
import { isGoneHere, owner } from './owner.ts';

interface Work {
  runner: Runner;
  /** Where changes are proposed to a git host. */
  pulls: PullWatcher | undefined;
  /** In the order of their start; to be stopped the other way round. */
  all: { start(): void; stop(): Promise<void> }[];
}

/** What goes on by itself: tickets, watching on, leftovers of the render gate, pull requests. Nothing runs yet. */
export function createWork(config: Config, agent: GraphDeps): Work {
  const { db, clock, logger, journal, repo, proposals } = agent;
  const lease = { owner, isGone: isGoneHere };
  const runner = createRunner({
    ...{ db, journal, clock, logger, ...lease },
    graph: createAgentGraph(agent, createCheckpointer(db)),
    recursionLimit: config.agent.recursionLimit,
    concurrency: config.agent.concurrency,
    leaseMs: 30_000,
    pollMs: 1_000,
    maxClaims: 5,
  });
  const sweep = createReviewSweep({ db, journal, repo, clock, logger });
  const soaks = createSoakRunner({
    ...{ db, clock, logger, ...lease },
    run: async (soak, signal) => await runSoak(agent, soak, signal),
    concurrency: 256,
    leaseMs: 60_000,
    pollMs: 2_000,
  });
  const pulls =
    proposals === null
      ? undefined
      : createPullWatcher({ ...agent, proposals, pollMs: proposals.pollMs, changed: (one) => runner.changed(one) });
  return { runner, pulls, all: [runner, sweep, soaks, ...(pulls === undefined ? [] : [pulls])] };
}
