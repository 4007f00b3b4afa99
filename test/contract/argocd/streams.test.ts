import { expect, it } from 'vitest';
import { describeBackends, readStream, toDeployment } from './backend.ts';
import type { Json } from './backend.ts';

describeBackends('streams', (backend) => {
  const items = (text: string): Json[] =>
    text
      .split('\n')
      .map((line) => line.replace(/^data: /, '').trim())
      .filter((line) => line !== '' && !line.startsWith(':'))
      .map((line) => JSON.parse(line).result);

  it('sends what there is as ADDED, one JSON object a line', async () => {
    await backend().push({ 'stream/web.json': toDeployment('web') });
    const name = await backend().createApplication('stream');
    await backend().get(name, 'refresh=normal');
    const { contentType, text } = await readStream(backend(), `/api/v1/stream/applications?name=${name}`, {
      until: (seen) => seen.endsWith('\n'),
    });
    expect(contentType).toContain('application/json');
    expect(items(text)[0]).toMatchObject({ type: 'ADDED', application: { metadata: { name } } });
    expect(items(text)[0].application.status.resources[0].health).toEqual({ status: 'Missing' });
  });

  it('is server-sent events when Accept is exactly that, and tells of every change that follows', async () => {
    const name = backend().namespaceOf('stream');
    const { contentType, text } = await readStream(backend(), `/api/v1/stream/applications?name=${name}`, {
      accept: 'text/event-stream',
      whileOpen: async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        await backend().call('POST', `/api/v1/applications/${name}/sync`, { body: { project: 'default' } });
      },
      until: (seen) => seen.includes('"phase":"Succeeded"') && seen.endsWith('\n'),
    });
    expect(contentType).toContain('text/event-stream');
    expect(text.startsWith('data: {"result":')).toBe(true);
    const phases = items(text)
      .filter((item) => item.type === 'MODIFIED')
      .map((item) => item.application.status.operationState?.phase);
    expect(phases.at(-1)).toBe('Succeeded');
    const versions = items(text).map((item) => Number(item.application.metadata.resourceVersion));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
  });

  it('any other Accept gets lines of JSON', async () => {
    const name = backend().namespaceOf('stream');
    const { contentType } = await readStream(backend(), `/api/v1/stream/applications?name=${name}`, {
      accept: 'text/event-stream, application/json',
      until: (seen) => seen.endsWith('\n'),
    });
    expect(contentType).toContain('application/json');
  });

  it('cuts items down to the fields under result', async () => {
    const name = backend().namespaceOf('stream');
    const { text } = await readStream(
      backend(),
      `/api/v1/stream/applications?name=${name}&fields=result.type,result.application.metadata.name`,
      { until: (seen) => seen.endsWith('\n') },
    );
    expect(items(text)[0]).toEqual({ type: 'ADDED', application: { metadata: { name } } });
  });

  it('the stream of a tree is silent until something changes', async () => {
    const name = backend().namespaceOf('stream');
    await backend().until(
      name,
      'Healthy',
      ({ status }) => status.health.status === 'Healthy' && status.resources?.[0]?.health?.status === 'Healthy',
    );
    const { text } = await readStream(backend(), `/api/v1/stream/applications/${name}/resource-tree?project=default`, {
      whileOpen: async () => {
        await backend().push({ 'stream/web.json': toDeployment('web', { variant: 'b' }) });
        await backend().get(name, 'refresh=normal');
        await backend().call('POST', `/api/v1/applications/${name}/sync`, { body: { project: 'default' } });
      },
      until: (seen) =>
        seen.endsWith('\n') &&
        items(seen).some((tree) => tree.nodes.filter((node: Json) => node.kind === 'ReplicaSet').length === 2),
    });
    expect(items(text).every((tree) => Array.isArray(tree.nodes))).toBe(true);
  });

  it('an error before the first item is an ordinary error', async () => {
    const answer = await backend().call('GET', '/api/v1/stream/applications', { token: null });
    expect([answer.status, answer.json.code]).toEqual([401, 16]);
    const tree = await backend().call(
      'GET',
      '/api/v1/stream/applications/tiphys-nothing/resource-tree?project=default',
    );
    expect([tree.status, tree.json.code]).toEqual([404, 5]);
  });
});
