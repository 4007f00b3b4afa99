import { describe, expect, it } from 'vitest';
import type { ManifestObject } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { compare, isModified, LAST_APPLIED_ANNOTATION, toPredicted, toSyncStatus } from './compare.ts';

const target: ManifestObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' } },
  spec: {
    replicas: 2,
    template: {
      spec: {
        containers: [
          {
            name: 'web',
            image: 'shop/web:1',
            env: [
              { name: 'A', value: '1' },
              { name: 'B', value: '2' },
            ],
            args: ['x', 'y'],
          },
        ],
      },
    },
  },
};

/** As it stands in the cluster after this target was applied and the server had its say. */
function toLive(applied: ManifestObject, change: (object: LiveObject) => unknown = (object) => object): LiveObject {
  const copy = structuredClone(applied);
  const live: LiveObject = {
    ...copy,
    metadata: {
      ...copy.metadata,
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      annotations: { ...copy.metadata.annotations, [LAST_APPLIED_ANNOTATION]: JSON.stringify(applied) },
    },
    status: { replicas: 2 },
  };
  change(live);
  return live;
}

function withSpec(
  change: (spec: { replicas?: number; template: { spec: { containers: Record<string, unknown>[] } } }) => void,
): ManifestObject {
  const copy = structuredClone(target);
  change(copy['spec'] as never);
  return copy;
}

describe('comparing with the live object', () => {
  it.each<[string, ManifestObject, LiveObject, boolean]>([
    ['the same', target, toLive(target), false],
    [
      'another image',
      withSpec((spec) => Object.assign(spec.template.spec.containers[0] ?? {}, { image: 'shop/web:2' })),
      toLive(target),
      true,
    ],
    [
      'a field nobody asked for',
      target,
      toLive(target, (live) => Object.assign(live['spec'] as object, { paused: false })),
      false,
    ],
    [
      'a field changed by hand',
      target,
      toLive(target, (live) => Object.assign(live['spec'] as object, { replicas: 9 })),
      true,
    ],
    ['a field asked for last time but no longer', withSpec((spec) => delete spec.replicas), toLive(target), true],
    [
      'an environment variable taken away',
      withSpec((spec) => (spec.template.spec.containers[0]?.['env'] as unknown[]).pop()),
      toLive(target),
      true,
    ],
    [
      'variables in another order',
      withSpec((spec) => (spec.template.spec.containers[0]?.['env'] as unknown[]).reverse()),
      toLive(target),
      false,
    ],
    [
      'arguments in another order',
      withSpec((spec) => (spec.template.spec.containers[0]?.['args'] as unknown[]).reverse()),
      toLive(target),
      true,
    ],
    [
      'a container somebody injected',
      target,
      toLive(target, (live) =>
        (live['spec'] as { template: { spec: { containers: unknown[] } } }).template.spec.containers.push({
          name: 'mesh',
          image: 'mesh:1',
        }),
      ),
      false,
    ],
    ['a status in the manifest', { ...target, status: { replicas: 7 } }, toLive(target), false],
    [
      'a label more in the cluster',
      target,
      toLive(target, (live) => Object.assign(live.metadata.labels ?? {}, { seen: 'yes' })),
      false,
    ],
    ['a label taken out of git', { ...target, metadata: { name: 'web', namespace: 'shop' } }, toLive(target), true],
  ])('%s', (_what, wanted, live, modified) => {
    expect(isModified(wanted, live)).toBe(modified);
    // Applying ends every difference.
    const applied = toPredicted(wanted, live) as LiveObject;
    const noted = {
      ...applied,
      metadata: { ...applied.metadata, annotations: { [LAST_APPLIED_ANNOTATION]: JSON.stringify(wanted) } },
    };
    expect(isModified(wanted, noted)).toBe(false);
  });

  it('leaves out what the Application says to ignore', () => {
    const live = toLive(target, (object) => Object.assign(object['spec'] as object, { replicas: 9 }));
    expect(isModified(target, live, [{ group: 'apps', kind: 'Deployment', jsonPointers: ['/spec/replicas'] }])).toBe(
      false,
    );
    expect(isModified(target, live, [{ group: 'apps', kind: 'StatefulSet', jsonPointers: ['/spec/replicas'] }])).toBe(
      true,
    );
  });

  it('counts what is missing and what is extra, but neither hooks nor what may be extra', () => {
    const live = toLive(target);
    const extra = (annotations: Record<string, string>) =>
      toLive({ ...target, metadata: { ...target.metadata, name: 'old', annotations } });
    const status = (targets: ManifestObject[], managed: LiveObject[]) =>
      toSyncStatus(
        compare(targets, managed, (wanted) => managed.find((object) => object.metadata.name === wanted.metadata.name)),
      );
    expect(status([target], [live])).toBe('Synced');
    expect(status([target], [])).toBe('OutOfSync');
    expect(status([target], [live, extra({})])).toBe('OutOfSync');
    expect(status([target], [live, extra({ 'argocd.argoproj.io/compare-options': 'IgnoreExtraneous' })])).toBe(
      'Synced',
    );
    expect(status([target], [live, extra({ 'argocd.argoproj.io/hook': 'PreSync' })])).toBe('Synced');
    expect(
      status(
        [target, { ...target, metadata: { name: 'hook', annotations: { 'argocd.argoproj.io/hook': 'PostSync' } } }],
        [live],
      ),
    ).toBe('Synced');
  });
});
