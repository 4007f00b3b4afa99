import type { ManifestObject } from '../../manifest/object.ts';
import { createActions } from '../argo/actions.ts';
import { textAt, valueAt } from '../json.ts';
import { createTestCluster } from './test-cluster.ts';

export type TestCluster = ReturnType<typeof createTestCluster>;

const ROLLOUT = { group: 'argoproj.io', kind: 'Rollout', namespace: 'shop', name: 'web' };

/** Rollout `web` of four pods, for tests. */
export function toRollout(
  image: string,
  strategy: object,
  spec: object = {},
  annotations: Record<string, string> = {},
): ManifestObject {
  const labels = { app: 'web' };
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      replicas: 4,
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: { containers: [{ name: 'web', image }] } },
      strategy,
      ...spec,
    },
  };
}

export function toTemplate(name: string, metric: object): ManifestObject {
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name, namespace: 'shop' },
    spec: { metrics: [{ name: 'success-rate', ...metric }] },
  };
}

export function toService(name: string): ManifestObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { selector: { app: 'web' } },
  };
}

/** What a test asks a simulated Rollout, and does to it. */
export function openRollout(test: TestCluster) {
  const { cluster, timeline } = test;
  const actions = createActions(cluster, timeline);
  const uid = () => cluster.find(ROLLOUT)?.metadata.uid ?? '';
  const status = (...path: (string | number)[]) => valueAt(cluster.find(ROLLOUT), 'status', ...path);
  return {
    status,
    health: () => test.health(ROLLOUT),
    update: (rollout: ManifestObject) => void cluster.update(ROLLOUT, (live) => ({ ...live, spec: rollout['spec'] })),
    images: () =>
      test
        .pods()
        .map((pod) => pod.image)
        .sort(),
    ready: () => test.pods().filter((pod) => pod.ready).length,
    act: (action: string) => actions.run(uid(), action, {}),
    actions: () =>
      actions
        .list(uid())
        .filter((action) => action.disabled !== true)
        .map((action) => action.name),
    runs: () =>
      cluster.list('AnalysisRun').map((run) => `${run.metadata.name} ${textAt(run, 'status', 'phase') ?? ''}`),
    pauses: () => {
      const conditions = status('pauseConditions');
      return Array.isArray(conditions) ? conditions.map((one) => textAt(one, 'reason')) : [];
    },
    selected: (name: string) =>
      textAt(
        cluster.find({ group: '', kind: 'Service', namespace: 'shop', name }),
        'spec',
        'selector',
        'rollouts-pod-template-hash',
      ),
  };
}

/** A cluster in which the first version of `web` is up. */
export async function startRollout(strategy: object, rest: ManifestObject[] = []) {
  const test = createTestCluster();
  for (const object of rest) test.cluster.create(object);
  test.cluster.create(toRollout('shop/web:1', strategy));
  await test.seconds(10);
  const rollout = openRollout(test);
  const health = rollout.health();
  if (health?.status !== 'Healthy') throw new Error(`the first version is ${health?.status}: ${health?.message}`);
  return { ...test, ...rollout, test };
}
