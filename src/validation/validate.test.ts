import { describe, expect, it } from 'vitest';
import { toChangeInput, toDeployment, toLines } from './change.fixture.ts';
import type { ChangeInput } from './change.ts';
import { validateChange } from './validate.ts';

const SERVICE =
  'apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: shop }\nspec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }] }\n';
const toIngress = (name = 'web', host = 'shop.example.com', service = 'web', port = 'number: 80') =>
  `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: ${name}, namespace: shop }\nspec: { rules: [{ host: ${host}, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: ${service}, port: { ${port} } } } }] } }] }\n`;
const MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings, namespace: shop }\ndata: { a: b }\n';
const WITH_MAP = toDeployment({ container: 'envFrom: [{ configMapRef: { name: settings } }]\n' });
const join = (...texts: string[]) => texts.join('---\n');

async function inspect(before: string, after: string, more: Partial<ChangeInput> = {}): Promise<string[]> {
  return toLines(await validateChange(toChangeInput(before, after, more)));
}

describe('validateChange', () => {
  it('has nothing to say about good objects, new or changed', async () => {
    const good = join(WITH_MAP, SERVICE, toIngress(), MAP);
    expect(await inspect('', good)).toEqual([]);
    expect(await inspect(good, good.replace('1.4.2', '1.4.3'))).toEqual([]);
    expect(await inspect(good, good)).toEqual([]);
    expect(await inspect('', '')).toEqual([]);
  });

  it('names object, field, why and what to do in every finding, worst first', async () => {
    const bad = toDeployment({ image: 'acme/web', pod: 'hostNetwork: true\n' }).replace('ports:', 'prots:');
    const findings = await validateChange(toChangeInput('', bad));
    expect(findings.map((finding) => finding.severity)).toEqual(['error', 'error', 'warning']);
    for (const finding of findings) {
      expect(finding.object).toEqual({ group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' });
      expect(finding.field).toBeTruthy();
      expect(finding.message).toMatch(/\w.*[.)]$/);
      expect(finding.fix).toMatch(/\w/);
    }
  });

  it('leaves old faults of untouched objects alone and lowers those of touched ones', async () => {
    const old = toDeployment({ pod: 'hostNetwork: true\n' }).replace('limits: { memory: 256Mi }', '');
    expect(await inspect(old, join(old, MAP))).toEqual([]);
    expect(await inspect(old, old.replace('1.4.2', '1.4.3'))).toEqual([
      'warning workload spec.template.spec.hostNetwork',
      'info workload spec.template.spec.containers[web].resources',
    ]);
    expect(await inspect(toDeployment(), old)).toEqual([
      'error workload spec.template.spec.hostNetwork',
      'warning workload spec.template.spec.containers[web].resources',
    ]);
  });

  it.each([
    ['a Service cut off by new labels', join(toDeployment(), SERVICE), join(toDeployment().replace('labels: { app: web }', 'labels: { app: shop }').replace('matchLabels: { app: web }', 'matchLabels: { app: shop }'), SERVICE), 'error references spec.selector'],
    ['a Service cut off by its own selector', join(toDeployment(), SERVICE), join(toDeployment(), SERVICE.replace('app: web', 'app: wbe')), 'error references spec.selector'],
    ['a new Service for pods elsewhere', toDeployment(), join(toDeployment(), SERVICE.replace('app: web', 'app: other')), 'warning references spec.selector'],
    ['a port name its pods lack', toDeployment(), join(toDeployment(), SERVICE.replace('targetPort: http', 'targetPort: htpp')), 'warning references spec.ports[http].targetPort'],
    ['an Ingress to nowhere', SERVICE, join(SERVICE, toIngress('web', 'a.example.com', 'wbe')), 'warning references spec.rules[a.example.com].http.paths[/].backend'],
    ['an Ingress to a closed port', join(toDeployment(), SERVICE), join(toDeployment(), SERVICE, toIngress('web', 'a.example.com', 'web', 'number: 81')), 'warning references spec.rules[a.example.com].http.paths[/].backend'],
    ['a Service removed under an Ingress', join(toDeployment(), SERVICE, toIngress()), join(toDeployment(), toIngress()), 'error references spec.rules[shop.example.com].http.paths[/].backend'],
    ['a ConfigMap that is not there', '', WITH_MAP, 'warning references spec.template.spec'],
    ['a ConfigMap removed under its user', join(WITH_MAP, MAP), WITH_MAP, 'error references spec.template.spec'],
    ['an autoscaler of nothing', toDeployment(), join(toDeployment(), 'apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: a, namespace: shop }\nspec: { maxReplicas: 3, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: wbe } }\n'), 'warning references spec.scaleTargetRef'],
    ['one object twice', '', join(MAP, MAP), 'error collisions -'],
    ['an object twice through a list', '', join(MAP, 'apiVersion: v1\nkind: List\nitems: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: settings, namespace: shop }, data: { a: c } }]\n'), 'error collisions -'],
    ['one host claimed twice', join(toDeployment(), SERVICE, toIngress()), join(toDeployment(), SERVICE, toIngress(), toIngress('copy')), 'error collisions spec.rules[shop.example.com]'],
    ['a definition with its first use', '', 'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: foos.example.com }\nspec: { group: example.com, scope: Namespaced, names: { kind: Foo, plural: foos }, versions: [{ name: v1, served: true, storage: true }] }\n---\napiVersion: example.com/v1\nkind: Foo\nmetadata: { name: f }\n', 'warning scope -'],
    ['a budget that an old one becomes', join(toDeployment(), 'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: p, namespace: shop }\nspec: { minAvailable: 1, selector: { matchLabels: { app: web } } }\n'), join(toDeployment({ replicas: 1 }), 'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: p, namespace: shop }\nspec: { minAvailable: 1, selector: { matchLabels: { app: web } } }\n'), 'warning disruption spec.minAvailable'],
  ])('finds %s', async (_what, before, after, line) => {
    expect(await inspect(before, after)).toContain(line);
  }); // prettier-ignore

  it.each([
    ['an optional ConfigMap', toDeployment({ container: 'envFrom: [{ configMapRef: { name: later, optional: true } }]\n' })],
    ['a Secret made elsewhere', toDeployment({ container: 'envFrom: [{ secretRef: { name: elsewhere } }]\n' })],
    ['a Service without a selector', SERVICE.replace('selector: { app: web }, ', '').replace(', targetPort: http', '')],
    ['two paths of one host', join(toDeployment(), SERVICE, toIngress(), toIngress('api').replace('path: /,', 'path: /api,'))],
    ['a Rollout over a Deployment', join(toDeployment(), SERVICE, 'apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: web, namespace: shop }\nspec: { workloadRef: { apiVersion: apps/v1, kind: Deployment, name: web }, strategy: { canary: {} } }\n')],
    ['a namespace left to the Application', join(toDeployment(), SERVICE.replace(', namespace: shop', ''))],
  ])('accepts %s', async (_what, after) => {
    expect(await inspect('', after)).toEqual([]);
  }); // prettier-ignore

  it('does not speak of dead ends that were there before in objects nobody touched', async () => {
    const old = join(SERVICE, WITH_MAP.replace('labels: { app: web }', 'labels: { app: x }'));
    expect(await inspect(old, join(old, MAP.replace('name: settings', 'name: other')))).toEqual([]);
    expect(await inspect(SERVICE, SERVICE.replace('port: 80', 'port: 81'))).toEqual(['info references spec.selector']);
  });

  it('refuses to take away what a workload of the same change still needs', async () => {
    const lines = await inspect(join(WITH_MAP, MAP), WITH_MAP.replace('1.4.2', '1.4.3'));
    expect(lines).toContain('error references spec.template.spec');
    const secret = 'apiVersion: v1\nkind: Secret\nmetadata: { name: settings, namespace: shop }\n';
    const user = WITH_MAP.replace('configMapRef', 'secretRef');
    expect(await inspect(join(user, secret), user)).toContain('error references spec.template.spec');
  });

  it('keeps changes inside the allowed namespaces', async () => {
    const more = { allowedNamespaces: ['shop'] };
    expect(await inspect('', MAP, more)).toEqual([]);
    expect(await inspect('', MAP.replace('shop', 'kube-system'), more)).toEqual(['error scope metadata.namespace']);
    expect(await inspect('', MAP.replace('shop', 'kube-system'), { allowedNamespaces: [] })).toEqual([
      'error scope metadata.namespace',
    ]);
    expect(await inspect('', 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n', more)).toEqual([
      'warning scope -',
    ]);
  });

  it('does not forget an old fault that moved to a new object', async () => {
    const bad = (name: string) => toDeployment({ name, pod: 'hostPID: true\n' });
    expect(await inspect(bad('web'), join(bad('web'), bad('api')))).toEqual([
      'error workload spec.template.spec.hostPID',
    ]);
  });

  it('reads YAML among the sources, and only there', async () => {
    const toFile = (content: string, before?: string) => ({
      sourceFiles: [{ path: 'extra/map.yaml', content, ...(before === undefined ? {} : { before }) }],
    });
    expect(await inspect('', '', toFile('a: [1'))).toEqual(['error yaml extra/map.yaml:1']);
    expect(await inspect('', '', toFile('a: 1\na: 2\n'))).toEqual(['error yaml extra/map.yaml:2']);
    const bare = MAP.replace('a: b', 'a: on');
    expect(await inspect('', '', toFile(bare))).toEqual(['warning yaml extra/map.yaml:4']);
    expect(await inspect('', '', toFile(`# moved\n${bare}`, bare))).toEqual(['info yaml extra/map.yaml:5']);
    expect(await inspect('', '', { sourceFiles: [{ path: 'main.ts', content: 'a: [1' }] })).toEqual([]);
  });

  it('bears objects of any shape', async () => {
    const odd = ['spec: 1', 'spec: []', 'data: 1', 'rules: 1', 'metadata: { name: a, labels: 1, annotations: [x] }'];
    const kinds = ['apps/v1 Deployment', 'v1 Service', 'v1 Secret', 'v1 ConfigMap', 'networking.k8s.io/v1 Ingress', 'policy/v1 PodDisruptionBudget',
      'argoproj.io/v1alpha1 Rollout', 'rbac.authorization.k8s.io/v1 Role', 'v1 PersistentVolumeClaim', 'batch/v1 Job', 'apiextensions.k8s.io/v1 CustomResourceDefinition']; // prettier-ignore
    for (const kind of kinds)
      for (const shape of odd) {
        const [apiVersion, name] = kind.split(' ');
        const meta = shape.startsWith('metadata') ? '' : 'metadata: { name: a }\n';
        const text = `apiVersion: ${apiVersion}\nkind: ${name}\n${meta}${shape}\n`;
        await validateChange(toChangeInput(text, text.replace('1', '2')));
        await validateChange(toChangeInput('', text));
      }
  });
});
