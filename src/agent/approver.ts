import { interrupt } from '@langchain/langgraph';
import type { AgentStateValue, AgentUpdate, Decision } from './state.ts';

/**
 * Stops until somebody has decided. It does nothing else: a node that interrupts runs again from its first line when
 * it is resumed, and a caught interrupt would let the work go on unasked.
 */
export function runApprover(state: AgentStateValue): AgentUpdate {
  const decision: Decision = interrupt(state.hold);
  return { decision, hold: null, ...toEnding(state, decision) };
}

/** What is decided against before anything was pushed ends the ticket; each way of not being approved is told apart. */
function toEnding(state: AgentStateValue, decision: Decision): AgentUpdate {
  if (state.pushed !== null) return {};
  const nothing = state.earlier.length === 0 ? 'Nothing was pushed.' : 'Only the preparation was pushed.';
  const end = (code: string, sentence: string): AgentUpdate => ({
    ending: {
      status: 'cancelled',
      code,
      sentence: `${sentence} ${nothing}`,
      commits: state.earlier,
      reverted: false,
      revertCommits: [],
    },
  });
  switch (decision.kind) {
    case 'granted':
    case 'answered':
    case 'merged':
    case 'conflict':
      return {};
    case 'closed':
      return end('closed_unmerged', decision.sentence);
    case 'denied':
      if (decision.revise) return { feedback: [`A reviewer sent the plan back: ${decision.reason}`] };
      return end('denied', `Denied: ${decision.reason}.`);
    case 'expired':
      return end('approval_expired', 'Nobody decided in time; the approval has expired.');
    case 'superseded':
      return end('superseded', 'What was to be approved has been superseded.');
  }
}
