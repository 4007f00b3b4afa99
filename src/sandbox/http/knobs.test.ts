import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestSandbox, toApplication, toConfigMap, toYaml } from '../test-sandbox.ts';
import type { TestSandbox } from '../test-sandbox.ts';

let test: TestSandbox;
afterEach(async () => await test.close());

async function start() {
  test = await createTestSandbox({
    files: {
      'app/map.yaml': toYaml(toConfigMap('settings', 'one')),
      'other/map.yaml': toYaml(toConfigMap('settings', 'one')),
    },
    configure: ({ repository }) => ({
      applications: [toApplication(repository, 'app'), toApplication(repository, 'other')],
    }),
  });
  for (const name of ['app', 'other'])
    await test.untilIs(
      name,
      'synced',
      ({ status, operation }) => status.sync.status === 'Synced' && operation === undefined,
    );
}

/** Reads a stream while time passes, until it ends or enough has come. */
async function readStream(path: string, isEnough: (text: string) => boolean, accept = 'application/json') {
  const controller = new AbortController();
  let text = '';
  let ended = false;
  let failed = false;
  const reading = fetch(`${test.sandbox.url}${path}`, { headers: { accept }, signal: controller.signal })
    .then(async (response) => {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk as Uint8Array, { stream: true });
      ended = true;
    })
    .catch(() => {
      failed = true;
    });
  return {
    text: () => text,
    untilEnough: async () => {
      await test.until('enough', () => (isEnough(text) || ended || failed ? true : undefined), 10);
      // What was on its way is let in.
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { text, ended, failed };
    },
    close: async () => {
      controller.abort();
      await reading;
    },
  };
}

const lines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { result: { type: string; application: { metadata: { name: string } } } });

