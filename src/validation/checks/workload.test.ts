import { describe, expect, it } from 'vitest';
import { parseManifests } from '../../manifest/parse.ts';
import type { ObjectCheck } from '../change.ts';
import { toChangeInput, toDeployment, toLines } from '../change.fixture.ts';
import { accessCheck } from './access.ts';
import { imagesCheck, imageStepCheck } from './images.ts';
import { workloadCheck } from './workload.ts';

const POD = 'spec.template.spec';
const CONTAINER = `${POD}.containers[web]`;

async function run(check: ObjectCheck, text: string, trustedRegistries: string[] = []): Promise<string[]> {
  const lines: string[] = [];
  for (const object of parseManifests(text, 'x'))
    lines.push(...toLines(await check.inspect(object, { changes: [], after: [], sourceFiles: [], trustedRegistries })));
  return lines;
}

describe('workload check', () => {
  it('has nothing to say about a good workload', async () => {
    expect(await run(workloadCheck, toDeployment())).toEqual([]);
  });

  it.each([
    ['privileged', toDeployment({ container: 'securityContext: { privileged: true }\n' }), `error workload ${CONTAINER}.securityContext.privileged`],
    ['hostNetwork', toDeployment({ pod: 'hostNetwork: true\n' }), `error workload ${POD}.hostNetwork`],
    ['hostPID', toDeployment({ pod: 'hostPID: true\n' }), `error workload ${POD}.hostPID`],
    ['hostIPC', toDeployment({ pod: 'hostIPC: true\n' }), `error workload ${POD}.hostIPC`],
    ['hostPath', toDeployment({ pod: 'volumes: [{ name: v, hostPath: { path: / } }]\n' }), `error workload ${POD}.volumes[v].hostPath`],
    ['a strong capability', toDeployment({ container: 'securityContext: { capabilities: { add: [CAP_SYS_ADMIN] } }\n' }), `error workload ${CONTAINER}.securityContext.capabilities.add`],
    ['root', toDeployment({ container: 'securityContext: { runAsUser: 0, runAsNonRoot: false }\n' }), `warning workload ${CONTAINER}.securityContext.runAsUser`],
    ['root against runAsNonRoot', toDeployment({ container: 'securityContext: { runAsUser: 0 }\n' }), `error workload ${CONTAINER}.securityContext.runAsNonRoot`],
    ['an unnamed user', toDeployment().replace('runAsNonRoot: true', 'fsGroup: 1'), `info workload ${CONTAINER}.securityContext.runAsNonRoot`],
    ['no memory limit', toDeployment().replace('limits: { memory: 256Mi }', ''), `warning workload ${CONTAINER}.resources`],
    ['no requests', toDeployment().replace('requests: { cpu: 100m, memory: 128Mi }', ''), `warning workload ${CONTAINER}.resources`],
    ['no readiness probe', toDeployment().replace('readinessProbe', 'livenessProbe'), `warning workload ${CONTAINER}.readinessProbe`],
    ['a selector its pods do not carry', toDeployment().replace('labels: { app: web }', 'labels: { app: wbe }'), 'error workload spec.selector'],
    ['a privileged init container', toDeployment({ pod: 'initContainers: [{ name: i, image: "a:1", securityContext: { privileged: true } }]\n' }), `error workload ${POD}.initContainers[i].securityContext.privileged`],
  ])('finds %s', async (_what, text, line) => {
    expect(await run(workloadCheck, text)).toContain(line);
  }); // prettier-ignore

  it.each([
    ['a container without ports or probes', toDeployment().replace(/ +(ports|readinessProbe):.*\n/g, '')],
    ['an ordinary capability', toDeployment({ container: 'securityContext: { capabilities: { add: [NET_BIND_SERVICE], drop: [ALL] } }\n' })],
    ['a numbered user', toDeployment().replace('runAsNonRoot: true', 'runAsUser: 999')],
    ['an init container without resources', toDeployment({ pod: 'initContainers: [{ name: i, image: "a:1" }]\n' })],
    ['a Rollout that has no pods of its own', 'apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: r }\nspec: { workloadRef: { kind: Deployment, name: web } }\n'],
    ['a shape that is none', 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: a }\nspec: { template: { spec: { containers: 3, volumes: [1] } } }\n'],
  ])('accepts %s', async (_what, text) => {
    expect(await run(workloadCheck, text)).toEqual([]);
  }); // prettier-ignore
});

