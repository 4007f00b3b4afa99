import { describe, expect, it, onTestFinished } from 'vitest';
import { readChildren } from './children.ts';
import { applicationSchema } from './schema.ts';
import { connect, startServer, toDenial } from './test-server.ts';

const CHILDREN = (names: readonly string[]) =>
  names.map((name) => ({ group: 'argoproj.io', kind: 'Application', namespace: 'argocd', name, status: 'Synced' }));
const toApp = (name: string, project: string, children: readonly string[] = []) => ({
  metadata: { name, namespace: 'argocd' },
  spec: { project },
  status: { resources: CHILDREN(children) },
});

/** Answers as Argo CD does: an Application of another project is not there, and without a project everything is refused. */
async function setUp(applications: ReturnType<typeof toApp>[]) {
  const find = (name: string) => applications.find(({ metadata }) => metadata.name === name);
  const server = await startServer(({ path, query }) => {
    if (path === '/api/v1/applications') {
      const found = find(query.get('name') ?? '');
      return { json: { items: found === undefined ? null : [found] } };
    }
    const found = find(path.split('/').at(-1) ?? '');
    if (query.get('project') === null) return toDenial(403, 7, 'permission denied');
    return found?.spec.project === query.get('project') ? { json: found } : toDenial(404, 5, 'not found');
  });
  onTestFinished(async () => await server.close());
  const argo = connect(server.url);
  onTestFinished(() => argo.close());
  const read = async (name: string) => {
    const parent = applicationSchema.parse(find(name));
    return (await readChildren(argo, parent, undefined)).map(({ metadata }) => metadata.name);
  };
  return { server, read };
}

describe('the Applications below an Application', () => {
  it('are read in the project of their parent, one call each', async () => {
    const { server, read } = await setUp([
      toApp('root', 'team', ['a', 'b']),
      toApp('a', 'team', ['below']),
      toApp('b', 'team'),
      toApp('below', 'team'),
    ]);
    expect(await read('root')).toEqual(['a', 'b', 'below']);
    expect(server.received.map(({ path, query }) => [path.split('/').at(-1), query.get('project')])).toEqual([
      ['a', 'team'],
      ['b', 'team'],
      ['below', 'team'],
    ]);
  });

  it('are found in another project by the list, so that no call goes without one', async () => {
    const { server, read } = await setUp([
      toApp('root', 'team', ['moved', 'hidden']),
      toApp('moved', 'other', ['near']),
      toApp('near', 'other'),
    ]);
    expect(await read('root')).toEqual(['moved', 'near']);
    const single = server.received.filter(({ path }) => path !== '/api/v1/applications');
    expect(single.map(({ query }) => query.get('project'))).toEqual(['team', 'other', 'team', 'other']);
    const lists = server.received.filter(({ path }) => path === '/api/v1/applications');
    expect(lists.map(({ query }) => query.get('name'))).toEqual(['moved', 'hidden']);
  });

  it('are read once each, also where they go round in a circle', async () => {
    const { server, read } = await setUp([toApp('root', 'team', ['a']), toApp('a', 'team', ['root', 'a'])]);
    expect(await read('root')).toEqual(['a']);
    expect(server.received).toHaveLength(1);
  });
});
