import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Redactor } from '../../lib/redact.ts';
import type { Budget, Prices } from '../budget.ts';
import type { PlannerHooks, PlanningInput } from '../planning.ts';
import type { Chat } from './chat.ts';
import type { PlannerTools } from './tools.ts';

/** Bounds on what a model may do within one planning. */
export interface ConversationLimits {
  /** Answers of the model within one planning. */
  maxTurns: number;
  maxToolCalls: number;
  /** Calls of one answer that are run; the rest is turned down. */
  maxCallsPerTurn: number;
  /** Answers without a tool call in a row, nudged in between. */
  maxSilentTurns: number;
  /** Faulty calls in a row: invented tools, malformed or wrong arguments. */
  maxFaults: number;
  /** Proposals that were not taken. */
  maxInvalidPlans: number;
  /** How often the very same call may be made. */
  maxSameCall: number;
  /** Requests per answer, the first one included, when the endpoint fails. */
  attempts: number;
  retryBaseMs: number;
  toolTimeoutMs: number;
  maxToolChars: number;
  maxCompletionTokens: number;
}

export const DEFAULT_LIMITS: ConversationLimits = {
  maxTurns: 30,
  maxToolCalls: 80,
  maxCallsPerTurn: 12,
  maxSilentTurns: 3,
  maxFaults: 6,
  maxInvalidPlans: 4,
  maxSameCall: 4,
  attempts: 3,
  retryBaseMs: 1000,
  toolTimeoutMs: 30_000,
  maxToolChars: 24_000,
  maxCompletionTokens: 16_384,
};

export interface Session {
  chat: Chat;
  model: string;
  timeoutMs: number;
  tools: PlannerTools;
  prices: Prices | undefined;
  redactor: Redactor;
  clock: Clock;
  logger: Logger;
  budget: Budget;
  limits: ConversationLimits;
  input: PlanningInput;
  hooks: PlannerHooks;
  signal: AbortSignal;
}
