import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority } from '../../test/support/certificate.ts';
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
import { createSystemClock } from '../lib/clock.ts';
import { createRedactor } from '../lib/redact.ts';
import { createCluster, type Cluster } from './cluster.ts';
import { createClusterDoor } from './configured.ts';

const EVENTS = '/api/v1/namespaces/production/events';
const WEB = { kind: 'Deployment', namespace: 'production', name: 'web' } as const;
const WEB_PATH = '/apis/apps/v1/namespaces/production/deployments/web';

let api: KubernetesApi;
let file: string;
beforeEach(async () => {
  api = await startKubernetesApi();
  file = join(await makeTempDir(), 'config');
});
afterEach(async () => await api.close());

const toData = (text: string) => Buffer.from(text).toString('base64');

async function open(given: { cluster?: object; user?: object; timeoutMs?: number } = {}) {
  const learned: string[] = [];
  const cluster = { server: api.url, 'certificate-authority-data': toData(api.ca), ...given.cluster };
  await writeFile(file, toKubeconfig({ cluster, user: given.user ?? { token: CLUSTER_TOKEN } }));
  const options = { kubeconfig: file, context: null, timeoutMs: given.timeoutMs ?? 10_000, clock: createSystemClock() };
  return { cluster: createCluster({ ...options, learn: (secret) => void learned.push(secret) }), learned };
}
const ask = async (given: Parameters<typeof open>[0] = {}) => (await open(given)).cluster;
const tell = async (cluster: Cluster) => {
  const answer = await cluster.object(WEB);
  return answer.kind === 'read' ? 'read' : `${answer.reason}: ${answer.sentence}`;
};

