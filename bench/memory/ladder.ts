import type { DeployFact } from '../../src/memory/facts.ts';
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

/** Times ingest, query and load at one size. Times depend on the machine; the look-ups are measured in the same process. */
export function climb(deploys: number): LadderRow {
  const random = createRandom(42);
  const memory = createDeployMemory();
  const facts = Array.from({ length: deploys }, (_, index) => toFact(random, index));
  const failed = facts.map(() => random() < 0.02);
  const floorMs = timeCounting(facts, failed);
  const begun = performance.now();
  // Outcomes come ten deploys late, so that about ten are always under way.
  for (let index = 0; index < deploys + 10; index += 1) {
    const fact = facts[index];
    if (fact !== undefined) memory.recordDeploy(fact);
    const ended = facts[index - 10];
    if (ended !== undefined)
      memory.recordOutcome({
        deployId: ended.id,
        atMs: (fact ?? ended).startedAtMs,
        outcome: failed[index - 10] === true ? 'failed' : 'healthy',
      });
  }
  const ingestMs = performance.now() - begun;
  const lastMs = facts.at(-1)?.startedAtMs ?? 0;
  const lookupNs = timeLookups(random);
  const queryNs: number[] = [];
  for (let index = 0; index < 3000; index += 1) {
    const scope = facts[Math.floor(random() * deploys)] ?? toFact(random, 0);
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

/** Milliseconds for counting deploys and failures by service, outcomes ten deploys late as well. */
function timeCounting(facts: readonly DeployFact[], failed: readonly boolean[]): number {
  const counts = new Map<string, { deploys: number; failures: number }>();
  const open = new Map<string, DeployFact>();
  const begun = performance.now();
  for (let index = 0; index < facts.length + 10; index += 1) {
    const fact = facts[index];
    if (fact !== undefined) open.set(fact.id, fact);
    const ended = open.get(facts[index - 10]?.id ?? '');
    if (ended === undefined) continue;
    open.delete(ended.id);
    const key = `${ended.cluster}/${ended.environment}/${ended.namespace}/${ended.service}`;
    const known = counts.get(key) ?? { deploys: 0, failures: 0 };
    known.deploys += 1;
    if (failed[index - 10] === true) known.failures += 1;
    counts.set(key, known);
  }
  return performance.now() - begun;
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
