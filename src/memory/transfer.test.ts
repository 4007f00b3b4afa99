import { describe, expect, it } from 'vitest';
import type { DeployRecord } from './facts.ts';
import { toFactOrder } from './facts-order.ts';
import { replayHistory } from './replay.ts';
import { exportFacts, importFacts } from './transfer.ts';

const START_MS = Date.UTC(2026, 0, 5, 9);

const records: DeployRecord[] = [
  {
    deploy: {
      id: 'dep_1',
      cluster: 'main',
      environment: 'production',
      namespace: 'shop',
      service: 'web',
      application: 'web-production',
      version: 'v1',
      changeKind: 'set_image',
      commit: 'a'.repeat(40),
      ticket: 'tkt_1',
      actor: 'mia',
      startedAtMs: START_MS,
      strategy: 'canary',
      size: 2,
    },
    outcome: {
      deployId: 'dep_1',
      atMs: START_MS + 90_000,
      outcome: 'failed',
      verdict: 'degraded',
      fingerprint: { class: 'oom', signature: 'limit hit' },
      durationMs: 90_000,
    },
  },
  {
    deploy: {
      id: 'dep_2',
      cluster: 'main',
      environment: 'staging',
      namespace: 'shop',
      service: 'web',
      changeKind: 'scale',
      startedAtMs: START_MS + 30_000,
      strategy: 'direct',
    },
  },
];
const provenance = { source: 'tiphys at example.org', exportedAtMs: START_MS + 1_000_000, actor: 'mia' };

async function readBack(lines: Iterable<string>) {
  const facts = [];
  for await (const fact of importFacts(lines)) facts.push(fact);
  return facts;
}

describe('moving a memory', () => {
  it('comes back as it went, with where it came from', async () => {
    const lines = [...exportFacts(records, provenance)];
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      type: 'header',
      format: 1,
      source: 'tiphys at example.org',
      at: '2026-01-05T09:16:40.000Z',
      actor: 'mia',
    });
    const expected = toFactOrder(records).map((told) =>
      told.type === 'deploy' ? { ...told, fact: { ...told.fact, origin: 'tiphys at example.org' } } : told,
    );
    expect(await readBack(lines)).toEqual(expected);
  });

  it('keeps the first origin when imported facts are exported again', async () => {
    const facts = await readBack(exportFacts(records, provenance));
    const again = facts.flatMap((told): DeployRecord[] => (told.type === 'deploy' ? [{ deploy: told.fact }] : []));
    const second = await readBack(exportFacts(again, { source: 'another', exportedAtMs: START_MS }));
    for (const told of second) expect(told).toMatchObject({ fact: { origin: 'tiphys at example.org' } });
  });

  it('can be replayed like any history', async () => {
    expect(await replayHistory(exportFacts(records, provenance))).toMatchObject({ deploys: 2, outcomes: 1, open: 1 });
  });

  it.each([
    [['{"type":"outcome","id":"x","at":"2026-01-05T09:00:00Z","outcome":"healthy"}'], /line 1 .*header/],
    [['not json'], /line 1 .*not JSON/],
    [[...exportFacts([], provenance), ...exportFacts([], provenance)], /line 2 .*second header/],
    [[...exportFacts([], provenance), '{"type":"deploy","id":"x"}'], /line 2 /],
    [[...exportFacts([], { ...provenance, source: '' })], /line 1 .*source/],
  ])('refuses what it cannot trust, with the line', async (lines, message) => {
    await expect(readBack(lines)).rejects.toThrow(message);
  });
});
