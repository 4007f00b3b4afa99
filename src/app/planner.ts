import type { GraphDeps } from '../agent/deps.ts';
import { createPlannerTools } from '../agent/planner-tools.ts';
import type { ArgoInstance } from '../argocd/instances.ts';
import type { Config } from '../config/schema.ts';
import { createOfflinePlanner } from '../model/offline/planner.ts';
import { createOpenAiPlanner } from '../model/openai/planner.ts';
import type { Planner } from '../model/planning.ts';

/** Reads tickets for one Argo CD instance: by rules, or with the model that is configured. */
export function pickPlanner(
  { llm }: Config,
  parts: Pick<GraphDeps, 'repo' | 'memory' | 'redactor' | 'clock' | 'logger'> &
    Pick<ArgoInstance, 'argo' | 'cluster' | 'kubernetes'>,
): Planner {
  if (llm.provider === 'offline') return createOfflinePlanner();
  const { redactor, clock, logger } = parts;
  const model = llm.model ?? '';
  const prices =
    llm.inputPricePerMillion === null || llm.outputPricePerMillion === null
      ? undefined
      : { [model]: { prompt: llm.inputPricePerMillion, completion: llm.outputPricePerMillion } };
  return createOpenAiPlanner({
    baseUrl: llm.baseUrl ?? 'https://api.openai.com/v1',
    // Servers on one's own machine want a key in the header and do not look at it.
    apiKey: llm.apiKey ?? 'none',
    model,
    timeoutMs: llm.timeoutMs,
    tools: createPlannerTools(parts),
    budget: { maxTokens: llm.maxTokensPerTicket, maxCalls: llm.maxCallsPerTicket, maxWallMs: llm.maxWallClockMs },
    ...(prices === undefined ? {} : { prices }),
    redactor,
    clock,
    logger,
  });
}
