import type { DeployFact, OutcomeFact } from '../../src/memory/facts.ts';
import { createDeployMemory } from '../../src/memory/memory.ts';
import { createRandom } from './random.ts';

export interface LadderRow {
  deploys: number;
  ingestPerSecond: number;
  /** The same facts told to one map of counts by service: what any memory must do at least. */
  floorPerSecond: number;
  lookupNs: number;
  /** One assessment with its sentences, in random look-ups of a map of a million objects. */
  queryP50Lookups: number;
  queryP99Lookups: number;
  queryP99Us: number;
  snapshotBytesPerDeploy: number;
  loadMs: number;
}

const SERVICES = 5000;

/** Told one after the other and then let go, as a history that is read from a file: the memory holds what it needs. */
const CHUNK = 10_000;
/** Outcomes come ten deploys late, so that about ten are always under way. */
const LATE = 10;

/** Times ingest, query and load at one size. Times depend on the machine; the look-ups are measured in the same process. */
export function climb(deploys: number): LadderRow {
  const random = createRandom(42);
  const memory = createDeployMemory();
  const counting = createCounting();
  let late: DeployFact[] = [];
  let ingestMs = 0;
  let floorMs = 0;
  for (let first = 0; first < deploys; first += CHUNK) {
    const facts = Array.from({ length: Math.min(CHUNK, deploys - first) }, (_, index) => toFact(random, first + index));
    const ends = [...late, ...facts].slice(0, -LATE).map((fact) => toEnd(random, fact));
    late = [...late, ...facts].slice(-LATE);
    floorMs += timeTelling(facts, ends, counting);
    ingestMs += timeTelling(facts, ends, memory);
  }
  const lastMs = late.at(-1)?.startedAtMs ?? 0;
  const lookupNs = timeLookups(random);
  const queryNs: number[] = [];
  for (let index = 0; index < 3000; index += 1) {
    const scope = toFact(random, 0);
    const from = process.hrtime.bigint();
    memory.assess({ scope, atMs: lastMs, version: 'v1', changeKind: 'set_image' });
    queryNs.push(Number(process.hrtime.bigint() - from));
  }
  const warm = queryNs.slice(500).sort((a, b) => a - b);
  const p50 = warm[Math.floor(warm.length * 0.5)] ?? 0;
  const p99 = warm[Math.floor(warm.length * 0.99)] ?? 0;
  const snapshot = memory.snapshot();
  const loadFrom = performance.now();
  createDeployMemory({ snapshot });
  return {
    deploys,
    ingestPerSecond: (deploys / ingestMs) * 1000,
    floorPerSecond: (deploys / floorMs) * 1000,
    lookupNs,
    queryP50Lookups: p50 / lookupNs,
    queryP99Lookups: p99 / lookupNs,
    queryP99Us: p99 / 1000,
    snapshotBytesPerDeploy: snapshot.byteLength / deploys,
    loadMs: performance.now() - loadFrom,
  };
}

function toFact(random: () => number, index: number): DeployFact {
  const service = Math.floor(SERVICES * random() ** 2);
  return {
    id: `l${index}`,
    cluster: 'main',
    environment: service % 3 === 0 ? 'staging' : 'production',
    namespace: 'default',
    service: `s${service}`,
    version: `v${index}`,
    changeKind: 'set_image',
    startedAtMs: Date.UTC(2025, 0, 1) + index * 60_000,
    strategy: 'direct',
  };
}

interface Listener {
  recordDeploy(fact: DeployFact): unknown;
  recordOutcome(fact: OutcomeFact): unknown;
}

/** Milliseconds for telling deploys, and in between the ends of earlier ones. */
function timeTelling(facts: readonly DeployFact[], ends: readonly OutcomeFact[], told: Listener): number {
  const behind = facts.length - ends.length;
  const begun = performance.now();
  for (let index = 0; index < facts.length; index += 1) {
    const fact = facts[index];
    if (fact !== undefined) told.recordDeploy(fact);
    const end = ends[index - behind];
    if (end !== undefined) told.recordOutcome(end);
  }
  return performance.now() - begun;
}

/** What any memory must do at least: count deploys and failures by place. */
function createCounting() {
  const counts = new Map<string, { deploys: number; failures: number }>();
  const open = new Map<string, DeployFact>();
  return {
    recordDeploy: (fact: DeployFact) => open.set(fact.id, fact),
    recordOutcome: ({ deployId, outcome }: OutcomeFact) => {
      const fact = open.get(deployId);
      if (fact === undefined) return;
      open.delete(deployId);
      const key = `${fact.cluster}/${fact.environment}/${fact.namespace}/${fact.service}`;
      const known = counts.get(key) ?? { deploys: 0, failures: 0 };
      known.deploys += 1;
      if (outcome === 'failed') known.failures += 1;
      counts.set(key, known);
    },
  };
}

function toEnd(random: () => number, { id, startedAtMs }: DeployFact): OutcomeFact {
  return { deployId: id, atMs: startedAtMs + LATE * 60_000, outcome: random() < 0.02 ? 'failed' : 'healthy' };
}

function timeLookups(random: () => number): number {
  const map = new Map<string, { value: number }>();
  for (let index = 0; index < 1_000_000; index += 1) map.set(`key${index}`, { value: index });
  const keys = Array.from({ length: 200_000 }, () => `key${Math.floor(random() * 1_000_000)}`);
  let sum = 0;
  const begun = process.hrtime.bigint();
  for (const key of keys) sum += map.get(key)?.value ?? 0;
  const took = Number(process.hrtime.bigint() - begun) / keys.length;
  return sum < 0 ? 0 : took;
}
