import { AppError } from '../../lib/errors.ts';
import type { Redactor } from '../../lib/redact.ts';
import { retry } from '../../lib/retry.ts';
import { estimateTokens, toCost } from '../budget.ts';
import type { ChatAnswer, ChatMessage } from './chat.ts';
import { isRetryable, toModelError } from './failure.ts';
import type { ChatFailure } from './failure.ts';
import type { Session } from './session.ts';
import { toChatTools } from './tools.ts';

/** One answer of the model, asked again where that can help. Every request is counted and reported before the next. */
export async function askModel(session: Session, messages: readonly ChatMessage[]): Promise<ChatAnswer> {
  const { chat, budget, limits, clock, signal, model } = session;
  const tools = toChatTools({ hasCluster: session.tools.readCluster !== undefined });
  const estimate = estimateTokens(messages.map(toSize).join('')) + estimateTokens(JSON.stringify(tools));
  let lastFailure: ChatFailure | undefined;
  const attempt = async (): Promise<ChatAnswer> => {
    budget.check(estimate);
    if (lastFailure?.retryAfterMs !== undefined)
      await clock.sleep(Math.min(lastFailure.retryAfterMs, budget.remainingMs()), signal);
    const startedAt = clock.now();
    const answer = await chat.send(messages, tools, {
      timeoutMs: Math.min(session.timeoutMs, budget.remainingMs()),
      signal,
    });
    await report(session, answer, estimate, clock.now() - startedAt);
    if (answer.kind === 'answered') return answer;
    lastFailure = answer;
    // Endpoints quote the key they refuse.
    throw toModelError({ ...answer, message: session.redactor.text(answer.message) }, model);
  };
  return await retry(attempt, {
    clock,
    attempts: limits.attempts,
    baseMs: limits.retryBaseMs,
    maxMs: 20_000,
    signal,
    isRetryable: (error) =>
      error instanceof AppError &&
      error.code !== 'budget_exhausted' &&
      lastFailure !== undefined &&
      isRetryable(lastFailure),
    onRetry: (number, waitMs) =>
      session.logger.warn(
        { model, attempt: number, waitMs, reason: lastFailure?.reason },
        'the model did not answer, trying again',
      ),
  });
}

const toSize = (message: ChatMessage): string =>
  message.role === 'assistant' ? message.text + message.calls.map((call) => call.arguments).join('') : message.text;

// A request that failed may have been charged; its prompt is counted so that failures too use up the budget.
async function report(
  session: Session,
  answer: ChatAnswer | ChatFailure,
  estimate: number,
  durationMs: number,
): Promise<void> {
  const usage =
    answer.kind === 'answered'
      ? answer.usage
      : {
          promptTokens: answer.reason === 'cut_off' || answer.reason === 'timed_out' ? estimate : 0,
          completionTokens: answer.text === '' ? 0 : estimateTokens(answer.text),
        };
  session.budget.book(usage);
  const said =
    answer.kind === 'answered'
      ? [answer.refusal ?? answer.text, ...answer.calls.map((call) => `${call.name}(${call.arguments})`)]
      : [answer.text, answer.message];
  await session.hooks.onModelCall({
    provider: 'openai',
    model: session.model,
    purpose: 'plan',
    ...usage,
    cost: toCost(session.model, usage, session.prices),
    durationMs,
    outcome: answer.kind === 'answered' ? (answer.finish === 'length' ? 'truncated' : 'answered') : answer.reason,
    text: toRecordText(said.filter((part) => part !== '').join('\n'), session.redactor),
  });
}

const MAX_RECORD_CHARS = 4000;

/** Redacted and bounded, for storing. */
export function toRecordText(text: string, redactor: Redactor): string {
  const clean = redactor.text(text);
  return clean.length > MAX_RECORD_CHARS
    ? `${clean.slice(0, MAX_RECORD_CHARS)}... (${clean.length - MAX_RECORD_CHARS} more)`
    : clean;
}
