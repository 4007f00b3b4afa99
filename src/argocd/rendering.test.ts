import { describe, expect, it } from 'vitest';
import type { ManifestObject } from '../manifest/object.ts';
import { parseManifests } from '../manifest/parse.ts';
import { compareRenderings, listStanding, toRenderingMarks, type RenderingMarks } from './rendering.ts';
import { applicationSchema, settingsSchema } from './schema.ts';

const MARKS: RenderingMarks = { destinationNamespace: 'shop', labelKey: undefined };

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: { app: web }
spec:
  replicas: 2
  template:
    metadata: { creationTimestamp: null, labels: { app: web } }
    spec:
      containers:
        - { name: web, image: 'shop/web:1', env: [{ name: LEVEL, value: info }, { name: REGION, value: eu }] }
`;
const SECRET = `
apiVersion: v1
kind: Secret
metadata: { name: keys, annotations: { owner: team } }
stringData: { password: not-for-anybody, user: web }
`;

const planned = (...texts: string[]): ManifestObject[] => texts.flatMap((text) => parseManifests(text, 'test.yaml'));

/** As Argo CD answers: JSON, marked, with the namespace of the Application. */
function render(text: string, change: (object: ManifestObject) => ManifestObject = (object) => object): string[] {
  return planned(text).map((object) => {
    const { metadata, ...rest } = change(object);
    const mark = { 'argocd.argoproj.io/tracking-id': `web:apps/Deployment:shop/${metadata.name}` };
    const annotations = { ...metadata.annotations, ...mark };
    return JSON.stringify({ ...rest, metadata: { ...metadata, namespace: 'shop', annotations } });
  });
}

const withSpec = (object: ManifestObject, spec: object): ManifestObject => ({
  ...object,
  spec: { ...(object['spec'] as object), ...spec },
});

describe('two renderings of one commit', () => {
  it('are the same whatever the order, the marks, the namespace and what is null', () => {
    const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: shop, annotations: {} }\n';
    const answer = [...render(service), ...render(DEPLOYMENT)];
    expect(compareRenderings(planned(DEPLOYMENT, service), answer, MARKS)).toEqual([]);
  });

  it('differ by object and field, list items by name', () => {
    const env = [
      { name: 'LEVEL', value: 'debug' },
      { name: 'REGION', value: 'eu' },
    ];
    const containers = [{ name: 'web', image: 'mirror/web:1', env }];
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers } };
    const answer = render(DEPLOYMENT, (object) => withSpec(object, { replicas: 3, template }));
    const ref = { group: 'apps', kind: 'Deployment', namespace: '', name: 'web' };
    expect(compareRenderings(planned(DEPLOYMENT), answer, MARKS)).toEqual([
      { kind: 'field', ref, path: 'spec.replicas', planned: 2, rendered: 3 },
      {
        kind: 'field',
        ref,
        path: 'spec.template.spec.containers[web].image',
        planned: 'shop/web:1',
        rendered: 'mirror/web:1',
      },
      {
        kind: 'field',
        ref,
        path: 'spec.template.spec.containers[web].env[LEVEL].value',
        planned: 'info',
        rendered: 'debug',
      },
    ]);
  });

  it('differ by an object that only one of them has', () => {
    expect(compareRenderings(planned(DEPLOYMENT, SECRET), render(DEPLOYMENT), MARKS)).toEqual([
      { kind: 'only_planned', ref: { group: '', kind: 'Secret', namespace: '', name: 'keys' } },
    ]);
    expect(compareRenderings(planned(SECRET), [...render(SECRET), ...render(DEPLOYMENT)], MARKS)).toEqual([
      { kind: 'only_rendered', ref: { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' } },
    ]);
  });

  it('differ by a namespace that is not the one of the Application', () => {
    const answer = render(DEPLOYMENT).map((text) => text.replace('"namespace":"shop"', '"namespace":"other"'));
    expect(compareRenderings(planned(DEPLOYMENT), answer, MARKS).map(({ kind }) => kind)).toEqual([
      'only_planned',
      'only_rendered',
    ]);
  });

  it('are compared by the keys of Secrets, and no value of one is part of what differs', () => {
    const masked = (data: object) =>
      render(SECRET, ({ stringData: _, ...rest }) => ({ ...rest, data, metadata: { name: 'keys', annotations: {} } }));
    const same = compareRenderings(planned(SECRET), masked({ password: '++++', user: '++++' }), MARKS);
    expect(same).toMatchObject([{ path: 'metadata.annotations' }]);
    const other = compareRenderings(planned(SECRET), masked({ password: '++++', token: '++++' }), MARKS);
    expect(other.map((one) => (one.kind === 'field' ? one.path : one.kind))).toEqual([
      'metadata.annotations',
      'data.user',
      'data.token',
    ]);
    expect(JSON.stringify(other)).not.toMatch(/not-for-anybody|\+\+/);
  });

  it('are told apart from what differed in the same way before', () => {
    const scaled = (replicas: number) => render(DEPLOYMENT, (object) => withSpec(object, { replicas }));
    const before = compareRenderings(planned(DEPLOYMENT), scaled(5), MARKS);
    const now = compareRenderings(
      planned(DEPLOYMENT.replace('app: web }\nspec', 'app: new }\nspec')),
      scaled(5),
      MARKS,
    );
    expect([...listStanding(before, now)]).toEqual(before);
    // A field the plan moves, and Argo CD overrides, is a new difference: the change would do nothing.
    const moved = compareRenderings(planned(DEPLOYMENT.replace('replicas: 2', 'replicas: 4')), scaled(5), MARKS);
    expect(listStanding(before, moved).size).toBe(0);
  });

  it('cannot be compared with an answer that holds no objects', () => {
    for (const text of ['{', '[]', 'null', '{"kind":"Service"}'])
      expect(() => compareRenderings([], [text], MARKS)).toThrow(/read what Argo CD renders/);
  });
});

describe('the marks of Argo CD', () => {
  const application = applicationSchema.parse({
    metadata: { name: 'web' },
    spec: { destination: { namespace: 'shop' } },
  });

  it('are a label where it tracks by label, or is so old that it does not say', () => {
    const key = (settings: object) => toRenderingMarks(application, settingsSchema.parse(settings)).labelKey;
    expect(key({ trackingMethod: 'annotation', appLabelKey: 'x/y' })).toBeUndefined();
    expect(key({ trackingMethod: 'annotation+label', appLabelKey: 'x/y' })).toBe('x/y');
    expect(key({})).toBe('app.kubernetes.io/instance');
  });

  it('do not count, also where they were written over a label of ours', () => {
    const marks = toRenderingMarks(application, settingsSchema.parse({ trackingMethod: 'label' }));
    const labelled = DEPLOYMENT.replace(
      'labels: { app: web }\nspec',
      'labels: { app.kubernetes.io/instance: a }\nspec',
    );
    const answer = render(labelled, (object) => ({
      ...object,
      metadata: { name: 'web', labels: { 'app.kubernetes.io/instance': 'web' } },
    }));
    expect(compareRenderings(planned(labelled), answer, marks)).toEqual([]);
    expect(compareRenderings(planned(labelled), answer, { ...marks, labelKey: undefined })).toHaveLength(1);
  });
});
