import { describe, expect, it } from 'vitest';
import { toChangeInput, toDeployment, toLines } from '../change.fixture.ts';
import { destructiveCheck } from './destructive.ts';
import { disruptionCheck } from './disruption.ts';

const inspect = async (before: string, after: string) =>
  toLines(await destructiveCheck.inspect(toChangeInput(before, after)));

const toObject = (apiVersion: string, kind: string, rest = '') =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a, namespace: shop }\n${rest}`;
const STATEFUL = toObject(
  'apps/v1',
  'StatefulSet',
  `spec:
  serviceName: a
  podManagementPolicy: Parallel
  replicas: 2
  selector: { matchLabels: { app: a } }
  template: { metadata: { labels: { app: a } }, spec: { containers: [{ name: a, image: 'a:1' }] } }
  volumeClaimTemplates: [{ metadata: { name: data }, spec: { resources: { requests: { storage: 1Gi } } } }]
`,
);
const JOB = toObject('batch/v1', 'Job', "spec: { template: { spec: { containers: [{ name: a, image: 'a:1' }] } } }\n");
const CLAIM = toObject(
  'v1',
  'PersistentVolumeClaim',
  'spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Gi } } }\n',
);
const MAP = toObject('v1', 'ConfigMap', 'immutable: true\ndata: { a: "1" }\n');
const APP = toObject(
  'argoproj.io/v1alpha1',
  'Application',
  'spec: { project: shop, source: { repoURL: https://git.example.com/a.git, path: dist/web, targetRevision: main } }\n',
);

describe('removals', () => {
  it.each([
    ['Namespace', 'v1', 'error'],
    ['PersistentVolumeClaim', 'v1', 'error'],
    ['PersistentVolume', 'v1', 'error'],
    ['CustomResourceDefinition', 'apiextensions.k8s.io/v1', 'error'],
    ['StatefulSet', 'apps/v1', 'warning'],
    ['Deployment', 'apps/v1', 'warning'],
    ['Service', 'v1', 'warning'],
    ['Ingress', 'networking.k8s.io/v1', 'warning'],
    ['ConfigMap', 'v1', 'info'],
  ])('of a %s', async (kind, apiVersion, severity) => {
    expect(await inspect(toObject(apiVersion, kind), '')).toEqual([`${severity} destructive -`]);
  });

  it('of data can be allowed by kind', async () => {
    const input = toChangeInput(CLAIM, '', { removableKinds: ['PersistentVolumeClaim'] });
    expect(toLines(await destructiveCheck.inspect(input))).toEqual(['warning destructive -']);
  });

  it('of a workload that mounts a claim speak of its data', async () => {
    const text = toDeployment({ pod: 'volumes: [{ name: d, persistentVolumeClaim: { claimName: d } }]\n' });
    const [finding] = await destructiveCheck.inspect(toChangeInput(text, ''));
    expect(finding?.message).toContain('keeps data');
  });
});

describe('immutable fields', () => {
  it.each([
    ['the selector of a Deployment', toDeployment(), 'matchLabels: { app: web }', 'matchLabels: { app: web2 }', 'spec.selector.matchLabels.app'],
    ['the service of a StatefulSet', STATEFUL, 'serviceName: a', 'serviceName: b', 'spec.serviceName'],
    ['the claims of a StatefulSet', STATEFUL, 'storage: 1Gi', 'storage: 2Gi', 'spec.volumeClaimTemplates[0].spec.resources.requests.storage'],
    ['the pod management of a StatefulSet', STATEFUL, 'Parallel', 'OrderedReady', 'spec.podManagementPolicy'],
    ['the pods of a Job', JOB, 'a:1', 'a:2', 'spec.template.spec.containers[a].image'],
    ['the address of a Service', toObject('v1', 'Service', 'spec: { clusterIP: 10.0.0.1 }\n'), '10.0.0.1', '10.0.0.2', 'spec.clusterIP'],
    ['the mode of a claim', CLAIM, 'ReadWriteOnce', 'ReadWriteMany', 'spec.accessModes[0]'],
    ['the role of a binding', toObject('rbac.authorization.k8s.io/v1', 'RoleBinding', 'roleRef: { kind: Role, name: x }\n'), 'name: x', 'name: y', 'roleRef.name'],
    ['the data of an immutable ConfigMap', MAP, 'a: "1"', 'a: "2"', 'immutable'],
    ['the mark itself', MAP, 'immutable: true', 'immutable: false', 'immutable'],
  ])('%s', async (_what, text, from, to, field) => {
    expect(text).toContain(from);
    expect(await inspect(text, text.replace(from, to))).toEqual([`error destructive ${field}`]);
  }); // prettier-ignore

  it.each([
    ['the image of a Deployment', toDeployment(), 'web:1.4.2', 'web:1.4.3'],
    ['the image of a StatefulSet', STATEFUL, 'a:1', 'a:2'],
    ['a default left out', STATEFUL, '  podManagementPolicy: Parallel\n', ''],
    ['a label', toDeployment(), 'name: web\n', 'name: web\n  labels: { a: b }\n'],
    ['a Job that is made anew at every sync', JOB.replace('namespace: shop', 'namespace: shop, annotations: { argocd.argoproj.io/hook: PreSync }'), 'a:1', 'a:2'],
    ['an object that is replaced', JOB.replace('namespace: shop', 'namespace: shop, annotations: { argocd.argoproj.io/sync-options: "Prune=false,Replace=true" }'), 'a:1', 'a:2'],
    ['a selector of a foreign Deployment', toDeployment().replace('apps/v1', 'example.com/v1'), 'matchLabels: { app: web }', 'matchLabels: { app: x }'],
    ['a revision an Application follows', APP, 'targetRevision: main', 'targetRevision: v2'],
  ])('not %s', async (_what, text, from, to) => {
    expect(text).toContain(from);
    expect(await inspect(text, text.replace(from, to))).toEqual([]);
  }); // prettier-ignore
});

describe('capacity', () => {
  it.each([
    ['stops a workload', 2, 0, ['warning destructive spec.replicas']],
    ['takes most pods away', 8, 2, ['warning destructive spec.replicas']],
    ['takes some pods away', 8, 4, []],
    ['takes one of two', 2, 1, []],
    ['adds pods', 2, 20, []],
    ['starts a workload', 0, 2, []],
  ])('%s', async (_what, from, to, lines) => {
    expect(await inspect(toDeployment({ replicas: from }), toDeployment({ replicas: to }))).toEqual(lines);
  });

  it('lets a Deployment run nothing whose pods a Rollout runs, and no other', async () => {
    const toRollout = (name: string, replicas: number) =>
      `---\n${toObject('argoproj.io/v1alpha1', 'Rollout', `spec: { replicas: ${replicas}, workloadRef: { apiVersion: apps/v1, kind: Deployment, name: ${name} }, strategy: { canary: {} } }\n`)}`;
    const step = async (rollout: string, before = rollout) =>
      await inspect(toDeployment({ replicas: 3 }) + before, toDeployment({ replicas: 0 }) + rollout);
    expect(await step(toRollout('web', 3))).toEqual([]);
    expect(await step(toRollout('web', 0))).toEqual(['warning destructive spec.replicas']);
    expect(await step(toRollout('other', 3))).toEqual(['warning destructive spec.replicas']);
    // It comes with the change: nobody serves until its first pods are ready.
    expect(await step(toRollout('web', 3), '')).toEqual(['warning destructive spec.replicas']);
  });

  it('sees a suspended CronJob and a stopped first deploy', async () => {
    const cron = toObject('batch/v1', 'CronJob', 'spec: { suspend: false }\n');
    expect(await inspect(cron, cron.replace('false', 'true'))).toEqual(['warning destructive spec.suspend']);
    expect(await inspect('', toDeployment({ replicas: 0 }))).toEqual(['info destructive spec.replicas']);
  });

  it.each([
    ['10Gi', '5Gi', ['error destructive spec.resources.requests.storage']],
    ['10Gi', '10G', ['error destructive spec.resources.requests.storage']],
    ['10Gi', '20Gi', []],
    ['10Gi', '10240Mi', []],
  ])('a claim that goes from %s to %s', async (from, to, lines) => {
    expect(await inspect(CLAIM.replace('10Gi', from), CLAIM.replace('10Gi', to))).toEqual(lines);
  });

  it('refuses to point an Application elsewhere', async () => {
    expect(await inspect(APP, APP.replace('a.git', 'b.git'))).toEqual(['error destructive spec.source.repoURL']);
    expect(await inspect(APP, APP.replace('project: shop', 'project: default'))).toEqual([
      'error destructive spec.project',
    ]);
  });
});

describe('disruption check', () => {
  const toBudget = (spec: string) =>
    toObject('policy/v1', 'PodDisruptionBudget', `spec: { ${spec}, selector: { matchLabels: { app: web } } }\n`);
  it.each([
    ['maxUnavailable: 0', 'warning disruption spec.maxUnavailable'],
    ['maxUnavailable: 0%', 'warning disruption spec.maxUnavailable'],
    ['minAvailable: 100%', 'warning disruption spec.minAvailable'],
    ['minAvailable: 2', 'warning disruption spec.minAvailable'],
    ['minAvailable: 5', 'warning disruption spec.minAvailable'],
    ['minAvailable: 1', undefined],
    ['minAvailable: 50%', undefined],
    ['maxUnavailable: 1', undefined],
  ])('%s over two replicas', async (spec, line) => {
    const input = toChangeInput('', `${toDeployment()}---\n${toBudget(spec)}`);
    expect(toLines(await disruptionCheck.inspect(input.after, input))).toEqual(line === undefined ? [] : [line]);
  });
});
