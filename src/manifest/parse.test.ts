import { describe, expect, it } from 'vitest';
import { AppError } from '../lib/errors.ts';
import { parseManifests } from './parse.ts';
import { listAmbiguousWords } from './yaml-document.ts';

const HEAD = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n';

function toError(text: string): AppError {
  try {
    parseManifests(text, 'dist/web/x.yaml');
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('parseManifests', () => {
  it('reads several documents and skips empty ones', () => {
    const objects = parseManifests(`# nothing yet\n---\n${HEAD}---\n---\n${HEAD.replace('name: a', 'name: b')}`, 'x');
    expect(objects.map((object) => object.metadata.name)).toEqual(['a', 'b']);
  });

  it('reads nothing from nothing', () => {
    expect(parseManifests('', 'x')).toEqual([]);
    expect(parseManifests('# only a comment\n', 'x')).toEqual([]);
  });

  it('reads JSON and a byte order mark', () => {
    expect(parseManifests('\uFEFF{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}', 'x')).toHaveLength(1);
  });

  it('keeps the order of keys', () => {
    const [object] = parseManifests('kind: ConfigMap\nmetadata: { namespace: shop, name: a }\napiVersion: v1\n', 'x');
    expect(Object.keys(object ?? {})).toEqual(['kind', 'metadata', 'apiVersion']);
    expect(Object.keys(object?.metadata ?? {})).toEqual(['namespace', 'name']);
  });

  it('expands lists, typed lists and lists in lists', () => {
    const item = `{ apiVersion: v1, kind: Secret, metadata: { name: s } }`;
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${item}\n- { apiVersion: v1, kind: List, items: [${item}] }\n`;
    expect(parseManifests(list, 'x').map((object) => object.kind)).toEqual(['Secret', 'Secret']);
    const typed = 'apiVersion: apps/v1\nkind: DeploymentList\nitems: [{ metadata: { name: d } }]\n';
    expect(parseManifests(typed, 'x')).toMatchObject([{ apiVersion: 'apps/v1', kind: 'Deployment' }]);
  });

  it.each([
    ['on', true],
    ['"on"', 'on'],
    ['No', false],
    ['0123', 83],
    ['0o17', 15],
    ['1_000', 1000],
    ['12:30:45', '12:30:45'],
    ['2026-01-01', '2026-01-01'],
    ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
    ['1e3', 1000],
    ['~', null],
    ['1.5.0', '1.5.0'],
  ])('reads the bare word %s as Kubernetes does', (text, value) => {
    expect(parseManifests(`${HEAD}data: { key: ${text} }\n`, 'x')[0]).toHaveProperty(['data', 'key'], value);
  });

  it('resolves anchors and merge keys', () => {
    const [object] = parseManifests(`${HEAD}base: &b { x: 1 }\nmore: { <<: *b, z: 2 }\n`, 'x');
    expect(object?.['more']).toEqual({ x: 1, z: 2 });
  });

  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (const [from, to] of ['ab', 'bc', 'cd', 'de'].map((pair) => [...pair]))
    bomb.push(`${to}: &${to} [*${from},*${from},*${from},*${from},*${from},*${from},*${from}]`);

  it.each([
    ['a key that stands twice', `${HEAD}data:\n  a: 1\n  a: 2\n`, 6, 'same key'],
    ['a bomb of aliases', bomb.join('\n'), 1, 'aliases'],
    ['an alias inside its own anchor', `${HEAD}data: &d { self: *d }\n`, 1, 'alias'],
    ['an unknown alias', `${HEAD}data: *nothing\n`, 1, 'alias'],
    ['a foreign tag', `${HEAD}data: !!js/function x\n`, 4, 'tag'],
    ['a binary tag', `${HEAD}data: { a: !!binary aGk= }\n`, 4, 'tag'],
    ['brackets without end', `${HEAD}data: ${'['.repeat(50_000)}`, 4, 'nested'],
    ['deep nesting that is closed', `${HEAD}data: ${'['.repeat(300)}${']'.repeat(300)}`, 1, 'nested'],
    ['a key that poisons prototypes', `${HEAD}__proto__: { polluted: true }\n`, 1, '__proto__'],
    ['a mapping as key', `${HEAD}? { a: 1 }\n: 2\n`, 1, 'key'],
    ['another YAML version', `%YAML 1.2\n---\n${HEAD}`, 1, '1.2'],
    ['tabs', `${HEAD}data:\n\ta: 1\n`, 5, 'Tab'],
    ['a document that is text', 'hello\n', 1, 'mapping'],
    ['a missing apiVersion', 'kind: Pod\nmetadata: { name: a }\n', 1, 'apiVersion'],
    ['a missing kind in the second document', `${HEAD}---\napiVersion: v1\nmetadata: { name: a }\n`, 5, 'kind'],
    ['a missing name', 'apiVersion: v1\nkind: Pod\nmetadata: { generateName: a- }\n', 1, 'metadata.name'],
    ['a numeric name', 'apiVersion: v1\nkind: Pod\nmetadata: { name: 12 }\n', 1, 'metadata.name'],
    ['a numeric namespace', 'apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: 1 }\n', 1, 'namespace'],
    ['a list hidden five deep', toNestedLists(6), 1, 'lists within'],
  ])('refuses %s and says where', (_what, text, line, message) => {
    const error = toError(text);
    expect(error.code).toBe('invalid_input');
    expect(error.message).toContain(`dist/web/x.yaml:${line}: `);
    expect(error.message.toLowerCase()).toContain(message.toLowerCase());
    expect(error.hint).toBeDefined();
  });

  it('leaves the prototype of everything alone', () => {
    expect(() => parseManifests(`${HEAD}data: { "__proto__": { polluted: 1 } }\n`, 'x')).toThrow('__proto__');
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    const [object] = parseManifests(`${HEAD}data: { constructor: x, toString: why }\n`, 'x');
    expect(object?.['data']).toEqual({ constructor: 'x', toString: 'why' });
  });

  it('refuses a file past its size limit', () => {
    expect(toError(`${HEAD}data: { a: "${'x'.repeat(17 * 1024 * 1024)}" }`).message).toContain('larger than');
  });
});

function toNestedLists(depth: number): string {
  let text = '{ apiVersion: v1, kind: Pod, metadata: { name: a } }';
  for (let level = 0; level < depth; level += 1) text = `{ apiVersion: v1, kind: List, items: [${text}] }`;
  return text;
}

describe('listAmbiguousWords', () => {
  it('names bare words that Kubernetes reads as something else, with line and path', () => {
    const text = `${HEAD}data:\n  debug: on\n  mode: 0644\n  quoted: "on"\n  plain: true\n  count: 3\n`;
    expect(listAmbiguousWords(text, 'x')).toEqual([
      { line: 5, path: 'data.debug', text: 'on', meaning: 'true' },
      { line: 6, path: 'data.mode', text: '0644', meaning: '420' },
    ]);
  });

  it('leaves files alone that are no manifests', () => {
    expect(listAmbiguousWords('on: { push: yes }\njobs: {}\n', 'x')).toEqual([]);
  });
});
