import type { ConfirmedPattern } from './pair-evidence.ts';
import { toClaim } from './explain.ts';
import type { Scope } from './facts.ts';
import { toScopeKey } from './facts.ts';
import type { ServiceState } from './service-state.ts';

export type NodeKind = 'service' | 'environment' | 'version' | 'failure';
export type EdgeKind = 'runs_in' | 'runs_version' | 'fails_with' | 'fails_beside';

export interface GraphNode {
  id: string;
  kind: NodeKind;
  label: string;
  /** How many facts stand behind it. */
  count: number;
}

export interface GraphEdge {
  from: string;
  to: string;
  kind: EdgeKind;
  count: number;
  /** A sentence with the counts. */
  detail: string;
}

export interface MemoryGraph {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

/** The graph is only a way to look at the remembered facts: nothing is stored in it that they do not hold. Sorted, so equal memories give equal graphs. */
export function toMemoryGraph(
  states: Iterable<ServiceState>,
  patternsOf: (scope: Scope) => readonly ConfirmedPattern[],
): MemoryGraph {
  const nodes = new Map<string, GraphNode>();
  const edges: GraphEdge[] = [];
  const addNode = (id: string, kind: NodeKind, label: string, count: number) => {
    const known = nodes.get(id);
    if (known === undefined) nodes.set(id, { id, kind, label, count });
    else known.count += count;
  };
  for (const state of states) {
    const service = `service:${toScopeKey(state.scope)}`;
    const environment = `environment:${state.scope.cluster}/${state.scope.environment}`;
    addNode(service, 'service', state.scope.service, state.started);
    addNode(environment, 'environment', state.scope.environment, state.started);
    edges.push({
      from: service,
      to: environment,
      kind: 'runs_in',
      count: state.started,
      detail: `${state.failures} of ${state.deploys} deploys failed`,
    });
    if (state.lastVersion !== undefined) {
      const version = `version:${state.scope.service}@${state.lastVersion}`;
      addNode(version, 'version', state.lastVersion, 1);
      edges.push({ from: service, to: version, kind: 'runs_version', count: 1, detail: 'deployed last' });
    }
    for (const pattern of state.patterns.values()) {
      const failure = `failure:${pattern.fingerprint.class}:${pattern.fingerprint.signature}`;
      addNode(failure, 'failure', pattern.fingerprint.class, pattern.count);
      edges.push({
        from: service,
        to: failure,
        kind: 'fails_with',
        count: pattern.count,
        detail: `failed ${pattern.count} times like this`,
      });
    }
    for (const pattern of patternsOf(state.scope)) {
      const { cluster, environment: name } = state.scope;
      edges.push({
        from: service,
        to: `service:${cluster}/${name}/${pattern.with}`,
        kind: 'fails_beside',
        count: pattern.failedTogether,
        detail: toClaim(pattern),
      });
    }
  }
  return {
    nodes: [...nodes.values()].sort((a, b) => compareText(a.id, b.id)),
    edges: edges.sort((a, b) => compareText(a.from, b.from) || compareText(a.kind, b.kind) || compareText(a.to, b.to)),
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
