import { toRefLabel } from '../manifest/object.ts';
import type { ObjectChange } from '../manifest/object.ts';
import type { Finding } from '../validation/finding.ts';
import type { Risk } from '../validation/risk.ts';
import { findFreezeWindow, toWindowLabel } from './freeze-window.ts';
import type { FreezeWindow } from './freeze-window.ts';
import type { PolicySettings } from './settings.ts';

export type PolicyVerdict = 'allow' | 'require_approval' | 'deny';

/** What is about to happen: a plan's change, taking back our own commit, or moving a paused rollout on. */
type PolicyPurpose = 'plan' | 'revert' | 'promotion';

export interface PolicyFacts {
  risk: Risk;
  changes: readonly ObjectChange[];
  environment: string;
  findings: readonly Finding[];
  /** When it would happen, in milliseconds since the epoch. */
  at: number;
  freezeWindows: readonly FreezeWindow[];
  /** What memory says of this deploy. */
  memory?: { probability: number; hold: boolean };
  purpose: PolicyPurpose;
}

export interface PolicyRule {
  name: string;
  /** The rule in words, shown to people. */
  sentence: string;
  /** The purposes it applies to. */
  purposes: readonly PolicyPurpose[];
  verdict: PolicyVerdict;
  /** Why the rule applies; an empty list when it does not. */
  test(facts: PolicyFacts, settings: PolicySettings): string[];
}

/** Raise it when a rule comes to mean something else under the same words: approvals given under the old one are void then. */
export const RULES_REVISION = 1;

const ALWAYS: readonly PolicyPurpose[] = ['plan', 'revert', 'promotion'];
const FORWARD: readonly PolicyPurpose[] = ['plan', 'promotion'];

/** Read from the top: the first rule that applies decides. Whatever no rule allows waits for a person. */
export const RULES: readonly PolicyRule[] = [
  {
    name: 'risk_unknown',
    sentence: 'A change whose risk could not be computed is denied.',
    purposes: ALWAYS,
    verdict: 'deny',
    test: ({ risk }) =>
      Number.isFinite(risk.score) && risk.score >= 0 && risk.score <= 1 && isLevel(risk.level)
        ? []
        : ['The risk of this change could not be computed.'],
  },
  {
    name: 'errors_found',
    sentence: 'A change with an error among its findings is denied.',
    purposes: FORWARD,
    verdict: 'deny',
    test: ({ findings }) => listErrors(findings),
  },
  {
    name: 'protected',
    sentence: 'Protected kinds and namespaces are not changed through tickets.',
    purposes: FORWARD,
    verdict: 'deny',
    test: listProtected,
  },
  {
    name: 'frozen',
    sentence: 'In a freeze window nothing moves forward without a person; taking our own commit back may.',
    purposes: FORWARD,
    verdict: 'require_approval',
    test: ({ freezeWindows, at, environment }) => {
      const window = findFreezeWindow(freezeWindows, at, environment);
      return window === undefined ? [] : [`Freeze window ${toWindowLabel(window)} is open for ${environment}.`];
    },
  },
  {
    name: 'revert_flawed',
    sentence: 'A revert with errors among its findings, or into protected places, waits for a person.',
    purposes: ['revert'],
    verdict: 'require_approval',
    test: (facts, settings) => [...listErrors(facts.findings), ...listProtected(facts, settings)],
  },
  {
    name: 'revert_reserved',
    sentence: 'Reverts wait for a person where the settings say so.',
    purposes: ['revert'],
    verdict: 'require_approval',
    test: ({ risk }, { revertApproval }) => {
      if (revertApproval === 'always') return ['Every revert waits for a person (revertApproval is always).'];
      return revertApproval === 'high_risk' && isHigh(risk) ? [`The risk of the revert is ${risk.level}.`] : [];
    },
  },
  {
    name: 'revert_own_commit',
    sentence: 'Taking back our own commit needs nobody.',
    purposes: ['revert'],
    verdict: 'allow',
    test: () => ['It restores what was approved and live before.'],
  },
  {
    name: 'memory_holds',
    sentence: 'What memory holds back waits for a person.',
    purposes: FORWARD,
    verdict: 'require_approval',
    test: ({ memory }) =>
      memory?.hold === true
        ? [`Memory holds this deploy back; it expects a failure with ${toPercent(memory.probability)}.`]
        : [],
  },
  {
    name: 'promotion_reserved',
    sentence: 'Promotions wait for a person where the settings say so.',
    purposes: ['promotion'],
    verdict: 'require_approval',
    test: ({ risk }, { promotionApproval }) => {
      if (promotionApproval === 'always') return ['Every promotion waits for a person (promotionApproval is always).'];
      return promotionApproval === 'high_risk' && isHigh(risk) ? [`The risk of the change is ${risk.level}.`] : [];
    },
  },
  {
    name: 'promotion_free',
    sentence: 'Other promotions need nobody.',
    purposes: ['promotion'],
    verdict: 'allow',
    test: () => ['The settings let this rollout move on by itself.'],
  },
  {
    name: 'failure_likely',
    sentence: 'A plan that memory expects to fail is never approved automatically.',
    purposes: ['plan'],
    verdict: 'require_approval',
    test: ({ memory }, { maxAutoProbability }) =>
      // Not "above": a probability that is no number must not pass for a small one.
      memory === undefined || memory.probability <= maxAutoProbability
        ? []
        : [`Memory expects a failure with ${toPercent(memory.probability)}.`],
  },
  {
    name: 'auto_approve',
    sentence: 'Plans of the risk levels listed in autoApprove go ahead.',
    purposes: ['plan'],
    verdict: 'allow',
    test: ({ risk, changes }, { autoApprove }) =>
      changes.length > 0 && autoApprove.includes(risk.level)
        ? [`Its risk is ${risk.level}, which the settings approve automatically.`]
        : [],
  },
  {
    name: 'person_decides',
    sentence: 'Everything else waits for a person.',
    purposes: ALWAYS,
    verdict: 'require_approval',
    test: ({ risk }) => [`A person approves what is deployed; the risk is ${risk.level}.`],
  },
];

function listErrors(findings: readonly Finding[]): string[] {
  return findings
    .filter((finding) => finding.severity === 'error')
    .map((finding) => `${finding.object === undefined ? '' : `${toRefLabel(finding.object)}: `}${finding.message}`);
}

function listProtected({ changes }: PolicyFacts, settings: PolicySettings): string[] {
  return changes.flatMap(({ ref }) => {
    // A Namespace object has no namespace; its name is what is protected.
    const namespace = ref.kind === 'Namespace' ? ref.name : ref.namespace;
    const isKind = settings.protectedKinds.includes(ref.kind);
    const isPlace = settings.protectedNamespaces.includes(namespace);
    if (!isKind && !isPlace) return [];
    return [`${toRefLabel(ref)} is protected (${isKind ? `kind ${ref.kind}` : `namespace ${namespace}`}).`];
  });
}

function isLevel(level: string): boolean {
  return ['low', 'medium', 'high', 'critical'].includes(level);
}

function isHigh(risk: Risk): boolean {
  return risk.level === 'high' || risk.level === 'critical';
}

function toPercent(probability: number): string {
  return Number.isFinite(probability) ? `${Math.round(probability * 100)} %` : 'an unknown probability';
}
