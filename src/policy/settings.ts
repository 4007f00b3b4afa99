import { z } from 'zod';
import { AppError } from '../lib/errors.ts';

const policySettingsSchema = z.strictObject({
  /** Risk levels at which a plan goes ahead without a person; none unless said so. */
  autoApprove: z.array(z.enum(['low', 'medium', 'high', 'critical'])).default([]),
  /** Whether taking back our own commit waits for a person. */
  revertApproval: z.enum(['never', 'high_risk', 'always']).default('never'),
  /** Whether moving a paused rollout on waits for a person. */
  promotionApproval: z.enum(['never', 'high_risk', 'always']).default('always'),
  /** Above this remembered probability of failure nothing is approved automatically. */
  maxAutoProbability: z.number().min(0).max(1).default(0.2),
  /** Kinds nobody may change through a ticket. */
  protectedKinds: z
    .array(z.string().min(1))
    .default(['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'APIService', 'Node']),
  /** Namespaces nobody may change through a ticket. */
  protectedNamespaces: z
    .array(z.string().min(1))
    .default(['kube-system', 'kube-public', 'kube-node-lease', 'argocd', 'argo-rollouts']),
});

export type PolicySettings = z.infer<typeof policySettingsSchema>;

export const DEFAULT_POLICY_SETTINGS: Readonly<PolicySettings> = policySettingsSchema.parse({});

/** Reads policy settings, filling in defaults. Throws `config_invalid` naming every mistake. */
export function parsePolicySettings(value: unknown): PolicySettings {
  const parsed = policySettingsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${['policy', ...issue.path].join('.')}: ${issue.message}`);
  throw new AppError('config_invalid', `policy settings cannot be read: ${issues.join('; ')}`, {
    hint: 'Correct the policy settings.',
    details: { issues },
  });
}
