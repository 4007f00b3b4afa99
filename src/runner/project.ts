import {
  afterApprover,
  afterExecutor,
  afterPlanner,
  afterPusher,
  afterResolver,
  afterValidator,
} from '../agent/routes.ts';
import type { NODES } from '../agent/graph.ts';
import type { AgentStateValue } from '../agent/state.ts';
import type { TicketStatus } from '../ticket/status.ts';
import type { Hold } from '../ticket/ticket.ts';

type NodeName = keyof typeof NODES;
type WorkStatus = Extract<TicketStatus, 'planning' | 'executing' | 'observing'>;

/** What a ticket is called while this node is at work. The approver waits and the recorder ends: they have no status of their own. */
const STATUS_WHILE: Record<NodeName, WorkStatus | null> = {
  planner: 'planning',
  executor: 'planning',
  validator: 'planning',
  approver: null,
  pusher: 'executing',
  observer: 'observing',
  resolver: 'observing',
  recorder: null,
};

const AFTER: Record<NodeName, (state: AgentStateValue) => NodeName | null> = {
  planner: afterPlanner,
  executor: afterExecutor,
  validator: afterValidator,
  approver: afterApprover,
  pusher: afterPusher,
  observer: () => 'resolver',
  resolver: afterResolver,
  recorder: () => null,
};

export function isNodeName(name: string): name is NodeName {
  return Object.hasOwn(STATUS_WHILE, name);
}

/** The status that a finished node's successor stands for; null where the ticket keeps the one it has. */
export function statusAfter(node: NodeName, state: AgentStateValue): WorkStatus | null {
  const next = AFTER[node](state);
  return next === null ? null : STATUS_WHILE[next];
}

export function statusWhile(node: NodeName): WorkStatus | null {
  return STATUS_WHILE[node];
}

/** What a ticket is called while it waits for somebody. */
export function statusForHold(hold: Hold): TicketStatus {
  switch (hold.kind) {
    case 'plan_approval':
      return 'pending_plan_approval';
    case 'approval':
      return 'pending_approval';
    case 'question':
      return 'pending_input';
    case 'merge':
      return 'pending_merge';
  }
}

export function reasonForHold(hold: Hold): string {
  switch (hold.kind) {
    case 'plan_approval':
      return 'the plan and its rendered difference wait for approval';
    case 'approval':
      return hold.sentence === '' ? `a ${hold.purpose.replace('_', ' ')} waits for approval` : hold.sentence;
    case 'question':
      return hold.question;
    case 'merge':
      return `pull request ${hold.number} waits to be merged on the git host: ${hold.url}`;
  }
}
