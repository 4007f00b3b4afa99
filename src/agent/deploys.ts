import { sha256Hex } from '../lib/ids.ts';
import { parseImage } from '../manifest/image.ts';
import { toWorkloads } from '../manifest/workload.ts';
import type { ObjectChange } from '../manifest/object.ts';
import type { DeployOutcome, FailureFingerprint } from '../memory/facts.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import { toChangeKind } from './deploy-facts.ts';
import type { AgentDeps } from './deps.ts';
import { toScope } from './facts.ts';
import type { Pushed } from './state.ts';

/** One deploy a service and a pushed head; the same push gives the same ids, so recording again records once. */
export function toDeployId(head: string, service: string): string {
  return `dep_${sha256Hex(`${head}/${service}`).slice(0, 32)}`;
}

export function changedServices(changes: readonly ObjectChange[]): string[] {
  return [...new Set(changes.map((change) => change.service))];
}

/** Writes down that the deploys of a push have begun. How they end is the observer's to say. */
export async function recordDeploys(
  deps: AgentDeps,
  input: { ticketId: string; plan: StoredPlan; pushed: Pushed; isRevert: boolean },
): Promise<void> {
  const { plan, pushed, isRevert } = input;
  const changes = plan.draft?.changes ?? [];
  for (const service of changedServices(changes)) {
    const own = changes.filter((change) => change.service === service);
    const objects = own.flatMap((change) => change.after ?? change.before ?? []);
    // A revert brings back what was there before.
    const running = own.flatMap((change) => (isRevert ? change.before : change.after) ?? []);
    const image = toWorkloads(running)[0]?.containers[0]?.image;
    const parsed = image === undefined ? undefined : parseImage(image);
    await deps.memory.recordDeploy({
      id: toDeployId(pushed.head, service),
      ...toScope(deps.settings.cluster, service, objects),
      application: service,
      changeKind: isRevert ? 'revert' : toChangeKind(plan.intent.steps),
      commit: pushed.head,
      ticket: input.ticketId,
      actor: 'tiphys',
      startedAtMs: pushed.atMs,
      strategy: plan.intent.strategies[service] ?? 'direct',
      size: own.length,
      ...(parsed === undefined ? {} : { image: `${parsed.registry}/${parsed.repository}` }),
      ...(parsed?.tag === undefined ? {} : { version: parsed.tag }),
      ...(parsed?.digest === undefined ? {} : { digest: parsed.digest }),
    });
  }
}

/** Writes down how the deploys of a push ended. The first word stands. */
export async function recordOutcomes(
  deps: AgentDeps,
  input: {
    plan: StoredPlan;
    pushed: Pushed;
    outcome: DeployOutcome;
    verdict: string;
    fingerprint?: FailureFingerprint;
  },
): Promise<void> {
  const atMs = deps.clock.now();
  for (const service of changedServices(input.plan.draft?.changes ?? [])) {
    await deps.memory.recordOutcome({
      deployId: toDeployId(input.pushed.head, service),
      atMs,
      outcome: input.outcome,
      verdict: input.verdict,
      durationMs: Math.max(0, atMs - input.pushed.atMs),
      ...(input.fingerprint === undefined ? {} : { fingerprint: input.fingerprint }),
    });
  }
}
