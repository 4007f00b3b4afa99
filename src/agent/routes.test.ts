import { MemorySaver } from '@langchain/langgraph';
import { describe, expect, it } from 'vitest';
import { createAgentGraph } from './graph.ts';
import { afterApprover, afterExecutor, afterPlanner, afterPusher, afterResolver, afterValidator } from './routes.ts';
import type { AgentStateValue, Decision, Observed, Pushed } from './state.ts';
import { toDeps, toState } from './test-agent.ts';

const ROUTES = {
  planner: afterPlanner,
  executor: afterExecutor,
  validator: afterValidator,
  approver: afterApprover,
  pusher: afterPusher,
  resolver: afterResolver,
} as const;

const pushed: Pushed = { base: 'a', head: 'b', commits: ['b'], atMs: 0 };
const observed: Observed = { kind: 'promotion', reason: '', application: 'web', sentence: 'It waits.' };
const ending: AgentStateValue['ending'] = {
  status: 'failed',
  code: 'x',
  sentence: 'x',
  commits: [],
  reverted: false,
  revertCommits: [],
};
const hold: AgentStateValue['hold'] = {
  kind: 'question',
  questionId: 'q',
  question: 'which?',
  options: [],
  returnTo: 'planning',
};
const feedback = ['it does not render'];
const granted: Decision = { kind: 'granted', approvalId: 'a' };
const answered: Decision = { kind: 'answered', questionId: 'q', answer: 'yes' };
const expired: Decision = { kind: 'expired', approvalId: 'a' };
const superseded: Decision = { kind: 'superseded', approvalId: 'a' };
const denied: Decision = { kind: 'denied', approvalId: 'a', reason: 'no', revise: false };
const sentBack: Decision = { kind: 'denied', approvalId: 'a', reason: 'smaller', revise: true };

type Row = [node: keyof typeof ROUTES, what: string, state: Partial<AgentStateValue>, next: string];

const ROWS: Row[] = [
  ['planner', 'has a plan', {}, 'executor'],
  ['planner', 'asks', { hold }, 'approver'],
  ['planner', 'refuses', { ending }, 'recorder'],
  ['executor', 'has drafted', {}, 'validator'],
  ['executor', 'asks which is meant', { hold }, 'approver'],
  ['executor', 'could not apply the plan', { feedback }, 'planner'],
  ['executor', 'finds nothing to do', { ending }, 'recorder'],
  ['validator', 'lets policy approve', {}, 'pusher'],
  ['validator', 'wants a person', { hold }, 'approver'],
  ['validator', 'found errors', { feedback }, 'planner'],
  ['validator', 'refuses for good', { ending }, 'recorder'],
  ['approver', 'was woken by nothing', {}, 'recorder'],
  ['approver', 'has ended the ticket', { decision: denied, ending }, 'recorder'],
  ['approver', 'got an answer to planning', { decision: answered }, 'planner'],
  ['approver', 'got an answer about a change that is out', { decision: answered, pushed, observed }, 'resolver'],
  ['approver', 'was granted a plan', { decision: granted }, 'pusher'],
  ['approver', 'was granted a promotion', { decision: granted, pushed, observed }, 'resolver'],
  ['approver', 'was granted a revert', { decision: granted, pushed, observed, purpose: 'revert' }, 'pusher'],
  ['approver', 'had the plan sent back', { decision: sentBack }, 'planner'],
  ['approver', 'was denied a plan', { decision: denied }, 'recorder'],
  ['approver', 'was denied a revert', { decision: denied, pushed, observed, purpose: 'revert' }, 'resolver'],
  ['approver', 'waited too long for a plan', { decision: expired }, 'recorder'],
  ['approver', 'waited too long for a revert', { decision: expired, pushed, observed, purpose: 'revert' }, 'resolver'],
  ['approver', 'was overtaken before the push', { decision: superseded }, 'recorder'],
  ['approver', 'was overtaken after the push', { decision: superseded, pushed, observed }, 'resolver'],
  ['pusher', 'has pushed', { pushed }, 'observer'],
  ['pusher', 'finds another difference', { hold }, 'approver'],
  ['pusher', 'finds that the plan no longer applies', { feedback }, 'planner'],
  ['pusher', 'was refused', { ending }, 'recorder'],
  ['resolver', 'is done', { pushed, ending }, 'recorder'],
  ['resolver', 'asks', { pushed, observed, hold }, 'approver'],
  ['resolver', 'has a preparation live', { pushed: null, earlier: ['b'] }, 'planner'],
  ['resolver', 'takes the change back', { pushed, observed, purpose: 'revert' }, 'pusher'],
  ['resolver', 'watches on', { pushed }, 'observer'],
  ['resolver', 'watches a revert on', { pushed, purpose: 'revert', reverted: pushed }, 'observer'],
];

describe('routes', () => {
  it.each(ROWS)('the %s %s', (node, _what, state, next) => {
    expect(ROUTES[node](toState(state))).toBe(next);
  });

  it('are all in the table, and the graph has no others', () => {
    const graph = createAgentGraph(toDeps({}), new MemorySaver());
    const drawn = graph.getGraph().edges.map(({ source, target }) => `${source} > ${target}`);
    const listed = ROWS.map(([node, , , next]) => `${node} > ${next}`);
    const fixed = ['__start__ > planner', 'observer > resolver', 'recorder > __end__'];
    expect(drawn.toSorted()).toEqual([...new Set([...listed, ...fixed])].toSorted());
  });

  it('lead from an ending to the recorder, whatever else the state holds', () => {
    const full = { ending, hold, feedback, pushed, observed, decision: granted };
    for (const route of Object.values(ROUTES)) expect(route(toState(full))).toBe('recorder');
  });
});
