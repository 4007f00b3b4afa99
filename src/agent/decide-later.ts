import { AppError } from '../lib/errors.ts';
import { evaluatePolicy, type PolicyDecision } from '../policy/evaluate.ts';
import type { PlanReview, StoredPlan } from '../ticket/plan.ts';
import type { AgentDeps } from './deps.ts';
import { toEnvironment } from './facts.ts';

/**
 * What policy says about a change that is out already: taking it back, or letting its paused rollout go on. Judged by the
 * risk the change was reviewed with.
 */
export function decideLater(
  deps: Pick<AgentDeps, 'policy' | 'clock'>,
  { draft, review }: StoredPlan,
  purpose: 'revert' | 'promotion',
): { decision: PolicyDecision; review: PlanReview } {
  if (draft === null || review === null) throw new AppError('internal', 'a push without a reviewed plan');
  const decision = evaluatePolicy({
    ...deps.policy,
    risk: review.risk,
    changes: draft.changes,
    environment: toEnvironment(draft.changes.flatMap((change) => change.after ?? change.before ?? [])),
    findings: [],
    at: deps.clock.now(),
    purpose,
  });
  return { decision, review };
}
