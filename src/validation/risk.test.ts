import { describe, expect, it } from 'vitest';
import { toChangeInput, toDeployment } from './change.fixture.ts';
import { assessRisk, isProduction } from './risk.ts';
import type { RiskInput } from './risk.ts';
import type { Finding } from './finding.ts';

function assess(before: string, after: string, more: Partial<RiskInput> = {}) {
  return assessRisk({ changes: toChangeInput(before, after).changes, findings: [], environment: 'staging', ...more });
}
const signals = (before: string, after: string) => assess(before, after).reasons.map((reason) => reason.signal);
const toImage = (image: string) => toDeployment({ image });

const CLAIM = 'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: d }\nspec: {}\n';
const finding = (severity: Finding['severity']): Finding => ({ check: 'x', severity, message: 'm.', fix: 'f.' });

interface RolloutOptions {
  replicas?: number | string;
  target?: string;
  namespace?: string;
}
interface HandOver {
  isNew?: boolean;
  before?: RolloutOptions;
}

function toRollout({ replicas = 4, target = 'web', namespace = 'shop' }: RolloutOptions = {}): string {
  return `apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: web, namespace: ${namespace} }
spec:
  replicas: ${replicas}
  workloadRef: { apiVersion: apps/v1, kind: Deployment, name: ${target}, scaleDown: never }
  strategy: { canary: {} }
`;
}

