import { expect, it } from 'vitest';
import { randomHex } from '../../../src/lib/ids.ts';
import { describeBackends } from './backend.ts';
import { NO_IMAGE, toConfigMap, toDeployment, toJob, toStuckClaim, toUnheard } from './manifests.ts';
import { startObserver, toBudgets, toRef } from './observing.ts';

// What the observer says of commits whose fate is known, without anything but what an Argo CD and a repository do by themselves.

describeBackends('the observer', (backend) => {
  /** An Application that has applied its first commit and is calm. */
  async function setUp(
    folder: string,
    files: Record<string, string>,
    options: Parameters<ReturnType<typeof backend>['createApplication']>[1] = { automated: {} },
  ) {
    await backend().push(files);
    const name = await backend().createApplication(folder, options);
    if (options.automated !== undefined)
      await backend().until(
        name,
        'applied',
        ({ status, operation }) => operation === undefined && status.operationState?.phase === 'Succeeded',
      );
    await backend().get(name, 'refresh=normal');
    return name;
  }

  it('calls a commit that was applied and is healthy live', async () => {
    await setUp('live', { 'live/map.json': toConfigMap('live', 'one'), 'live/web.json': toDeployment('live') });
    const { observe } = await startObserver(backend(), 'live');
    const commit = await backend().push({ 'live/map.json': toConfigMap('live', 'two') });
    const outcome = await observe(commit, { changed: [toRef(backend(), 'ConfigMap', 'live')] });
    expect(outcome.kind).toBe('live');
    expect(outcome.sentence).toMatch(new RegExp(`^Commit ${commit.slice(0, 8)} is live and healthy`));
    expect(outcome.evidence).toContainEqual(expect.objectContaining({ field: 'status.sync.status', value: 'Synced' }));
  });

  it('calls a commit that changed nothing for it live too, and says that nothing was to be applied', async () => {
    const { observe } = await startObserver(backend(), 'live');
    const commit = await backend().push({ 'elsewhere/map.json': toConfigMap('elsewhere', 'one') });
    const outcome = await observe(commit);
    expect(outcome.kind).toBe('live_noop');
    expect(outcome.sentence).toContain('it changed nothing Argo CD had to apply');
  });

  it('calls a commit live through the later one that carries it', async () => {
    const { observe } = await startObserver(backend(), 'live');
    const commit = await backend().push({ 'live/map.json': toConfigMap('live', 'three') });
    const later = await backend().push({ 'elsewhere/map.json': toConfigMap('elsewhere', 'two') });
    const outcome = await observe(commit, { changed: [toRef(backend(), 'ConfigMap', 'live')] });
    expect(outcome.kind).toBe('live');
    expect(outcome.kind === 'live' && (await backend().carries(outcome.via, later))).toBe(true);
    expect(outcome.sentence).toContain('carried by the later commit');
  });

  it('calls manifests that cannot be made a failure of the commit', async () => {
    const { observe } = await startObserver(backend(), 'live');
    const commit = await backend().push({ 'live/broken.yaml': 'kind: [unclosed' });
    const outcome = await observe(commit);
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'render' });
    expect(outcome.sentence).toContain('cannot make manifests');
    const revert = await backend().push({ 'live/broken.yaml': null });
    expect((await observe(revert)).kind).toMatch(/^live/);
  });

  it('names the object that the cluster refuses, in the cluster’s words', async () => {
    await setUp('fixed', { 'fixed/map.json': toConfigMap('fixed', 'one', { immutable: true }) });
    const { observe } = await startObserver(backend(), 'fixed');
    const commit = await backend().push({ 'fixed/map.json': toConfigMap('fixed', 'two', { immutable: true }) });
    const outcome = await observe(commit, { changed: [toRef(backend(), 'ConfigMap', 'fixed')] });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'sync', object: { kind: 'ConfigMap', name: 'fixed' } });
    expect(outcome.sentence).toContain('immutable');
  });

  it('waits through the pause between two attempts, and says that it does', async () => {
    const retry = { limit: 1, backoff: { duration: backend().kind === 'sandbox' ? '60s' : '15s', factor: 1 } };
    const first = { 'retry/map.json': toConfigMap('retry', 'one', { immutable: true }) };
    await setUp('retry', first, { automated: {}, retry });
    const { observe, told } = await startObserver(backend(), 'retry');
    const commit = await backend().push({ 'retry/map.json': toConfigMap('retry', 'two', { immutable: true }) });
    expect(await observe(commit)).toMatchObject({ kind: 'failed', reason: 'sync' });
    expect(told.some((text) => /attempt failed, Argo CD retries \(1 of 1 so far\)/.test(text))).toBe(true);
  });

  it('takes a failed hook for what it is, though everything is healthy', async () => {
    await setUp('hook', { 'hook/map.json': toConfigMap('hook', 'one') });
    const { observe } = await startObserver(backend(), 'hook');
    const commit = await backend().push({
      'hook/before.json': toJob('hook-before', { hook: 'PreSync', fails: true }),
      'hook/map.json': toConfigMap('hook', 'two'),
    });
    const outcome = await observe(commit);
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'hook', object: { kind: 'Job', name: 'hook-before' } });
    expect(outcome.sentence).toMatch(/PreSync hook Job .*hook-before failed/);
  });

  it('does not take an object that turns bad in its wave for a hook', async () => {
    await setUp('wave', { 'wave/map.json': toConfigMap('wave', 'one') });
    const { observe } = await startObserver(backend(), 'wave');
    const commit = await backend().push({
      'wave/job.json': toJob('wave-job', { fails: true, wave: 0 }),
      'wave/later.json': toConfigMap('wave-later', 'one', { wave: 1 }),
    });
    const outcome = await observe(commit);
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'degraded', object: { kind: 'Job', name: 'wave-job' } });
  });

  it('ends an operation that waits for what never comes, where it may, and calls it stuck', async () => {
    const name = await setUp('stuck', { 'stuck/map.json': toConfigMap('stuck', 'one') });
    const { observe } = await startObserver(backend(), 'stuck');
    const commit = await backend().push({
      'stuck/claim.json': toStuckClaim('stuck-claim', { wave: 0 }),
      'stuck/later.json': toConfigMap('stuck-later', 'one', { wave: 1 }),
    });
    const budgets = toBudgets(backend(), { operationMs: backend().kind === 'sandbox' ? 2_000 : 30_000, tickMs: 500 });
    const outcome = await observe(commit, { policy: { mayRequestSync: false, mayTerminate: true }, budgets });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'stuck' });
    expect(outcome.sentence).toContain('stuck-claim');
    expect((await backend().get(name)).operation).toBeUndefined();
  });

  it('judges a workload that never gets up by its deadline, and its revert as well again', async () => {
    await setUp('sick', { 'sick/web.json': toDeployment('sick') });
    const { observe } = await startObserver(backend(), 'sick');
    const commit = await backend().push({
      'sick/web.json': toDeployment('sick', { variant: 'b', replicas: 1, nowhere: true, progressDeadlineSeconds: 20 }),
    });
    const changed = [toRef(backend(), 'Deployment', 'sick')];
    const outcome = await observe(commit, { changed });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'degraded', object: { kind: 'Deployment', name: 'sick' } });
    const revert = await backend().push({ 'sick/web.json': toDeployment('sick') });
    expect((await observe(revert, { changed })).kind).toBe('live');
  });

  it('sees in the pods that an image cannot be pulled, long before the deadline', async () => {
    await setUp('pull', { 'pull/web.json': toDeployment('pull') });
    const { observe } = await startObserver(backend(), 'pull');
    const commit = await backend().push({
      'pull/web.json': toDeployment('pull', {
        variant: 'b',
        replicas: 1,
        image: NO_IMAGE,
        progressDeadlineSeconds: 3600,
      }),
    });
    const outcome = await observe(commit, { changed: [toRef(backend(), 'Deployment', 'pull')] });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'early', object: { kind: 'Deployment', name: 'pull' } });
    expect(outcome.sentence).toMatch(/ImagePullBackOff|ErrImagePull/);
    await backend().push({ 'pull/web.json': toDeployment('pull') });
  });

  it('asks a person where nobody may press sync, and presses it itself where it may, for exactly that commit', async () => {
    const name = await setUp('manual', { 'manual/map.json': toConfigMap('manual', 'one') }, {});
    const { observe } = await startObserver(backend(), 'manual');
    const commit = await backend().push({ 'manual/map.json': toConfigMap('manual', 'two') });
    const asked = await observe(commit);
    expect(asked).toMatchObject({ kind: 'blocked', by: 'manual_sync' });
    expect(asked.sentence).toContain('somebody has to press sync');
    const outcome = await observe(commit, { policy: { mayRequestSync: true, mayTerminate: false } });
    expect(outcome.kind).toBe('live');
    const { operation } = (await backend().get(name)).status.operationState;
    expect(operation.info).toContainEqual({ name: 'tiphys-ticket', value: 'tkt_contract' });
  });

  it('accepts what only waits to be pruned, and lists it', async () => {
    await setUp('prune', {
      'prune/keep.json': toConfigMap('prune-keep', 'one'),
      'prune/gone.json': toConfigMap('prune-gone', 'one'),
    });
    const { observe } = await startObserver(backend(), 'prune');
    const commit = await backend().push({ 'prune/gone.json': null });
    const outcome = await observe(commit);
    expect(outcome).toMatchObject({
      kind: 'live_noop',
      caveats: [expect.stringMatching(/waits to be pruned: .*prune-gone/)],
    });
  });

  it('tells drift made past git from the commit: it is healed, and the commit stays live', async (test) => {
    const name = await setUp(
      'drift',
      { 'drift/map.json': toConfigMap('drift', 'one') },
      { automated: { selfHeal: true } },
    );
    const { observe } = await startObserver(backend(), 'drift');
    const commit = await backend().push({ 'drift/map.json': toConfigMap('drift', 'two') });
    await backend().get(name, 'refresh=normal');
    await backend().until(name, 'applied', ({ status }) => (status.history ?? []).length === 2);
    const changed = await backend().changeLive(name, 'drift', { data: { value: 'by hand' } });
    test.skip(!changed, 'the account may not change live objects (applications, update/*)');
    const outcome = await observe(commit, { changed: [toRef(backend(), 'ConfigMap', 'drift')] });
    expect(outcome.kind).toBe('live');
    const { data } = (await backend()
      .client()
      .resource(backend().ref('drift'), {
        ...toRef(backend(), 'ConfigMap', 'drift'),
        version: 'v1',
      })) as { data: unknown };
    expect(data).toEqual({ value: 'two' });
  });

  it('says so when drift stays, since nobody heals it', async (test) => {
    // A second try begins anew.
    const folder = `stay-${randomHex(2)}`;
    const name = await setUp(folder, { [`${folder}/map.json`]: toConfigMap(folder, 'one') });
    const { observe } = await startObserver(backend(), folder);
    const commit = await backend().push({ [`${folder}/map.json`]: toConfigMap(folder, 'two') });
    await backend().get(name, 'refresh=normal');
    await backend().until(name, 'applied', ({ status }) => (status.history ?? []).length === 2);
    const changed = await backend().changeLive(name, folder, { data: { value: 'by hand' } });
    test.skip(!changed, 'the account may not change live objects (applications, update/*)');
    // A comparison that was under way may not have seen it.
    await backend().get(name, 'refresh=normal');
    await backend().until(name, 'different', ({ status }) => status.sync.status === 'OutOfSync');
    const healthMs = backend().kind === 'sandbox' ? 2_000 : 30_000;
    const outcome = await observe(commit, {
      changed: [toRef(backend(), 'ConfigMap', folder)],
      budgets: toBudgets(backend(), { healthMs, tickMs: 500, settleMs: 500 }),
    });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'timeout' });
    expect(outcome.sentence).toMatch(/stay.* still differs from the repository/);
  });

  it('gives up a commit that a later one overtook and broke elsewhere', async () => {
    await setUp('over', { 'over/map.json': toConfigMap('over', 'one') });
    const { observe } = await startObserver(backend(), 'over');
    const commit = await backend().push({ 'over/map.json': toConfigMap('over', 'two') });
    const later = await backend().push({ 'over/custom.json': toUnheard('over-of') });
    const outcome = await observe(commit, { changed: [toRef(backend(), 'ConfigMap', 'over')] });
    expect(outcome.kind).toBe('superseded');
    expect(outcome.kind === 'superseded' && (await backend().carries(outcome.by, later))).toBe(true);
    expect(outcome.sentence).toContain('came after ours');
  });

  it('loses a commit with its branch, when that is rewritten', async (test) => {
    const branch = `${backend().nameOf('line')}`;
    const base = await backend().push({ 'line/map.json': toConfigMap('line', 'one') });
    try {
      await backend().pushTo(branch, { 'line/map.json': toConfigMap('line', 'two') }, { from: base });
    } catch (error) {
      test.skip(true, `the host takes no branches: ${String(error)}`);
    }
    const name = await backend().createApplication('line', { automated: {}, branch });
    await backend().until(name, 'applied', ({ status }) => status.operationState?.phase === 'Succeeded');
    const { observe } = await startObserver(backend(), 'line');
    const ours = await backend().pushTo(branch, { 'line/map.json': toConfigMap('line', 'ours') });
    await backend().pushTo(branch, { 'line/map.json': toConfigMap('line', 'theirs') }, { from: base });
    const outcome = await observe(ours);
    expect(outcome).toMatchObject({ kind: 'lost', reason: 'force_push' });
    expect(outcome.sentence).toContain('the branch was rewritten');
  });

  it('loses an Application that is pointed elsewhere, made anew, or gone', async () => {
    const name = await setUp('lost', { 'lost/map.json': toConfigMap('lost', 'one') });
    const { observe } = await startObserver(backend(), 'lost');
    const commit = await backend().push({ 'lost/map.json': toConfigMap('lost', 'two') });
    await backend().push({ 'lost-elsewhere/map.json': toConfigMap('lost', 'three') });
    await backend().changeApplication('lost', { automated: {}, path: 'lost-elsewhere' });
    expect(await observe(commit)).toMatchObject({ kind: 'lost', reason: 'source_changed' });
    await backend().deleteApplication(name);
    expect(await observe(commit)).toMatchObject({ kind: 'lost', reason: 'deleted' });
    await backend().createApplication('lost', { automated: {} });
    expect(await observe(commit)).toMatchObject({ kind: 'lost', reason: 'recreated' });
  });
});
