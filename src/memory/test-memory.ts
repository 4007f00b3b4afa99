import type { DeployFact, DeployOutcome, OutcomeFact, Scope } from './facts.ts';
import type { RecalledMemory } from './corrected-memory.ts';
import type { MemoryKeeper } from './memory-store.ts';

export const HOUR_MS = 3_600_000;
export const START_MS = Date.UTC(2026, 0, 5, 9);
export const WEB: Scope = { cluster: 'main', environment: 'production', namespace: 'shop', service: 'web' };
export const CRASH = { class: 'crash_loop', signature: 'error: no database' };

export function toDeploy(id: string, hour: number, over: Partial<DeployFact> = {}): DeployFact {
  return { ...WEB, id, changeKind: 'set_image', startedAtMs: START_MS + hour * HOUR_MS, strategy: 'direct', ...over };
}

export function toOutcome(deploy: DeployFact, outcome: DeployOutcome, minutes = 5): OutcomeFact {
  return {
    deployId: deploy.id,
    atMs: deploy.startedAtMs + minutes * 60_000,
    outcome,
    verdict: outcome === 'healthy' ? 'live' : 'degraded',
    durationMs: minutes * 60_000,
    ...(outcome === 'failed' ? { fingerprint: CRASH } : {}),
  };
}

export async function play(
  keeper: MemoryKeeper,
  id: string,
  hour: number,
  outcome: DeployOutcome,
  over: Partial<DeployFact> = {},
): Promise<void> {
  const deploy = toDeploy(id, hour, over);
  await keeper.recordDeploy(deploy);
  await keeper.recordOutcome(toOutcome(deploy, outcome));
}

/** All that a memory says about some scopes: equal memories say the same, number for number. */
export function toSayings(memory: RecalledMemory, scopes: readonly Scope[], atMs: number): unknown {
  return {
    graph: memory.graph(),
    contexts: scopes.map((scope) => memory.context(scope, atMs)),
    histories: scopes.map((scope) => memory.history(scope, 100)),
  };
}
