import { toIsoTime } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { toCounters } from '../model/budget.ts';
import { withoutNamedInstances } from '../model/named-instances.ts';
import type {
  BudgetCounters,
  PlannedStep,
  PlannerHooks,
  PlanResult,
  RepositoryFacts,
  WorkingPlan,
} from '../model/planning.ts';
import { listEvents } from '../ticket/event-store.ts';
import { savePlan, nextRevision } from '../ticket/plan-store.ts';
import { listQuestions } from '../ticket/question-store.ts';
import { findTicket, updateTicket } from '../ticket/ticket-store.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { Strategy } from '../memory/facts.ts';
import { findPreparation, findStrategy } from '../rollout/current.ts';
import type { PlanAdvice } from '../ticket/plan.ts';
import { adviseOn } from './advice.ts';
import { askPerson } from './ask-person.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import { readRepositoryFacts } from './facts.ts';
import { placeTicket } from './place-ticket.ts';
import type { AgentStateValue, AgentUpdate } from './state.ts';
import { planTakeBack } from './take-back.ts';

/**
 * Reads ticket, repository and memory, and decides what to do: a typed plan, a question, or a refusal. Changes nothing
 * outside the database; running it again makes the next revision.
 */
export async function runPlanner(given: AgentDeps, state: AgentStateValue, context: RunContext): Promise<AgentUpdate> {
  const ticket = await getTicket(given, state.ticketId);
  const base = await given.repo.fetch(context.signal);
  const facts = await given.repo.withWorkTree(
    base,
    `${state.ticketId}-plan`,
    async (workTree) => await readRepositoryFacts(workTree),
    context.signal,
  );
  await context.emit('planner', [
    {
      type: 'note',
      data: { node: 'planner', text: `read the repository at ${base.slice(0, 9)}: ${toServiceList(facts)}` },
    },
  ]);
  const common = { plannerRuns: state.plannerRuns + 1, feedback: [], decision: null };
  if (ticket.follows !== null) {
    // Nobody has to understand anything: the commits are named.
    const plan = planTakeBack(ticket.follows);
    return { ...common, hold: null, ...(await storePlan(given, state, context, { plan, facts, base, ticket })) };
  }
  const questions = await listQuestions(given.db.knex, ticket.id, state.attempt);
  const answers = questions.flatMap(({ question, answer }) => (answer === null ? [] : [{ question, answer }]));
  const placed = await placeTicket(given, state, context, { ticket, facts, answers });
  if (placed.kind === 'asked') return { ...common, hold: placed.hold };
  const { deps, words } = placed;
  const read = (text: string) => withoutNamedInstances(text, words.names, words.taken);
  const told = { ...ticket, title: read(ticket.title), description: read(ticket.description) };
  const result = await askPlanner(deps, state, context, { ticket: told, facts, answers });
  switch (result.kind) {
    case 'question':
      return { ...common, hold: await askPerson(deps, state, context, { ...toAsking(result), node: 'planner' }) };
    case 'refusal':
      return { ...common, hold: null, ending: toRefusal(result) };
    case 'plan':
      return {
        ...common,
        hold: null,
        ...(await storePlan(deps, state, context, { plan: result, facts, base, ticket })),
      };
  }
}

interface Answer {
  question: string;
  answer: string;
}

async function askPlanner(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  { ticket, facts, answers }: { ticket: Ticket; facts: RepositoryFacts; answers: readonly Answer[] },
): Promise<PlanResult> {
  return await deps.planner.plan(
    {
      ticket: { title: ticket.title, description: ticket.description, target: toPlannerTarget(ticket) },
      facts,
      answers: [...answers],
      feedback: state.feedback,
      now: deps.clock.now(),
      spent: await sumModelCalls(deps, ticket.id),
    },
    toHooks(context),
    context.signal,
  );
}

/** What the ticket has used of models, all its attempts together. */
async function sumModelCalls(deps: AgentDeps, ticketId: string): Promise<BudgetCounters> {
  const calls = await listEvents(deps.db.knex, { ticketId, types: ['model_call'] }, { afterId: 0, limit: 10_000 });
  return toCounters(calls.flatMap((event) => (event.type === 'model_call' ? [event.data] : [])));
}

async function getTicket(deps: AgentDeps, id: string): Promise<Ticket> {
  const ticket = await findTicket(deps.db.knex, id);
  if (ticket === undefined) throw new AppError('not_found', `there is no ticket ${id}`);
  return ticket;
}

function toPlannerTarget(ticket: Ticket): { application?: string; environment?: string } {
  const { application, environment } = ticket.target;
  return {
    ...(application === undefined ? {} : { application }),
    ...(environment === undefined ? {} : { environment }),
  };
}

function toServiceList(facts: RepositoryFacts): string {
  return facts.services.length === 0 ? 'no services yet' : facts.services.map(({ service }) => service).join(', ');
}

