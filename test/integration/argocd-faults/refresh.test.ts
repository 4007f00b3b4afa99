import { expect, it } from 'vitest';
import { describeSandbox } from '../../contract/argocd/backend.ts';
import { NO_IMAGE, toConfigMap, toDeployment } from '../../contract/argocd/manifests.ts';
import { startObserver, toBudgets, toRef } from '../../contract/argocd/observing.ts';

// The controller, the repository server and the caches behind Argo CD's answers fail in ways that leave everything looking green.

describeSandbox('an Argo CD that does not look', (backend) => {
  const setFaults = async (change: object) => {
    const answer = await backend().call('PATCH', '/sandbox/faults', { body: change });
    expect(answer.status).toBe(200);
  };
  const reset = () => backend().call('DELETE', '/sandbox/faults');

  async function setUp(folder: string, files: Record<string, string> = { 'map.json': toConfigMap(folder, 'one') }) {
    await backend().push(Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text])));
    const name = await backend().createApplication(folder, { automated: {} });
    await backend().until(
      name,
      'applied',
      ({ status, operation }) => operation === undefined && status.operationState?.phase === 'Succeeded',
    );
    return name;
  }
  const change = (folder: string, value: string) =>
    backend().push({ [`${folder}/map.json`]: toConfigMap(folder, value) });

  it('whose refreshes are never answered: says that the controller is probably down, with the old revision as evidence', async () => {
    await setUp('never');
    const { observe } = await startObserver(backend(), 'never');
    const commit = await change('never', 'two');
    await setFaults({ refresh: 'never_returns' });
    const budgets = toBudgets(backend(), { refreshTimeoutMs: 300, revisionMs: 2_000 });
    const outcome = await observe(commit, { budgets });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'not_seen' });
    expect(outcome.sentence).toContain('it answered none of our refresh requests');
    expect(outcome.evidence).toContainEqual(expect.objectContaining({ field: 'status.sync.revision' }));
  });

  it('whose refreshes hang for a while: goes on as soon as one is answered', async () => {
    await setUp('hang');
    const { observe, told } = await startObserver(backend(), 'hang');
    const commit = await change('hang', 'two');
    await setFaults({ refresh: 'never_returns' });
    const pending = observe(commit, { budgets: toBudgets(backend(), { refreshTimeoutMs: 300 }) });
    await backend().find('a refresh without answer', () =>
      Promise.resolve(told.some((text) => text.includes('without answer')) ? true : undefined),
    );
    await reset();
    expect((await pending).kind).toBe('live');
  });

  it('whose refreshes come back at the old revision: is not fooled by green, and goes on when the commit shows', async () => {
    const name = await setUp('old');
    const { observe, told } = await startObserver(backend(), 'old');
    const commit = await change('old', 'two');
    await setFaults({ refresh: 'old_revision' });
    const pending = observe(commit);
    await backend().find('an answered refresh', () =>
      Promise.resolve(told.some((text) => text.includes('from before our commit')) ? true : undefined),
    );
    const { status } = await backend().get(name, 'refresh=normal');
    expect([status.sync.status, status.health.status]).toEqual(['Synced', 'Healthy']);
    await reset();
    expect(await pending).toMatchObject({ kind: 'live', via: commit });
  });

  it('whose controller is down: waits, and takes up where it left when the controller is back', async () => {
    await setUp('down');
    const { observe, told } = await startObserver(backend(), 'down');
    const commit = await change('down', 'two');
    await setFaults({ controllerDown: true });
    const pending = observe(commit, { budgets: toBudgets(backend(), { refreshTimeoutMs: 300 }) });
    await backend().find('a look', () => Promise.resolve(told.length > 0 ? true : undefined));
    await reset();
    expect((await pending).kind).toBe('live');
  });

  it('that keeps quiet about git errors: our own refresh brings them out, and they are not held against the commit', async () => {
    const name = await setUp('git');
    const { observe, told } = await startObserver(backend(), 'git');
    const commit = await change('git', 'two');
    await setFaults({ gitError: 'dial tcp 10.0.0.7:8081: connect: connection refused' });
    // Without being asked it shows the state before, in green.
    expect((await backend().get(name)).status.sync.status).toBe('Synced');
    const outcome = await observe(commit, { budgets: toBudgets(backend(), { revisionMs: 2_500 }) });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'not_seen' });
    expect(outcome.sentence).toBe(
      'Argo CD could not read the repository: its repository server, its credentials or the git host is the cause.',
    );
    expect(told.some((text) => text.startsWith('Argo CD cannot read the repository'))).toBe(true);
    await reset();
    expect((await observe(commit)).kind).toBe('live');
  });

  it('that tells of a git error at once, for lack of a grace period: waits it out', async () => {
    const name = await setUp('grace');
    const { observe } = await startObserver(backend(), 'grace');
    await setFaults({ gitErrorGraceSeconds: 0, gitError: 'i/o timeout' });
    const commit = await change('grace', 'two');
    await backend().get(name, 'refresh=normal');
    const pending = observe(commit);
    await backend().until(name, 'Unknown', ({ status }) => status.sync.status === 'Unknown');
    await reset();
    expect((await pending).kind).toBe('live');
  });

  it('whose lists lag: the verdict rests on the Application itself, and is there before the list is', async () => {
    const name = await setUp('lag');
    const { observe } = await startObserver(backend(), 'lag');
    const commit = await change('lag', 'two');
    // A minute and a half there, nearly two seconds here.
    await setFaults({ listerLagMs: 90_000 });
    const argo = backend().client();
    const pending = observe(commit);
    await backend().until(name, 'applied', ({ status }) => status.operationState?.syncResult?.revision === commit);
    const [listed] = await argo
      .listApplications({ selector: 'tiphys.dev/suite=contract' })
      .then((all) => all.filter(({ metadata }) => metadata.name === name));
    expect(listed?.status.operationState?.syncResult?.revision).not.toBe(commit);
    expect((await pending).kind).toBe('live');
  });

  it('whose trees lag: sees the pods that cannot start as soon as the tree shows them', async () => {
    await setUp('tree', { 'web.json': toDeployment('tree') });
    const { observe } = await startObserver(backend(), 'tree');
    await setFaults({ treeLagMs: 60_000 });
    const commit = await backend().push({
      'tree/web.json': toDeployment('tree', {
        ...{ variant: 'b', replicas: 1, image: NO_IMAGE, progressDeadlineSeconds: 3_600 },
      }),
    });
    const outcome = await observe(commit, { changed: [toRef(backend(), 'Deployment', 'tree')] });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'early' });
  });
});
