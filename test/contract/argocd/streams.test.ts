import { expect, it } from 'vitest';
import { describeBackends } from './backend.ts';
import type { Json } from './http-call.ts';
import { toConfigMap, toDeployment } from './manifests.ts';

describeBackends('streams', (backend) => {
  const project = () => backend().settings.project;
  const items = (text: string): Json[] =>
    text
      .split('\n')
      .map((line) => line.replace(/^data: /, '').trim())
      .filter((line) => line !== '' && !line.startsWith(':'))
      .map((line) => JSON.parse(line).result);

  /** Reads until enough has been seen. `nudge` is done at the first item, or after a while without one, and again and again. */
  async function read(
    path: string,
    options: { accept?: string; until: (text: string) => boolean; nudge?: (round: number) => Promise<unknown> },
  ): Promise<{ contentType: string; text: string }> {
    let text = '';
    let contentType = '';
    let rounds = 0;
    let nudging: Promise<unknown> = Promise.resolve();
    const nudge = () => {
      const round = (rounds += 1);
      nudging = nudging.then(() => options.nudge?.(round));
    };
    const timer = setInterval(nudge, backend().patienceMs / 8);
    try {
      const headers: Record<string, string> = options.accept === undefined ? {} : { accept: options.accept };
      for await (const chunk of backend().open(path, headers)) {
        ({ contentType } = chunk);
        text += chunk.text;
        if (text.endsWith('\n') && options.until(text)) break;
        if (rounds === 0 && text.endsWith('\n')) nudge();
      }
    } finally {
      clearInterval(timer);
      await nudging;
    }
    return { contentType, text };
  }

  it('sends what there is as ADDED, one JSON object a line', async () => {
    await backend().push({ 'stream/web.json': toDeployment('stream') });
    const name = await backend().createApplication('stream');
    await backend().get(name, 'refresh=normal');
    const { contentType, text } = await read(`/api/v1/stream/applications?name=${name}`, { until: () => true });
    expect(contentType).toContain('application/json');
    expect(items(text)[0]).toMatchObject({ type: 'ADDED', application: { metadata: { name } } });
    expect(items(text)[0].application.status.resources[0].health).toMatchObject({ status: 'Missing' });
  });

  it('is server-sent events when Accept is exactly that, and tells of every change that follows', async () => {
    const name = backend().nameOf('stream');
    const { contentType, text } = await read(`/api/v1/stream/applications?name=${name}`, {
      accept: 'text/event-stream',
      nudge: (round) => (round === 1 ? backend().sync(name) : Promise.resolve()),
      until: (seen) => seen.includes('"phase":"Succeeded"'),
    });
    expect(contentType).toContain('text/event-stream');
    const [first] = text.split('\n').filter((line) => line !== '' && !line.startsWith(':'));
    expect(first).toMatch(/^data: \{"result":/);
    const phases = items(text)
      .filter((item) => item.type === 'MODIFIED')
      .map((item) => item.application.status.operationState?.phase);
    expect(phases.at(-1)).toBe('Succeeded');
    const versions = items(text).map((item) => Number(item.application.metadata.resourceVersion));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
  });

  it('any other Accept gets lines of JSON', async () => {
    const { contentType } = await read(`/api/v1/stream/applications?name=${backend().nameOf('stream')}`, {
      accept: 'text/event-stream, application/json',
      until: () => true,
    });
    expect(contentType).toContain('application/json');
  });

  it('cuts items down to the fields under result', async () => {
    const name = backend().nameOf('stream');
    const fields = 'fields=result.type,result.application.metadata.name';
    const { text } = await read(`/api/v1/stream/applications?name=${name}&${fields}`, { until: () => true });
    expect(items(text)[0]).toEqual({ type: 'ADDED', application: { metadata: { name } } });
  });

  it('leaves out what nobody asked for: other Applications, and items that look like the last', async () => {
    const name = backend().nameOf('stream');
    await backend().push({ 'other/map.json': toConfigMap('stream-other', 'one') });
    const other = await backend().createApplication('other');
    const fields = 'fields=result.type,result.application.metadata.name';
    const { text } = await read(`/api/v1/stream/applications?name=${name}&${fields}`, {
      nudge: async (round) => {
        if (round > 1) return;
        await backend().get(other, 'refresh=normal');
        await backend().get(name, 'refresh=normal');
        await backend().deleteApplication(name);
      },
      until: (seen) => seen.includes('DELETED'),
    });
    expect(items(text).map((item) => [item.type, item.application.metadata.name])).toEqual([
      ['ADDED', name],
      ['MODIFIED', name],
      ['DELETED', name],
    ]);
  });

  it('the stream of a tree is silent until something changes', async () => {
    await backend().push({ 'tree/web.json': toDeployment('tree') });
    const name = await backend().createApplication('tree', { automated: {} });
    await backend().until(
      name,
      'Healthy',
      ({ status }) => status.health.status === 'Healthy' && status.operationState?.phase === 'Succeeded',
    );
    const countSets = (tree: Json): number => tree.nodes.filter((node: Json) => node.kind === 'ReplicaSet').length;
    const { text } = await read(`/api/v1/stream/applications/${name}/resource-tree?project=${project()}`, {
      nudge: async (round) => {
        await backend().push({ 'tree/web.json': toDeployment('tree', { variant: `round-${round}` }) });
        await backend().get(name, 'refresh=normal');
      },
      until: (seen) => items(seen).some((tree) => countSets(tree) >= 2),
    });
    expect(items(text).every((tree) => Array.isArray(tree.nodes))).toBe(true);
  });

  it('an error before the first item is an ordinary error', async () => {
    const answer = await backend().call('GET', '/api/v1/stream/applications', { token: 'not-a-jwt' });
    expect([answer.status, answer.json.code]).toEqual([401, 16]);
    const path = `/api/v1/stream/applications/tiphys-nothing/resource-tree?project=${project()}`;
    const tree = await backend().call('GET', path);
    expect([tree.status, tree.json.code]).toEqual([404, 5]);
  });
});
