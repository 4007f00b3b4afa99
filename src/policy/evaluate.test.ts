import { describe, expect, it } from 'vitest';
import type { ObjectChange } from '../manifest/object.ts';
import type { Finding } from '../validation/finding.ts';
import type { Risk, RiskLevel } from '../validation/risk.ts';
import { decide, evaluatePolicy, toPolicyVersion } from './evaluate.ts';
import type { PolicyInput } from './evaluate.ts';
import { RULES } from './rules.ts';
import { DEFAULT_POLICY_SETTINGS, parsePolicySettings } from './settings.ts';

const toRisk = (level: RiskLevel, score = 0.1): Risk => ({
  level,
  score,
  reasons: [],
  blastRadius: { objects: 1, services: ['web'], namespaces: ['shop'] },
});
const toChange = (kind = 'Deployment', namespace = 'shop', name = 'web'): ObjectChange => ({
  type: 'changed',
  ref: { group: 'apps', kind, namespace, name },
  service: 'web',
  fields: [],
  patch: '',
});
const ERROR: Finding = { check: 'schema', severity: 'error', message: 'It is broken.', fix: 'Mend it.' };
const FREEZE = { kind: 'weekly', name: 'weekend', timeZone: 'UTC', from: 'fri 17:00', to: 'mon 08:00' } as const;
const SATURDAY = Date.parse('2026-01-10T12:00:00Z');
const WEDNESDAY = Date.parse('2026-01-14T12:00:00Z');

const BASE: PolicyInput = {
  risk: toRisk('low'),
  changes: [toChange()],
  environment: 'production',
  findings: [],
  at: WEDNESDAY,
  freezeWindows: [FREEZE],
  purpose: 'plan',
};
const auto = parsePolicySettings({ autoApprove: ['low', 'medium'] });

