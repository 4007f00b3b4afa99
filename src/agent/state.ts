import { Annotation } from '@langchain/langgraph';
import type { ObjectRef } from '../manifest/object.ts';
import type { Hold, Ending } from '../ticket/ticket.ts';

// What the graph carries from node to node: ids and small facts. Plans, manifests, snapshots and texts are in tables;
// after a crash the state says where the work stood, the tables and the world say what was done.

/** What a person, or the passing of time, decided about a hold. */
export type Decision =
  | { kind: 'granted'; approvalId: string }
  | { kind: 'denied'; approvalId: string; reason: string; revise: boolean }
  | { kind: 'expired'; approvalId: string }
  | { kind: 'superseded'; approvalId: string }
  | { kind: 'answered'; questionId: string; answer: string }
  /** On the git host: the pull request was merged, closed without, or cannot be merged as it is. */
  | { kind: 'merged'; pullRequestId: string }
  | { kind: 'closed'; pullRequestId: string; sentence: string }
  | { kind: 'conflict'; pullRequestId: string };

/** A change that reached the branch. */
export interface Pushed {
  base: string;
  head: string;
  /** Oldest first. */
  commits: string[];
  atMs: number;
  /** What is to be said beside how it ended: that it was merged with other content than was approved. */
  remark?: string;
}

/** What watching concluded, over all Applications: the worst of their outcomes. */
export interface Observed {
  kind: 'live' | 'live_noop' | 'promotion' | 'inconclusive' | 'blocked' | 'superseded' | 'lost' | 'failed';
  /** The class within `failed`, such as `degraded`; what became of the rollout, within `inconclusive`. */
  reason: string;
  application: string;
  sentence: string;
  /** The rollout that waits for somebody to decide. */
  rollout?: ObjectRef;
  /** Argo Rollouts' word for why it is paused, when the pause began, and at which step: the pause that was decided about. */
  pause?: string;
  pauseSince?: string;
  stepIndex?: number;
}

/** Why the change did not work, as the resolver read it. */
export interface Failure {
  failureClass: string;
  signature: string;
  sentence: string;
}

export type FinalStatus = 'resolved' | 'failed' | 'cancelled';

const replace = <T>(initial: () => T) => ({ reducer: (_: T, next: T) => next, default: initial });

export const AgentState = Annotation.Root({
  ticketId: Annotation<string>,
  /** The graph the thread was begun with. */
  graphVersion: Annotation<number>(replace(() => 0)),
  attempt: Annotation<number>,
  /** Which stored plan is current; 0 before the first. */
  revision: Annotation<number>(replace(() => 0)),
  /** The plan prepares the way for what the ticket asks; once it is live, the ticket is planned again. */
  isPreparation: Annotation<boolean>(replace(() => false)),
  /** How many preparations are live. */
  preparations: Annotation<number>(replace(() => 0)),
  /** Commits of preparations that are live. */
  earlier: Annotation<string[]>(replace<string[]>(() => [])),
  plannerRuns: Annotation<number>(replace(() => 0)),
  /** What the next planning has to take into account: findings, failed edits, a reviewer's words. */
  feedback: Annotation<string[]>(replace<string[]>(() => [])),
  hold: Annotation<Hold | null>(replace<Hold | null>(() => null)),
  decision: Annotation<Decision | null>(replace<Decision | null>(() => null)),
  /** Which of the two changes of a ticket is on its way. */
  purpose: Annotation<'change' | 'revert'>(replace<'change' | 'revert'>(() => 'change')),
  pushed: Annotation<Pushed | null>(replace<Pushed | null>(() => null)),
  reverted: Annotation<Pushed | null>(replace<Pushed | null>(() => null)),
  observed: Annotation<Observed | null>(replace<Observed | null>(() => null)),
  failure: Annotation<Failure | null>(replace<Failure | null>(() => null)),
  ending: Annotation<(Ending & { status: FinalStatus }) | null>(
    replace<(Ending & { status: FinalStatus }) | null>(() => null),
  ),
});

export type AgentStateValue = typeof AgentState.State;
export type AgentUpdate = Partial<AgentStateValue>;

/** Changes whenever nodes are renamed, removed or rewired, so that a thread of an older graph is not resumed into nowhere. */
export const GRAPH_VERSION = 1;
