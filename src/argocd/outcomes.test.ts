import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCENARIOS, toOutcomeKey, WAITS } from './test-outcomes.ts';

// The specification lists every end an observation can have, with what is said then. A new outcome, or a new reason of one, does
// not compile in test-outcomes.ts without a way to come to it, and fails here without a row.

const SPEC = readFileSync(new URL('../../spec/observation.md', import.meta.url), 'utf8');

/** Rows of the tables whose first cell is in code, by that cell: `failed` `sync` is `failed sync`. */
function listRows(): Map<string, string[]> {
  const rows = new Map<string, string[]>();
  for (const line of SPEC.split('\n')) {
    const first = /^\| (`[^|]+`) \|/.exec(line)?.[1];
    if (first === undefined) continue;
    const key = first.replaceAll('`', '');
    rows.set(key, [...(rows.get(key) ?? []), line]);
  }
  return rows;
}

describe('every outcome', () => {
  const rows = listRows();

  it.each(Object.keys(SCENARIOS))('has a row with evidence, consequence and an example: %s', (key) => {
    const [row] = rows.get(key) ?? [];
    expect(row, `spec/observation.md has no row for ${key}`).toBeDefined();
    const cells = row?.split('|').slice(1, -1) ?? [];
    expect(cells.map((cell) => cell.trim() !== '')).toEqual([true, true, true, true]);
  });

  const ways = Object.entries(SCENARIOS).flatMap(([key, scenarios]) =>
    Object.entries(scenarios).map(([name, run]) => [key, name, run] as const),
  );

  it.each(ways)('is reached, says what the specification says, and carries what it read: %s, %s', (key, _name, run) => {
    const { outcome } = run();
    expect(outcome).toBeDefined();
    if (outcome === undefined) return;
    expect(toOutcomeKey(outcome)).toBe(key);
    const text = (rows.get(key) ?? []).join('\n');
    expect(text, `spec/observation.md does not give the sentence of ${key}`).toContain(outcome.sentence);
    expect(outcome.evidence.length).toBeGreaterThan(0);
    for (const { object, field } of outcome.evidence) expect([object, field]).not.toContain('');
    // Whole sentences of words a person knows, without the names of our own states.
    expect(outcome.sentence).toMatch(/^[A-Z]/);
    expect(outcome.sentence).not.toMatch(/\b[a-z]+_[a-z_]+\b|undefined|\[object|NaN/);
  });
});

describe('every wait', () => {
  it.each(Object.entries(WAITS))('says what is waited for, as the specification has it: %s', (_name, run) => {
    const reasons = run().decisions.flatMap(({ decision }) => (decision.kind === 'conclude' ? [] : [decision.reason]));
    expect(reasons.length).toBeGreaterThan(0);
    for (const reason of new Set(reasons)) expect(SPEC).toContain(reason);
  });
});
