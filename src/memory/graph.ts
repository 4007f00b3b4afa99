import type { ConfirmedPattern } from './pair-evidence.ts';
import { toClaim } from './explain.ts';
import type { FailureFingerprint, Scope } from './facts.ts';
import { findFailure, toScopeKey } from './facts.ts';
import { listIncidents, type PastIncident } from './past-incidents.ts';
import type { ServiceState } from './service-state.ts';
import { listRecent } from './service-state.ts';

export type NodeKind = 'service' | 'environment' | 'version' | 'failure' | 'incident';
export type EdgeKind =
  | 'runs_in'
  | 'runs_version'
  | 'failed_version'
  | 'failed_with'
  | 'fails_with'
  | 'fails_beside'
  | 'happened_in'
  | 'hit_by';

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

/**
 * The graph is only a way to look at the remembered facts: nothing is stored in it that they do not hold. Sorted, so equal
 * memories give equal graphs. Failures of single versions and incidents are of the deploys that are remembered in full.
 */
export function toMemoryGraph(
  states: Iterable<ServiceState>,
  patternsOf: (scope: Scope) => readonly ConfirmedPattern[],
): MemoryGraph {
  const all = [...states];
  const graph = createGraph();
  for (const state of all) {
    addPlace(graph, state);
    addVersions(graph, state);
    for (const pattern of state.patterns.values())
      graph.addEdge({
        from: toServiceId(toScopeKey(state.scope)),
        to: graph.addNode(toFailureId(pattern.fingerprint), 'failure', pattern.fingerprint.class, pattern.count),
        kind: 'fails_with',
        count: pattern.count,
        detail: `failed ${pattern.count === 1 ? 'once' : `${pattern.count} times`} like this`,
      });
    for (const pattern of patternsOf(state.scope)) {
      const { cluster, environment } = state.scope;
      graph.addEdge({
        from: toServiceId(toScopeKey(state.scope)),
        to: toServiceId(`${cluster}/${environment}/${pattern.with}`),
        kind: 'fails_beside',
        count: pattern.failedTogether,
        detail: toClaim(pattern),
      });
    }
  }
  for (const incident of listIncidents(all)) addIncident(graph, incident);
  return graph.sorted();
}

/**
 * What hangs together with one service: its own edges, and who else fails of the same or was hit by the same incident.
 * Empty where nothing is remembered about it.
 */
export function toNeighbourhood(graph: MemoryGraph, scope: Scope): MemoryGraph {
  const own = toServiceId(toScopeKey(scope));
  const isOwn = ({ from, to }: GraphEdge) => from === own || to === own;
  const beside = new Set(graph.edges.filter(isOwn).flatMap(({ from, to }) => [from, to]));
  const shares = ({ from, to, kind }: GraphEdge) =>
    beside.has(to) && ((kind === 'failed_with' && beside.has(from)) || kind === 'fails_with' || kind === 'hit_by');
  const edges = graph.edges.filter((edge) => isOwn(edge) || shares(edge));
  const ids = new Set(edges.flatMap(({ from, to }) => [from, to]));
  return { nodes: graph.nodes.filter(({ id }) => ids.has(id)), edges };
}

function createGraph() {
  const nodes = new Map<string, GraphNode>();
  const edges: GraphEdge[] = [];
  return {
    addNode: (id: string, kind: NodeKind, label: string, count: number): string => {
      const known = nodes.get(id);
      if (known === undefined) nodes.set(id, { id, kind, label, count });
      else known.count += count;
      return id;
    },
    addEdge: (edge: GraphEdge) => void edges.push(edge),
    sorted: (): MemoryGraph => ({
      nodes: [...nodes.values()].sort((a, b) => compareText(a.id, b.id)),
      edges: edges.sort(
        (a, b) => compareText(a.from, b.from) || compareText(a.kind, b.kind) || compareText(a.to, b.to),
      ),
    }),
  };
}

type Graph = ReturnType<typeof createGraph>;

function addPlace(graph: Graph, state: ServiceState): void {
  const { cluster, environment, service } = state.scope;
  graph.addEdge({
    from: graph.addNode(toServiceId(toScopeKey(state.scope)), 'service', service, state.started),
    to: graph.addNode(`environment:${cluster}/${environment}`, 'environment', environment, state.started),
    kind: 'runs_in',
    count: state.started,
    detail: `${state.failures} of ${state.deploys} deploys failed`,
  });
}

/** The version deployed last, and those that failed, with what they failed of. */
function addVersions(graph: Graph, state: ServiceState): void {
  const { service } = state.scope;
  const from = toServiceId(toScopeKey(state.scope));
  const failed = new Map<string, Map<string, { fingerprint: FailureFingerprint | undefined; count: number }>>();
  for (const record of listRecent(state)) {
    const version = record.deploy.version ?? record.deploy.digest;
    const failure = findFailure(record);
    if (version === undefined || failure === undefined) continue;
    const causes =
      failed.get(version) ?? new Map<string, { fingerprint: FailureFingerprint | undefined; count: number }>();
    failed.set(version, causes);
    const { fingerprint } = failure;
    const key = fingerprint === undefined ? '' : toFailureId(fingerprint);
    causes.set(key, { fingerprint, count: (causes.get(key)?.count ?? 0) + 1 });
  }
  if (state.lastVersion !== undefined) {
    const to = graph.addNode(`version:${service}@${state.lastVersion}`, 'version', state.lastVersion, 1);
    graph.addEdge({ from, to, kind: 'runs_version', count: 1, detail: 'deployed last' });
  }
  for (const [version, causes] of failed) {
    const count = [...causes.values()].reduce((sum, cause) => sum + cause.count, 0);
    const to = graph.addNode(`version:${service}@${version}`, 'version', version, count);
    const { environment } = state.scope;
    graph.addEdge({ from, to, kind: 'failed_version', count, detail: `failed in ${environment}` });
    for (const { fingerprint, count: times } of causes.values())
      if (fingerprint !== undefined)
        graph.addEdge({
          from: to,
          to: graph.addNode(toFailureId(fingerprint), 'failure', fingerprint.class, 0),
          kind: 'failed_with',
          count: times,
          detail: `failed like this in ${environment}`,
        });
  }
}

function addIncident(graph: Graph, { cluster, environment, firstAtMs, lastAtMs, hit }: PastIncident): void {
  const begun = new Date(firstAtMs).toISOString();
  const id = graph.addNode(
    `incident:${cluster}/${environment}@${begun}`,
    'incident',
    `${begun.slice(0, 16).replace('T', ' ')}, ${hit.size} services`,
    hit.size,
  );
  const minutes = Math.round((lastAtMs - firstAtMs) / 60_000);
  graph.addEdge({
    from: id,
    to: `environment:${cluster}/${environment}`,
    kind: 'happened_in',
    count: hit.size,
    detail: `${hit.size} services failed within ${minutes} minutes`,
  });
  for (const [key, count] of hit)
    graph.addEdge({
      from: toServiceId(key),
      to: id,
      kind: 'hit_by',
      count,
      detail: `failed ${count === 1 ? 'once' : `${count} times`} in it`,
    });
}

function toServiceId(scopeKey: string): string {
  return `service:${scopeKey}`;
}

function toFailureId(fingerprint: FailureFingerprint): string {
  return `failure:${fingerprint.class}:${fingerprint.signature}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
