import { inTransaction } from '../database/transaction.ts';
import { toIsoTime } from '../lib/clock.ts';
import { askQuestion } from '../ticket/question-store.ts';
import type { Hold } from '../ticket/ticket.ts';
import type { AgentDeps, RunContext } from './deps.ts';
import type { AgentStateValue } from './state.ts';

/** Asks a person, and gives the hold that waits for the answer. Asking the same again, as after a crash, asks once. */
export async function askPerson(
  deps: AgentDeps,
  state: AgentStateValue,
  context: RunContext,
  asking: { node: string; question: string; options: string[]; field: string; returnTo: 'planning' | 'observing' },
): Promise<Hold> {
  const { node, question, options, field, returnTo } = asking;
  const asked = await inTransaction(
    deps.db,
    async (trx) =>
      await askQuestion(trx, {
        id: deps.ids.next('request'),
        ticketId: state.ticketId,
        attempt: state.attempt,
        question,
        options,
        field,
        askedAt: toIsoTime(deps.clock.now()),
      }),
  );
  const questionId = asked.question.id;
  if (asked.isNew) await context.emit(node, [{ type: 'question', data: { questionId, question, options } }]);
  return { kind: 'question', questionId, question, options, returnTo };
}