function toHooks(context: RunContext): PlannerHooks {
  return {
    onModelCall: async ({ text: _, ...call }) => await context.emit('planner', [{ type: 'model_call', data: call }]),
    onToolCall: async (call) => await context.emit('planner', [{ type: 'tool_call', data: call }]),
    onNote: async (text) => await context.emit('planner', [{ type: 'note', data: { node: 'planner', text } }]),
  };
}

function toAsking({ question, options, field }: Extract<PlanResult, { kind: 'question' }>) {
  return { question, options, field, returnTo: 'planning' as const };
}

function toRefusal(result: Extract<PlanResult, { kind: 'refusal' }>): AgentStateValue['ending'] {
  if (result.isAlreadySo === true) {
    const nothing = { commits: [], reverted: false, revertCommits: [] };
    return { status: 'resolved', code: 'already_so', sentence: result.reason, ...nothing };
  }
  const examples = result.canDo.slice(0, 6).map((line) => `\n- ${line}`);
  return {
    status: 'failed',
    code: 'not_understood',
    sentence: `${result.reason} Nothing was changed.${examples.length === 0 ? '' : ` What would be understood:${examples.join('')}`}`,
    commits: [],
    reverted: false,
    revertCommits: [],
  };
}

/** Side by side, then handed over. */
const MAX_PREPARATIONS = 2;

async function storePlan(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  input: { plan: WorkingPlan; facts: RepositoryFacts; base: string; ticket: Ticket },
): Promise<Pick<AgentUpdate, 'revision' | 'isPreparation'>> {
  const { facts, base, ticket } = input;
  const services = toServices(input.plan.steps);
  const advice = await adviseOn(deps, context, { plan: input.plan, facts, services });
  // Bounded: a preparation that does not show in what is rendered must not go in circles.
  const mayPrepare = state.preparations < MAX_PREPARATIONS;
  const preparation = mayPrepare ? toPreparation(input.plan, facts, advice.strategy) : undefined;
  const plan = preparation ?? input.plan;
  const at = toIsoTime(deps.clock.now());
  const revision = await nextRevision(deps.db.knex, ticket.id, state.attempt);
  await savePlan(deps.db.knex, {
    ticketId: ticket.id,
    attempt: state.attempt,
    revision,
    baseCommit: base,
    intent: {
      summary: plan.summary,
      steps: plan.steps,
      assumptions: plan.assumptions,
      advice,
      strategies: toStrategies(services, facts),
    },
    draft: null,
    review: null,
    createdAt: at,
  });
  const [first] = services;
  if (first !== undefined && ticket.application !== first) {
    await updateTicket(deps.db.knex, ticket.id, { application: first }, at);
  }
  return { revision, isPreparation: preparation !== undefined };
}

function toStrategies(services: readonly string[], facts: RepositoryFacts): Record<string, Strategy> {
  const entries = services.map((name) => {
    const objects = facts.services.find(({ service }) => service === name)?.objects ?? [];
    const current = findStrategy(objects);
    return [name, current === 'canary' || current === 'blue_green' ? current : 'direct'] as const;
  });
  return Object.fromEntries(entries);
}

/** The plan that makes a service ready for a canary or a blue-green deploy of its new version, where it is not yet. */
function toPreparation(
  plan: WorkingPlan,
  facts: RepositoryFacts,
  wanted: PlanAdvice['strategy'],
): WorkingPlan | undefined {
  if (wanted !== 'canary' && wanted !== 'blue_green') return undefined;
  const updated = plan.steps.flatMap((step) =>
    step.kind === 'edit' && step.edit.kind === 'set_image' ? [step.edit.service] : [],
  );
  const way = wanted === 'canary' ? 'canary' : 'blue-green';
  const steps = [...new Set(updated)].flatMap((service): PlannedStep[] => {
    const objects = facts.services.find((one) => one.service === service)?.objects ?? [];
    const preparation = findPreparation(objects, wanted);
    if (preparation === undefined) return [];
    return [
      preparation === 'side_by_side'
        ? {
            kind: 'edit',
            edit: { kind: 'set_strategy', service, strategy: wanted, sideBySide: true },
            title: `Let ${service} roll out by ${way}`,
            why: 'The first revision of a Rollout skips its steps, so the new version comes later; until then both sets of pods serve.',
          }
        : {
            kind: 'edit',
            edit: { kind: 'set_strategy', service, strategy: wanted },
            title: `Leave the pods of ${service} to its Rollout`,
            why: 'The pods of the Rollout serve, so those of the Deployment can go.',
          },
    ];
  });
  if (steps.length === 0) return undefined;
  const names = toServices(steps).join(', ');
  return { ...plan, summary: `Make ${names} ready for a ${way} deploy; then: ${plan.summary}`, steps };
}

/** The services a plan names, in order. Free-form steps name none. */
export function toServices(steps: readonly PlannedStep[]): string[] {
  const named = steps.flatMap((step) => {
    switch (step.kind) {
      case 'edit':
        return [step.edit.service];
      case 'rollback':
      case 'investigate':
        return [step.service];
      case 'take_back':
        return step.services;
      case 'edit_source':
        return [];
    }
  });
  return [...new Set(named)];
}
