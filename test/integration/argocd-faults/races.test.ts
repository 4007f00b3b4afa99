import { expect, it } from 'vitest';
import type { ArgoClient } from '../../../src/argocd/http.ts';
import { describeSandbox } from '../../contract/argocd/backend.ts';
import type { Json } from '../../contract/argocd/http-call.ts';
import { toConfigMap, toDeployment } from '../../contract/argocd/manifests.ts';
import { startObserver, toBudgets, toRef } from '../../contract/argocd/observing.ts';

// Green for a moment, or green on top of something that is not: what Argo CD shows at one instant is no verdict.

describeSandbox('an Argo CD that is green too early', (backend) => {
  const setFaults = (change: object) => backend().call('PATCH', '/sandbox/faults', { body: change });
  const isCalm = ({ status, operation }: Json) =>
    operation === undefined && status.operationState?.phase === 'Succeeded' && status.health.status === 'Healthy';

  async function setUp(folder: string, files: Record<string, string>) {
    await backend().push(files);
    const name = await backend().createApplication(folder, { automated: {} });
    await backend().until(name, 'calm', isCalm);
    await backend().get(name, 'refresh=normal');
    return name;
  }

  it('whose health is older than the end of the operation: a comparison is asked for before anything is believed', async () => {
    await setUp('older', { 'older/map.json': toConfigMap('older', 'one') });
    const argo = backend().client();
    const seen: string[] = [];
    const shown: Json[] = [];
    const listening: ArgoClient = {
      ...argo,
      getApplication: async (ref, options) => {
        if (options?.refresh !== undefined) seen.push('refresh');
        const read = await argo.getApplication(ref, options);
        if (read.status.history.length === 2) {
          seen.push('applied');
          shown.push(read.status);
        }
        return read;
      },
    };
    const { observe } = await startObserver(backend(), 'older', {
      argo: listening,
      tell: (text) => seen.push(text),
    });
    // The controller itself compares again after ten simulated hours: only our own request can bring a newer comparison.
    await setFaults({ compareLagMs: 36_000_000 });
    const commit = await backend().push({ 'older/map.json': toConfigMap('older', 'two') });
    const outcome = await observe(commit, { changed: [toRef(backend(), 'ConfigMap', 'older')] });
    expect(outcome.kind).toBe('live');
    // What was shown first was healthy, and from before the end of the operation; whether it is in sync by then is chance.
    const [first] = shown;
    expect(first.health.status).toBe('Healthy');
    expect(Date.parse(first.reconciledAt)).toBeLessThanOrEqual(Date.parse(first.operationState.finishedAt));
    const applied = seen.indexOf('applied');
    const settling = seen.findIndex((text) => text.startsWith('healthy; watching'));
    expect(seen).toContain('applied; waiting for a comparison newer than the operation');
    expect(seen.slice(applied, settling)).toContain('refresh');
  });

  it.each([
    ['for a while: what comes after the first green decides', 6_000, 'failed'],
    ['not at all: it is fooled, which is what the while is for', 0, 'live'],
  ])('before the controller has begun, held %s', async (_, settleMs, kind) => {
    const folder = `early-${settleMs}`;
    const files = (tag: string) => ({
      [`${folder}/web.json`]: toDeployment(folder, { replicas: 1, image: `busybox:${tag}` }),
    });
    const name = await setUp(folder, files('1.36'));
    const { observe, told } = await startObserver(backend(), folder);
    // Two and a half seconds here, in which the new definition looks rolled out and nothing has begun.
    await setFaults({ controllerLagMs: 125_000 });
    const commit = await backend().push(files('crash'));
    const changed = [toRef(backend(), 'Deployment', folder)];
    const outcome = await observe(commit, { changed, budgets: toBudgets(backend(), { settleMs }) });
    expect(outcome.kind).toBe(kind);
    if (settleMs > 0) expect(told.some((text) => text.startsWith('healthy; watching'))).toBe(true);
    if (kind === 'failed') expect(outcome).toMatchObject({ object: { kind: 'Deployment', name: folder } });
    expect((await backend().get(name)).status.sync.status).toBe('Synced');
  });

  it('over an object that is gone: its absence is seen, though it does not count', async () => {
    const files = (value: string) => ({
      'gone/map.json': toConfigMap('gone', value),
      'gone/web.json': toDeployment('gone'),
    });
    const name = await setUp('gone', files('one'));
    const { observe } = await startObserver(backend(), 'gone');
    const commit = await backend().push(files('two'));
    await backend().get(name, 'refresh=normal');
    await backend().until(name, 'applied', ({ status }) => (status.history ?? []).length === 2);
    const web = { group: 'apps', kind: 'Deployment', namespace: backend().namespace, name: 'gone' };
    await backend().call('POST', '/sandbox/objects/delete', { body: web });
    const lost = await backend().until(name, 'different', ({ status }) => status.sync.status === 'OutOfSync');
    expect(lost.status.health.status).toBe('Healthy');
    const budgets = toBudgets(backend(), { healthMs: 1_500 });
    const outcome = await observe(commit, { changed: [toRef(backend(), 'ConfigMap', 'gone')], budgets });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'timeout' });
    expect(outcome.sentence).toContain('Deployment');
  });

  it('whose own word hides a paused rollout behind a neighbour that is slow', async () => {
    const rollout = (tag: string) =>
      JSON.stringify({
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Rollout',
        metadata: { name: 'hidden' },
        spec: {
          replicas: 2,
          selector: { matchLabels: { app: 'hidden' } },
          template: {
            metadata: { labels: { app: 'hidden' } },
            spec: { containers: [{ name: 'main', image: `busybox:${tag}` }] },
          },
          strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } },
        },
      });
    const name = await setUp('hidden', {
      'hidden/rollout.json': rollout('1.0'),
      'hidden/web.json': toDeployment('neighbour', { replicas: 1, image: 'busybox:1.0' }),
    });
    const { observe } = await startObserver(backend(), 'hidden');
    const commit = await backend().push({
      'hidden/rollout.json': rollout('2.0'),
      'hidden/web.json': toDeployment('neighbour', { replicas: 1, image: 'busybox:never-ready' }),
    });
    const changed = [{ group: 'argoproj.io', kind: 'Rollout', namespace: backend().namespace, name: 'hidden' }];
    const outcome = await observe(commit, { changed });
    expect(outcome).toMatchObject({ kind: 'promotion', rollout: { kind: 'Rollout', name: 'hidden' } });
    expect((await backend().get(name)).status.health.status).toBe('Progressing');
  });

  it('whose Application of Applications is green while one below it burns', async () => {
    const root = backend().nameOf('');
    const child = `${root}child`;
    const toChild = (value: string) =>
      JSON.stringify({
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Application',
        metadata: { name: child, namespace: 'argocd', labels: { value } },
        spec: {
          project: backend().settings.project,
          source: {
            repoURL: backend().settings.repoUrl,
            path: `${root.slice(0, -1)}/below`,
            targetRevision: backend().settings.git.branch,
          },
          destination: { server: backend().settings.destination, namespace: backend().namespace },
          syncPolicy: { automated: {} },
        },
      });
    const toBelow = (tag: string) => toDeployment('below', { replicas: 1, image: `busybox:${tag}` });
    const name = await setUp('parent', { 'below/web.json': toBelow('1.0'), 'parent/child.json': toChild('one') });
    await backend().until(child, 'calm', isCalm);
    const { observe } = await startObserver(backend(), 'parent');
    const commit = await backend().push({ 'below/web.json': toBelow('crash'), 'parent/child.json': toChild('two') });
    await backend().get(child, 'refresh=normal');
    const outcome = await observe(commit);
    expect(outcome).toMatchObject({ kind: 'failed', object: { kind: 'Deployment', name: 'below' } });
    const { status } = await backend().get(name);
    expect([status.sync.status, status.health.status]).toEqual(['Synced', 'Healthy']);
  });
});
