import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  CLUSTER_TOKEN,
  startKubernetesApi,
  toKubeconfig,
  toList,
  type KubernetesApi,
} from '../support/kubernetes-api.ts';
import { playTicket, startProduct, type Product } from '../support/product.ts';

// A deploy that fails, with a kubeconfig given: what weighs on it in the cluster stands in the ticket, and nothing else changes.

let dir: string;
let api: KubernetesApi;
let product: Product;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tiphys-kubeconfig-'));
  api = await startKubernetesApi();
  const cluster = { server: api.url, 'certificate-authority-data': Buffer.from(api.ca).toString('base64') };
  const kubeconfig = join(dir, 'config');
  await writeFile(kubeconfig, toKubeconfig({ cluster, user: { token: CLUSTER_TOKEN } }));
  product = await startProduct({ kubernetes: { kubeconfig } });
});
afterAll(async () => {
  await product.close();
  await api.close();
  await rm(dir, { recursive: true, force: true });
});

interface Live {
  kind: string;
  metadata: { name: string; uid: string };
}

it('a failed deploy is told with what the cluster shows around it, and is taken back all the same', async () => {
  const response = await fetch(`${product.embedded.url}/sandbox/objects`);
  const { items } = (await response.json()) as { items: Live[] };
  const worker = items.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'worker');
  api.replies['/apis/apps/v1/namespaces/production/deployments/worker'] = { body: worker };
  api.replies['/api/v1/namespaces/production/resourcequotas'] = toList('ResourceQuotaList', [
    { metadata: { name: 'team' }, status: { hard: { 'limits.memory': '2Gi' }, used: { 'limits.memory': '2Gi' } } },
  ]);
  const ticket = await playTicket(product.client, 'Set the image of worker to ghcr.io/acme/worker:9.9.9-crash');
  expect(ticket.ending, ticket.reason).toMatchObject({ code: 'reverted', reverted: true });
  const events = await product.client.listEvents(ticket.id);
  const reads = events.flatMap((one) =>
    one.type === 'tool_call' && one.data.tool === 'kubernetes.read' ? [one.data] : [],
  );
  expect(reads).toMatchObject([
    { ok: true, output: expect.stringContaining('team: limits.memory 2Gi of 2Gi, used up') },
  ]);
  expect(api.seen.every(({ method }) => method === 'GET')).toBe(true);
  expect(api.seen.map(({ url }) => url).join('\n')).not.toMatch(/secrets|configmaps|exec|proxy/);
  // Neither the ticket nor what is told of it knows the token.
  expect(JSON.stringify(events)).not.toContain(CLUSTER_TOKEN);
}, 240_000);
