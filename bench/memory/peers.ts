import type { DeployFact } from '../../src/memory/facts.ts';

/** A rule to compare with: says a probability (or what it would use as one) and whether it would take a canary. */
export interface Peer {
  name: string;
  /** Its own threshold on its own number; undefined where it takes the threshold of the costs. */
  threshold?: number;
  predict(fact: DeployFact): number;
  learn(fact: DeployFact, atMs: number, failed: boolean): void;
}

const HOUR_MS = 3_600_000;
const scopeOf = ({ environment, namespace, service }: DeployFact) => `${environment}/${namespace}/${service}`;

/** The rate of failure of everything known so far. */
function createBaseRatePeer(perEnvironment: boolean): Peer {
  const counts = new Map<string, { deploys: number; failures: number }>();
  const of = (fact: DeployFact) => {
    const key = perEnvironment ? fact.environment : '';
    const known = counts.get(key) ?? { deploys: 0, failures: 0 };
    counts.set(key, known);
    return known;
  };
  return {
    name: perEnvironment ? 'base rate per environment' : 'base rate',
    predict: (fact) => {
      const { deploys, failures } = of(fact);
      return (failures + 1) / (deploys + 2);
    },
    learn: (fact, _atMs, failed) => {
      const count = of(fact);
      count.deploys += 1;
      if (failed) count.failures += 1;
    },
  };
}

function createConstantPeer(name: string, probability: number): Peer {
  return { name, threshold: 0.5, predict: () => probability, learn: () => undefined };
}

/** An exponentially weighted mean of a service's outcomes, the usual home-made risk figure. */
function createEwmaPeer(threshold: number | undefined): Peer {
  const means = new Map<string, number>();
  return {
    name: threshold === undefined ? 'outcome EWMA by costs' : `outcome EWMA > ${threshold}`,
    ...(threshold === undefined ? {} : { threshold }),
    predict: (fact) => means.get(scopeOf(fact)) ?? 0,
    learn: (fact, _atMs, failed) => {
      const key = scopeOf(fact);
      means.set(key, 0.7 * (means.get(key) ?? 0) + (failed ? 0.3 : 0));
    },
  };
}

/** How often the service failed so far, shrunk a little. */
function createFrequencyPeer(): Peer {
  const counts = new Map<string, { deploys: number; failures: number }>();
  return {
    name: 'plain frequency',
    predict: (fact) => {
      const { deploys, failures } = counts.get(scopeOf(fact)) ?? { deploys: 0, failures: 0 };
      return (failures + 0.5) / (deploys + 10);
    },
    learn: (fact, _atMs, failed) => {
      const key = scopeOf(fact);
      const { deploys, failures } = counts.get(key) ?? { deploys: 0, failures: 0 };
      counts.set(key, { deploys: deploys + 1, failures: failures + (failed ? 1 : 0) });
    },
  };
}

/**
 * The rule of the tool this memory follows, as its code has it: an edge of 0.5 at the first failure of a service, drawn
 * to 0.8 by three tenths at each further one, lowered by nothing but time (2 % an hour), gone below 0.05; canary above 0.15.
 */
function createNopeaPeer(): Peer {
  const edges = new Map<string, { weight: number; atHour: number }>();
  const weightAt = (key: string, atMs: number) => {
    const edge = edges.get(key);
    if (edge === undefined) return 0;
    const weight = edge.weight * 0.98 ** Math.max(0, Math.floor(atMs / HOUR_MS) - edge.atHour);
    return weight < 0.05 ? 0 : weight;
  };
  return {
    name: 'NOPEA',
    threshold: 0.15,
    predict: (fact) => weightAt(scopeOf(fact), fact.startedAtMs),
    learn: (fact, atMs, failed) => {
      if (!failed) return;
      const key = scopeOf(fact);
      const weight = weightAt(key, atMs);
      edges.set(key, { weight: weight === 0 ? 0.5 : 0.3 * 0.8 + 0.7 * weight, atHour: Math.floor(atMs / HOUR_MS) });
    },
  };
}

/** Every peer, fresh. */
export function createPeers(): Peer[] {
  return [
    createBaseRatePeer(false),
    createBaseRatePeer(true),
    createConstantPeer('always direct', 0),
    createConstantPeer('always canary', 1),
    createEwmaPeer(0.15),
    createEwmaPeer(undefined),
    createFrequencyPeer(),
    createNopeaPeer(),
  ];
}
