import { toIsoTime } from '../lib/clock.ts';
import { listNamedInstances } from '../model/named-instances.ts';
import type { RepositoryFacts } from '../model/planning.ts';
import { updateTicket } from '../ticket/ticket-store.ts';
import type { Ticket } from '../ticket/ticket.ts';
import { askPerson } from './ask-person.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import type { AgentStateValue } from './state.ts';
import { toInstanceDeps } from './ticket-deps.ts';
import type { Hold } from '../ticket/ticket.ts';

export type Placed =
  | { kind: 'placed'; deps: AgentDeps; words: { names: readonly string[]; taken: ReadonlySet<string> } }
  | { kind: 'asked'; hold: Hold };

/**
 * Settles which Argo CD instance a ticket is for, before it is planned: the one its target names, else the one its words name,
 * else the one it has. Where target and words do not agree, or the words name several, a person is asked.
 */
export async function placeTicket(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  input: { ticket: Ticket; facts: RepositoryFacts; answers: readonly { question: string; answer: string }[] },
): Promise<Placed> {
  const { ticket, facts, answers } = input;
  const names = deps.instances.all.map(({ name }) => name);
  const taken = new Set(facts.services.flatMap(({ service, environment }) => [service, environment]));
  const words = { names: names.length > 1 ? names : [], taken };
  const asked = [ticket.title, ticket.description].join('\n');
  const named = listNamedInstances(asked, words.names, taken);
  const target = ticket.target.instance;
  // What is out already is where it is, and is watched there.
  const isOut = state.pushed !== null || state.earlier.length > 0;
  if (named.length === 0 || isOut || (target !== undefined && named.includes(target)))
    return { kind: 'placed', deps, words };
  const choice = target === undefined ? named : [target, ...named];
  const question = toQuestion(target, named);
  const answer = answers
    .findLast((one) => one.question === question)
    ?.answer.trim()
    .toLowerCase();
  const settled = choice.length === 1 ? choice[0] : choice.find((name) => name === answer);
  if (settled === undefined) {
    const asking = { question, options: choice, field: 'target', returnTo: 'planning' as const };
    return { kind: 'asked', hold: await askPerson(deps, state, context, { ...asking, node: 'planner' }) };
  }
  if (settled === deps.instance) return { kind: 'placed', deps, words };
  await updateTicket(deps.db.knex, ticket.id, { instance: settled }, toIsoTime(deps.clock.now()));
  const text = `this ticket is for Argo CD ${settled}, as its words say`;
  await context.emit('planner', [{ type: 'note', data: { node: 'planner', text } }]);
  return { kind: 'placed', deps: toInstanceDeps(deps, deps.instances.get(settled)), words };
}

function toQuestion(target: string | undefined, named: readonly string[]): string {
  if (target !== undefined)
    return `The ticket is for Argo CD ${target}, and its words name ${named.join(' and ')}. Which one is meant?`;
  return `The ticket names several Argo CD instances: ${named.join(', ')}. Which one is meant?`;
}
