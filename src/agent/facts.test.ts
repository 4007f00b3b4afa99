import { describe, expect, it } from 'vitest';
import { toServiceFacts } from '../../test/support/planning-facts.ts';
import { parseCommitSha } from '../lib/ids.ts';
import type { ManifestObject } from '../manifest/object.ts';
import { isStateful, toEnvironment, toRepositoryFacts, toScope } from './facts.ts';

const object = (kind: string, namespace?: string): ManifestObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: kind.toLowerCase(), ...(namespace === undefined ? {} : { namespace }) },
});

describe('the environment of a service', () => {
  it('is the namespace most of its objects live in', () => {
    expect(toEnvironment([object('Service', 'staging')])).toBe('staging');
    expect(
      toEnvironment([object('Role', 'kube-system'), object('Service', 'staging'), object('Deployment', 'staging')]),
    ).toBe('staging');
  });

  it('is default where objects name none, or there are none', () => {
    expect(toEnvironment([object('Service'), object('Deployment'), object('Role', 'other')])).toBe('default');
    expect(toEnvironment([])).toBe('default');
  });

  it('is where memory keeps what it knows, apart from other clusters', () => {
    expect(toScope('east', 'web', [object('Service', 'staging')])).toEqual({
      cluster: 'east',
      environment: 'staging',
      namespace: 'staging',
      service: 'web',
    });
  });
});

describe('the facts of a repository', () => {
  const commit = parseCommitSha('0123456789abcdef0123456789abcdef01234567');

  it('gather the rendered objects by folder, several in one file included', () => {
    const facts = toRepositoryFacts(
      [
        { path: 'dist/web/Service.yaml', content: JSON.stringify(object('Service', 'shop')) },
        {
          path: 'dist/web/all.yaml',
          content: `${JSON.stringify(object('ConfigMap', 'shop'))}\n---\n${JSON.stringify(object('Ingress', 'shop'))}\n`,
        },
        { path: 'dist/api/Service.yaml', content: JSON.stringify(object('Service', 'stage')) },
      ],
      commit,
    );
    expect(facts.commit).toBe(commit);
    expect(
      facts.services.map(({ service, environment, objects }) => [
        service,
        environment,
        objects.map(({ kind }) => kind),
      ]),
    ).toEqual([
      ['web', 'shop', ['Service', 'ConfigMap', 'Ingress']],
      ['api', 'stage', ['Service']],
    ]);
  });

  it('are none for an empty repository', () => {
    expect(toRepositoryFacts([], commit)).toEqual({ services: [], commit });
  });
});

describe('a service with state of its own', () => {
  it.each([
    ['StatefulSet', true],
    ['Deployment', false],
    ['DaemonSet', false],
  ] as const)('%s: %s', (kind, stateful) => {
    expect(isStateful(toServiceFacts('db', { kind, image: 'postgres:16' }).objects)).toBe(stateful);
  });
});
