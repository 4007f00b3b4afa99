import { describe, expect, it } from 'vitest';
import { diffRendered } from './diff.ts';
import type { RenderedFile } from './rendered.ts';
import { toServiceName } from './rendered.ts';

function file(path: string, content: string): RenderedFile {
  return { path, content };
}

const WEB = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop, annotations: { example.com/note: a } }
spec:
  template:
    spec:
      containers:
      - { name: web, image: 'web:1', env: [{ name: A, value: "1" }, { name: B, value: "2" }], args: [x, y] }
      - { name: proxy, image: 'proxy:1', ports: [{ containerPort: 80 }] }
`;
const web = (content: string, path = 'dist/web/Deployment.web.k8s.yaml') => [file(path, content)];

describe('diffRendered', () => {
  it('sees nothing where only text, order of keys or files differ', () => {
    const reordered = 'kind: Deployment\napiVersion: apps/v1\n' + WEB.split('\n').slice(2).join('\n');
    expect(diffRendered(web(WEB), web(WEB))).toEqual([]);
    expect(diffRendered(web(WEB), web(`# a comment\n${reordered}`, 'dist/web/all.yaml'))).toEqual([]);
    expect(diffRendered([], [])).toEqual([]);
  });

  it('names fields with list items by their names', () => {
    const after = WEB.replace('web:1', 'web:2').replace('value: "2"', 'value: "3"').replace('note: a', 'note: b');
    const [change, ...rest] = diffRendered(web(WEB), web(after));
    expect(rest).toEqual([]);
    expect(change).toMatchObject({
      type: 'changed',
      service: 'web',
      ref: { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' },
    });
    expect(change?.fields).toEqual([
      { path: 'metadata.annotations[example.com/note]', before: 'a', after: 'b' },
      { path: 'spec.template.spec.containers[web].image', before: 'web:1', after: 'web:2' },
      { path: 'spec.template.spec.containers[web].env[B].value', before: '2', after: '3' },
    ]);
    expect(change?.patch).toContain('-          image: web:1\n+          image: web:2\n');
    expect(change?.patch.startsWith('--- a/web/Deployment/web\n+++ b/web/Deployment/web\n@@ ')).toBe(true);
  });

  it.each([
    ['a new list item', 'ports: [{ containerPort: 80 }]', 'ports: [{ containerPort: 80 }, { containerPort: 81 }]', 'containers[proxy].ports[81]'],
    ['a nameless item by place', 'args: [x, y]', 'args: [x, z]', 'containers[web].args[1]'],
    ['a field that goes', ', args: [x, y]', '', 'containers[web].args'],
    ['another order of variables', '{ name: A, value: "1" }, { name: B, value: "2" }', '{ name: B, value: "2" }, { name: A, value: "1" }', 'containers[web].env[order]'],
    ['a type that changes', 'value: "1"', 'value: { a: 1 }', 'containers[web].env[A].value'],
  ])('reports %s once', (_what, from, to, path) => {
    expect(WEB).toContain(from);
    const [change] = diffRendered(web(WEB), web(WEB.replace(from, to)));
    expect(change?.fields.map((field) => field.path)).toEqual([`spec.template.spec.${path}`]);
  }); // prettier-ignore

  it('tells added from removed, sorted by service and name', () => {
    const api = file('dist/api/x.yaml', WEB.replaceAll('name: web', 'name: api'));
    const changes = diffRendered([...web(WEB)], [api]);
    expect(changes.map(({ type, service }) => [type, service])).toEqual([
      ['added', 'api'],
      ['removed', 'web'],
    ]);
    expect(changes[0]?.patch).toMatch(/^--- \/dev\/null\n\+\+\+ b\/api\/Deployment\/api\n/);
    expect(changes[1]?.patch).toMatch(/\n\+\+\+ \/dev\/null\n/);
    expect(changes.map((change) => [change.before === undefined, change.after === undefined])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('sees a move to another service as a removal there and an addition here', () => {
    const changes = diffRendered(web(WEB), web(WEB, 'dist/other/Deployment.web.k8s.yaml'));
    expect(changes.map(({ type, service }) => [type, service])).toEqual([
      ['added', 'other'],
      ['removed', 'web'],
    ]);
  });

  it('takes another version of the API for the same object', () => {
    const [change] = diffRendered(web(WEB.replace('apps/v1', 'apps/v1beta2')), web(WEB));
    expect(change?.fields).toEqual([{ path: 'apiVersion', before: 'apps/v1beta2', after: 'apps/v1' }]);
  });

  it('shows which values of a Secret change, and none of them', () => {
    const secret = (a: string, data: string) =>
      web(
        `apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{"a":"${a}"}'\nstringData: { a: ${a}, same: steady-value }\ndata: { b: ${data} }\n`,
      );
    const changes = diffRendered(secret('first-value', 'Zmlyc3Q='), secret('second-value', 'Zmlyc3Q='));
    expect(changes[0]?.fields).toEqual([{ path: 'stringData.a', before: '[redacted]', after: '[redacted: changed]' }]);
    const shown = JSON.stringify(changes);
    for (const value of ['first-value', 'second-value', 'steady-value', 'Zmlyc3Q=']) expect(shown).not.toContain(value);
    expect(changes[0]?.patch).toContain('+  a: "[redacted: changed]"');
    const removed = JSON.stringify(diffRendered(secret('first-value', 'Zmlyc3Q='), []));
    expect(removed).toContain('[redacted]');
    expect(removed).not.toContain('first-value');
  });

  it('masks Secret values of any shape, and inside lists', () => {
    const odd = web(
      'apiVersion: v1\nkind: List\nitems: [{ apiVersion: v1, kind: Secret, metadata: { name: s }, data: hidden }]\n',
    );
    expect(JSON.stringify(diffRendered([], odd))).not.toContain('hidden');
  });

  it('shows a huge change whole instead of searching for the shortest difference', () => {
    const data = (mark: string) =>
      Array.from({ length: 6_000 }, (_, index) => `  k${index}: ${mark}${index}\n`).join('');
    const map = (mark: string) => web(`apiVersion: v1\nkind: ConfigMap\nmetadata: { name: big }\ndata:\n${data(mark)}`);
    const [change] = diffRendered(map('a'), map('b'));
    expect(change?.fields).toHaveLength(6_000);
    expect(change?.patch).toContain('\n-  k0: a0\n');
    expect(change?.patch).toContain('\n+  k5999: b5999\n');
  });

  it('ignores files that hold no manifests and refuses broken ones by name', () => {
    expect(diffRendered([], [file('dist/web/README.md', 'not: [yaml')])).toEqual([]);
    expect(() => diffRendered([], [file('dist/web/x.yaml', 'not: [yaml')])).toThrow(/dist\/web\/x\.yaml:1/);
  });
});

describe('toServiceName', () => {
  it.each([
    ['dist/web/Deployment.web.k8s.yaml', 'web'],
    ['out/production/web/x.yaml', 'web'],
    ['./dist/web/x.yaml', 'web'],
    ['dist/web.k8s.yaml', 'web'],
    ['web.yaml', 'web'],
  ])('%s belongs to %s', (path, service) => {
    expect(toServiceName(path)).toBe(service);
  });
});
