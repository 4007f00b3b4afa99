import { CANARY_RESIDUAL, COST_REGIMES } from '../../src/memory/scoring.ts';
import { addEnded, createCoDeploys, testIfDue, testPairs } from '../../src/memory/co-deploy.ts';
import type { DeployFact } from '../../src/memory/facts.ts';
import { createDeployMemory } from '../../src/memory/memory.ts';
import { addService, beginDeploy, createTimeline, endDeploy, servicesBeside } from '../../src/memory/timeline.ts';
import { createPeers } from './peers.ts';
import { createRandom } from './random.ts';
import type { World, WorldDeploy } from './worlds.ts';
import { createWorld, toEvents } from './worlds.ts';

/** Everything was developed on the seeds 1 to 10; the ones here only measure. */
export const EDGE_SEEDS = [111, 112, 113, 114, 115, 116, 117, 118, 119, 120];
export const REGRET_SEEDS = [211, 212, 213, 214, 215, 216, 217, 218, 219, 220, 221, 222];

interface Found {
  right: number;
  wrong: number;
  planted: number;
}

/** Patterns claimed at the end of a world, and those a weighted mean of outcomes per pair would claim. */
export function findEdges(world: World): { memory: Found; ewma: Found } {
  const { claimed, ewma } = claimEdges(world.deploys);
  const count = (claims: Set<string>): Found => {
    const right = [...claims].filter((claim) => world.edges.has(claim)).length;
    return { right, wrong: claims.size - right, planted: world.edges.size };
  };
  return { memory: count(claimed), ewma: count(ewma) };
}

function claimEdges(deploys: readonly WorldDeploy[]): { claimed: Set<string>; ewma: Set<string>; pairs: number } {
  const line = createTimeline();
  const pairs = createCoDeploys();
  const rows: number[] = [];
  const events = deploys
    .flatMap(({ startMs, endMs }, index) => [
      { atMs: startMs, end: false, index },
      { atMs: endMs, end: true, index },
    ])
    .sort((a, b) => a.atMs - b.atMs || Number(b.end) - Number(a.end) || a.index - b.index);
  for (const { atMs, end, index } of events) {
    const deploy = deploys[index];
    if (deploy === undefined) continue;
    if (!end) {
      testIfDue(pairs, line, atMs);
      rows[index] = beginDeploy(line, addService(line, String(deploy.service)), atMs);
      continue;
    }
    const row = rows[index] ?? 0;
    endDeploy(line, row, atMs, deploy.failed);
    addEnded(pairs, line, row, deploy.failed);
  }
  testPairs(pairs, line, events.at(-1)?.atMs ?? 0);
  const claimed = new Set<string>();
  for (const [own, patterns] of pairs.patterns)
    for (const pattern of patterns) claimed.add(`${line.names[own] ?? ''}|${pattern.with}`);
  const { ewma, met } = claimByMean(deploys, line, rows);
  return { claimed, ewma, pairs: met };
}

/** A pair is claimed when its weighted mean of failures ends above 0.15 after two deploys together. */
function claimByMean(
  deploys: readonly WorldDeploy[],
  line: ReturnType<typeof createTimeline>,
  rows: readonly number[],
) {
  const means = new Map<string, { mean: number; seen: number }>();
  deploys.forEach((deploy, index) => {
    for (const other of servicesBeside(line, rows[index] ?? 0)) {
      const key = `${deploy.service}|${line.names[other] ?? ''}`;
      const { mean, seen } = means.get(key) ?? { mean: 0, seen: 0 };
      means.set(key, { mean: 0.7 * mean + (deploy.failed ? 0.3 : 0), seen: seen + 1 });
    }
  });
  const ewma = [...means].filter(([, { mean, seen }]) => mean > 0.15 && seen >= 2).map(([key]) => key);
  return { ewma: new Set(ewma), met: [...means.values()].filter(({ seen }) => seen >= 3).length };
}

/** Claims where there is nothing to claim: every service's outcomes are shifted among its own deploys. */
export function countNullClaims(seed: number): { claims: number; ewma: number; pairs: number } {
  const { deploys } = createWorld(seed, { edges: 0 });
  const random = createRandom(seed + 5000);
  const { claimed, ewma, pairs } = claimEdges(rotateOutcomes(random, deploys));
  return { claims: claimed.size, ewma: ewma.size, pairs };
}

function rotateOutcomes(random: () => number, deploys: readonly WorldDeploy[]): WorldDeploy[] {
  const byService = new Map<number, number[]>();
  deploys.forEach(({ service }, index) => {
    byService.set(service, [...(byService.get(service) ?? []), index]);
  });
  const result = deploys.map((deploy) => ({ ...deploy }));
  for (const indices of byService.values()) {
    // At least a tenth of the way round, so that runs stay runs but end up elsewhere.
    const shift = Math.ceil(indices.length * (0.1 + 0.8 * random()));
    indices.forEach((index, place) => {
      const from = indices[(place + shift) % indices.length] ?? index;
      const target = result[index];
      if (target !== undefined) target.failed = deploys[from]?.failed ?? false;
    });
  }
  return result;
}

/** Expected cost beyond that of knowing every probability, by rule and cost regime. */
export function measureRegret(world: World): Map<string, number[]> {
  const memory = createDeployMemory();
  const peers = createPeers();
  const facts = new Map<string, DeployFact>();
  const regret = new Map<string, number[]>();
  const charge = (name: string, probability: number, threshold: number | undefined, truth: number) => {
    const sums = regret.get(name) ?? COST_REGIMES.map(() => 0);
    regret.set(name, sums);
    COST_REGIMES.forEach((canaryCost, index) => {
      const careful = canaryCost + CANARY_RESIDUAL * truth;
      const cost = probability > (threshold ?? canaryCost / (1 - CANARY_RESIDUAL)) ? careful : truth;
      sums[index] = (sums[index] ?? 0) + cost - Math.min(truth, careful);
    });
  };
  for (const event of toEvents(world)) {
    if (event.type === 'deploy') {
      facts.set(event.fact.id, event.fact);
      for (const peer of peers) charge(peer.name, peer.predict(event.fact), peer.threshold, event.truth);
      charge('memory', memory.recordDeploy(event.fact).probability, undefined, event.truth);
      continue;
    }
    memory.recordOutcome(event.fact);
    const fact = facts.get(event.fact.deployId);
    if (fact === undefined) continue;
    for (const peer of peers) peer.learn(fact, event.fact.atMs, event.fact.outcome === 'failed');
  }
  return regret;
}
