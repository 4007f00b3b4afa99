import { describe, expect, it } from 'vitest';
import type { DeployFact } from './facts.ts';
import { toNeighbourhood } from './graph.ts';
import { createDeployMemory } from './memory.ts';
import { toSvg } from './svg.ts';

const START_MS = Date.UTC(2026, 4, 4, 9);
const MINUTE_MS = 60_000;

const deploy = (id: string, service: string, version: string, minute: number): DeployFact => ({
  id,
  cluster: 'main',
  environment: 'production',
  namespace: 'shop',
  service,
  version,
  changeKind: 'set_image',
  startedAtMs: START_MS + minute * MINUTE_MS,
  strategy: 'direct',
});

function createMemory() {
  const memory = createDeployMemory();
  const play = (fact: DeployFact, failure?: string) => {
    memory.recordDeploy(fact);
    memory.recordOutcome({
      deployId: fact.id,
      atMs: fact.startedAtMs + MINUTE_MS,
      ...(failure === undefined
        ? { outcome: 'healthy' as const }
        : { outcome: 'failed' as const, fingerprint: { class: failure, signature: `signature of ${failure}` } }),
    });
  };
  return { memory, play };
}

describe('the graph', () => {
  it('says which version failed of what, beside the one that runs', () => {
    const { memory, play } = createMemory();
    play(deploy('1', 'web', 'v1', 0));
    play(deploy('2', 'web', 'v2', 10), 'oom');
    play(deploy('3', 'web', 'v1', 20));
    const { nodes, edges } = memory.graph();
    expect(nodes.filter(({ kind }) => kind === 'version').map(({ label }) => label)).toEqual(['v1', 'v2']);
    const told = edges.map(({ from, kind, to }) => `${from} ${kind} ${to}`);
    expect(told).toContain('service:main/production/shop/web runs_version version:web@v1');
    expect(told).toContain('service:main/production/shop/web failed_version version:web@v2');
    expect(told).toContain('version:web@v2 failed_with failure:oom:signature of oom');
    const known = new Set(nodes.map(({ id }) => id));
    expect(edges.every(({ from, to }) => known.has(from) && known.has(to))).toBe(true);
  });

  it('around a service holds its own, and who else fails of the same or was hit by the same', () => {
    const { memory, play } = createMemory();
    play(deploy('1', 'web', 'v1', 0), 'oom');
    play(deploy('2', 'api', 'v7', 500), 'oom');
    play(deploy('3', 'worker', 'v3', 1000), 'quota');
    const scope = { cluster: 'main', environment: 'production', namespace: 'shop', service: 'web' };
    const { nodes, edges } = toNeighbourhood(memory.graph(), scope);
    const told = edges.map(({ from, kind, to }) => `${from} ${kind} ${to}`);
    expect(told).toContain('service:main/production/shop/web runs_in environment:main/production');
    expect(told).toContain('version:web@v1 failed_with failure:oom:signature of oom');
    expect(told).toContain('service:main/production/shop/api fails_with failure:oom:signature of oom');
    expect(JSON.stringify([nodes, edges])).not.toMatch(/worker|v7/);
    expect(nodes.every(({ id }) => edges.some(({ from, to }) => from === id || to === id))).toBe(true);
    expect(toNeighbourhood(memory.graph(), { ...scope, service: 'nobody' })).toEqual({ nodes: [], edges: [] });
  });

  it('draws one way from a service to its failure, over the version', () => {
    const { memory, play } = createMemory();
    play(deploy('1', 'web', 'v2', 0), 'oom');
    // Runs in, runs version, failed version, failed with; and not the shortcut.
    expect(toSvg(memory.graph()).match(/<path /g)).toHaveLength(4);
  });

  it('knows an incident by three services that failed within the hour, and none by two or by three far apart', () => {
    const { memory, play } = createMemory();
    ['a', 'b', 'c'].forEach((service, index) => play(deploy(service, service, 'v1', index * 10), 'probe'));
    ['d', 'e'].forEach((service, index) => play(deploy(service, service, 'v1', 300 + index * 10), 'probe'));
    ['f', 'g', 'h'].forEach((service, index) => play(deploy(service, service, 'v1', 1000 + index * 90), 'probe'));
    const { nodes, edges } = memory.graph();
    const incidents = nodes.filter(({ kind }) => kind === 'incident');
    expect(incidents).toMatchObject([{ label: '2026-05-04 09:01, 3 services', count: 3 }]);
    expect(edges.filter(({ kind }) => kind === 'hit_by').map(({ from }) => from.at(-1))).toEqual(['a', 'b', 'c']);
    expect(edges.find(({ kind }) => kind === 'happened_in')?.detail).toBe('3 services failed within 20 minutes');
  });

  it('is the same from a snapshot', () => {
    const { memory, play } = createMemory();
    for (let index = 0; index < 60; index += 1)
      play(deploy(String(index), `s${index % 4}`, `v${index}`, index * 7), index % 3 === 0 ? 'hook' : undefined);
    const again = createDeployMemory({ snapshot: memory.snapshot() });
    expect(again.graph()).toEqual(memory.graph());
  });
});
