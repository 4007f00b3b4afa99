import { describe, expect, it } from 'vitest';
import { parseManifests } from '../../manifest/parse.ts';
import { toDeployment, toLines } from '../change.fixture.ts';
import type { Finding } from '../finding.ts';
import { schemaCheck } from './schema.ts';

async function inspect(text: string): Promise<Finding[]> {
  const findings = [];
  for (const object of parseManifests(text, 'x'))
    findings.push(...(await schemaCheck.inspect(object, { changes: [], after: [], sourceFiles: [] })));
  return findings;
}

const CONTAINER = 'spec.template.spec.containers[web]';
const SERVICE =
  'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { selector: { app: web }, ports: [{ port: 80 }] }\n';

describe('schema check', () => {
  it.each([
    ['a Deployment', toDeployment()],
    ['a Service with a named port', SERVICE.replace('port: 80', 'port: 80, targetPort: http')],
    ['free-form keys in maps', toDeployment().replace('labels: { app: web }', 'labels: { app: web, "example.com/anything": x }')],
    ['every kind of volume and probe', toDeployment({
      pod: 'volumes:\n  - { name: a, emptyDir: { sizeLimit: 1Gi } }\n  - { name: b, configMap: { name: c, items: [{ key: a, path: b }] } }\n  - { name: d, projected: { sources: [{ serviceAccountToken: { path: t } }] } }\ntopologySpreadConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway }]\n',
      container: 'livenessProbe: { exec: { command: [a] }, periodSeconds: 3 }\nlifecycle: { preStop: { sleep: { seconds: 3 } } }\nsecurityContext: { capabilities: { drop: [ALL] }, seccompProfile: { type: RuntimeDefault } }\n',
    })],
    ['a definition with a schema of its own', `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: foos.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { kind: Foo, plural: foos }
  versions:
  - name: v1
    served: true
    storage: true
    schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true, properties: { spec: { type: object, default: { any: thing } } } } }
`],
    ['rules of access', 'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: { name: r }\nrules: [{ apiGroups: [""], resources: [pods], verbs: [get] }]\n'],
    ['an Ingress', 'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: i }\nspec: { rules: [{ host: a.example.com, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }] }\n'],
    ['a nulled field', toDeployment({ container: 'command: null\n' })],
  ])('has nothing to say about %s', async (_what, text) => {
    expect(await inspect(text)).toEqual([]);
  }); // prettier-ignore

  it.each([
    ['a typo in a field', toDeployment().replace('ports:', 'prots:'), `${CONTAINER}.prots`, 'Did you mean "ports"?'],
    ['a typo at the top', SERVICE.replace('spec:', 'sepc:'), 'sepc', 'Did you mean "spec"?'],
    ['a field of another place', toDeployment({ pod: 'replicas: 3\n' }), 'spec.template.spec.replicas', 'Remove it'],
    ['a typo in metadata', SERVICE.replace('{ name: web }', '{ name: web, lables: {} }'), 'metadata.lables', 'Did you mean "labels"?'],
    ['text for a number', toDeployment().replace('replicas: 2', 'replicas: "2"'), 'spec.replicas', 'Give an integer.'],
    ['a boolean for text', toDeployment({ container: 'env: [{ name: DEBUG, value: on }]\n' }), `${CONTAINER}.env[DEBUG].value`, 'Quote'],
    ['a number for a label', toDeployment().replace('matchLabels: { app: web }', 'matchLabels: { app: 1 }'), 'spec.selector.matchLabels.app', 'Quote'],
    ['a word that is no choice', toDeployment({ container: 'imagePullPolicy: Sometimes\n' }), `${CONTAINER}.imagePullPolicy`, 'Always'],
    ['a quantity that is none', toDeployment().replace('memory: 256Mi', 'memory: lots'), `${CONTAINER}.resources.limits.memory`, '512Mi'],
    ['a missing field', toDeployment().replace('  selector:\n    matchLabels: { app: web }\n', ''), 'spec.selector', 'Set spec.selector.'],
    ['a missing name', toDeployment().replace('- name: web\n          image', '- image'), 'spec.template.spec.containers[0].name', 'Set'],
    ['a list for an object', SERVICE.replace(/spec: .*/, 'spec: []'), 'spec', 'object'],
  ])('finds %s', async (_what, text, field, fix) => {
    const findings = await inspect(text);
    expect(findings.map((finding) => finding.field)).toContain(field);
    const finding = findings.find((candidate) => candidate.field === field);
    expect(finding).toMatchObject({ check: 'schema', severity: 'error' });
    expect(finding?.fix).toContain(fix);
  }); // prettier-ignore

  it('reports one fault once, however many branches its schema has', async () => {
    expect(toLines(await inspect(SERVICE.replace('port: 80', 'port: 80, targetPort: true')))).toEqual([
      'error schema spec.ports[0].targetPort',
    ]);
  });

  it.each([
    ['an unknown kind', 'apps/v1', 'Deploymnet', 'error', 'kind', 'Did you mean Deployment?'],
    ['a part of a kind', 'apps/v1', 'DeploymentSpec', 'error', 'kind', 'Correct the kind'],
    ['a name of JavaScript', 'v1', 'constructor', 'error', 'kind', 'Correct'],
    ['an unknown version', 'apps/v7', 'Deployment', 'error', 'apiVersion', 'Use apps/v1'],
    ['a version no longer served', 'policy/v1beta1', 'PodDisruptionBudget', 'error', 'apiVersion', 'Use policy/v1'],
    ['a path instead of a version', '../../../etc/v1', 'Pod', 'info', 'apiVersion', 'custom resource definition'],
    ['a custom resource', 'example.com/v1', 'Foo', 'info', 'apiVersion', 'custom resource definition'],
    ['a preview of Kubernetes', 'networking.k8s.io/v1alpha1', 'IPAddress', 'info', 'apiVersion', 'custom resource definition'],
    ['__proto__', '__proto__', '__proto__', 'error', 'apiVersion', 'Use v1'],
  ])('knows %s', async (_what, apiVersion, kind, severity, field, fix) => {
    const findings = await inspect(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }\n`);
    expect(findings).toMatchObject([{ severity, field }]);
    expect(findings[0]?.fix).toContain(fix);
  }); // prettier-ignore

  it('never quotes a value, since it may be a secret', async () => {
    const text = toDeployment({ container: 'env: [{ name: A, value: 987654321 }]\n' }).replace(
      'memory: 256Mi',
      'memory: hunter2',
    );
    expect(JSON.stringify(await inspect(text))).not.toMatch(/987654321|hunter2/);
  });
});

describe('schema check of Rollouts', () => {
  const POD = 'template: { metadata: { labels: { app: a } }, spec: { containers: [{ name: a, image: "a:1" }] } }';
  const toRollout = (spec: string) =>
    `apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: a }\nspec: ${spec}\n`;

  it.each([
    ['a canary', `{ selector: {}, ${POD}, strategy: { canary: { steps: [{ setWeight: 20 }, { pause: {} }] } } }`],
    ['a blue-green', '{ workloadRef: { apiVersion: apps/v1, kind: Deployment, name: a }, strategy: { blueGreen: { activeService: a } } }'],
    ['routed traffic', `{ selector: {}, ${POD}, strategy: { canary: { stableService: a, canaryService: b, trafficRouting: {} } } }`],
  ])('accepts %s', async (_what, spec) => {
    expect(await inspect(toRollout(spec))).toEqual([]);
  }); // prettier-ignore

  it.each([
    ['no strategy', `{ selector: {}, ${POD} }`, 'spec.strategy'],
    ['two strategies', `{ selector: {}, ${POD}, strategy: { canary: {}, blueGreen: { activeService: a } } }`, 'spec.strategy'],
    ['neither pods nor reference', '{ strategy: { canary: {} } }', 'spec.template'],
    ['pods without a selector', `{ ${POD}, strategy: { canary: {} } }`, 'spec.selector'],
    ['half a reference', '{ workloadRef: { kind: Deployment, name: a }, strategy: { canary: {} } }', 'spec.workloadRef.apiVersion'],
    ['routing without services', `{ selector: {}, ${POD}, strategy: { canary: { canaryService: b, trafficRouting: {} } } }`, 'spec.strategy.canary.stableService'],
    ['blue-green without a service', `{ selector: {}, ${POD}, strategy: { blueGreen: {} } }`, 'spec.strategy.blueGreen.activeService'],
    ['an unknown step', `{ selector: {}, ${POD}, strategy: { canary: { steps: [{ wait: 1 }] } } }`, 'spec.strategy.canary.steps[0]'],
    ['a weight beyond all traffic', `{ selector: {}, ${POD}, strategy: { canary: { steps: [{ setWeight: 120 }] } } }`, 'spec.strategy.canary.steps[0].setWeight'],
    ['a typo in its pods', `{ selector: {}, ${POD.replace('image', 'imgae')}, strategy: { canary: {} } }`, 'spec.template.spec.containers[a].imgae'],
    ['a typo of its own', `{ selector: {}, ${POD}, stratgy: {}, strategy: { canary: {} } }`, 'spec.stratgy'],
  ])('finds %s', async (_what, spec, field) => {
    const findings = await inspect(toRollout(spec));
    expect(toLines(findings)).toContain(`error schema ${field}`);
  }); // prettier-ignore
});
