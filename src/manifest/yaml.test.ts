import { describe, expect, it } from 'vitest';
import { parseManifests } from './parse.ts';
import { toYaml } from './yaml.ts';

const TRAPS = [
  'on', 'off', 'yes', 'No', 'y', 'N', 'true', 'null', '~', '', '0123', '0o17', '-0O7', '0x1F', '0b11', '1_000', '1e3', '12e03',
  '.5', '+1', '0.', '.inf', '-.INF', '.nan', '12:30:45', '1:20.5', '2026-01-01', '2026-01-01T00:00:00Z', '<<', '=', '- a', '# b',
  'a: b', 'a #b', '*a', '&a', '!a', '%a', '@a', '`a', '|', '>', '---', '...', ' lead', 'trail ', 'a\nb', 'a\nb\n', '\n', 'tab\tx',
  "it's", 'say "x"', 'back\\slash', '\u2028', 'a\u0085b', '\x7f', '\u0000', '\x1b[2J', '\ufeffx', 'é😀', '[redacted]', '{a}', '?', ',',
]; // prettier-ignore

describe('toYaml', () => {
  it.each(TRAPS)('writes %j so that Kubernetes reads it back as the same text', (text) => {
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
      data: { value: text, [`k${text}`]: 'x' },
    };
    const [read] = parseManifests(toYaml(object), 'x');
    expect(read?.['data']).toEqual(object.data);
  });

  it('quotes what only an older reader takes for a number or a date', () => {
    expect(toYaml({ a: '12:30:45', b: '2026-01-01', c: '0o17' })).toBe('a: "12:30:45"\nb: "2026-01-01"\nc: "0o17"\n');
  });

  it('does not let a key become a merge', () => {
    const text = toYaml({ apiVersion: 'v1', kind: 'A', metadata: { name: 'a' }, data: { '<<': 'x' } });
    expect(parseManifests(text, 'x')[0]?.['data']).toEqual({ '<<': 'x' });
  });

  it('keeps the order of keys, writes no anchors and does not fold', () => {
    const shared = { x: 'word '.repeat(60).trim() };
    const text = toYaml({ z: shared, a: shared });
    expect(text).toBe(`z:\n  x: ${shared.x}\na:\n  x: ${shared.x}\n`);
  });

  it('writes no control characters a terminal would obey', () => {
    expect(toYaml({ a: 'x\x1b[2J\x9b\u2028' })).toBe('a: "x\\e[2J\\u009b\\u2028"\n');
  });
});
