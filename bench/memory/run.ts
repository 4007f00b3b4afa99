import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createDeployMemory } from '../../src/memory/memory.ts';
import { FEATURES } from '../../src/memory/features.ts';
import { COST_REGIMES, createScorer } from '../../src/memory/scoring.ts';
import type { HistoryRun, ScoredDeploy } from './history.ts';
import { bootstrap, costRatio, lossRatio, readHistory, runHistory, topShare } from './history.ts';
import { climb } from './ladder.ts';
import type { NullOptions } from './null-worlds.ts';
import { toNullEvents } from './null-worlds.ts';
import { EDGE_SEEDS, REGRET_SEEDS, countNullClaims, findEdges, measureRegret } from './planted.ts';
import { createWorld } from './worlds.ts';

const HISTORIES = join(import.meta.dirname, '../../../shared/data/deploy-history');
const HISTORY_FILES = ['govuk-2022-2024', 'govuk-promotions-2023-2024'].map((name) =>
  join(HISTORIES, `${name}.jsonl.gz`),
);
const SECTIONS = ['edges', 'null', 'regret', 'harmless', 'history', 'ladder'] as const;
/** Takes several minutes, so it runs only when it is named. */
const SIGNALS = 'signals';
type Section = (typeof SECTIONS)[number] | typeof SIGNALS;

/**
 * Measures the deploy memory. Arguments name sections (all without any); `--sizes 1000,100000` sets the rungs of the
 * ladder, `--histories FILE,FILE` takes other histories than the usual ones, in the format that `tiphys memory replay`
 * reads. All but the ladder is the same on every machine.
 */
export async function run(args: string[]): Promise<void> {
  const sizes = (optionOf(args, '--sizes') ?? '1000,100000,1000000').split(',').map(Number);
  const histories = optionOf(args, '--histories')?.split(',') ?? HISTORY_FILES;
  const named = args.filter((arg): arg is Section => [...SECTIONS, SIGNALS].some((section) => section === arg));
  const wanted = new Set<Section>(named.length === 0 ? SECTIONS : named);
  if (wanted.has('edges')) benchEdges();
  if (wanted.has('null')) benchNullClaims();
  if (wanted.has('regret')) benchRegret();
  if (wanted.has('harmless')) benchHarmless();
  if (wanted.has('history')) await benchHistories(histories);
  if (wanted.has('ladder')) benchLadder(sizes);
  if (wanted.has(SIGNALS)) await benchSignals(histories);
}

function benchEdges(): void {
  title(
    `Planted patterns, held-out seeds ${EDGE_SEEDS[0]}-${EDGE_SEEDS.at(-1)} (120 services, 180 days, 25 patterns each)`,
  );
  const found = EDGE_SEEDS.map((seed) => findEdges(createWorld(seed)));
  for (const rule of ['memory', 'ewma'] as const) {
    const right = sum(found.map((one) => one[rule].right));
    const wrong = sum(found.map((one) => one[rule].wrong));
    const planted = sum(found.map((one) => one[rule].planted));
    const precision = right / (right + wrong);
    const recall = right / planted;
    const f1 = (2 * precision * recall) / (precision + recall);
    line(
      rule === 'memory' ? 'memory' : 'EWMA per pair > 0.15',
      `precision ${precision.toFixed(3)}  recall ${recall.toFixed(3)}  F1 ${f1.toFixed(3)}`,
    );
    if (rule === 'memory') {
      goal('precision', precision, '>=', 0.85);
      goal('recall', recall, '>=', 0.75);
    }
  }
}

function benchNullClaims(): void {
  title('Claims where nothing is planted and every service has its outcomes rotated');
  const counts = EDGE_SEEDS.map(countNullClaims);
  const pairs = sum(counts.map((one) => one.pairs));
  const per1000 = (1000 * sum(counts.map((one) => one.claims))) / pairs;
  line('memory', `${per1000.toFixed(3)} per 1,000 pairs (${pairs} pairs)`);
  line('EWMA per pair > 0.15', `${((1000 * sum(counts.map((one) => one.ewma))) / pairs).toFixed(1)} per 1,000 pairs`);
  goal('claims per 1,000 pairs', per1000, '<=', 1);
}

