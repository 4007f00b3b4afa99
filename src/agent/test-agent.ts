import type { ProposedStep } from '../model/planning.ts';
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
