import type { Strategy } from '../memory/facts.ts';
import type { RolloutStrategy } from '../cdk8s/edit-kinds.ts';
import type { Plan, RepositoryFacts } from '../model/planning.ts';
import { toChangeKind, toVersion } from './deploy-facts.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { isStateful, toScope } from './facts.ts';
import type { PlanAdvice } from '../ticket/plan.ts';

/** How much longer a healthy state must hold where memory asks for care. */
function toCarefulSeconds(settleSeconds: number): number {
  return Math.max(settleSeconds * 3, settleSeconds + 2);
}

const STRATEGIES: Partial<Record<RolloutStrategy, Strategy>> = {
  rolling_update: 'direct',
  recreate: 'direct',
  canary: 'canary',
  blue_green: 'blue_green',
};

/** Asks memory about the services of a plan, and says what is done differently because of the answer. */
export async function adviseOn(
  deps: AgentDeps,
  context: RunContext,
  input: { plan: Plan; facts: RepositoryFacts; services: readonly string[] },
): Promise<PlanAdvice> {
  const settleSeconds = Math.round(deps.settings.budgets.settleMs / 1000);
  const memory = await deps.memory.current();
  const rolloutsAvailable = await deps.rollouts.isAvailable();
  const asked = input.services.map((service) => {
    const objects = input.facts.services.find((one) => one.service === service)?.objects ?? [];
    const scope = toScope(deps.settings.cluster, service, objects);
    const version = toVersion(input.plan.steps, service);
    const wish = STRATEGIES[input.plan.wishes.strategy ?? 'rolling_update'];
    const known = memory.context(scope, deps.clock.now(), {
      changeKind: toChangeKind(input.plan.steps),
      stateful: isStateful(objects),
      rolloutsAvailable,
      ...(version === undefined ? {} : { version }),
      ...(input.plan.wishes.strategy === undefined || wish === undefined ? {} : { wish }),
    });
    return { service, known };
  });
  for (const { service, known } of asked) {
    await context.emit('planner', [
      {
        type: 'memory',
        data: {
          service,
          what: 'consulted',
          ...(known.known ? { probability: known.risk.probability } : {}),
          strategy: known.strategy.strategy,
          sentences: [...known.recommendations, ...known.strategy.reasons],
        },
      },
    ]);
  }
  const riskiest = asked
    .filter(({ known }) => known.known)
    .sort((a, b) => b.known.risk.probability - a.known.risk.probability)[0];
  if (riskiest === undefined) {
    const sentences = asked.flatMap(({ known }) => known.recommendations);
    return toAdvice({ strategy: 'direct', remembered: sentences, careReasons: [], settleSeconds });
  }
  const { risk, strategy, recommendations } = riskiest.known;
  const failures = asked.filter(({ known }) => known.risk.lastFailure !== undefined);
  const careReasons = failures.map(({ service, known }) => toCareReason(service, known.risk, settleSeconds));
  return {
    probability: risk.probability,
    low: risk.low,
    high: risk.high,
    strategy: strategy.strategy,
    remembered: recommendations,
    careReasons: careReasons.length === 0 ? [] : [...careReasons, ...strategy.reasons],
    settleSeconds: careReasons.length === 0 ? settleSeconds : toCarefulSeconds(settleSeconds),
  };
}

function toAdvice(known: Pick<PlanAdvice, 'strategy' | 'remembered' | 'careReasons' | 'settleSeconds'>): PlanAdvice {
  return { probability: null, low: null, high: null, ...known };
}

function toCareReason(
  service: string,
  risk: { deploys: number; failures: number; lastFailure?: { version?: string; fingerprint?: { class: string } } },
  settleSeconds: number,
): string {
  const last = risk.lastFailure;
  const what = [
    last?.version === undefined ? '' : ` with ${last.version}`,
    last?.fingerprint === undefined ? '' : ` (${last.fingerprint.class})`,
  ];
  return (
    `${risk.failures} of ${risk.deploys} remembered deploys of ${service} failed, the last one${what.join('')}: ` +
    `a healthy state must hold for ${toCarefulSeconds(settleSeconds)} s instead of ${settleSeconds} s before it counts.`
  );
}
