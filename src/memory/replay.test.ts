import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ReplayPrediction } from './replay.ts';
import { PREDICTIONS_HEADER, replayHistory, toPredictionLine } from './replay.ts';

function createRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

function createLines(deploys: number, seed = 3): string[] {
  const random = createRandom(seed);
  const events: { atMs: number; line: object }[] = [];
  for (let index = 0; index < deploys; index += 1) {
    const atMs = Date.UTC(2025, 0, 1) + index * 600_000;
    const id = `d${index}`;
    const service = `s${index % 7}`;
    events.push({
      atMs,
      line: {
        type: 'deploy',
        id,
        at: new Date(atMs).toISOString(),
        service,
        environment: 'production',
        version: `v${index}`,
      },
    });
    const endMs = atMs + Math.floor(random() * 7_200_000);
    const outcome = random() < 0.1 ? 'failed' : 'healthy';
    events.push({ atMs: endMs, line: { type: 'outcome', id, at: new Date(endMs).toISOString(), outcome } });
  }
  return events.sort((a, b) => a.atMs - b.atMs).map(({ line }) => JSON.stringify(line));
}

async function predict(lines: Iterable<string>): Promise<ReplayPrediction[]> {
  const predictions: ReplayPrediction[] = [];
  await replayHistory(lines, { onPrediction: (prediction) => predictions.push(prediction) });
  return predictions;
}

describe('replaying a history', () => {
  it('never looks ahead: what comes later changes nothing that was said before', async () => {
    const lines = createLines(300);
    const full = await predict(lines);
    expect(full).toHaveLength(300);
    for (const cut of [1, 57, 301]) {
      const flipped = lines.map((line, index) => (index < cut ? line : line.replace('"healthy"', '"failed"')));
      const known = await predict(lines.slice(0, cut));
      const other = await predict(flipped);
      expect(full.slice(0, known.length)).toEqual(known);
      expect(other.slice(0, known.length)).toEqual(known);
    }
    expect(await predict(lines.map((line) => line.replace('"healthy"', '"failed"')))).not.toEqual(full);
  });

  it('answers before the next line is read', async () => {
    const lines = createLines(20);
    let read = 0;
    let said = 0;
    function* pipe() {
      for (const line of lines) {
        // Every deploy line read so far but the newest has been answered.
        const asked = lines.slice(0, read).filter((known) => known.includes('"deploy"')).length;
        expect(said).toBe(asked);
        read += 1;
        yield line;
      }
    }
    await replayHistory(pipe(), { onPrediction: () => (said += 1) });
    expect(said).toBe(20);
  });

  it('sums up against the rate known so far, per environment', async () => {
    const summary = await replayHistory(createLines(400));
    expect(summary).toMatchObject({ deploys: 400, outcomes: 400, open: 0, orphanOutcomes: 0, outOfOrder: 0 });
    const score = summary.environments['production'];
    expect(score?.deploys).toBe(400);
    expect(score?.logLoss).toBeCloseTo((score?.baseLogLoss ?? 0) * (score?.logLossOfBase ?? 0), 9);
    expect(score?.calibration.reduce((sum, bin) => sum + bin.deploys, 0)).toBe(400);
  });

  it.each([
    ['{"type":"deploy"', /line 3 .*not JSON/],
    ['{"type":"deploy","id":"x","at":"yesterday","service":"s","environment":"e"}', /line 3 .*at: /],
    ['{"type":"deploy","id":"x","at":"2025-01-03T00:00:00Z","service":"s"}', /line 3 .*environment: /],
    ['{"type":"outcome","id":"d0","at":"2025-01-03T00:00:00Z","outcome":"great"}', /line 3 .*outcome: /],
    ['{"type":"party"}', /line 3 .*type: /],
    ['{"type":"deploy","id":"d0","at":"2025-01-03T00:00:00Z","service":"s","environment":"e"}', /line 3 .*used before/],
  ])('says where and why a line cannot be read: %s', async (bad, message) => {
    const lines = createLines(10).slice(0, 2);
    await expect(replayHistory([...lines, bad])).rejects.toThrow(message);
  });

  it('counts outcomes it cannot place and times that go back, and goes on', async () => {
    const lines = [
      '{"type":"outcome","id":"gone","at":"2025-01-02T00:00:00Z","outcome":"healthy"}',
      '',
      '{"type":"deploy","id":"a","at":"2025-01-01T00:00:00Z","service":"s","environment":"e","extra":1}',
      '{"type":"outcome","id":"a","at":"2025-01-02T01:00:00+01:00","outcome":"superseded"}',
    ];
    expect(await replayHistory(lines)).toMatchObject({ deploys: 1, outcomes: 1, orphanOutcomes: 1, outOfOrder: 1 });
  });

  it('writes predictions as lines of a table', () => {
    expect(PREDICTIONS_HEADER.split(',')).toHaveLength(5);
    const line = toPredictionLine({ id: 'a,"b"', probability: 0.1, low: 0.05, high: 0.2, strategy: 'canary' });
    expect(line).toBe('"a,""b""",0.100000,0.050000,0.200000,canary');
  });
});

const HISTORIES = join(import.meta.dirname, '../../../shared/data/deploy-history');
const there = existsSync(HISTORIES);
if (!there) console.warn(`SKIPPED: real deploy histories are not at ${HISTORIES}`);

/** Mean losses of the environments, each against its own rate known so far. */
async function replayFile(name: string) {
  const file = createReadStream(join(HISTORIES, name)).pipe(createGunzip());
  const summary = await replayHistory(createInterface({ input: file }));
  const scores = Object.values(summary.environments);
  const total = (pick: 'logLoss' | 'baseLogLoss') =>
    scores.reduce((sum, score) => sum + score[pick] * score.deploys, 0);
  return { summary, ofEnvironmentBase: total('logLoss') / total('baseLogLoss') };
}

describe.skipIf(!there)('on real histories', () => {
  it('beats the base rate where rollbacks are rare and come in masses', async () => {
    const { summary, ofEnvironmentBase } = await replayFile('govuk-2022-2024.jsonl.gz');
    expect(ofEnvironmentBase).toBeLessThanOrEqual(0.92);
    expect(summary.environments['production']?.logLossOfBase).toBeLessThanOrEqual(0.97);
    for (const score of Object.values(summary.environments))
      for (const cost of score.costs) expect(cost.ofBetterConstant).toBeLessThanOrEqual(1.02);
  });

  it('halves the loss where failures come in runs', async () => {
    const { summary, ofEnvironmentBase } = await replayFile('govuk-promotions-2023-2024.jsonl.gz');
    expect(ofEnvironmentBase).toBeLessThanOrEqual(0.6);
    expect(summary.all.costs[0]?.ofBetterConstant).toBeLessThanOrEqual(0.6);
  });
});
