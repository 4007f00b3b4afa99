import { expect, it } from 'vitest';
import { isArgoError, type ArgoError } from '../../../src/argocd/error.ts';
import type { ApplicationHint } from '../../../src/argocd/streams.ts';
import { createSystemClock } from '../../../src/lib/clock.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { openWatch } from '../../../src/argocd/watch.ts';
import { describeBackends } from './backend.ts';
import { toConfigMap, toDeployment } from './manifests.ts';

async function failure(promise: Promise<unknown>): Promise<ArgoError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isArgoError(error)) throw new Error(`an ArgoError was expected, not ${String(error)}`);
  return error;
}

describeBackends('the client', (backend) => {
  const deployment = () => ({
    group: 'apps',
    version: 'v1',
    kind: 'Deployment',
    namespace: backend().namespace,
    name: 'client',
  });

  it('asks a server what it is and what we may do there', async () => {
    const argo = backend().client();
    expect((await argo.version()).Version).toMatch(/^v3\./);
    expect((await argo.settings()).controllerNamespace).not.toBe('');
    expect(await argo.userInfo()).toMatchObject({ loggedIn: true, username: expect.stringMatching(/./) });
    const object = `${backend().settings.project}/${backend().nameOf('client')}`;
    expect(await argo.canI('applications', 'get', object)).toBe(true);
    expect(await argo.canI('applications', 'sync', object)).toBe(true);
    await Promise.all([argo.projects(), argo.repositories(), argo.clusters()]);
    expect(['valid', 'expiring', 'never']).toContain(argo.tokenExpiry().state);
  });

  it('reads an Application and everything about it', async () => {
    const commit = await backend().push({ 'client/web.json': toDeployment('client') });
    await backend().createApplication('client', { automated: {} });
    const ref = backend().ref('client');
    const argo = backend().client();
    const refreshed = await argo.getApplication(ref, { refresh: 'normal', timeoutMs: 120_000 });
    expect(await backend().carries(refreshed.status.sync.revision, commit)).toBe(true);
    await backend().until(ref.name, 'synced', ({ status }) => status.operationState?.phase === 'Succeeded');
    const application = await argo.getApplication(ref);
    expect(application.metadata).toMatchObject({ name: ref.name, uid: expect.stringMatching(/./) });
    expect(application.status.history).toHaveLength(1);
    // An operation is over before what it caused is in the tree.
    const tree = await backend().find('a ReplicaSet in the tree', async () => {
      const found = await argo.resourceTree(ref);
      return found.nodes.length > 1 ? found : undefined;
    });
    expect(tree.nodes.map((node) => node.kind).sort()).toEqual(['Deployment', 'ReplicaSet']);
    const [managed] = await argo.managedResources(ref);
    expect(managed).toMatchObject({ kind: 'Deployment', name: 'client', modified: false });
    expect(await argo.resource(ref, deployment())).toMatchObject({ metadata: { name: 'client' } });
    const node = tree.nodes.find(({ kind }) => kind === 'Deployment');
    expect(node).toBeDefined();
    if (node !== undefined) await argo.events(ref, { name: node.name, namespace: node.namespace, uid: node.uid });
    await argo.events(ref);
    const mayRead = await backend().may('get', 'logs');
    const logs = argo.logs(ref, { namespace: backend().namespace, podName: 'no-such-pod', tailLines: 5 });
    if (mayRead) expect(await logs).toEqual([]);
    else expect((await failure(logs)).reason).toBe('denied');
    expect((await argo.syncWindows(ref)).canSync).toBe(true);
    const { revision } = application.status.sync;
    expect((await argo.manifests(ref, { revision })).manifests).toHaveLength(1);
    const head = await backend().head();
    expect((await argo.revisionMetadata(ref, { revision: head })).message).toContain('contract test');
    expect((await argo.listResourceActions(ref, deployment())).map(({ name }) => name)).toContain('restart');
  });

  it('renders a commit that no Application follows yet, without values of Secrets', async () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys' },
      stringData: { key: 'not-for-anybody' },
    };
    await backend().push({ 'render/map.json': toConfigMap('render', 'one') });
    await backend().createApplication('render');
    const revision = await backend().push({ 'render/keys.json': JSON.stringify(secret) });
    const rendered = await backend().client().manifests(backend().ref('render'), { revision });
    expect(rendered.revision).toBe(revision);
    expect(rendered.manifests.map((text) => (JSON.parse(text) as { kind: string }).kind).sort()).toEqual([
      'ConfigMap',
      'Secret',
    ]);
    expect(rendered.manifests.join()).not.toContain('not-for-anybody');
    expect(rendered.manifests.join()).not.toContain(Buffer.from('not-for-anybody').toString('base64'));
  });

  it('finds Applications among others, by project and label', async () => {
    const argo = backend().client();
    const { project } = backend().settings;
    const found = await argo.listApplications({ project, selector: 'tiphys.dev/suite=contract' });
    expect(found.map(({ metadata }) => metadata.name)).toContain(backend().nameOf('client'));
    expect(found.every(({ spec }) => spec.project === project)).toBe(true);
  });

  it('asks for syncs, runs actions, and is refused with what the refusal means', async () => {
    await backend().push({ 'writes/map.json': toConfigMap('writes', 'one') });
    await backend().createApplication('writes');
    const ref = backend().ref('writes');
    const argo = backend().client();
    await argo.getApplication(ref, { refresh: 'normal', timeoutMs: 120_000 });
    expect((await failure(argo.terminateOperation(ref))).reason).toBe('no_operation');
    const infos = [{ name: 'tiphys-ticket', value: 'tkt_1' }];
    const asked = await argo.sync(ref, { revision: await backend().head(), infos });
    expect(asked.operation?.info).toEqual([expect.objectContaining(infos[0])]);
    await backend().until(ref.name, 'synced', ({ status }) => status.operationState?.phase === 'Succeeded');
    const own = backend().ref('client');
    expect((await failure(argo.sync(own, { revision: await backend().head(), infos }))).reason).toBe(
      'auto_sync_revision',
    );
    expect((await failure(argo.sync(ref, { revision: 'tiphys-no-such-branch', infos }))).reason).toBe('rejected');
    if (await backend().mayAct('client', deployment(), 'restart'))
      await argo.runResourceAction(own, deployment(), 'restart');
    else expect((await failure(argo.runResourceAction(own, deployment(), 'restart'))).reason).toBe('denied');
  });

  it('tells a missing Application from a forbidden one, and a bad token from both', async () => {
    const { project } = backend().settings;
    const argo = backend().client();
    expect((await failure(argo.getApplication({ name: 'tiphys-nothing', project }))).reason).toBe('not_found');
    expect((await failure(argo.getApplication({ name: 'tiphys-nothing' }))).reason).toBe('missing_or_denied');
    const elsewhere = { name: 'tiphys-nothing', namespace: 'tiphys-not-enabled', project };
    // Where all namespaces are enabled this one is too.
    const reasons = (await backend().heedsOtherNamespaces()) ? ['denied', 'not_found'] : ['denied'];
    expect(reasons).toContain((await failure(argo.getApplication(elsewhere))).reason);
    const stranger = backend().client({ token: 'eyJhbGciOiJIUzI1NiJ9.e30.x' });
    expect((await failure(stranger.listApplications())).reason).toBe('unauthenticated');
    const stream = stranger.streamApplications({})[Symbol.asyncIterator]();
    expect((await failure(stream.next())).reason).toBe('unauthenticated');
  });

  it('never sends a password twice that was refused', async () => {
    const argo = backend().client({
      token: undefined,
      session: { username: 'tiphys-nobody', password: 'not the password' },
    });
    const first = await failure(argo.userInfo());
    const second = await failure(argo.userInfo());
    expect(['unauthenticated', 'denied', 'failed', 'rejected']).toContain(first.reason);
    if (first.reason === 'unauthenticated') expect(second).toBe(first);
  });

  it('streams hints: one for each Application there is, then one for each change', async () => {
    const argo = backend().client();
    const stop = new AbortController();
    const name = backend().nameOf('writes');
    const mine: ApplicationHint[] = [];
    const reading = (async () => {
      for await (const hint of argo.streamApplications({ signal: stop.signal }))
        if (hint.application.name === name) mine.push(hint);
    })();
    reading.catch(() => undefined);
    const first = await backend().find('a first hint', () => Promise.resolve(mine[0]));
    expect(first).toMatchObject({ type: 'ADDED', application: { project: backend().settings.project } });
    await backend().find('a hint of the change', async () => {
      await argo.getApplication(backend().ref('writes'), { refresh: 'normal', timeoutMs: 120_000 });
      return mine.find((hint) => hint.resourceVersion !== first.resourceVersion);
    });
    stop.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
  });

  it('wakes a wait when the Application changes, through one stream for all', async () => {
    const argo = backend().client();
    const watch = openWatch({ argo, clock: createSystemClock(), logger: silentLogger });
    try {
      // The first that waits opens the stream.
      const hints = watch.hints();
      await backend().find('connected', () => Promise.resolve(watch.isConnected() ? true : undefined));
      const signal = new AbortController().signal;
      const ref = backend().ref('writes');
      const woken = backend().find('a hint', async () => {
        const wait = hints.wait(ref, backend().patienceMs / 4, signal);
        await argo.getApplication(ref, { refresh: 'normal', timeoutMs: 120_000 });
        return (await wait) === 'hint' ? true : undefined;
      });
      expect(await woken).toBe(true);
    } finally {
      await watch.close();
    }
  });

  it('gives up a refresh when its caller does', async () => {
    const stop = new AbortController();
    stop.abort(new Error('the ticket was cancelled'));
    const call = backend().client().getApplication(backend().ref('writes'), { refresh: 'hard', signal: stop.signal });
    await expect(call).rejects.toThrow('the ticket was cancelled');
  });
});