function benchRegret(): void {
  title(
    `Regret over NOPEA's rule, held-out seeds ${REGRET_SEEDS[0]}-${REGRET_SEEDS.at(-1)}: median [least, most] at canary costs ${COST_REGIMES.join(' / ')}`,
  );
  const worlds = REGRET_SEEDS.map((seed) => measureRegret(createWorld(seed)));
  for (const name of worlds[0]?.keys() ?? []) {
    const columns = COST_REGIMES.map((_, regime) =>
      worlds
        .map((world) => (world.get(name)?.[regime] ?? 0) / (world.get('NOPEA')?.[regime] ?? 1))
        .sort((a, b) => a - b),
    );
    line(
      name,
      columns
        .map((column) => `${median(column).toFixed(2)} [${column[0]?.toFixed(2)}, ${column.at(-1)?.toFixed(2)}]`)
        .join('  '),
    );
    if (name !== 'memory') continue;
    [0.25, 0.5, 0.5].forEach((limit, regime) => {
      goal(`regret at ${COST_REGIMES[regime]}`, median(columns[regime] ?? []), '<=', limit);
    });
  }
}

function benchHarmless(): void {
  title('Histories without any signal: worst of three seeds, against the base rate and the better constant policy');
  const rates = [0.003, 0.01, 0.03, 0.05, 0.09, 0.24];
  for (const options of rates.map((rate): NullOptions => ({ deploys: 20_000, rate }))) {
    const scores = [301, 302, 303].map((seed) => scoreNull(seed, options));
    const loss = Math.max(...scores.map((score) => score.logLossOfBase));
    const costs = COST_REGIMES.map((_, regime) =>
      Math.max(...scores.map((score) => score.costs[regime]?.ofBetterConstant ?? 0)),
    );
    line(
      `fails ${options.rate}`,
      `log loss ${loss.toFixed(4)}  cost ${costs.map((cost) => cost.toFixed(3)).join(' / ')}`,
    );
    goal('log loss', loss, '<=', 1.01);
    goal('cost', Math.max(...costs), '<=', 1.02);
  }
}

function scoreNull(seed: number, options: NullOptions) {
  const memory = createDeployMemory();
  const scorer = createScorer();
  const asked = new Map<string, { probability: number; base: number }>();
  let deploys = 0;
  let failures = 0;
  for (const event of toNullEvents(seed, options)) {
    if (event.type === 'deploy') {
      const { probability } = memory.recordDeploy(event.fact);
      asked.set(event.fact.id, { probability, base: (failures + 1) / (deploys + 2) });
      continue;
    }
    memory.recordOutcome(event.fact);
    const said = asked.get(event.fact.deployId);
    const failed = event.fact.outcome === 'failed';
    deploys += 1;
    if (failed) failures += 1;
    if (said !== undefined) scorer.add(said.probability, said.base, failed);
  }
  return scorer.score();
}

async function benchHistories(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const name = basename(path).replace(/\.jsonl(?:\.gz)?$/, '');
    title(`Real history ${name}: figure [90 % of histories resampled by day]`);
    if (!existsSync(path)) {
      console.log(`  SKIPPED: ${path} is not there.`);
      continue;
    }
    const events = await readHistory(path);
    const replay = runHistory(events);
    const environments = [...new Set(replay.deploys.map(({ environment }) => environment))].sort();
    showHistory('all environments', replay, replay.deploys);
    for (const environment of environments)
      showHistory(
        environment,
        replay,
        replay.deploys.filter((deploy) => deploy.environment === environment),
      );
    const middle = [...replay.deploys.map(({ day }) => day)].sort((a, b) => a - b)[replay.deploys.length >> 1] ?? 0;
    showHistory(
      'second half, all environments',
      replay,
      replay.deploys.filter(({ day }) => day >= middle),
    );
    showCalibration(replay.deploys);
  }
}

/** What each signal is worth: how much the loss grows when it alone is left out. */
async function benchSignals(paths: readonly string[]): Promise<void> {
  const signals = [...new Set(FEATURES.map(({ signal }) => signal))];
  for (const path of paths) {
    const name = basename(path).replace(/\.jsonl(?:\.gz)?$/, '');
    title(
      `Worth of each signal on ${name}: log loss / base rate per environment without it, and the growth in thousandths`,
    );
    if (!existsSync(path)) {
      console.log(`  SKIPPED: ${path} is not there.`);
      continue;
    }
    const events = await readHistory(path);
    const measure = (ignored: readonly string[]) => {
      const { names, deploys } = runHistory(events, ignored);
      return lossRatio(deploys, 0, names.indexOf('base rate per environment'));
    };
    const full = measure([]);
    line('all signals', full.toFixed(4));
    for (const signal of signals) {
      const without = measure([signal]);
      line(`without ${signal}`, `${without.toFixed(4)}  ${((without - full) * 1000).toFixed(1)}`);
    }
  }
}

