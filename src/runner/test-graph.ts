import { END, START, StateGraph } from '@langchain/langgraph';
import type { RunnableConfig } from '@langchain/core/runnables';
import { runApprover } from '../agent/approver.ts';
import { createCheckpointer } from '../agent/checkpointer.ts';
import type { RunContext } from '../agent/deps.ts';
import type { AgentGraph, NODES } from '../agent/graph.ts';
import {
  afterApprover,
  afterExecutor,
  afterPlanner,
  afterPusher,
  afterResolver,
  afterValidator,
} from '../agent/routes.ts';
import { toRunContext } from '../agent/run-context.ts';
import { AgentState, type AgentStateValue, type AgentUpdate, type FinalStatus, type Pushed } from '../agent/state.ts';
import type { Database } from '../database/open.ts';

type NodeName = keyof typeof NODES;
type Script = (state: AgentStateValue, context: RunContext) => Promise<AgentUpdate> | AgentUpdate;
export type Scripts = Partial<Record<NodeName, Script>>;

export const PUSHED: Pushed = { base: 'b', head: 'h', commits: ['c1'], atMs: 0 };

export function ending(status: FinalStatus, code: string): AgentUpdate {
  return { ending: { status, code, sentence: `It is ${code}.`, commits: [], reverted: false, revertCommits: [] } };
}

const DEFAULTS: Scripts = {
  pusher: () => ({ pushed: PUSHED }),
  resolver: () => ending('resolved', 'live'),
};

/**
 * The agent's nodes and edges with scripted work in the nodes, over the real checkpoint saver. Without a script a node
 * does what leads straight to `resolved`. `runs` lists the nodes in the order in which they began.
 */
export function createScriptedGraph(db: Database, scripts: Scripts = {}): { graph: AgentGraph; runs: NodeName[] } {
  const runs: NodeName[] = [];
  const node = (name: NodeName) => async (state: AgentStateValue, config: RunnableConfig) => {
    runs.push(name);
    await new Promise((resolve) => setImmediate(resolve));
    const script: Script = scripts[name] ?? DEFAULTS[name] ?? (() => ({}));
    return await script(state, toRunContext(config));
  };
  const graph = new StateGraph(AgentState)
    .addNode('planner', node('planner'))
    .addNode('executor', node('executor'))
    .addNode('validator', node('validator'))
    .addNode('approver', (state: AgentStateValue) => runApprover(state))
    .addNode('pusher', node('pusher'))
    .addNode('observer', node('observer'))
    .addNode('resolver', node('resolver'))
    .addNode('recorder', node('recorder'))
    .addEdge(START, 'planner')
    .addConditionalEdges('planner', afterPlanner, ['executor', 'approver', 'recorder'])
    .addConditionalEdges('executor', afterExecutor, ['validator', 'planner', 'approver', 'recorder'])
    .addConditionalEdges('validator', afterValidator, ['approver', 'pusher', 'planner', 'recorder'])
    .addConditionalEdges('approver', afterApprover, ['pusher', 'planner', 'resolver', 'recorder'])
    .addConditionalEdges('pusher', afterPusher, ['observer', 'approver', 'planner', 'recorder'])
    .addEdge('observer', 'resolver')
    .addConditionalEdges('resolver', afterResolver, ['recorder', 'pusher', 'approver', 'observer'])
    .addEdge('recorder', END)
    .compile({ checkpointer: createCheckpointer(db) });
  return { graph, runs };
}
