import { expect, it } from 'vitest';
import { describeSandbox } from '../../contract/argocd/backend.ts';
import { startObserver, toBudgets } from '../../contract/argocd/observing.ts';

// A rollout that waits for somebody, and what is done to it through Argo CD.

describeSandbox('a rollout behind an Argo CD that stumbles', (backend) => {
  const setFaults = (change: object) => backend().call('PATCH', '/sandbox/faults', { body: change });
  const toRef = (name: string) => ({ group: 'argoproj.io', kind: 'Rollout', namespace: backend().namespace, name });

  const toRollout = (name: string, tag: string, steps: object[]) =>
    JSON.stringify({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Rollout',
      metadata: { name },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { containers: [{ name: 'main', image: `busybox:${tag}` }] },
        },
        strategy: { canary: { steps } },
      },
    });
  const template = JSON.stringify({
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name: 'numbers' },
    spec: {
      metrics: [
        {
          name: 'success-rate',
          count: 2,
          interval: '5s',
          successCondition: 'result[0] >= 0.95',
          provider: { prometheus: { address: 'http://prometheus:9090', query: 'up' } },
        },
      ],
    },
  });

  /** The first version is up; gives the way to bring out the next. */
  async function setUp(folder: string, steps: object[], more: Record<string, string> = {}) {
    const files = (tag: string) => ({ [`${folder}/rollout.json`]: toRollout(folder, tag, steps), ...more });
    await backend().push(files('1.0'));
    const name = await backend().createApplication(folder, { automated: {} });
    await backend().until(
      name,
      'up',
      ({ status, operation }) =>
        operation === undefined && status.sync.status === 'Synced' && status.health.status === 'Healthy',
    );
    const { observe } = await startObserver(backend(), folder);
    const commit = await backend().push(files('2.0'));
    const changed = [toRef(folder)];
    return { name, observe: () => observe(commit, { changed, budgets: toBudgets(backend(), { healthMs: 60_000 }) }) };
  }

  it('whose promotion is lost although it was accepted: it still stands where it stood, and the next one moves it', async () => {
    const { observe } = await setUp('lost', [{ setWeight: 50 }, { pause: {} }]);
    expect(await observe()).toMatchObject({ kind: 'promotion', pause: 'CanaryPauseStep' });
    const argo = backend().client();
    const resume = () =>
      argo.runResourceAction(backend().ref('lost'), { ...toRef('lost'), version: 'v1alpha1' }, 'resume');
    await setFaults({ lostActions: 1 });
    await resume();
    expect(await observe()).toMatchObject({ kind: 'promotion', pause: 'CanaryPauseStep' });
    await resume();
    expect((await observe()).kind).toBe('live');
  });

  it('whose analysis gets nothing but errors: it is aborted, and nothing is said against the version', async () => {
    await setFaults({ measurements: 'error' });
    const steps = [{ setWeight: 50 }, { analysis: { templates: [{ templateName: 'numbers' }] } }];
    const { observe } = await setUp('blind', steps, { 'blind/template.json': template });
    const outcome = await observe();
    expect(outcome).toMatchObject({ kind: 'inconclusive', state: 'aborted' });
    expect(outcome.sentence).toContain('nothing is known about the new one');
  });
});
