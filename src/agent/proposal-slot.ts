import type { StoredPlan } from '../ticket/plan.ts';
import type { AgentStateValue } from './state.ts';

/** Which of a ticket's changes is proposed: attempt, preparations before it, change or revert. */
export function toSlot(state: Pick<AgentStateValue, 'attempt' | 'preparations' | 'purpose'>): string {
  return `${state.attempt}.${state.preparations}.${state.purpose}`;
}

const MAX_WORDS = 40;

/**
 * The branch of a change: `tiphys/7k3m9q2x-scale-web-to-5`. The same for the same plan, so that it is found again after a
 * crash; letters, digits and dashes only, whatever the words.
 */
export function toBranchName(prefix: string, state: AgentStateValue, plan: StoredPlan): string {
  const tail = state.ticketId.slice(-8).toLowerCase();
  const words = plan.intent.summary
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_WORDS)
    .replace(/^-+|-+$/g, '');
  const suffixes = [
    ...(state.attempt > 1 ? [`try-${state.attempt}`] : []),
    ...(state.preparations > 0 ? [`part-${state.preparations + 1}`] : []),
    ...(state.purpose === 'revert' ? ['revert'] : []),
  ];
  return `${prefix}${[tail, ...(words === '' ? [] : [words]), ...suffixes].join('-')}`;
}