describe('evaluatePolicy', () => {
  it.each<[string, Partial<PolicyInput>, string, string]>([
    ['a plan', {}, 'require_approval', 'person_decides'],
    ['a plan without changes', { changes: [], settings: auto }, 'require_approval', 'person_decides'],
    ['a plan the settings approve', { settings: auto }, 'allow', 'auto_approve'],
    ['a riskier plan than the settings approve', { settings: auto, risk: toRisk('high') }, 'require_approval', 'person_decides'],
    ['a plan with an error', { settings: auto, findings: [ERROR] }, 'deny', 'errors_found'],
    ['a plan with warnings', { settings: auto, findings: [{ ...ERROR, severity: 'warning' }] }, 'allow', 'auto_approve'],
    ['a plan for a protected namespace', { settings: auto, changes: [toChange('ConfigMap', 'kube-system')] }, 'deny', 'protected'],
    ['a plan for a protected Namespace object', { changes: [toChange('Namespace', '', 'kube-system')] }, 'deny', 'protected'],
    ['a plan for a protected kind', { changes: [toChange(), toChange('ValidatingWebhookConfiguration', '')] }, 'deny', 'protected'],
    ['a plan in a freeze', { settings: auto, at: SATURDAY }, 'require_approval', 'frozen'],
    ['a plan memory holds', { settings: auto, memory: { probability: 0.1, hold: true } }, 'require_approval', 'memory_holds'],
    ['a plan likely to fail', { settings: auto, memory: { probability: 0.5, hold: false } }, 'require_approval', 'failure_likely'],
    ['a plan of unknown prospects', { settings: auto, memory: { probability: Number.NaN, hold: false } }, 'require_approval', 'failure_likely'],
    ['a plan likely to work', { settings: auto, memory: { probability: 0.05, hold: false } }, 'allow', 'auto_approve'],
    ['a plan without a risk', { settings: auto, risk: toRisk('low', Number.NaN) }, 'deny', 'risk_unknown'],
    ['a plan with an impossible risk', { settings: auto, risk: toRisk('low', -1) }, 'deny', 'risk_unknown'],
    ['a revert', { purpose: 'revert' }, 'allow', 'revert_own_commit'],
    ['a revert in a freeze', { purpose: 'revert', at: SATURDAY }, 'allow', 'revert_own_commit'],
    ['a risky revert', { purpose: 'revert', risk: toRisk('critical') }, 'allow', 'revert_own_commit'],
    ['a revert with an error', { purpose: 'revert', findings: [ERROR] }, 'require_approval', 'revert_flawed'],
    ['a revert of protected things', { purpose: 'revert', changes: [toChange('Deployment', 'argocd')] }, 'require_approval', 'revert_flawed'],
    ['a revert where all are reserved', { purpose: 'revert', settings: parsePolicySettings({ revertApproval: 'always' }) }, 'require_approval', 'revert_reserved'],
    ['a risky revert where those are reserved', { purpose: 'revert', risk: toRisk('high'), settings: parsePolicySettings({ revertApproval: 'high_risk' }) }, 'require_approval', 'revert_reserved'],
    ['a safe revert where risky ones are reserved', { purpose: 'revert', settings: parsePolicySettings({ revertApproval: 'high_risk' }) }, 'allow', 'revert_own_commit'],
    ['a promotion', { purpose: 'promotion' }, 'require_approval', 'promotion_reserved'],
    ['a free promotion', { purpose: 'promotion', settings: parsePolicySettings({ promotionApproval: 'never' }) }, 'allow', 'promotion_free'],
    ['a risky promotion where those are reserved', { purpose: 'promotion', risk: toRisk('critical'), settings: parsePolicySettings({ promotionApproval: 'high_risk' }) }, 'require_approval', 'promotion_reserved'],
    ['a free promotion in a freeze', { purpose: 'promotion', at: SATURDAY, settings: parsePolicySettings({ promotionApproval: 'never' }) }, 'require_approval', 'frozen'],
  ])('%s', (_what, input, decision, rule) => {
    const result = evaluatePolicy({ ...BASE, ...input });
    expect(result).toMatchObject({ decision, rule });
    expect(result.reasons.length).toBeGreaterThan(0);
  }); // prettier-ignore

  it('takes an unreadable window or setting for an error, never for a pass', () => {
    const broken = [{ ...FREEZE, timeZone: 'Nowhere/City' }];
    expect(() => evaluatePolicy({ ...BASE, settings: auto, freezeWindows: broken })).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    const settings = { ...auto, maxAutoProbability: Number.NaN };
    expect(() => evaluatePolicy({ ...BASE, settings })).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  }); // prettier-ignore

  it('lets nothing pass when no rule applies', () => {
    expect(() => decide([], BASE, auto)).toThrow('no policy rule applies');
    const forReverts = RULES.filter((rule) => !rule.purposes.includes('plan'));
    expect(() => decide(forReverts, BASE, auto)).toThrow('no policy rule applies');
  });

  it('ends for every purpose in a rule that always applies', () => {
    const last = RULES.at(-1);
    expect(last?.purposes).toEqual(['plan', 'revert', 'promotion']);
    expect(last?.verdict).not.toBe('allow');
    expect(last?.test(BASE, auto)).not.toEqual([]);
    expect(new Set(RULES.map((rule) => rule.name)).size).toBe(RULES.length);
  });
});

describe('policy version', () => {
  it('is the same for the same rules and settings, in any order', () => {
    const reversed = Object.fromEntries(Object.entries(DEFAULT_POLICY_SETTINGS).reverse());
    expect(toPolicyVersion(parsePolicySettings(reversed))).toBe(evaluatePolicy(BASE).policyVersion);
    expect(evaluatePolicy({ ...BASE, at: SATURDAY }).policyVersion).toBe(evaluatePolicy(BASE).policyVersion);
  });

  it('changes with settings and with rules', () => {
    const version = toPolicyVersion(DEFAULT_POLICY_SETTINGS);
    expect(toPolicyVersion(auto)).not.toBe(version);
    expect(toPolicyVersion(DEFAULT_POLICY_SETTINGS, RULES.slice(1))).not.toBe(version);
    expect(toPolicyVersion(DEFAULT_POLICY_SETTINGS, RULES.toReversed())).not.toBe(version);
  });
});

describe('policy settings', () => {
  it('has cautious defaults', () => {
    expect(DEFAULT_POLICY_SETTINGS).toMatchObject({
      autoApprove: [],
      revertApproval: 'never',
      promotionApproval: 'always',
    });
  });

  it.each([{ autoApprove: ['none'] }, { autoApprove: 'low' }, { revertApproval: 'sometimes' }, { maxAutoProbability: 2 }, { unknown: 1 }, null, 3])(
    'refuses %j by name',
    (value) => {
      expect(() => parsePolicySettings(value)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    },
  ); // prettier-ignore
});
