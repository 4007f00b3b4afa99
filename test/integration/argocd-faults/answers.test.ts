import { expect, it } from 'vitest';
import { describeSandbox } from '../../contract/argocd/backend.ts';
import { toConfigMap } from '../../contract/argocd/manifests.ts';
import { startObserver, toBudgets, toRef } from '../../contract/argocd/observing.ts';

// Answers that are refused, late, or stamped by another clock; operations that fail and are tried again.

describeSandbox('an Argo CD that stumbles', (backend) => {
  const setFaults = (change: object) => backend().call('PATCH', '/sandbox/faults', { body: change });

  async function setUp(folder: string, options: object = { automated: {} }) {
    await backend().push({ [`${folder}/map.json`]: toConfigMap(folder, 'one') });
    const name = await backend().createApplication(folder, options);
    if ('automated' in options)
      await backend().until(
        name,
        'applied',
        ({ status, operation }) => operation === undefined && status.operationState?.phase === 'Succeeded',
      );
    await backend().get(name, 'refresh=normal');
    return name;
  }
  const change = (folder: string, value: string) =>
    backend().push({ [`${folder}/map.json`]: toConfigMap(folder, value) });

  it('in a storm of conflicts: the sync is asked for again until it is taken', async () => {
    await setUp('conflict', {});
    const { observe } = await startObserver(backend(), 'conflict');
    const commit = await change('conflict', 'two');
    await setFaults({ conflicts: 2 });
    const outcome = await observe(commit, { policy: { mayRequestSync: true, mayTerminate: false } });
    expect(outcome.kind).toBe('live');
    const faults = await backend().call('GET', '/sandbox/faults');
    expect(faults.json.conflicts).toBe(0);
  });

  it('away for a while: nothing is concluded, and the commit is live when it is back', async () => {
    await setUp('away');
    const { observe, told } = await startObserver(backend(), 'away');
    const commit = await change('away', 'two');
    await setFaults({ unavailable: -1 });
    const pending = observe(commit);
    await backend().find('told', () =>
      Promise.resolve(told.some((text) => text.startsWith('Argo CD cannot be asked')) ? true : undefined),
    );
    await setFaults({ unavailable: 0 });
    expect((await pending).kind).toBe('live');
  });

  it('away for good: it is called unreachable, never a failure of the commit', async () => {
    await setUp('gone');
    const { observe } = await startObserver(backend(), 'gone');
    const commit = await change('gone', 'two');
    await setFaults({ unavailable: -1 });
    const outcome = await observe(commit, { budgets: toBudgets(backend(), { unreachableMs: 1_500 }) });
    expect(outcome).toMatchObject({ kind: 'unreachable', denied: false });
  });

  it('slow to begin its answers: they are waited for, and given up after the time limit', async () => {
    await setUp('slow');
    const { observe } = await startObserver(backend(), 'slow');
    const commit = await change('slow', 'two');
    await setFaults({ slowFirstByteMs: 150 });
    expect((await observe(commit)).kind).toBe('live');
    await setFaults({ slowFirstByteMs: 2_000 });
    const argo = backend().client({ requestTimeoutMs: 200 });
    await expect(argo.getApplication(backend().ref('slow'), { refresh: 'normal' })).rejects.toMatchObject({
      reason: 'timed_out',
    });
  });

  it.each([
    ['an hour behind', -3_600_000],
    ['an hour ahead', 3_600_000],
  ])('with a clock %s: its own operation is known all the same, live or failed', async (_, clockSkewMs) => {
    const folder = clockSkewMs < 0 ? 'behind' : 'ahead';
    await setFaults({ clockSkewMs });
    await setUp(folder);
    const { observe } = await startObserver(backend(), folder);
    expect((await observe(await change(folder, 'two'))).kind).toBe('live');
    const next = await startObserver(backend(), folder);
    await setFaults({
      applyErrors: [{ kind: 'ConfigMap', name: folder, message: 'admission webhook denied the request', times: -1 }],
    });
    const outcome = await next.observe(await change(folder, 'three'));
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'sync' });
    expect(outcome.sentence).toContain('admission webhook denied the request');
  });

  it('that fails twice and then succeeds: the pauses between are waited through', async () => {
    const retry = { limit: 3, backoff: { duration: '20s', factor: 1 } };
    const name = await setUp('again', { automated: {}, retry });
    const { observe, told } = await startObserver(backend(), 'again');
    await setFaults({
      applyErrors: [{ kind: 'ConfigMap', name: 'again', message: 'admission webhook denied the request', times: 2 }],
    });
    const commit = await change('again', 'two');
    const outcome = await observe(commit, { changed: [toRef(backend(), 'ConfigMap', 'again')] });
    expect(outcome.kind).toBe('live');
    expect(told.some((text) => text.includes('Argo CD retries (1 of 3 so far)'))).toBe(true);
    expect((await backend().get(name)).status.operationState.retryCount).toBe(2);
  });

  it('that is fought over a field: the rounds are counted, and it is called a fight', async () => {
    const name = await setUp('fight', { automated: { selfHeal: true } });
    const { observe } = await startObserver(backend(), 'fight');
    const commit = await change('fight', 'two');
    let isOver = false;
    const fight = async () => {
      const ref = { kind: 'ConfigMap', namespace: backend().namespace, name: 'fight' };
      for (let round = 0; !isOver; round += 1) {
        await backend().call('PATCH', '/sandbox/objects', { body: { ...ref, patch: { data: { value: `${round}` } } } });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const fighting = fight();
    try {
      const budgets = toBudgets(backend(), { settleMs: 60_000, healthMs: 60_000 });
      const outcome = await observe(commit, { budgets });
      expect(outcome).toMatchObject({ kind: 'failed', reason: 'stuck' });
      expect(outcome.sentence).toMatch(/has applied commit .* 4 times and something changes ConfigMap .*fight back/);
    } finally {
      isOver = true;
      await fighting;
    }
    expect((await backend().get(name)).metadata.name).toBe(name);
  });
});

describeSandbox(
  'an Argo CD with sync windows',
  (backend) => {
    it.each([
      ['syncs by itself', { automated: {} }],
      ['syncs on request', {}],
    ])('keeps an Application that %s from syncing: the ticket says until when, and asks', async (_, options) => {
      const folder = 'automated' in options ? 'auto-windowed' : 'manual-windowed';
      await backend().push({ [`${folder}/map.json`]: toConfigMap(folder, 'one') });
      await backend().createApplication(folder, options);
      await backend().get(backend().nameOf(folder), 'refresh=normal');
      const { observe, snapshot } = await startObserver(backend(), folder);
      expect(snapshot.closedWindows).toBe('deny * * * * * for 1h');
      const commit = await backend().push({ [`${folder}/map.json`]: toConfigMap(folder, 'two') });
      const outcome = await observe(commit, { policy: { mayRequestSync: true, mayTerminate: false } });
      expect(outcome).toMatchObject({ kind: 'blocked', by: 'sync_window' });
      expect(outcome.sentence).toMatch(
        /A sync window keeps Application .* from syncing \(deny \* \* \* \* \* for 1h\)/,
      );
    });
  },
  {
    projects: [
      {
        name: 'default',
        syncWindows: [
          { kind: 'deny', schedule: '* * * * *', duration: '1h', applications: ['*-windowed'], manualSync: false },
        ],
      },
    ],
  },
);
