import { describe, expect, it } from 'vitest';
import { isReadableKind, READABLE_KINDS, toLabel, toPath, type ClusterRead } from './reads.ts';

const HOSTILE = [
  ...[
    '',
    '.',
    '..',
    'a/b',
    '../secrets/keys',
    'a/exec',
    'a%2Fexec',
    'a?b=c',
    'a#b',
    'A',
    'a b',
    'a\n',
    '-a',
    'a-',
    'a..b',
  ],
  ...['web/proxy', 'web;x', 'é', 'a'.repeat(254), '*', '{}', 'a\\b', 'a\u0000'],
];
const everyRead = (namespace: string, name: string): ClusterRead[] => [
  { read: 'version' },
  { read: 'events', namespace },
  { read: 'usage', namespace },
  { read: 'quotas', namespace },
  { read: 'limits', namespace },
  ...READABLE_KINDS.map((kind): ClusterRead => ({ read: 'object', kind, namespace, name })),
];

describe('the list of reads', () => {
  it('makes these paths and no others', () => {
    expect(everyRead('shop', 'web').map(toPath)).toEqual([
      '/version',
      '/api/v1/namespaces/shop/events?fieldSelector=type%3DWarning&limit=500',
      '/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods',
      '/api/v1/namespaces/shop/resourcequotas?limit=500',
      '/api/v1/namespaces/shop/limitranges?limit=500',
      '/api/v1/namespaces/shop/pods/web',
      '/api/v1/namespaces/shop/services/web',
      '/api/v1/namespaces/shop/persistentvolumeclaims/web',
      '/api/v1/namespaces/shop/resourcequotas/web',
      '/api/v1/namespaces/shop/limitranges/web',
      '/apis/apps/v1/namespaces/shop/deployments/web',
      '/apis/apps/v1/namespaces/shop/replicasets/web',
      '/apis/apps/v1/namespaces/shop/statefulsets/web',
      '/apis/apps/v1/namespaces/shop/daemonsets/web',
      '/apis/batch/v1/namespaces/shop/jobs/web',
      '/apis/batch/v1/namespaces/shop/cronjobs/web',
      '/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/web',
      '/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web',
      '/apis/networking.k8s.io/v1/namespaces/shop/ingresses/web',
      '/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/web',
      '/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web',
      '/api/v1/nodes/web',
      '/api/v1/namespaces/web',
      '/api/v1/persistentvolumes/web',
      '/apis/storage.k8s.io/v1/storageclasses/web',
    ]);
  });

  it('has no place for a name that is none: no path goes deeper, sideways or elsewhere', () => {
    for (const text of HOSTILE) {
      for (const read of everyRead('shop', text))
        if (read.read === 'object') expect(() => toPath(read), `${read.kind} ${text}`).toThrow(/is no name/);
      for (const read of everyRead(text, 'web'))
        if ('namespace' in read && toPath({ ...read, namespace: 'shop' }).includes('/shop/'))
          expect(() => toPath(read), `${read.read} in ${text}`).toThrow(/is no name of a Kubernetes namespace/);
    }
  });

  it('knows no Secrets, no ConfigMaps, and nothing that is called like a part of an object', () => {
    const kinds = ['Secret', 'ConfigMap', 'ServiceAccount', 'secrets', 'toString', '__proto__', 'constructor', ''];
    for (const kind of kinds) {
      expect(isReadableKind(kind), kind).toBe(false);
      const read = { read: 'object', kind, namespace: 'shop', name: 'web' } as unknown as ClusterRead;
      expect(() => toPath(read), kind).toThrow(/not among what is read/);
    }
    const other = { read: 'exec', namespace: 'shop', name: 'web' } as unknown as ClusterRead;
    expect(() => toPath(other)).toThrow(/not among what is read/);
  });

  it('calls each by a name for messages', () => {
    expect(everyRead('shop', 'web').map(toLabel)).toContain('Deployment shop/web');
    expect(everyRead('shop', 'web').map(toLabel)).toContain('Node web');
  });
});