describe('fault knobs', () => {
  it('a refresh that never returns, until the knob is turned back', async () => {
    await start();
    test.sandbox.faults.set({ refresh: 'never_returns' });
    let answered = false;
    const pending = test.call('GET', '/api/v1/applications/app?project=default&refresh=normal').then(() => {
      answered = true;
    });
    for (let second = 0; second < 200; second += 1) {
      await test.seconds(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(answered).toBe(false);
    expect((await test.get('app')).metadata.annotations).toEqual({ 'argocd.argoproj.io/refresh': 'normal' });
    test.sandbox.faults.reset();
    await test.until('answered', () => (answered ? true : undefined));
    await pending;
  });

  it('a refresh that returns at the old revision', async () => {
    await start();
    const commit = await test.push({ 'app/map.yaml': toYaml(toConfigMap('settings', 'two')) });
    test.sandbox.faults.set({ refresh: 'old_revision' });
    expect((await test.refresh('app')).status.sync).toMatchObject({ status: 'Synced', revision: test.commit });
    test.sandbox.faults.reset();
    expect((await test.refresh('app')).status.sync.revision).toBe(commit);
  });

  it('a controller that is down takes nothing up until it is back', async () => {
    await start();
    test.sandbox.faults.set({ controllerDown: true });
    const accepted = await test.call('POST', '/api/v1/applications/app/sync', { project: 'default' });
    expect(accepted.status).toBe(200);
    await test.seconds(300);
    expect((await test.get('app')).operation).toBeDefined();
    expect((await test.get('app')).status.operationState).toBeUndefined();
    test.sandbox.faults.reset();
    await test.untilIs(
      'app',
      'taken up',
      ({ operation, status }) => operation === undefined && status.operationState?.phase === 'Succeeded',
    );
  });

  it('a lister that lags: lists are older than the Application itself', async () => {
    await start();
    test.sandbox.faults.set({ listerLagMs: 60_000 });
    await test.call('PATCH', '/api/v1/applications/app', {
      project: 'default',
      patchType: 'merge',
      patch: JSON.stringify({ metadata: { labels: { seen: 'yes' } } }),
    });
    expect((await test.get('app')).metadata.labels).toEqual({ seen: 'yes' });
    const listed = async () =>
      (await test.call('GET', '/api/v1/applications?selector=seen=yes')).json as { items: unknown[] };
    expect((await listed()).items).toEqual([]);
    await test.seconds(61);
    expect((await listed()).items).toHaveLength(1);
  });

  it('a refresh is not answered by an older write that the lister sees late', async () => {
    await start();
    const commit = await test.push({ 'app/map.yaml': toYaml(toConfigMap('settings', 'two')) });
    test.sandbox.faults.set({ listerLagMs: 10_000 });
    const patch = JSON.stringify({ metadata: { labels: { seen: 'yes' } } });
    await test.call('PATCH', '/api/v1/applications/app', { project: 'default', patchType: 'merge', patch });
    expect((await test.refresh('app')).status.sync.revision).toBe(commit);
  });

  it('storms of conflicts and failures, as many as asked for', async () => {
    await start();
    test.sandbox.faults.set({ conflicts: 2, unavailable: 0 });
    const statuses: unknown[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { status, json } = await test.call('POST', '/api/v1/applications/app/sync', {
        project: 'default',
        dryRun: true,
      });
      statuses.push([status, (json as { code?: number }).code]);
    }
    expect(statuses).toEqual([
      [409, 10],
      [409, 10],
      [200, undefined],
    ]);
    test.sandbox.faults.set({ unavailable: 1 });
    expect(await test.call('GET', '/api/v1/applications')).toMatchObject({ status: 503, json: { code: 14 } });
    expect((await test.call('GET', '/api/v1/applications')).status).toBe(200);
  });

  it('a clock that is off shows in what is written, not in what happens', async () => {
    await start();
    test.sandbox.faults.set({ clockSkewMs: -3_600_000 });
    const skewed = await test.refresh('app');
    expect(Date.parse(skewed.status.reconciledAt ?? '')).toBeLessThan(test.clock.now() - 3_500_000);
  });

  it('a slow first byte', async () => {
    await start();
    test.sandbox.faults.set({ slowFirstByteMs: 5000 });
    let answered = false;
    const pending = fetch(`${test.sandbox.url}/healthz`).then(() => {
      answered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await test.seconds(4);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(answered).toBe(false);
    await test.until('answered', () => (answered ? true : undefined));
    await pending;
  });

  it('stream events that are dropped, sent twice, cut in the middle, or ended by an error object', async () => {
    await start();
    const path = '/api/v1/stream/applications';
    test.sandbox.faults.set({ dropStreamEvents: 1 });
    const dropped = await readStream(path, (text) => text.endsWith('\n'));
    expect(lines((await dropped.untilEnough()).text).map((line) => line.result.application.metadata.name)).toEqual([
      'other',
    ]);
    await dropped.close();

    test.sandbox.faults.set({ dropStreamEvents: 0, duplicateStreamEvents: true });
    const doubled = await readStream(path, (text) => text.endsWith('\n'));
    expect(lines((await doubled.untilEnough()).text).map((line) => line.result.application.metadata.name)).toEqual([
      'app',
      'app',
      'other',
      'other',
    ]);
    await doubled.close();

    test.sandbox.faults.set({ duplicateStreamEvents: false, cutStreamAfter: 1 });
    const cut = await (await readStream(path, () => false)).untilEnough();
    const [whole, part] = cut.text.split('\n');
    expect(() => JSON.parse(whole ?? '') as unknown).not.toThrow();
    expect(part).toMatch(/^\{"result"/);
    expect(() => JSON.parse(part ?? '') as unknown).toThrow();

    test.sandbox.faults.set({ cutStreamAfter: null, unauthenticatedStreamAfter: 1 });
    const ended = await (await readStream(path, () => false)).untilEnough();
    expect(ended.ended).toBe(true);
    expect(ended.text.endsWith('\n')).toBe(false);
    expect(JSON.parse(ended.text.split('\n').at(-1) ?? '')).toEqual({
      error: {
        grpc_code: 16,
        http_code: 401,
        message: expect.stringContaining('expired'),
        http_status: 'Unauthorized',
      },
    });
  });

  it('keeps server-sent events alive with a colon every 15 seconds', async () => {
    await start();
    const stream = await readStream(
      '/api/v1/stream/applications/app/resource-tree?project=default',
      (text) => text !== '',
      'text/event-stream',
    );
    expect((await stream.untilEnough()).text).toBe(':\n');
    await stream.close();
  });

  it('settings are checked: an unknown knob or value is refused with its name', async () => {
    await start();
    const unknown = await test.call('PATCH', '/sandbox/faults', { gremlins: true });
    expect([unknown.status, unknown.text]).toEqual([400, expect.stringContaining('gremlins')]);
    const wrong = await test.call('PATCH', '/sandbox/faults', { refresh: 'sometimes' });
    expect(wrong.status).toBe(400);
    expect((await test.call('PATCH', '/sandbox/faults', { conflicts: 3 })).json).toMatchObject({
      conflicts: 3,
      refresh: 'normal',
    });
    expect((await test.call('DELETE', '/sandbox/faults')).json).toMatchObject({ conflicts: 0 });
  });

  it('troubles the pods of a workload on request', async () => {
    await start();
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
      },
    };
    await test.push({ 'app/web.yaml': toYaml(deployment) });
    await test.refresh('app');
    await test.untilIs(
      'app',
      'healthy',
      ({ status }) =>
        status.health.status === 'Healthy' &&
        status.summary?.images?.[0] === 'web:1' &&
        status.sync.status === 'Synced',
    );
    const answer = await test.call('POST', '/sandbox/disturb', {
      group: 'apps',
      kind: 'Deployment',
      namespace: 'app',
      name: 'web',
      behaviour: 'crash',
    });
    expect(answer.json).toEqual({ pods: 2 });
    await test.untilIs('app', 'regressed', ({ status }) => status.health.status === 'Progressing');
    expect(test.sandbox.disturb({ kind: 'Deployment', namespace: 'app', name: 'web' }, 'healthy')).toBe(2);
    await test.untilIs('app', 'healthy again', ({ status }) => status.health.status === 'Healthy');
  });

  it('is steered under its own name only: a page of another name that resolves to loopback is refused', async () => {
    await start();
    const { port } = new URL(test.sandbox.url);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request(
        { host: '127.0.0.1', port, path: '/sandbox/faults', headers: { host: 'evil.example.com' } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      )
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });
});
