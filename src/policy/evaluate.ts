import { createHash } from 'node:crypto';
import { AppError } from '../lib/errors.ts';
import { parseFreezeWindows } from './freeze-window.ts';
import { RULES, RULES_REVISION } from './rules.ts';
import type { PolicyFacts, PolicyRule, PolicyVerdict } from './rules.ts';
import { DEFAULT_POLICY_SETTINGS, parsePolicySettings } from './settings.ts';
import type { PolicySettings } from './settings.ts';

export interface PolicyInput extends PolicyFacts {
  /** The operator's choices; the defaults when left out. */
  settings?: PolicySettings;
}

export interface PolicyDecision {
  decision: PolicyVerdict;
  reasons: string[];
  /** Name of the rule that decided. */
  rule: string;
  /** Identifies rules and settings; an approval is bound to it. */
  policyVersion: string;
}

/**
 * Decides whether a change may go ahead, needs a person or is forbidden. The first rule that applies decides. Throws
 * `config_invalid` for windows or settings that cannot be read and `internal` when no rule applies, so that a broken policy
 * never lets anything pass.
 */
export function evaluatePolicy(input: PolicyInput): PolicyDecision {
  const settings = parsePolicySettings(input.settings ?? DEFAULT_POLICY_SETTINGS);
  const facts = { ...input, freezeWindows: parseFreezeWindows(input.freezeWindows) };
  return decide(RULES, facts, settings);
}

/** `evaluatePolicy` over a given table. */
export function decide(rules: readonly PolicyRule[], facts: PolicyFacts, settings: PolicySettings): PolicyDecision {
  for (const rule of rules) {
    if (!rule.purposes.includes(facts.purpose)) continue;
    const reasons = rule.test(facts, settings);
    if (reasons.length === 0) continue;
    return { decision: rule.verdict, reasons, rule: rule.name, policyVersion: toPolicyVersion(settings, rules) };
  }
  throw new AppError('internal', `no policy rule applies to a ${facts.purpose}`, {
    hint: 'Nothing was deployed; the policy needs a last rule that always applies.',
  });
}

/** A short hash of rule table and settings. Freeze windows are left out: they move when something happens, not what. */
export function toPolicyVersion(settings: PolicySettings, rules: readonly PolicyRule[] = RULES): string {
  const table = rules.map(({ name, sentence, purposes, verdict }) => [name, sentence, purposes, verdict]);
  const chosen = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([RULES_REVISION, table, chosen]))
    .digest('hex')
    .slice(0, 16);
}
