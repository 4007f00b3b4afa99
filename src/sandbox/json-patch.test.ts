import { describe, expect, it } from 'vitest';
import { applyJsonPatch, JsonPatchError } from './json-patch.ts';

const document = { spec: { list: ['a', 'b'], 'x/y': 1 } };

describe('a JSON patch', () => {
  it.each([
    [[{ op: 'add', path: '/spec/new', value: { deep: true } }], { spec: { ...document.spec, new: { deep: true } } }],
    [[{ op: 'add', path: '/spec/list/1', value: 'n' }], { spec: { ...document.spec, list: ['a', 'n', 'b'] } }],
    [[{ op: 'add', path: '/spec/list/-', value: 'n' }], { spec: { ...document.spec, list: ['a', 'b', 'n'] } }],
    [[{ op: 'replace', path: '/spec/list/0', value: 'n' }], { spec: { ...document.spec, list: ['n', 'b'] } }],
    [[{ op: 'replace', path: '/spec/x~1y', value: 2 }], { spec: { ...document.spec, 'x/y': 2 } }],
    [[{ op: 'remove', path: '/spec/list' }], { spec: { 'x/y': 1 } }],
    [[{ op: 'remove', path: '/spec/list/0' }], { spec: { ...document.spec, list: ['b'] } }],
    [[{ op: 'copy', from: '/spec/list/1', path: '/spec/c' }], { spec: { ...document.spec, c: 'b' } }],
    [[{ op: 'move', from: '/spec/x~1y', path: '/moved' }], { spec: { list: ['a', 'b'] }, moved: 1 }],
    [[{ op: 'test', path: '/spec/list', value: ['a', 'b'] }], document],
    [[{ op: 'add', path: '/__proto__', value: { bad: 1 } }], JSON.parse('{"__proto__":{"bad":1}}') as object],
  ])('changes what it names and nothing else: %j', (patch, expected) => {
    const before = JSON.stringify(document);
    const after = applyJsonPatch(document, patch);
    expect(JSON.parse(JSON.stringify(after))).toEqual({ ...document, ...expected });
    expect(JSON.stringify(document)).toBe(before);
  });

  it.each([
    [{}],
    [[{ op: 'grow', path: '/spec' }]],
    [[{ op: 'add' }]],
    [[{ op: 'add', path: 'spec', value: 1 }]],
    [[{ op: 'replace', path: '/spec/none', value: 1 }]],
    [[{ op: 'remove', path: '/spec/list/7' }]],
    [[{ op: 'add', path: '/spec/list/7', value: 1 }]],
    [[{ op: 'add', path: '/spec/x~1y/z', value: 1 }]],
    [[{ op: 'test', path: '/spec/list/0', value: 'z' }]],
  ])('that cannot be applied is refused: %j', (patch) => {
    expect(() => applyJsonPatch(document, patch)).toThrow(JsonPatchError);
  });
});
