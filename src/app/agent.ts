import { join } from 'node:path';
import type { GraphDeps } from '../agent/deps.ts';
import { createDraftCache } from '../agent/draft.ts';
import { loadIsolation } from '../cdk8s/isolation.ts';
import { createSynth } from '../cdk8s/synth.ts';
import type { Config } from '../config/schema.ts';
import type { Forge } from '../forge/forge.ts';
import { createSnapshotFile } from '../memory/memory-snapshot.ts';
import { createMemoryKeeper } from '../memory/memory-store.ts';
import type { EventDelivery } from '../memory/event-delivery.ts';
import { toOutbox } from './events.ts';
import { pickPlanner } from './planner.ts';
import { toAgentSettings, toPolicy, toProposals } from './settings.ts';

type Given = Pick<GraphDeps, 'db' | 'journal' | 'clock' | 'ids' | 'logger' | 'redactor' | 'repo' | 'instances'>;

/** All that tickets share, picked by the configuration. */
export async function createAgentDeps(
  config: Config,
  given: Given,
  { forge, delivery }: { forge: Forge | undefined; delivery: EventDelivery | undefined },
): Promise<GraphDeps> {
  const { db, clock, logger, instances } = given;
  const memory = createMemoryKeeper(db, {
    costs: config.memory.costs,
    snapshots: createSnapshotFile(join(config.data.dir, 'memory.snapshot')),
    ...(delivery === undefined ? {} : { outbox: toOutbox(config, delivery, clock) }),
  });
  const synth = createSynth({
    isolation: await loadIsolation(),
    limits: {
      timeoutMs: config.cdk8s.synthTimeoutMs,
      heapMegabytes: config.cdk8s.maxMemoryMb,
      maxOutputBytes: config.cdk8s.maxOutputBytes,
    },
    ...{ clock, logger },
  });
  const planners = instances.all.map((one) => [one.name, pickPlanner(config, { ...given, memory, ...one })] as const);
  return {
    ...given,
    memory,
    synth,
    drafts: createDraftCache(32),
    planners: new Map(planners),
    policy: toPolicy(config),
    proposals: forge === undefined ? null : toProposals(config, forge),
    settings: toAgentSettings(config),
  };
}
