import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { createRedactor } from '../lib/redact.ts';
import { createMemoryKeeper } from './memory-store.ts';
import { listOccurrences, recordOccurrence, removeOccurrenceFiles } from './occurrence-store.ts';
import { CRASH, play, START_MS, toDeploy } from './test-memory.ts';

describeOnDatabases('occurrences', (database) => {
  const knex = () => database().db.knex;
  let dir = '';
  const deps = () => ({ knex: knex(), dir, redactor: createRedactor(['hunter2-hunter2']) });
  const files = async () => (await readdir(dir, { recursive: true })).filter((name) => name.includes('.json'));
  const input = {
    deployId: 'dep_bad',
    steps: [
      { atMs: START_MS, action: 'push.change', description: 'with hunter2-hunter2 in it', outcome: 'pushed' },
      {
        atMs: START_MS + 1_000,
        action: 'verdict',
        description: 'web is degraded.',
        outcome: 'failed',
        durationMs: 900,
      },
    ],
    explanation: ['web is degraded.', 'The container ends with exit code 1.', 'web is degraded.'],
    expected: { probability: 0.2, low: 0.1, high: 0.4, remembered: ['1 of 3 deploys failed.'], careReasons: [] },
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tiphys-occurrences-'));
  });
  afterAll(async () => await rm(dir, { recursive: true, force: true }));
  beforeEach(async () => {
    for (const table of ['occurrences', 'deploy_regressions', 'deploy_outcomes', 'deploys'])
      await knex()(table).delete();
    await rm(dir, { recursive: true, force: true });
    const keeper = createMemoryKeeper(database().db);
    await play(keeper, 'dep_a', 1, 'healthy');
    await play(keeper, 'dep_b', 2, 'failed');
    await keeper.recordDeploy(toDeploy('dep_beside', 9.9, { service: 'redis' }));
    await play(keeper, 'dep_bad', 10, 'failed', { version: '2.0', ticket: 'tkt_1', commit: 'c'.repeat(40) });
    await play(keeper, 'dep_later', 11, 'failed');
  });

  it('tells of a deploy that failed after it had been healthy as one story, in the same place', async () => {
    const keeper = createMemoryKeeper(database().db);
    await play(keeper, 'dep_soaked', 12, 'healthy', { version: '3.0' });
    const before = await recordOccurrence(deps(), { deployId: 'dep_soaked', steps: [], explanation: ['It is live.'] });
    expect(before).toMatchObject({ type: 'deploy.run.completed', outcome: 'success' });
    const atMs = START_MS + 12.5 * 3_600_000;
    await keeper.recordRegressions([{ deployId: 'dep_soaked', atMs, verdict: 'regressed', fingerprint: CRASH }]);
    await play(keeper, 'dep_next', 13, 'healthy');
    const after = await recordOccurrence(deps(), { deployId: 'dep_soaked', steps: [], explanation: ['It crashes.'] });
    expect(after).toMatchObject({
      id: before?.id,
      type: 'deploy.run.regressed',
      severity: 'error',
      outcome: 'failure',
      error: { code: 'crash_loop', message: 'It crashes.' },
      reasoning: { summary: 'web in production: regressed', causal_chain: ['It crashes.'] },
      data: { verdict: 'regressed', healthy_at: before?.timestamp, regressed_at: new Date(atMs).toISOString() },
    });
    expect(await files()).toHaveLength(1);
    const next = await recordOccurrence(deps(), { deployId: 'dep_next', steps: [], explanation: [] });
    // Three that failed, one that regressed, one that is healthy.
    expect(next?.data).toMatchObject({ deploys_known: 5, failures_known: 4 });
  });

  it('holds what failed, why it matters, what may have caused it, what to do, and the history', async () => {
    const occurrence = await recordOccurrence(deps(), input);
    expect(occurrence).toMatchObject({
      protocol_version: '1.0',
      source: 'tiphys',
      type: 'deploy.run.failed',
      severity: 'error',
      outcome: 'failure',
      context: { cluster: 'main', correlation: { deploy_id: 'dep_bad', ticket: 'tkt_1' } },
      error: {
        code: 'crash_loop',
        message: 'web is degraded.',
        what_failed: 'set_image of web (2.0) in production',
        suggested_fix: expect.stringContaining('last log lines'),
      },
      reasoning: {
        causal_chain: ['web is degraded.', 'The container ends with exit code 1.'],
        patterns_matched: [{ pattern_name: 'crash_loop', times_seen: 1 }],
      },
      history: { duration_ms: 300_000, steps: [{ action: 'push.change' }, { action: 'verdict', duration_ms: 900 }] },
      data: {
        fingerprint: CRASH,
        deploys_known: 2,
        failures_known: 1,
        concurrent: [{ deploy_id: 'dep_beside', service: 'redis' }],
      },
    });
    expect(occurrence?.error?.why_it_matters).not.toBe('');
    expect(occurrence?.error?.possible_causes).toContain('redis in production was deploying too.');
    expect(occurrence?.id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  });

  it('is one file for its owner alone and one row, the same when it is written again', async () => {
    const first = await recordOccurrence(deps(), input);
    expect(await recordOccurrence(deps(), input)).toEqual(first);
    const [file, ...others] = await files();
    expect(others).toEqual([]);
    expect(file).toBe(join('2026-01', `${first?.id}.json`));
    const path = join(dir, file ?? '');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, '2026-01'))).mode & 0o777).toBe(0o700);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(first);
    expect(await listOccurrences(knex(), { ticketId: 'tkt_1', limit: 5 })).toEqual([first]);
  });

  it('holds no secret', async () => {
    await recordOccurrence(deps(), input);
    const [file = ''] = await files();
    expect(await readFile(join(dir, file), 'utf8')).not.toContain('hunter2');
    expect(JSON.stringify(await knex()('occurrences'))).not.toContain('hunter2');
  });

  it('tells of good deploys without an error, and nothing of one that has not ended', async () => {
    const good = await recordOccurrence(deps(), { deployId: 'dep_a', steps: [], explanation: ['web is live.'] });
    expect(good).toMatchObject({
      type: 'deploy.run.completed',
      severity: 'info',
      outcome: 'success',
      data: { risk: null },
    });
    expect(good).not.toHaveProperty('error');
    expect(await recordOccurrence(deps(), { deployId: 'dep_beside', steps: [], explanation: [] })).toBeUndefined();
    expect(await recordOccurrence(deps(), { deployId: 'nobody', steps: [], explanation: [] })).toBeUndefined();
  });

  it('gives its files up, also when some are gone already', async () => {
    const made = await recordOccurrence(deps(), input);
    const gone = { id: made?.id ?? '', at: made?.timestamp ?? '' };
    await removeOccurrenceFiles(dir, [gone, gone]);
    expect(await files()).toEqual([]);
  });
});