describe('assessRisk', () => {
  it('sees no risk in no change', () => {
    expect(assess(toDeployment(), toDeployment(), { environment: 'production' })).toEqual({
      level: 'low',
      score: 0,
      reasons: [],
      blastRadius: { objects: 0, services: [], namespaces: [] },
    });
  });

  it.each([
    ['a note', toDeployment(), toDeployment().replace('namespace: shop', 'namespace: shop\n  labels: { a: b }'), 'low'],
    ['a patch', toImage('acme/web:1.4.2'), toImage('acme/web:1.4.3'), 'low'],
    ['a minor version', toImage('acme/web:1.4.2'), toImage('acme/web:1.5.0'), 'medium'],
    ['a major version', toImage('acme/web:1.4.2'), toImage('acme/web:2.0.0'), 'medium'],
    ['a first deploy', '', toDeployment(), 'low'],
    ['a stop', toDeployment(), toDeployment({ replicas: 0 }), 'high'],
    ['a removal', toDeployment(), '', 'medium'],
    [
      'new privileges',
      toDeployment(),
      toDeployment({ container: 'securityContext: { privileged: true }\n' }),
      'medium',
    ],
    ['lost data', CLAIM, '', 'critical'],
  ])('in production, weighs %s', (_what, before, after, level) => {
    expect(assess(before, after, { environment: 'production' }).level).toBe(level);
  });

  it.each([
    ['a patch', 'acme/web:1.4.2', 'acme/web:1.4.3', 0.03],
    ['a minor version', 'acme/web:1.4.2', 'acme/web:1.5.0', 0.08],
    ['a short version', 'redis:7.2', 'redis:7.4', 0.08],
    ['a major version', 'acme/web:v1.4.2', 'acme/web:v2.0.0', 0.2],
    ['an older version', 'acme/web:1.4.2', 'acme/web:1.4.1', 0.15],
    ['another image', 'acme/web:1.4.2', 'acme/shop:1.4.2', 0.25],
    ['a branch', 'acme/web:1.4.2', 'acme/web:feature-x', 0.1],
    ['another build', 'acme/web:1.4.2-a', 'acme/web:1.4.2-b', 0.05],
  ])('weighs %s', (_what, from, to, weight) => {
    expect(assess(toImage(from), toImage(to)).reasons).toMatchObject([{ signal: 'image', weight }]);
  });

  it.each([
    ['fewer pods', toDeployment({ replicas: 8 }), toDeployment({ replicas: 3 }), 'scale_down'],
    ['more pods', toDeployment(), toDeployment({ replicas: 3 }), 'scale_up'],
    ['a variable', toDeployment(), toDeployment({ container: 'env: [{ name: A, value: b }]\n' }), 'configuration'],
    ['a probe', toDeployment(), toDeployment().replace('path: /,', 'path: /ready,'), 'probes'],
    ['a command', toDeployment(), toDeployment({ container: 'args: [a]\n' }), 'command'],
    ['a smaller limit', toDeployment(), toDeployment().replace('256Mi', '64Mi'), 'resources'],
    ['a limit that goes', toDeployment(), toDeployment().replace('limits: { memory: 256Mi }', ''), 'resources'],
    ['a volume', toDeployment(), toDeployment({ pod: 'volumes: [{ name: a, emptyDir: {} }]\n' }), 'volumes'],
    ['a strategy', toDeployment(), toDeployment().replace('replicas: 2', 'replicas: 2\n  strategy: { type: Recreate }'), 'strategy'],
    ['an interruption', toDeployment().replace('replicas: 2', 'strategy: { type: Recreate }'), toDeployment({ image: 'a:2' }).replace('replicas: 2', 'strategy: { type: Recreate }'), 'interruption'],
    ['rights', '', 'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: { name: r }\n', 'access'],
    ['a definition', '', 'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: r }\n', 'cluster_wide'],
    ['data', toDeployment({ pod: 'volumes: [{ name: d, persistentVolumeClaim: { claimName: d } }]\n' }), toDeployment({ image: 'a:2', pod: 'volumes: [{ name: d, persistentVolumeClaim: { claimName: d } }]\n' }), 'stateful'],
  ])('notices %s', (_what, before, after, signal) => {
    expect(signals(before, after)).toContain(signal);
  }); // prettier-ignore

  it('weighs less memory more than more memory', () => {
    const base = toDeployment();
    const less = assess(base, base.replace('256Mi', '64Mi'));
    const more = assess(base, base.replace('256Mi', '1Gi'));
    expect(less.score).toBeGreaterThan(more.score);
  });

  it.each([
    ['to a Rollout that was there', { replicas: 4 }, {}, 'handed_over', 'low'],
    ['to one with fewer pods', { replicas: 2 }, {}, 'scale_down', 'medium'],
    ['to one with hardly any', { replicas: 1 }, {}, 'scale_down', 'medium'],
    ['to one without a number, which is one pod', { replicas: '~' }, {}, 'scale_down', 'medium'],
    ['to one that wants none', { replicas: 0 }, {}, 'stopped', 'high'],
    ['to one of another Deployment', { target: 'api' }, {}, 'stopped', 'high'],
    ['to one of another namespace', { namespace: 'other' }, {}, 'stopped', 'high'],
    ['to one that comes with the change, and has no pod ready', {}, { isNew: true }, 'stopped', 'high'],
    ['to one that wanted none before', {}, { before: { replicas: 0 } }, 'stopped', 'high'],
  ])('in production, weighs pods handed %s', (_what, after, { isNew, before }: HandOver, signal, level) => {
    const left = isNew === true ? '' : toRollout({ ...after, ...before });
    const input = toChangeInput(
      [toDeployment({ replicas: 4 }), left].join('---\n'),
      [toDeployment({ replicas: 0 }), toRollout(after)].join('---\n'),
    );
    const risk = assessRisk({ ...input, rendered: input.after, findings: [], environment: 'production' });
    expect(risk.reasons.map((reason) => reason.signal)).toContain(signal);
    expect(risk.level).toBe(level);
  });

  it('takes a Deployment without pods for a stop where it does not know what else is rendered', () => {
    const changes = toChangeInput(toDeployment({ replicas: 4 }), toDeployment({ replicas: 0 })).changes;
    expect(assessRisk({ changes, findings: [], environment: 'production' }).level).toBe('high');
  });

  it('a Rollout without pods stays a stop', () => {
    const input = toChangeInput(toRollout({ replicas: 4 }), toRollout({ replicas: 0 }));
    const risk = assessRisk({ ...input, rendered: input.after, findings: [], environment: 'production' });
    expect(risk.level).toBe('high');
  });

  it('counts findings, environment, reach and known state', () => {
    const [before, after] = [toImage('acme/web:1.0.0'), toImage('acme/web:1.0.1')];
    const plain = assess(before, after).score;
    expect(assess(before, after, { environment: 'production' }).score).toBeGreaterThan(plain);
    expect(assess(before, after, { statefulServices: ['web'] }).score).toBeGreaterThan(plain);
    expect(assess(before, after, { findings: [finding('info')] }).score).toBe(plain);
    expect(assess(before, after, { findings: [finding('warning')] }).score).toBeGreaterThan(plain);
    expect(assess(before, after, { findings: [finding('error')] }).level).toBe('high');
  });

  it('reports how far a change reaches, and stays below 1 however much there is', () => {
    const one = toChangeInput('', toDeployment()).changes;
    const changes = Array.from({ length: 60 }, (_, index) =>
      one.map((change) => ({
        ...change,
        service: `s${index % 6}`,
        ref: { ...change.ref, namespace: `n${index % 3}` },
      })),
    ).flat();
    const removed = toChangeInput(`${CLAIM}---\n${toDeployment()}`, '').changes;
    const risk = assessRisk({ changes: [...changes, ...removed], findings: [], environment: 'prod-eu' });
    expect(risk.blastRadius).toEqual({
      objects: 62,
      services: ['s0', 's1', 's2', 's3', 's4', 's5', 'web'],
      namespaces: ['n0', 'n1', 'n2', 'shop'],
    });
    expect(risk.level).toBe('critical');
    expect(risk.score).toBeLessThanOrEqual(1);
    const weights = risk.reasons.map((reason) => reason.weight);
    expect(weights).toEqual(weights.toSorted((a, b) => b - a));
    expect(new Set(risk.reasons.map((reason) => reason.signal)).size).toBe(risk.reasons.length);
  });

  it('does not show the values of Secrets in its reasons', () => {
    const secret = 'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { a: hunter2-value }\n';
    expect(JSON.stringify(assess(secret, secret.replace('hunter2', 'hunter3')))).not.toContain('hunter');
  });
});

describe('isProduction', () => {
  it.each(['production', 'prod', 'Prod-EU', 'eu-production', 'live', 'prd'])('%s is', (name) => {
    expect(isProduction(name)).toBe(true);
  });
  it.each(['staging', 'preprod', 'product', 'dev', '', 'nonprod', 'delivery'])('%s is not', (name) => {
    expect(isProduction(name)).toBe(false);
  });
});
