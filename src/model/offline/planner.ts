import { toAbortError } from '../../lib/clock.ts';
import { planSchema } from '../planning.ts';
import type { Planner, PlanningInput, PlanResult } from '../planning.ts';
import { planOffline } from './plan.ts';

/**
 * A planner of ordinary English that follows rules: no model, no network, the same input gives the same result. What it
 * does not understand it refuses; what is missing it asks for.
 */
export function createOfflinePlanner(): Planner {
  return {
    plan: async (input: PlanningInput, hooks, signal): Promise<PlanResult> => {
      if (signal.aborted) throw toAbortError(signal);
      const result = planOffline(input);
      if (result.kind !== 'plan') return result;
      await hooks.onNote(
        `read the ticket by rules: ${result.steps.length} ${result.steps.length === 1 ? 'step' : 'steps'}, ${result.assumptions.length} ${result.assumptions.length === 1 ? 'assumption' : 'assumptions'}`,
      );
      return planSchema.parse(result);
    },
  };
}