describe('images check', () => {
  it.each([
    'ghcr.io/acme/web:1.4.2', 'redis:7.2', 'registry.k8s.io/pause:3.9', `acme/web@sha256:${'a'.repeat(64)}`, 'registry.acme.example:5000/web:1',
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1', 'europe-docker.pkg.dev/acme/web/web:1', 'icr.io/a/b:1', 'acme.azurecr.io/web:1',
    'acme/rediss:1', 'localhost:5000/a:1', 'gcr.io/a/b:latest-2024',
  ])('accepts %s', async (image) => {
    expect(await run(imagesCheck, toDeployment({ image }))).toEqual([]);
  }); // prettier-ignore

  it.each([
    ['acme/web', 'warning', 'has no tag'],
    ['acme/web:latest', 'warning', 'moves'],
    ['acme/web:main', 'warning', 'moves'],
    ['Acme/Web:1', 'error', 'not an image'],
    ['"acme/web:1 --privileged"', 'error', 'not an image'],
    ['ghrc.io/acme/web:1', 'error', 'look-alike of ghcr.io'],
    ['gchr.io/acme/web:1', 'error', 'look-alike of ghcr.io'],
    ['d0cker.io/library/redis:7', 'error', 'look-alike of docker.io'],
    ['quay.lo/a/b:1', 'error', 'look-alike of quay.io'],
    ['docker.io.evil.example/redis:7', 'error', 'look-alike of docker.io'],
    ['ghcr.io-mirror.example/a:1', 'error', 'look-alike of ghcr.io'],
    ['registry.k8s.lo:443/pause:3', 'error', 'look-alike of registry.k8s.io'],
    ['xn--dcker-0sf.io/redis:7', 'error', 'only look like Latin'],
    ['ngnix:1.27', 'warning', 'nginx'],
    ['postgress:16', 'warning', 'postgres'],
  ])('%s: %s', async (image, severity, message) => {
    const [object] = parseManifests(toDeployment({ image }), 'x');
    const findings = object === undefined ? [] : await imagesCheck.inspect(object, { changes: [], after: [], sourceFiles: [] });
    expect(findings).toMatchObject([{ severity, field: `${CONTAINER}.image` }]);
    expect(findings[0]?.message + (findings[0]?.fix ?? '')).toContain(message);
  }); // prettier-ignore

  it('takes the word of the operator for a mirror', async () => {
    const text = toDeployment({ image: 'docker.io.mirror.example/redis:7' });
    expect(await run(imagesCheck, text, ['docker.io.mirror.example'])).toEqual([]);
  });

  it.each([
    ['another registry under the same name', 'ghcr.io/acme/web:1', 'quay.io/acme/web:1', 1],
    ['another digest under the same tag', `a/b:1@sha256:${'a'.repeat(64)}`, `a/b:1@sha256:${'b'.repeat(64)}`, 1],
    ['another tag and digest', `a/b:1@sha256:${'a'.repeat(64)}`, `a/b:2@sha256:${'b'.repeat(64)}`, 0],
    ['another tag', 'a/b:1', 'a/b:2', 0],
    ['another image altogether', 'ghcr.io/acme/web:1', 'quay.io/acme/shop:1', 0],
  ])('compares %s', async (_what, from, to, count) => {
    const input = toChangeInput(toDeployment({ image: from }), toDeployment({ image: to }));
    expect(await imageStepCheck.inspect(input)).toHaveLength(count);
  });
});

describe('access check', () => {
  const toRbac = (kind: string, rest: string) =>
    `apiVersion: rbac.authorization.k8s.io/v1\nkind: ${kind}\nmetadata: { name: a }\n${rest}\n`;
  it.each([
    ['cluster-admin', toRbac('ClusterRoleBinding', 'roleRef: { kind: ClusterRole, name: cluster-admin }'), 'roleRef.name'],
    ['cluster-admin in one namespace', toRbac('RoleBinding', 'roleRef: { kind: ClusterRole, name: cluster-admin }'), 'roleRef.name'],
    ['rights for everyone', toRbac('RoleBinding', 'roleRef: { name: view }\nsubjects: [{ kind: User, name: a }, { kind: Group, name: "system:unauthenticated" }]'), 'subjects[1]'],
    ['every verb on everything', toRbac('Role', 'rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }]'), 'rules[0]'],
    ['the right to take rights', toRbac('ClusterRole', 'rules: [{ resources: [users], verbs: [impersonate] }]'), 'rules[0].verbs'],
  ])('finds %s', async (_what, text, field) => {
    expect(await run(accessCheck, text)).toEqual([`error access ${field}`]);
  }); // prettier-ignore

  it.each([
    toRbac('Role', 'rules: [{ apiGroups: [""], resources: [pods], verbs: ["*"] }]'),
    toRbac('RoleBinding', 'roleRef: { kind: Role, name: reader }\nsubjects: [{ kind: ServiceAccount, name: web }]'),
    toRbac('RoleBinding', 'roleRef: 3\nsubjects: [1]\nrules: x'),
  ])('accepts %j', async (text) => {
    expect(await run(accessCheck, text)).toEqual([]);
  });
});
