import type { RolloutStrategy } from '../cdk8s/edit-kinds.ts';
import type { MemoryContext } from '../memory/context.ts';
import { findEscalation } from '../memory/escalation.ts';
import type { Strategy } from '../memory/facts.ts';
import { findSymptom, listFixAttempts, toFixName } from '../memory/fix-attempts.ts';
import type { RepositoryFacts, WorkingPlan } from '../model/planning.ts';
import { findFreezeWindow } from '../policy/freeze-window.ts';
import { findStrategy } from '../rollout/current.ts';
import type { PlanAdvice } from '../ticket/plan.ts';
import { toChangeKind, toVersion } from './deploy-facts.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { isStateful, toEnvironment, toScope } from './facts.ts';

/** How much longer a healthy state must hold where memory asks for care. */
function toCarefulSeconds(settleSeconds: number): number {
  return Math.max(settleSeconds * 3, settleSeconds + 2);
}

const STRATEGIES: Record<RolloutStrategy, Strategy> = {
  rolling_update: 'direct',
  recreate: 'direct',
  canary: 'canary',
  blue_green: 'blue_green',
};

/** What memory says about one service of a plan. */
interface Recalled {
  service: string;
  known: MemoryContext;
  /** Why a person must decide, whatever the strategy costs; undefined when nothing asks for it. */
  escalation: string | undefined;
}

/** Asks memory about the services of a plan, and says what is done differently because of the answer. */
export async function adviseOn(
  deps: AgentDeps,
  context: RunContext,
  input: { plan: WorkingPlan; facts: RepositoryFacts; services: readonly string[] },
): Promise<PlanAdvice> {
  const recalled = await recall(deps, input);
  await context.emit('planner', recalled.map(toMemoryEvent));
  const settleSeconds = Math.round(deps.settings.budgets.settleMs / 1000);
  const remembered = recalled.flatMap(({ known }) => known.recommendations);
  const riskiest = recalled
    .filter(({ known }) => known.known)
    .sort((a, b) => b.known.risk.probability - a.known.risk.probability)[0];
  const escalations = recalled.flatMap(({ escalation }) => escalation ?? []);
  const failed = recalled.filter(({ known }) => known.risk.lastFailure !== undefined);
  const isCareful = failed.length > 0 || escalations.length > 0;
  const strategy = riskiest?.known.strategy;
  return {
    probability: riskiest?.known.risk.probability ?? null,
    low: riskiest?.known.risk.low ?? null,
    high: riskiest?.known.risk.high ?? null,
    strategy: escalations.length > 0 ? 'hold' : (strategy?.strategy ?? toFirstStrategy(input.plan)),
    remembered,
    careReasons: isCareful
      ? [
          ...escalations,
          ...failed.map(({ service, known }) => toCareReason(service, known, settleSeconds)),
          ...(strategy?.reasons ?? []),
        ]
      : [],
    settleSeconds: isCareful ? toCarefulSeconds(settleSeconds) : settleSeconds,
  };
}

/** Of a service nobody remembers there is nothing running to compare with, unless the ticket names a way itself. */
function toFirstStrategy(plan: WorkingPlan): Strategy {
  return plan.wishes.strategy === undefined ? 'direct' : STRATEGIES[plan.wishes.strategy];
}

const HISTORY = 50;

async function recall(
  deps: AgentDeps,
  input: { plan: WorkingPlan; facts: RepositoryFacts; services: readonly string[] },
): Promise<Recalled[]> {
  const memory = await deps.memory.current();
  const rolloutsAvailable = await deps.rollouts.isAvailable();
  const now = deps.clock.now();
  const changeKind = toChangeKind(input.plan.steps);
  const wished = input.plan.wishes.strategy;
  return input.services.map((service) => {
    const objects = input.facts.services.find((one) => one.service === service)?.objects ?? [];
    // A service that is yet to come goes where the others are, unless the plan says otherwise.
    const beside = toEnvironment(input.facts.services.flatMap((one) => one.objects));
    const scope = toScope(deps.settings.cluster, service, objects, findNamespace(input.plan, service) ?? beside);
    const version = toVersion(input.plan.steps, service);
    const freeze = findFreezeWindow(deps.policy.freezeWindows, now, scope.environment) !== undefined;
    const known = memory.context(scope, now, {
      changeKind,
      stateful: isStateful(objects),
      // What is yet to come may well have a Deployment.
      shiftable: objects.length === 0 || findStrategy(objects) !== undefined,
      rolloutsAvailable,
      freeze,
      ...(version === undefined ? {} : { version }),
      ...(wished === undefined ? {} : { wish: STRATEGIES[wished] }),
    });
    const history = memory.history(scope, HISTORY);
    const symptom = findSymptom(history);
    const escalation = findEscalation({
      atMs: now,
      fix: toFixName({ changeKind, ...(version === undefined ? {} : { version }) }),
      ...(symptom === undefined ? {} : { symptom }),
      attempts: listFixAttempts(history),
      history,
      changeKind,
      probability: known.risk.probability,
    });
    return { service, known, escalation: escalation?.reason };
  });
}

/** The namespace a plan names for a new service. */
function findNamespace(plan: WorkingPlan, service: string): string | undefined {
  for (const step of plan.steps) {
    if (step.kind === 'edit' && step.edit.kind === 'add_service' && step.edit.service === service)
      return step.edit.namespace;
  }
  return undefined;
}

function toMemoryEvent({ service, known, escalation }: Recalled) {
  return {
    type: 'memory' as const,
    data: {
      service,
      what: 'consulted' as const,
      ...(known.known ? { probability: known.risk.probability } : {}),
      strategy: escalation === undefined ? known.strategy.strategy : 'hold',
      sentences: [
        ...(escalation === undefined ? [] : [escalation]),
        ...known.recommendations,
        ...known.strategy.reasons,
      ],
    },
  };
}

function toCareReason(service: string, { risk }: MemoryContext, settleSeconds: number): string {
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
