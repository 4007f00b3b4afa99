import { describe, expect, it } from 'vitest';
import { parseManifests } from './parse.ts';
import { toQuantityNumber } from './quantity.ts';
import { toPodReferences, toWorkloads } from './workload.ts';

const POD = `
      metadata: { labels: { app: web }, annotations: { a: b } }
      spec:
        initContainers: [{ name: migrate, image: 'web:1', envFrom: [{ configMapRef: { name: migrations } }] }]
        containers:
        - name: web
          image: web:1
          ports: [{ containerPort: 8080 }, { containerPort: 9090 }]
          env:
          - { name: LEVEL, value: info }
          - { name: PASSWORD, valueFrom: { secretKeyRef: { name: db, key: password } } }
          - { name: MAYBE, valueFrom: { configMapKeyRef: { name: later, key: a, optional: true } } }
          resources: { requests: { cpu: 1, memory: 1Gi }, limits: { memory: 2Gi } }
          livenessProbe: { tcpSocket: { port: 8080 } }
        volumes:
        - { name: c, configMap: { name: settings } }
        - { name: p, persistentVolumeClaim: { claimName: files } }
`;

function read(head: string) {
  const [workload] = toWorkloads(parseManifests(head, 'x'));
  return workload;
}

describe('toWorkloads', () => {
  it('reads a Deployment', () => {
    const workload = read(
      `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, namespace: shop }\nspec:\n    replicas: 3\n    strategy: { type: Recreate }\n    selector: { matchLabels: { app: web } }\n    template:${POD}`,
    );
    expect(workload).toMatchObject({
      kind: 'Deployment',
      name: 'web',
      namespace: 'shop',
      replicas: 3,
      strategy: 'Recreate',
      selector: { app: 'web' },
      podLabels: { app: 'web' },
      podAnnotations: { a: 'b' },
      stateful: true,
    });
    expect(workload?.containers.map(({ name, isInit }) => [name, isInit])).toEqual([
      ['web', false],
      ['migrate', true],
    ]);
    expect(workload?.containers[0]).toMatchObject({
      image: 'web:1',
      env: [{ name: 'LEVEL', value: 'info' }, { name: 'PASSWORD' }, { name: 'MAYBE' }],
      ports: [8080, 9090],
      resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi' } },
      probes: { liveness: true, readiness: false, startup: false },
    });
    expect(workload && toPodReferences(workload)).toEqual({
      configMaps: ['migrations', 'settings'],
      secrets: ['db'],
      claims: ['files'],
    });
  });

  it('finds the pods of a CronJob and the reference of a Rollout', () => {
    const pods = POD.replace(/^/gm, '    ');
    const cron = read(
      `apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: c }\nspec:\n  jobTemplate:\n    spec:\n      template:${pods}`,
    );
    expect(cron?.containers).toHaveLength(2);
    const rollout = read(
      'apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: r }\nspec: { workloadRef: { apiVersion: apps/v1, kind: Deployment, name: web }, strategy: { canary: {} } }\n',
    );
    expect(rollout).toMatchObject({
      workloadRef: { kind: 'Deployment', name: 'web' },
      strategy: 'canary',
      containers: [],
    });
  });

  it('takes only workloads, and only of the groups they belong to', () => {
    expect(read('apiVersion: v1\nkind: Service\nmetadata: { name: a }\n')).toBeUndefined();
    expect(read('apiVersion: example.com/v1\nkind: Deployment\nmetadata: { name: a }\n')).toBeUndefined();
    expect(read('apiVersion: v1\nkind: constructor\nmetadata: { name: a }\n')).toBeUndefined();
  });

  it.each(['spec: 3', 'spec: []', 'spec: { template: x }', 'spec: { template: { spec: { containers: { a: 1 }, volumes: 7 } } }',
    'spec: { replicas: many, selector: { matchLabels: [a] }, template: { spec: { containers: [1, null, { env: x, ports: [{}], resources: [] }] } } }',
  ])('bears any shape: %s', (spec) => {
    const workload = read(`apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: a, labels: 3 }\n${spec}\n`);
    expect(workload?.name).toBe('a');
    expect(workload?.replicas).toBeUndefined();
    expect(workload && toPodReferences(workload)).toEqual({ configMaps: [], secrets: [], claims: [] });
  }); // prettier-ignore
});

describe('toQuantityNumber', () => {
  it.each([
    ['250m', 0.25],
    ['1', 1],
    [2, 2],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['1k', 1000],
    ['2e3', 2000],
    ['1E', 1e18],
    ['lots', undefined],
    ['', undefined],
    ['1 Gi', undefined],
    ['0x10', undefined],
  ])('reads %j', (text, value) => {
    expect(toQuantityNumber(text)).toBe(value);
  });
});
