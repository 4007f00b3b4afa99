import { AppError } from '../lib/errors.ts';
import type { AgentStateValue, AgentUpdate, FinalStatus, Pushed } from './state.ts';

/** What the ticket has pushed; there is nothing to resolve before. */
export function toPushed(state: AgentStateValue): Pushed {
  if (state.pushed === null) throw new AppError('internal', 'an observation without a push');
  return state.pushed;
}

/** The end of the ticket, with what it left on the branch. */
export function end(state: AgentStateValue, status: FinalStatus, code: string, sentence: string): AgentUpdate {
  return {
    ending: {
      status,
      code,
      sentence: [sentence, state.pushed?.remark, state.reverted?.remark].filter((one) => one !== undefined).join(' '),
      commits: [...state.earlier, ...(state.pushed?.commits ?? [])],
      reverted: state.reverted !== null,
      revertCommits: state.reverted?.commits ?? [],
    },
  };
}
