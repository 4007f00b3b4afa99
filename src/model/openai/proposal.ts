import { z } from 'zod';
import { rolloutStrategySchema } from '../../cdk8s/edit-kinds.ts';
import { planSchema, proposedStepSchema } from '../planning.ts';
import type { Plan, RepositoryFacts } from '../planning.ts';

/** A plan as a model writes it. */
export const proposalSchema = z.strictObject({
  summary: z.string().trim().min(1).max(2000),
  steps: z.array(proposedStepSchema).min(1).max(50),
  assumptions: z.array(z.string().min(1).max(1000)).max(100).default([]),
  /** Only when the ticket itself asks for a way of rolling out. */
  strategy: rolloutStrategySchema.optional(),
});
export type Proposal = z.infer<typeof proposalSchema>;

/** Where masked secrets stood in what the model read. A file written back with it would lose the secret. */
const PLACEHOLDER = '[redacted]';

/** The plan of a proposal, or what is wrong with it in sentences for its author. */
export function toPlan(
  { summary, steps, assumptions, strategy }: Proposal,
  facts: RepositoryFacts,
): { plan: Plan } | { faults: string[] } {
  const faults: string[] = [];
  const known = new Set(facts.services.map(({ service }) => service));
  for (const [index, step] of steps.entries()) {
    const at = `steps[${index}]`;
    if (JSON.stringify(step).includes(PLACEHOLDER))
      faults.push(
        `${at} contains ${PLACEHOLDER}, which stands for a secret you were not shown. Leave such lines alone: use an edit step, or change another file.`,
      );
    if (step.kind === 'edit_source') continue;
    const service = step.kind === 'edit' ? step.edit.service : step.service;
    const adds = step.kind === 'edit' && step.edit.kind === 'add_service';
    if (adds && known.has(service)) faults.push(`${at}: the service "${service}" exists already.`);
    if (!adds && !known.has(service))
      faults.push(`${at}: there is no service "${service}". There are: ${[...known].join(', ') || 'none'}.`);
    if (adds) known.add(service);
    if (step.kind === 'edit' && step.edit.kind === 'remove_service') known.delete(service);
  }
  if (faults.length > 0) return { faults };
  const plan = planSchema.safeParse({
    kind: 'plan',
    version: 1,
    summary,
    steps,
    wishes: strategy === undefined ? {} : { strategy },
    assumptions,
  });
  return plan.success ? { plan: plan.data } : { faults: toFaults(plan.error) };
}

/** The complaints of a schema, shortest form, the first few. */
export function toFaults(error: z.ZodError): string[] {
  return error.issues
    .slice(0, 8)
    .map(({ path, message }) => `${path.map(String).join('.') || 'arguments'}: ${message}`);
}
