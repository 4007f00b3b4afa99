import type { Clock } from '../../lib/clock.ts';
import { toAbortError } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Redactor } from '../../lib/redact.ts';
import { createBudget, emptyCounters } from '../budget.ts';
import type { BudgetLimits, Prices } from '../budget.ts';
import { planResultSchema } from '../planning.ts';
import type { Planner } from '../planning.ts';
import { createChat } from './chat.ts';
import { runConversation } from './conversation.ts';
import { DEFAULT_LIMITS } from './session.ts';
import type { ConversationLimits } from './session.ts';
import type { PlannerTools } from './tools.ts';

export interface OpenAiPlannerOptions {
  /** Of the endpoint, such as `https://api.openai.com/v1`. */
  baseUrl: string;
  apiKey: string;
  model: string;
  /** For one request, from sending to the last byte. */
  timeoutMs: number;
  tools: PlannerTools;
  /** Per ticket; what was used before comes with the input. */
  budget: BudgetLimits;
  prices?: Prices;
  /** Bounds within one planning; the defaults suit a repository of ordinary size. */
  limits?: Partial<ConversationLimits>;
  redactor: Redactor;
  clock: Clock;
  logger: Logger;
}

/** A planner that lets a model read and propose. Nothing it returns has been carried out. */
export function createOpenAiPlanner(options: OpenAiPlannerOptions): Planner {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const chat = createChat({ ...options, maxCompletionTokens: limits.maxCompletionTokens });
  return {
    plan: async (input, hooks, signal) => {
      if (signal.aborted) throw toAbortError(signal);
      const budget = createBudget(options.budget, input.spent ?? emptyCounters, () => options.clock.now());
      const { model, timeoutMs, tools, prices, redactor, clock, logger } = options;
      const session = {
        chat,
        model,
        timeoutMs,
        tools,
        prices,
        redactor,
        clock,
        logger,
        budget,
        limits,
        input,
        hooks,
        signal,
      };
      return planResultSchema.parse(await runConversation(session));
    },
  };
}
