import { END, START, StateGraph, type BaseCheckpointSaver } from '@langchain/langgraph';
import type { RunnableConfig } from '@langchain/core/runnables';
import { runApprover } from './approver.ts';
import type { AgentDeps, GraphDeps, RunContext } from './deps.ts';
import { runExecutor } from './executor.ts';
import { runObserver } from './observer.ts';
import { runPlanner } from './planner.ts';
import { runPusher } from './pusher.ts';
import { runRecorder } from './recorder.ts';
import { runResolver } from './resolver.ts';
import { afterApprover, afterExecutor, afterPlanner, afterPusher, afterResolver, afterValidator } from './routes.ts';
import { toRunContext } from './run-context.ts';
import { AgentState, type AgentStateValue, type AgentUpdate } from './state.ts';
import { toTicketDeps } from './ticket-deps.ts';
import { runValidator } from './validator.ts';

type Node = (deps: AgentDeps, state: AgentStateValue, context: RunContext) => Promise<AgentUpdate>;

/** Which nodes there are, and which of them may think. Only these three may be given a model. */
export const NODES = {
  planner: { thinks: true },
  executor: { thinks: true },
  validator: { thinks: false },
  approver: { thinks: false },
  pusher: { thinks: false },
  observer: { thinks: false },
  resolver: { thinks: true },
  recorder: { thinks: false },
} as const;

/** The agent: a ticket's way from words to a remembered outcome. Threads are named by ticket and attempt. */
export function createAgentGraph(deps: GraphDeps, checkpointer: BaseCheckpointSaver) {
  const node = (run: Node) => async (state: AgentStateValue, config: RunnableConfig) => {
    // LangGraph runs nodes back to back without giving way; requests and streams would wait for whole tickets.
    await new Promise<void>((resolve) => setImmediate(resolve));
    return await run(await toTicketDeps(deps, state.ticketId), state, toRunContext(config));
  };
  return new StateGraph(AgentState)
    .addNode('planner', node(runPlanner))
    .addNode('executor', node(runExecutor))
    .addNode('validator', node(runValidator))
    .addNode('approver', (state: AgentStateValue) => runApprover(state))
    .addNode('pusher', node(runPusher))
    .addNode('observer', node(runObserver))
    .addNode('resolver', node(runResolver))
    .addNode('recorder', node(runRecorder))
    .addEdge(START, 'planner')
    .addConditionalEdges('planner', afterPlanner, ['executor', 'approver', 'recorder'])
    .addConditionalEdges('executor', afterExecutor, ['validator', 'planner', 'approver', 'recorder'])
    .addConditionalEdges('validator', afterValidator, ['approver', 'pusher', 'planner', 'recorder'])
    .addConditionalEdges('approver', afterApprover, ['pusher', 'planner', 'resolver', 'recorder'])
    .addConditionalEdges('pusher', afterPusher, ['observer', 'approver', 'planner', 'recorder'])
    .addEdge('observer', 'resolver')
    .addConditionalEdges('resolver', afterResolver, ['recorder', 'planner', 'pusher', 'approver', 'observer'])
    .addEdge('recorder', END)
    .compile({ checkpointer });
}

export type AgentGraph = ReturnType<typeof createAgentGraph>;
