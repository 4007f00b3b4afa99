import { expect, it } from 'vitest';
import { describeSandbox } from '../../contract/argocd/backend.ts';
import { toConfigMap } from '../../contract/argocd/manifests.ts';

describeSandbox('an Argo CD that makes something else of the files', (backend) => {
  it('tells so when it is asked about a commit, and of objects of other names it makes nothing else', async () => {
    const revision = await backend().push({
      'patched/map.json': toConfigMap('patched', 'one'),
      'patched/other.json': toConfigMap('patched-other', 'one'),
    });
    await backend().createApplication('patched', {});
    const argo = backend().client();
    const render = async () => {
      const { manifests } = await argo.manifests(backend().ref('patched'), { revision });
      return manifests.map((text) => JSON.parse(text) as { metadata: { name: string }; data: Record<string, string> });
    };
    const plain = await render();
    const kind = 'ConfigMap';
    const [one] = plain;
    const renderPatches = [{ kind, name: one?.metadata.name ?? '', patch: { data: { added: 'by a plugin' } } }];
    await backend().call('PATCH', '/sandbox/faults', { body: { renderPatches } });
    const [patched, other] = await render();
    expect(patched?.data).toEqual({ ...one?.data, added: 'by a plugin' });
    expect(other).toEqual(plain[1]);
  });
});
