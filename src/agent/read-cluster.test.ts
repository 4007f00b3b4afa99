import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CLUSTER_TOKEN,
  startKubernetesApi,
  toEvent,
  toKubeconfig,
  toList,
  toStatus,
  type KubernetesApi,
} from '../../test/support/kubernetes-api.ts';
import { makeTempDir } from '../../test/support/open-repo.ts';
import { resourceTreeSchema } from '../argocd/schema.ts';
import { createClusterDoor } from '../kubernetes/configured.ts';
import { createSystemClock } from '../lib/clock.ts';
import { createRedactor } from '../lib/redact.ts';
import { askCluster, type ClusterQuestion } from './cluster-tool.ts';
import { readCluster } from './read-cluster.ts';

const SIGNAL = new AbortController().signal;
const WEB_PATH = '/apis/apps/v1/namespaces/production/deployments/web';
const CORE = '/api/v1/namespaces/production';

let api: KubernetesApi;
let kubeconfig: string;
beforeEach(async () => {
  api = await startKubernetesApi();
  kubeconfig = join(await makeTempDir(), 'config');
  const cluster = { server: api.url, 'certificate-authority-data': Buffer.from(api.ca).toString('base64') };
  await writeFile(kubeconfig, toKubeconfig({ cluster, user: { token: CLUSTER_TOKEN } }));
  api.replies[WEB_PATH] = { body: { kind: 'Deployment', metadata: { name: 'web', uid: 'u-web' } } };
});
afterEach(async () => await api.close());

/** As Argo CD shows it: a Deployment with a pod that does not get on. */
const TREE = resourceTreeSchema.parse({
  nodes: [
    { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'production', name: 'web', uid: 'u-web' },
    {
      ...{ version: 'v1', kind: 'Pod', namespace: 'production', name: 'web-1', uid: 'u-pod' },
      info: [{ name: 'Status Reason', value: 'CrashLoopBackOff' }],
      health: { status: 'Degraded', message: 'back-off' },
    },
  ],
});
const argo = { resourceTree: async () => await Promise.resolve(TREE) };
const clock = createSystemClock();
const open = (redactor = createRedactor()) => createClusterDoor({ kubeconfig, kubeContext: null }, { clock, redactor });
const read = async () => {
  const redactor = createRedactor(['hunter2-hunter2']);
  const event = await readCluster({ argo, kubernetes: open(redactor), redactor, clock }, { name: 'web' }, SIGNAL);
  return event?.data ?? { output: '', ok: false, tool: '' };
};