describe('a cluster', () => {
  it('is read with the token of the kubeconfig, and by nothing but GET', async () => {
    api.replies['/version'] = { body: { major: '1', minor: '34', gitVersion: 'v1.34.2' } };
    api.replies[EVENTS] = toList('EventList', [
      toEvent({ reason: 'BackOff', message: 'back-off', at: '2026-01-01T10:00:00Z', count: 4 }),
    ]);
    api.replies['/apis/metrics.k8s.io/v1beta1/namespaces/production/pods'] = {
      body: {
        kind: 'PodMetricsList',
        items: [{ metadata: { name: 'web-1' }, containers: [{ name: 'web', usage: { cpu: '12m', memory: '40Mi' } }] }],
      },
    };
    const status = { hard: { pods: '10' }, used: { pods: '10' } };
    api.replies['/api/v1/namespaces/production/resourcequotas'] = toList('ResourceQuotaList', [
      { metadata: { name: 'q' }, status },
    ]);
    api.replies['/api/v1/namespaces/production/limitranges'] = toList('LimitRangeList', []);
    api.replies[WEB_PATH] = {
      body: { kind: 'Deployment', apiVersion: 'apps/v1', metadata: { name: 'web', uid: 'u' } },
    };
    const { cluster, learned } = await open();
    expect(await cluster.version()).toEqual({ kind: 'read', value: 'v1.34.2' });
    expect(await cluster.events('production')).toMatchObject({ value: { items: [{ reason: 'BackOff', count: 4 }] } });
    expect(await cluster.usage('production')).toMatchObject({ value: [{ containers: [{ usage: { cpu: '12m' } }] }] });
    expect(await cluster.quotas('production')).toMatchObject({ value: [{ status }] });
    expect(await cluster.limits('production')).toEqual({ kind: 'read', value: [] });
    expect(await cluster.object(WEB)).toMatchObject({ value: { metadata: { uid: 'u' } } });
    expect(await cluster.ownNamespace()).toEqual({ kind: 'read', value: 'default' });
    expect(api.seen).toHaveLength(6);
    expect([...new Set(api.seen.map(({ method }) => method))]).toEqual(['GET']);
    expect([...new Set(learned)]).toEqual([CLUSTER_TOKEN]);
  });

  it('is read with a client certificate, or a token file that is rotated', async () => {
    api.replies['*'] = { body: { kind: 'Deployment', metadata: { name: 'web' } } };
    const user = {
      'client-certificate-data': toData(api.client.cert),
      'client-key-data': toData(api.client.key),
    };
    expect(await tell(await ask({ user }))).toBe('read');
    expect(api.seen).toMatchObject([{ authorization: undefined, client: 'tiphys-reader' }]);
    const tokenFile = `${file}.token`;
    await writeFile(tokenFile, 'an-old-token\n');
    const cluster = await ask({ user: { tokenFile } });
    expect(await tell(cluster)).toMatch(/^unauthenticated: .*does not accept the credentials: Unauthorized/);
    await writeFile(tokenFile, `${CLUSTER_TOKEN}\n`);
    expect(await tell(cluster)).toBe('read');
  });

  it('says what it was refused, and that nothing is there', async () => {
    api.replies['*'] = toStatus(
      403,
      'Forbidden',
      'deployments.apps "web" is forbidden: User "reader" cannot get resource',
    );
    const cluster = await ask();
    expect(await tell(cluster)).toMatch(
      /^denied: Deployment production\/web: the account may not read it: .*cannot get/,
    );
    delete api.replies['*'];
    expect(await tell(cluster)).toMatch(/^absent: /);
    expect(await cluster.usage('production')).toMatchObject({
      ...{ kind: 'unread', reason: 'absent' },
      sentence: expect.stringContaining('there is no metrics server') as string,
    });
    api.replies['*'] = { status: 503, text: '<html>maintenance</html>' };
    expect(await tell(cluster)).toBe('unreached: Deployment production/web: the cluster answers 503: HTTP 503');
  });

  it('that answers something else, too much, or nothing, is not believed and not waited for', async () => {
    const cluster = await ask({ timeoutMs: 300 });
    for (const text of ['', 'hello', '[]', 'null', '{"kind":7}']) {
      api.replies['*'] = { text };
      expect(await tell(cluster)).toMatch(/^unreadable: /);
    }
    api.replies['*'] = 'silent';
    expect(await tell(cluster)).toMatch(/^unreached: .*no complete answer within 300 ms/);
    api.replies['*'] = { text: `{"kind":"Deployment","x":"${'x'.repeat(9 * 1024 * 1024)}"}` };
    expect(await tell(await ask())).toMatch(/^too_large: .*larger than 8 MiB/);
  });

  it('that sends elsewhere is not followed, and the token goes nowhere', async () => {
    const other = await startKubernetesApi();
    api.replies['*'] = { status: 307, headers: { location: `${other.url}${WEB_PATH}` }, body: {} };
    expect(await tell(await ask())).toMatch(/^redirected: .*not followed/);
    expect(other.seen).toEqual([]);
    await other.close();
  });

  it('with a certificate of somebody else gets no token', async () => {
    const ca = { 'certificate-authority-data': toData(createAuthority('Somebody Else').ca) };
    expect(await tell(await ask({ cluster: ca }))).toMatch(/^unreached: .*certificate|signature/);
    expect(await tell(await ask({ cluster: { 'tls-server-name': 'other.example' } }))).toMatch(
      /^unreached: .*altnames/,
    );
    expect(api.seen).toEqual([]);
    api.replies['*'] = { body: { kind: 'Deployment', metadata: {} } };
    expect(await tell(await ask({ cluster: { 'tls-server-name': 'kubernetes.default' } }))).toBe('read');
  });

  it('with credentials that cannot be sent says so', async () => {
    expect(await tell(await ask({ user: { token: 'two\nlines' } }))).toMatch(/^misconfigured: .*cannot be used/);
    expect(await tell(await ask({ user: { tokenFile: '/no/such/file' } }))).toMatch(/^misconfigured: .*cannot be read/);
    const user = { 'client-certificate-data': toData('x'), 'client-key-data': toData('y') };
    expect(await tell(await ask({ user }))).toMatch(/^misconfigured: /);
  });

  it('whose kubeconfig was corrected is read, without a restart', async () => {
    const { cluster } = await open({ user: { exec: { command: 'aws' } } });
    expect(await cluster.version()).toMatchObject({ kind: 'unread', reason: 'misconfigured' });
    api.replies['/version'] = { body: { gitVersion: 'v1.34.2' } };
    await open();
    expect(await cluster.version()).toEqual({ kind: 'read', value: 'v1.34.2' });
  });

  it('is not asked any more once the caller does not want to know', async () => {
    api.replies['*'] = 'silent';
    const cluster = await ask();
    const ending = new AbortController();
    const asking = cluster.version(ending.signal);
    ending.abort(new Error('the ticket was cancelled'));
    await expect(asking).rejects.toThrow('the ticket was cancelled');
  });
});

describe('without a kubeconfig', () => {
  const basics = { clock: createSystemClock(), redactor: createRedactor() };

  it('there is no way to a cluster', () => {
    expect(createClusterDoor({ kubeconfig: null, kubeContext: null }, basics)).toBeNull();
  });

  it('and with one, nothing is read before it is asked', async () => {
    const door = createClusterDoor({ kubeconfig: '/no/such/kubeconfig', kubeContext: null }, basics);
    const cluster = await door?.open();
    expect(await cluster?.version()).toMatchObject({
      ...{ kind: 'unread', reason: 'misconfigured' },
      sentence: expect.stringContaining('/no/such/kubeconfig') as string,
    });
  });
});
