import type { GraphNode, MemoryGraph, NodeKind } from './graph.ts';

const SHAPES: Readonly<Record<NodeKind, string>> = {
  environment: 'folder',
  service: 'box',
  version: 'note',
  failure: 'octagon',
  incident: 'hexagon',
};

/** The graph in the DOT language, for Graphviz and everything that reads it. */
export function toDot(graph: MemoryGraph): string {
  const lines = ['digraph memory {', '  rankdir=LR;', '  node [fontname="sans-serif"];'];
  for (const node of graph.nodes)
    lines.push(`  ${quote(node.id)} [label=${quote(toLabel(node))}, shape=${SHAPES[node.kind]}];`);
  for (const edge of graph.edges)
    lines.push(
      `  ${quote(edge.from)} -> ${quote(edge.to)} [label=${quote(edge.kind.replaceAll('_', ' '))}, tooltip=${quote(edge.detail)}];`,
    );
  lines.push('}');
  return `${lines.join('\n')}\n`;
}

function toLabel(node: GraphNode): string {
  return node.count > 1 ? `${node.label}\n${node.count}` : node.label;
}

/** A DOT string: only quotes and backslashes are special, and a line break is written as one. */
function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\r', '').replaceAll('\n', '\\n')}"`;
}
