import { describe, expect, it } from 'vitest';
import { toDot } from './dot.ts';
import type { MemoryGraph } from './graph.ts';
import { toSvg } from './svg.ts';

const graph: MemoryGraph = {
  nodes: [
    { id: 'environment:main/production', kind: 'environment', label: 'production', count: 5 },
    { id: 'failure:oom:limit "512Mi" <hit>', kind: 'failure', label: 'oom', count: 2 },
    { id: 'service:main/production/shop/web', kind: 'service', label: 'web', count: 5 },
  ],
  edges: [
    {
      from: 'service:main/production/shop/web',
      to: 'environment:main/production',
      kind: 'runs_in',
      count: 5,
      detail: '2 of 5 deploys failed',
    },
    {
      from: 'service:main/production/shop/web',
      to: 'failure:oom:limit "512Mi" <hit>',
      kind: 'fails_with',
      count: 2,
      detail: 'failed 2 times like this & that\u0007',
    },
  ],
};

describe('pictures of the graph', () => {
  it('writes DOT with everything quoted', () => {
    const dot = toDot(graph);
    expect(dot.startsWith('digraph memory {')).toBe(true);
    expect(dot).toContain('"failure:oom:limit \\"512Mi\\" <hit>" [label="oom\\n2", shape=octagon];');
    expect(dot).toContain('-> "environment:main/production" [label="runs in", tooltip="2 of 5 deploys failed"];');
    expect(dot.match(/(?<!\\)"/g)).toHaveLength(2 * (1 + 3 * 2 + 2 * 4));
  });

  it('writes SVG that is well-formed, with every node placed once and nothing on top of another', () => {
    const svg = toSvg(graph);
    expect(svg).toContain('&quot;512Mi&quot; &lt;hit&gt;');
    expect([...svg].every((character) => character >= ' ' || character === '\n')).toBe(true);
    expect(svg.match(/&(?!amp;|lt;|gt;|quot;)/)).toBeNull();
    for (const tag of ['svg', 'g', 'title', 'text', 'path'])
      expect(svg.match(new RegExp(`<${tag}[ >]`, 'g'))?.length).toBe(svg.match(new RegExp(`</${tag}>`, 'g'))?.length);
    const places = [...svg.matchAll(/<rect x="(\d+)" y="(\d+)"/g)].map(([, x, y]) => `${x},${y}`);
    expect(places).toHaveLength(3);
    expect(new Set(places).size).toBe(3);
    expect(svg.match(/<path /g)).toHaveLength(2);
  });

  it('shows the largest nodes of a graph nobody could read, and says so', () => {
    const nodes = Array.from({ length: 500 }, (_, index) => ({
      id: `service:${index}`,
      kind: 'service' as const,
      label: `s${index}`,
      count: index,
    }));
    const svg = toSvg({ nodes, edges: [] });
    expect(svg).toContain('>s499<');
    expect(svg).not.toContain('>s0<');
    expect(svg).toContain('440 smaller nodes are not shown.');
  });

  it('draws an empty memory', () => {
    expect(toSvg({ nodes: [], edges: [] })).toContain('</svg>');
    expect(toDot({ nodes: [], edges: [] })).toContain('}');
  });
});
