import { assertNever } from '../lib/errors.ts';
import type { AgentStateValue } from './state.ts';

// Where the work goes next, read from the facts in the state alone. Each function is the whole truth about one node's
// exits; the graph only repeats their return types.

export function afterPlanner(state: AgentStateValue): 'executor' | 'approver' | 'recorder' {
  if (state.ending !== null) return 'recorder';
  return state.hold === null ? 'executor' : 'approver';
}

export function afterExecutor(state: AgentStateValue): 'validator' | 'planner' | 'approver' | 'recorder' {
  if (state.ending !== null) return 'recorder';
  if (state.hold !== null) return 'approver';
  return state.feedback.length > 0 ? 'planner' : 'validator';
}

export function afterValidator(state: AgentStateValue): 'approver' | 'pusher' | 'planner' | 'recorder' {
  if (state.ending !== null) return 'recorder';
  if (state.feedback.length > 0) return 'planner';
  return state.hold === null ? 'pusher' : 'approver';
}

export function afterApprover(state: AgentStateValue): 'pusher' | 'planner' | 'resolver' | 'recorder' {
  const decision = state.decision;
  if (state.ending !== null || decision === null) return 'recorder';
  switch (decision.kind) {
    case 'answered':
      // The answer to what was asked about a change that is out is the resolver's to act on.
      return state.pushed === null ? 'planner' : 'resolver';
    case 'granted':
      return state.observed === null || state.purpose === 'revert' ? 'pusher' : 'resolver';
    case 'denied':
      if (decision.revise) return 'planner';
      return state.pushed === null ? 'recorder' : 'resolver';
    case 'merged':
    case 'conflict':
      return 'pusher';
    case 'expired':
    case 'superseded':
    case 'closed':
      return state.pushed === null ? 'recorder' : 'resolver';
    default:
      return assertNever(decision, 'decision');
  }
}

export function afterPusher(state: AgentStateValue): 'observer' | 'approver' | 'planner' | 'recorder' {
  if (state.ending !== null) return 'recorder';
  if (state.hold !== null) return 'approver';
  return state.feedback.length > 0 ? 'planner' : 'observer';
}

export function afterResolver(state: AgentStateValue): 'recorder' | 'planner' | 'pusher' | 'approver' | 'observer' {
  if (state.ending !== null) return 'recorder';
  if (state.hold !== null) return 'approver';
  // The preparation is live; now for what the ticket asks.
  if (state.pushed === null) return 'planner';
  return state.purpose === 'revert' && state.reverted === null ? 'pusher' : 'observer';
}
