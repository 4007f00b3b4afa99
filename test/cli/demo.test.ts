import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ticketEventSchema } from '../../src/ticket/event.ts';
import { git } from '../support/git-run.ts';
import { makeTempDir } from '../support/open-repo.ts';
import { runTiphys } from '../support/tiphys-process.ts';

/** The settings of whoever runs it, which a demo must not follow. */
const CALLERS = { TIPHYS_SERVER_PORT: '1', TIPHYS_GIT_REPO_URL: '/nowhere', TIPHYS_LLM_PROVIDER: 'openai' };

describe('tiphys demo', () => {
  it('with --json prints events and a summary, one a line and nothing else, and what it says can be looked up', async () => {
    const cwd = await makeTempDir();
    const tmp = await makeTempDir();
    const result = await runTiphys(['demo', '--json', '--keep'], {
      cwd,
      env: { ...CALLERS, TMPDIR: tmp },
      timeoutMs: 170_000,
    });
    expect(result.stderr).toBe('');
    expect(result.exitCode).toBe(0);
    expect(result.stdout.endsWith('\n')).toBe(true);
    const lines = result.stdout.trimEnd().split('\n');
    const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const summary = objects.at(-1) ?? {};
    expect(summary).toMatchObject({
      type: 'summary',
      resolved: 2,
      failed: 1,
      reverted: 1,
      repository: expect.stringContaining(tmp) as string,
      database: expect.stringContaining(tmp) as string,
      elapsedMs: expect.any(Number) as number,
    });
    const events = objects.slice(0, -1).map((object) => ticketEventSchema.parse(object));
    expect(events.map(({ id }) => id)).toEqual(events.map(({ id }) => id).toSorted((a, b) => a - b));
    const ends = events.flatMap((event) => (event.type === 'status' ? [event.data.to] : []));
    expect(ends.filter((to) => ['resolved', 'failed'].includes(to))).toEqual(['resolved', 'failed', 'resolved']);

    const repository = String(summary['repository']);
    onTestFinished(() => rm(dirname(dirname(repository)), { recursive: true, force: true }));
    expect(existsSync(String(summary['database']))).toBe(true);
    const log = await git(repository, ['log', '--format=%(trailers:key=Tiphys-Ticket,valueonly,separator=)', 'main']);
    const tickets = log.split('\n').filter((line) => line !== '');
    expect(new Set(tickets).size).toBe(3);
    expect(tickets).toHaveLength(4);
  });

  it('prints plain text where no terminal is attached, and leaves nothing behind', async () => {
    const cwd = await makeTempDir();
    const tmp = await makeTempDir();
    const result = await runTiphys(['demo'], { cwd, env: { TMPDIR: tmp }, timeoutMs: 170_000 });
    expect(result.stderr).toBe('');
    expect(result.exitCode).toBe(0);
    // eslint-disable-next-line no-control-regex
    expect(result.stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
    expect(result.stdout).toMatch(/2 resolved, 1 failed, 1 reverted in git/);
    expect(result.stdout).toContain('Tiphys-Ticket');
    const folder = /everything happens in (\S+)/.exec(result.stdout)?.[1] ?? '';
    expect(folder).toContain(tmp);
    expect(existsSync(folder)).toBe(false);
  });
});
