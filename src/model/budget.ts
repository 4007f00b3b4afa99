import { AppError } from '../lib/errors.ts';
import type { BudgetCounters, ModelCallRecord } from './planning.ts';

/** What one ticket may use of models, over all its attempts. */
export interface BudgetLimits {
  /** Prompt and completion tokens together. */
  maxTokens: number;
  /** Requests to a model, failed ones included. */
  maxCalls: number;
  /** Time spent waiting for models and their tools. */
  maxWallMs: number;
}

/** What a million tokens cost, by model name as configured. */
export type Prices = Readonly<Record<string, { prompt: number; completion: number }>>;

export interface Budget {
  /** Throws `budget_exhausted` when the next request, with about so many prompt tokens, would pass a limit. */
  check(estimatedPromptTokens: number): void;
  /** Counts one request, answered or not. */
  book(usage: { promptTokens: number; completionTokens: number }): void;
  /** Milliseconds left of the wall-clock limit; never negative. */
  remainingMs(): number;
  spent(): BudgetCounters;
}

export const emptyCounters: BudgetCounters = { promptTokens: 0, completionTokens: 0, calls: 0, wallMs: 0 };

/** @param now milliseconds since the epoch; time counts from this call on, added to what was spent before */
export function createBudget(limits: BudgetLimits, spentBefore: BudgetCounters, now: () => number): Budget {
  const startedAt = now();
  let { promptTokens, completionTokens, calls } = spentBefore;
  const wallMs = () => spentBefore.wallMs + Math.max(0, now() - startedAt);
  const refuse = (what: string, used: number, allowed: number): never => {
    throw new AppError('budget_exhausted', `the ticket has used up its model budget: ${used} of ${allowed} ${what}`, {
      hint: 'Raise the budget in the configuration, make the ticket smaller, or change the plan by hand.',
      details: { promptTokens, completionTokens, calls, wallMs: wallMs() },
    });
  };
  return {
    check: (estimatedPromptTokens) => {
      const tokens = promptTokens + completionTokens;
      if (calls >= limits.maxCalls) refuse('calls', calls, limits.maxCalls);
      if (wallMs() >= limits.maxWallMs) refuse('milliseconds', wallMs(), limits.maxWallMs);
      if (tokens + estimatedPromptTokens >= limits.maxTokens)
        refuse('tokens with the next request', tokens + estimatedPromptTokens, limits.maxTokens);
    },
    book: (usage) => {
      promptTokens += usage.promptTokens;
      completionTokens += usage.completionTokens;
      calls += 1;
    },
    remainingMs: () => Math.max(0, limits.maxWallMs - wallMs()),
    spent: () => ({ promptTokens, completionTokens, calls, wallMs: wallMs() }),
  };
}

/** The counters of a ticket from its stored model calls. Tool time is not in them, so the wall clock comes out a little low. */
export function toCounters(
  calls: readonly Pick<ModelCallRecord, 'promptTokens' | 'completionTokens' | 'durationMs'>[],
): BudgetCounters {
  return calls.reduce<BudgetCounters>(
    (sum, call) => ({
      promptTokens: sum.promptTokens + call.promptTokens,
      completionTokens: sum.completionTokens + call.completionTokens,
      calls: sum.calls + 1,
      wallMs: sum.wallMs + call.durationMs,
    }),
    emptyCounters,
  );
}

/** The price of one call; null where no price is known. */
export function toCost(
  model: string,
  usage: { promptTokens: number; completionTokens: number },
  prices: Prices | undefined,
): number | null {
  const price = prices !== undefined && Object.hasOwn(prices, model) ? prices[model] : undefined;
  if (price === undefined) return null;
  const cost = (usage.promptTokens * price.prompt + usage.completionTokens * price.completion) / 1e6;
  return Math.round(cost * 1e6) / 1e6;
}

/** A rough count where a server reports none: four characters to the token, never less than one. */
export function estimateTokens(text: string): number {
  return Math.max(1, Math.ceil(text.length / 4));
}
