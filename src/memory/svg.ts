import type { EdgeKind, GraphEdge, GraphNode, MemoryGraph, NodeKind } from './graph.ts';

/** Kinds of node, left to right; incidents stand among the failures. */
const COLUMNS: readonly (readonly NodeKind[])[] = [['environment'], ['service'], ['version'], ['failure', 'incident']];
const FILL: Readonly<Record<NodeKind, string>> = {
  environment: '#dbe9ff',
  service: '#e8f5e9',
  version: '#f5f5f5',
  failure: '#ffe0e0',
  incident: '#ffe9cc',
};
const STROKE: Readonly<Record<EdgeKind, string>> = {
  runs_in: '#90a4c8',
  runs_version: '#b0b0b0',
  failed_version: '#d04848',
  failed_with: '#d04848',
  fails_with: '#d04848',
  fails_beside: '#e08a00',
  happened_in: '#e08a00',
  hit_by: '#e08a00',
};
const WIDTH = 190;
const HEIGHT = 34;
const GAP = 12;
const COLUMN = 300;
const MARGIN = 30;
const MAX_LABEL = 26;
/** A picture with more nodes than this is read by nobody. */
const MAX_PER_COLUMN = 60;

interface Place {
  node: GraphNode;
  x: number;
  y: number;
}

/**
 * The graph as a picture: one column per kind of node, each ordered so that nodes stand near what they are connected to.
 * Holds no script and no reference to anything outside itself. Of very large graphs the nodes with most facts are shown.
 */
export function toSvg(graph: MemoryGraph): string {
  const places = layOut(graph);
  const rows = Math.max(
    1,
    ...COLUMNS.map((kinds) => [...places.values()].filter(({ node }) => kinds.includes(node.kind)).length),
  );
  const width = 2 * MARGIN + (COLUMNS.length - 1) * COLUMN + WIDTH;
  const height = 2 * MARGIN + rows * (HEIGHT + GAP) + 24;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>Deploy memory</title>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
  ];
  const told = toTold(graph);
  for (const edge of graph.edges) {
    if (told.has(edge)) continue;
    const from = places.get(edge.from);
    const to = places.get(edge.to);
    if (from === undefined || to === undefined) continue;
    const thick = Math.min(5, 1 + Math.log2(Math.max(1, edge.count)) / 2).toFixed(1);
    lines.push(
      `<path d="${toPath(from, to)}" fill="none" stroke="${STROKE[edge.kind]}" stroke-width="${thick}"><title>${escape(edge.detail)}</title></path>`,
    );
  }
  for (const { node, x, y } of places.values())
    lines.push(
      `<g><title>${escape(node.id)} (${node.count})</title>` +
        `<rect x="${x}" y="${y}" width="${WIDTH}" height="${HEIGHT}" rx="6" fill="${FILL[node.kind]}" stroke="#888888"/>` +
        `<text x="${x + 10}" y="${y + 21}" fill="#222222">${escape(shorten(node.label))}</text></g>`,
    );
  const hidden = graph.nodes.length - places.size;
  if (hidden > 0)
    lines.push(`<text x="${MARGIN}" y="${height - 12}" fill="#666666">${hidden} smaller nodes are not shown.</text>`);
  lines.push('</svg>');
  return `${lines.join('\n')}\n`;
}

/** Edges that say no more than a way over other edges does: a service that fails, where the version that failed is known. */
function toTold({ edges }: MemoryGraph): ReadonlySet<GraphEdge> {
  const versions = Map.groupBy(
    edges.filter(({ kind }) => kind === 'failed_version'),
    ({ from }) => from,
  );
  const causes = new Set(edges.filter(({ kind }) => kind === 'failed_with').map(({ from, to }) => `${from}\n${to}`));
  return new Set(
    edges.filter(
      ({ kind, from, to }) =>
        kind === 'happened_in' ||
        (kind === 'fails_with' && (versions.get(from) ?? []).some((version) => causes.has(`${version.to}\n${to}`))),
    ),
  );
}

function layOut(graph: MemoryGraph): Map<string, Place> {
  const neighbours = new Map<string, string[]>();
  for (const { from, to } of graph.edges) {
    neighbours.set(from, [...(neighbours.get(from) ?? []), to]);
    neighbours.set(to, [...(neighbours.get(to) ?? []), from]);
  }
  const columns = COLUMNS.map((kinds) =>
    graph.nodes
      .filter((node) => kinds.includes(node.kind))
      .sort((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1))
      .slice(0, MAX_PER_COLUMN),
  );
  const rank = new Map<string, number>();
  const number = (column: readonly GraphNode[]) => column.forEach((node, index) => rank.set(node.id, index));
  columns.forEach(number);
  // Three sweeps of moving every node to the mean place of its neighbours settle graphs of this size.
  for (let sweep = 0; sweep < 3; sweep += 1)
    for (const column of columns) {
      const mean = new Map(column.map((node) => [node.id, meanRank(neighbours.get(node.id) ?? [], rank)]));
      column.sort((a, b) => (mean.get(a.id) ?? 0) - (mean.get(b.id) ?? 0) || (a.id < b.id ? -1 : 1));
      number(column);
    }
  const places = new Map<string, Place>();
  columns.forEach((column, index) => {
    column.forEach((node, row) => {
      places.set(node.id, { node, x: MARGIN + index * COLUMN, y: MARGIN + row * (HEIGHT + GAP) });
    });
  });
  return places;
}

function meanRank(ids: readonly string[], rank: ReadonlyMap<string, number>): number {
  const known = ids.map((id) => rank.get(id)).filter((value) => value !== undefined);
  return known.length === 0 ? 0 : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function toPath(from: Place, to: Place): string {
  const middle = HEIGHT / 2;
  if (from.x === to.x) {
    const x = from.x + WIDTH;
    return `M ${x} ${from.y + middle} C ${x + 70} ${from.y + middle} ${x + 70} ${to.y + middle} ${x} ${to.y + middle}`;
  }
  const [left, right] = from.x < to.x ? [from, to] : [to, from];
  const start = left.x + WIDTH;
  const bend = (right.x - start) / 2;
  return `M ${start} ${left.y + middle} C ${start + bend} ${left.y + middle} ${right.x - bend} ${right.y + middle} ${right.x} ${right.y + middle}`;
}

function shorten(label: string): string {
  return label.length <= MAX_LABEL ? label : `${label.slice(0, MAX_LABEL - 1)}…`;
}

function escape(text: string): string {
  // Characters XML cannot hold at all would make the whole picture unreadable.
  const clean = [...text].filter((character) => character >= ' ' || character === '\n').join('');
  return clean.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