function showHistory(name: string, replay: HistoryRun, deploys: readonly ScoredDeploy[]): void {
  const failures = deploys.filter(({ failed }) => failed).length;
  console.log(
    `  ${name}: ${deploys.length} deploys, ${failures} failed (${((100 * failures) / deploys.length).toFixed(2)} %)`,
  );
  if (failures === 0) return;
  const show = (label: string, measure: (sample: readonly ScoredDeploy[]) => number) => {
    const { value, low, high } = bootstrap(deploys, measure);
    line(label, `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`);
  };
  const at = (peer: string) => replay.names.indexOf(peer);
  show('log loss / base rate per environment', (sample) => lossRatio(sample, 0, at('base rate per environment')));
  show('log loss / base rate', (sample) => lossRatio(sample, 0, at('base rate')));
  show('log loss / outcome EWMA', (sample) => lossRatio(sample, 0, at('outcome EWMA by costs')));
  show('log loss / NOPEA as probability', (sample) => lossRatio(sample, 0, at('NOPEA')));
  show('failures in the riskiest 5 %', (sample) => topShare(sample, 0));
  COST_REGIMES.forEach((cost, regime) => {
    show(`cost / better constant at ${cost}`, (sample) => costRatio(sample, 0, undefined, regime));
  });
  for (const peer of ['outcome EWMA > 0.15', 'outcome EWMA by costs', 'plain frequency', 'NOPEA'])
    line(
      `  ${peer}: cost / better constant`,
      COST_REGIMES.map((_, regime) =>
        costRatio(deploys, at(peer), replay.thresholds[at(peer)], regime).toFixed(3),
      ).join(' / '),
    );
}

function showCalibration(deploys: readonly ScoredDeploy[]): void {
  const scorer = createScorer();
  for (const { said, failed } of deploys) scorer.add(said[0] ?? 0, 0.5, failed);
  console.log('  calibration: predicted up to | deploys | predicted | failed');
  for (const { upTo, deploys: count, predicted, failures } of scorer.score().calibration) {
    const rate = failures / count;
    const bar = '#'.repeat(Math.round(40 * Math.sqrt(rate)));
    console.log(
      `    ${String(upTo).padEnd(6)} ${String(count).padStart(7)}  ${predicted.toFixed(4)}  ${rate.toFixed(4)}  ${bar}`,
    );
  }
}

function benchLadder(sizes: readonly number[]): void {
  title('Size ladder (times of this machine; look-ups are random reads of a map of a million objects)');
  for (const size of sizes) {
    const row = climb(size);
    line(
      `${size} deploys`,
      `ingest ${Math.round(row.ingestPerSecond / 1000)}k/s (${(row.floorPerSecond / row.ingestPerSecond).toFixed(0)} times counting by service)  query p50 ${row.queryP50Lookups.toFixed(0)} p99 ${row.queryP99Lookups.toFixed(0)} look-ups ` +
        `(${row.queryP99Us.toFixed(0)} us; look-up ${row.lookupNs.toFixed(0)} ns)  snapshot ${row.snapshotBytesPerDeploy.toFixed(0)} B per deploy  load ${row.loadMs.toFixed(0)} ms`,
    );
  }
}

function optionOf(args: readonly string[], name: string): string | undefined {
  const at = args.indexOf(name);
  return at < 0 ? undefined : args[at + 1];
}

function title(text: string): void {
  console.log(`\n${text}`);
}

function line(label: string, text: string): void {
  console.log(`  ${label.padEnd(40)} ${text}`);
}

function goal(name: string, value: number, sign: '<=' | '>=', limit: number): void {
  const met = sign === '<=' ? value <= limit : value >= limit;
  if (!met) console.log(`    SHORT of the goal: ${name} ${value.toFixed(3)}, wanted ${sign} ${limit}`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
