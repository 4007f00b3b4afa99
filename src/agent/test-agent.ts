import type { ArgoInstance } from '../argocd/instances.ts';
import type { Planner, ProposedStep } from '../model/planning.ts';
import type { TicketEventBody } from '../ticket/event.ts';
import type { AgentDeps, AgentSettings, RunContext } from './deps.ts';
import type { AgentStateValue } from './state.ts';

/** A state in which nothing has happened yet, but for what is given. */
export function toState(given: Partial<AgentStateValue> = {}): AgentStateValue {
  return {
    ticketId: 'tkt_00000000000000000000000000',
    graphVersion: 1,
    attempt: 1,
    revision: 0,
    isPreparation: false,
    preparations: 0,
    earlier: [],
    plannerRuns: 0,
    feedback: [],
    hold: null,
    decision: null,
    purpose: 'change',
    pushed: null,
    reverted: null,
    observed: null,
    failure: null,
    ending: null,
    ...given,
  };
}

/** Only the collaborators that are given; reaching for another one fails the test that does. */
export function toDeps(given: Partial<AgentDeps>): AgentDeps {
  return toPart(given) as AgentDeps;
}

/** Instances of these names, the first one the default, of which nothing is asked; each plans with `planner`. */
export function toInstances(names: readonly string[], planner: Planner): Pick<AgentDeps, 'instances' | 'planners'> {
  const all = names.map((name, index) => ({ name, isDefault: index === 0, cluster: `cluster of ${name}` }));
  const rollouts = { isAvailable: async () => true };
  const instances = all.map(
    (one) => toPart({ ...one, argo: {}, watch: {}, rollouts, kubernetes: null }) as ArgoInstance,
  );
  const [first] = instances;
  if (first === undefined) throw new Error('no instance is named');
  return {
    planners: new Map(names.map((name) => [name, planner])),
    instances: {
      all: instances,
      default: first,
      get: (name) => {
        const found = instances.find((one) => one.name === name);
        if (found === undefined) throw new Error(`the test gives no instance ${name}`);
        return found;
      },
      close: async () => undefined,
    },
  };
}

/** Only the settings that are given; reading another one fails the test that does. */
export function toSettings(given: Partial<AgentSettings>): AgentSettings {
  return toPart(given) as AgentSettings;
}

function toPart(given: object): object {
  return new Proxy(given, {
    get: (target, name) => {
      if (name in target) return Reflect.get(target, name) as unknown;
      throw new Error(`the test gives no ${String(name)}`);
    },
  });
}

/** A run that is wanted, may act, and keeps what it tells. */
export function createTestContext(): RunContext & { events: TicketEventBody[] } {
  const events: TicketEventBody[] = [];
  return {
    events,
    signal: new AbortController().signal,
    fence: async () => undefined,
    emit: async (_node, told) => void events.push(...told),
  };
}

export type PlanSteps = ProposedStep[];