describe('the cluster around an Application', () => {
  it('is told in lines: warnings, quotas, limits, usage, and the nodes of pods in trouble', async () => {
    const at = '2026-01-01T10:00:00Z';
    api.replies[`${CORE}/events`] = toList('EventList', [
      toEvent({
        reason: 'FailedMount',
        message: 'password=hunter2-hunter2',
        at,
        kind: 'PersistentVolumeClaim',
        name: 'd',
      }),
    ]);
    api.replies[`${CORE}/resourcequotas`] = toList('ResourceQuotaList', [
      { metadata: { name: 'team' }, status: { hard: { pods: '4' }, used: { pods: '4' } } },
    ]);
    api.replies[`${CORE}/limitranges`] = toList('LimitRangeList', []);
    const usage = { cpu: '1m', memory: '2Mi' };
    api.replies['/apis/metrics.k8s.io/v1beta1/namespaces/production/pods'] = toList('PodMetricsList', [
      { metadata: { name: 'web-1' }, containers: [{ name: 'web', usage }] },
      { metadata: { name: 'neighbour-1' }, containers: [{ name: 'x', usage }] },
    ]);
    const volumes = [
      { name: 'tmp', emptyDir: {} },
      { name: 'data', persistentVolumeClaim: { claimName: 'd' } },
    ];
    const spec = { nodeName: 'n1', volumes };
    api.replies[`${CORE}/pods/web-1`] = { body: { kind: 'Pod', metadata: { name: 'web-1' }, spec } };
    const claim = { metadata: { name: 'd' }, spec: { storageClassName: 'fast' }, status: { phase: 'Pending' } };
    api.replies[`${CORE}/persistentvolumeclaims/d`] = { body: { kind: 'PersistentVolumeClaim', ...claim } };
    const conditions = [{ type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: 'no network' }];
    api.replies['/api/v1/nodes/n1'] = { body: { kind: 'Node', metadata: { name: 'n1' }, status: { conditions } } };
    const { output, ok, tool } = await read();
    expect({ ok, tool }).toEqual({ ok: true, tool: 'kubernetes.read' });
    expect(output.split('\n')).toEqual([
      'Warnings in namespace production:',
      `  ${at} FailedMount (1x) PersistentVolumeClaim/d: password=[redacted]`,
      'Quotas in namespace production:',
      '  team: pods 4 of 4, used up',
      'Limits in namespace production: none',
      'Usage of its pods:',
      '  web-1: cpu 1m, memory 2Mi',
      'PersistentVolumeClaim d: Pending, class fast',
      'Node n1: Ready is False (KubeletNotReady: no network)',
    ]);
  });

  it('says of each part that may not be read why', async () => {
    api.replies['*'] = toStatus(403, 'Forbidden', 'User "reader" cannot do that');
    const { output, ok } = await read();
    expect(ok).toBe(true);
    expect(output).toContain(
      'Warnings in namespace production: not read; warnings of namespace production: the account may not',
    );
    expect(output).toContain('Pod web-1: not read; Pod production/web-1: the account may not read it: User "reader"');
  });

  it('is not told where the kubeconfig shows another cluster', async () => {
    api.replies[WEB_PATH] = { body: { kind: 'Deployment', metadata: { name: 'web', uid: 'another' } } };
    const { output, ok } = await read();
    expect(ok).toBe(false);
    expect(output).toMatch(/does not show the cluster web is deployed to, so nothing more was read/);
    expect(api.seen.map(({ url }) => url)).not.toContainEqual(expect.stringContaining('/events'));
  });

  it('is not told where the cluster cannot be reached, or the kubeconfig not used', async () => {
    await api.close();
    expect((await read()).output).toMatch(/^the cluster of the kubeconfig was not read: .*ECONNREFUSED/);
    await writeFile(kubeconfig, toKubeconfig({ cluster: { server: api.url }, user: { exec: { command: 'aws' } } }));
    expect((await read()).output).toMatch(/program \(aws\), which is not started/);
  });

  it('is nothing where no kubeconfig is given', async () => {
    const nothing = { argo, kubernetes: null, redactor: createRedactor(), clock };
    expect(await readCluster(nothing, { name: 'web' }, SIGNAL)).toBeUndefined();
  });
});

describe("a model's question about the cluster", () => {
  const ask = async (question: ClusterQuestion) => {
    const door = open();
    if (door === null) throw new Error('there is no kubeconfig');
    return await askCluster(door, argo, { name: 'web' }, question, SIGNAL);
  };

  it('is answered for the namespace of the Application', async () => {
    api.replies[`${CORE}/events`] = toList('EventList', []);
    expect(await ask({ what: 'events' })).toBe('Warnings in namespace production: none');
    expect(await ask({ what: 'usage' })).toContain('there is no metrics server');
    expect(await ask({ what: 'quotas' })).toMatch(/^Quotas in namespace production: not read[^]*\nLimits in namespace/);
    expect(await ask({ what: 'object', kind: 'Deployment', name: 'web' })).toContain('"uid": "u-web"');
  });

  it('cannot be about Secrets, other places or another cluster', async () => {
    await expect(ask({ what: 'object', kind: 'Secret', name: 'keys' })).rejects.toThrow(/kinds are: Pod, /);
    await expect(ask({ what: 'object', kind: 'Pod' })).rejects.toThrow(/by kind and name/);
    await expect(ask({ what: 'object', kind: 'Pod', name: '../secrets/keys' })).rejects.toThrow(/is no name/);
    api.replies[WEB_PATH] = { body: { kind: 'Deployment', metadata: { name: 'web', uid: 'another' } } };
    await expect(ask({ what: 'events' })).rejects.toThrow(/does not show the cluster/);
    expect(api.seen.every(({ url }) => url === WEB_PATH)).toBe(true);
  });
});
