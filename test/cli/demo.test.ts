import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '../../src/lib/exec.ts';
import { ticketEventSchema } from '../../src/ticket/event.ts';
import { git } from '../support/git-run.ts';
import { runTiphys } from '../support/tiphys-process.ts';

/** The settings of whoever runs it, which a demo must not follow. */
const CALLERS = { TIPHYS_SERVER_PORT: '1', TIPHYS_GIT_REPO_URL: '/nowhere', TIPHYS_LLM_PROVIDER: 'openai' };
const TIMEOUT_MS = 240_000;

let tmp: string;
let json: ExecResult;
let plain: ExecResult;

beforeAll(async () => {
  tmp = await mkdtemp(join(tmpdir(), 'tiphys-test-demo-'));
  const options = { cwd: tmp, env: { ...CALLERS, TMPDIR: tmp }, timeoutMs: TIMEOUT_MS - 10_000 };
  [json, plain] = await Promise.all([runTiphys(['demo', '--json', '--keep'], options), runTiphys(['demo'], options)]);
}, TIMEOUT_MS);
afterAll(async () => {
  await rm(tmp, { recursive: true, force: true, maxRetries: 3 });
});

describe('tiphys demo --json --keep', () => {
  it('prints events and then a summary, one object a line and nothing else', () => {
    expect(json).toMatchObject({ stderr: '', exitCode: 0 });
    expect(json.stdout.endsWith('}\n')).toBe(true);
    const objects = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    const events = objects.slice(0, -1).map((object) => ticketEventSchema.parse(object));
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => (events[0]?.id ?? 0) + index));
    const statuses = events.flatMap((event) => (event.type === 'status' ? [event.data.to] : []));
    expect(statuses.filter((to) => ['resolved', 'failed'].includes(to))).toEqual(['resolved', 'failed', 'resolved']);
    expect(objects.at(-1)).toMatchObject({
      type: 'summary',
      resolved: 2,
      failed: 1,
      reverted: 1,
      repository: expect.stringContaining(tmp) as string,
      database: expect.stringContaining(tmp) as string,
      elapsedMs: expect.any(Number) as number,
    });
  });

  it('keeps the repository and the database it names, and they hold what it says', async () => {
    const summary = JSON.parse(json.stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, string>;
    expect(existsSync(summary['database'] ?? '')).toBe(true);
    const log = await git(summary['repository'] ?? '', [
      'log',
      '--format=%H,%(trailers:key=Tiphys-Ticket,valueonly,separator=),%(trailers:key=Tiphys-Step,valueonly,separator=)',
      'refs/heads/main',
    ]);
    const rows = log
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    expect(rows[0]?.[0]).toBe(summary['head']);
    expect(rows).toHaveLength(Number(summary['commits']));
    // Newest first: the third ticket's commits, the second one taken back, the first, and how the repository began.
    const [, beganBy] = rows.pop() ?? [];
    expect(beganBy).toBe('');
    const tickets = [...new Set(rows.map(([, ticket]) => ticket))];
    expect(tickets).toHaveLength(3);
    const stepsOf = (ticket: string | undefined) => rows.filter((row) => row[1] === ticket).map((row) => row[2]);
    expect(stepsOf(tickets[0])).not.toContain('revert');
    expect(stepsOf(tickets[1])).toEqual(['revert', '1']);
    expect(stepsOf(tickets[2])).toEqual(['1']);
  });
});

describe('tiphys demo', () => {
  it('prints plain text where no terminal is attached', () => {
    expect(plain).toMatchObject({ stderr: '', exitCode: 0 });
    // eslint-disable-next-line no-control-regex
    expect(plain.stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
    expect(plain.stdout).toMatch(/2 resolved, 1 failed, 1 reverted in git/);
    expect(plain.stdout).toContain('Tiphys-Ticket');
  });

  it('leaves nothing behind', () => {
    const folder = /everything happens in (\S+)/.exec(plain.stdout)?.[1] ?? '';
    expect(folder).toContain(tmp);
    expect(existsSync(folder)).toBe(false);
  });
});
