import { describe, expect, it } from 'vitest';
import type { GitCommit } from './import-git.ts';
import { GIT_LOG_FORMAT, importGitHistory, parseBump, parseGitLog } from './import-git.ts';
import { replayHistory } from './replay.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2025, 2, 3, 9);

const commit = (hours: number, subject: string, body = ''): GitCommit => ({
  sha: Math.round(hours * 100)
    .toString(16)
    .padStart(40, 'a'),
  atMs: START_MS + hours * HOUR_MS,
  subject,
  body,
});

describe('reading version bumps from commit titles', () => {
  it.each([
    [
      'Update whitehall image tag to v1393 for staging',
      { service: 'whitehall', version: 'v1393', environment: 'staging' },
    ],
    ['chore(deps): update docker tag ghcr.io/acme/web to v2.1.0', { service: 'web', version: 'v2.1.0' }],
    ['Bump web from 1.2.3 to 1.2.4 in production', { service: 'web', version: '1.2.4', environment: 'production' }],
    ['feat: deploy checkout v7 to prod', { service: 'checkout', version: 'v7', environment: 'prod' }],
    ['set web to 2.0.1', { service: 'web', version: '2.0.1' }],
    ['fix(container)!: update image ghcr.io/onedr0p/radarr to 5.2.1', { service: 'radarr', version: '5.2.1' }],
  ])('reads %s', (title, bump) => {
    expect(parseBump(title)).toEqual(bump);
  });

  it.each(['Update README', 'update web to use the new cache', 'Fix typo', 'Merge branch main', 'deploy more often'])(
    'leaves %s alone',
    (title) => {
      expect(parseBump(title)).toBeUndefined();
    },
  );
});

describe('importing a git history', () => {
  it('sees a step back to an earlier version within two days as a rollback, told at that commit', () => {
    const events = [
      ...importGitHistory([
        commit(0, 'deploy web v1 to production'),
        commit(60, 'deploy web v2 to production'),
        commit(61, 'deploy web v1 to production'),
        commit(200, 'Fix typo'),
      ]),
    ];
    expect(events.map((event) => (event.type === 'deploy' ? event.version : event.outcome))).toEqual([
      'v1',
      'healthy',
      'v2',
      'rolled_back',
      'v1',
      'healthy',
    ]);
    const ends = events
      .filter((event) => event.type === 'outcome')
      .map(({ at }) => (Date.parse(at) - START_MS) / HOUR_MS);
    expect(ends).toEqual([48, 61, 109]);
  });

  it('understands reverts by title and by commit id', () => {
    const bad = commit(1, 'deploy web v2 to production');
    for (const revert of [
      commit(2, 'Revert "deploy web v2 to production"'),
      commit(2, 'Back out the new web', `This reverts commit ${bad.sha}.`),
    ]) {
      const events = [...importGitHistory([commit(0, 'deploy web v1 to production'), bad, revert])];
      expect(events.at(-2)).toMatchObject({ type: 'outcome', outcome: 'rolled_back' });
      expect(events.at(-1)).toMatchObject({ type: 'deploy', version: 'v1', changeKind: 'revert' });
    }
  });

  it('takes an old version after more than two days for an ordinary deploy, and a slip of the hand for none', () => {
    const late = [
      ...importGitHistory([commit(0, 'deploy web v1'), commit(1, 'deploy web v2'), commit(60, 'deploy web v1')]),
    ];
    expect(late.filter((event) => event.type === 'outcome').map(({ outcome }) => outcome)).toEqual([
      'healthy',
      'healthy',
    ]);
    const slip = [
      ...importGitHistory([commit(0, 'deploy web v1'), commit(1, 'deploy web v2'), commit(1.02, 'deploy web v1')]),
    ];
    expect(slip.filter((event) => event.type === 'outcome').map(({ outcome }) => outcome)).toEqual([
      'healthy',
      'healthy',
    ]);
  });

  it('gives a history that replays, in order of time', async () => {
    const commits = Array.from({ length: 60 }, (_, index) =>
      commit(
        index * 5,
        `Update s${index % 4} image tag to v${index} for ${index % 2 === 0 ? 'staging' : 'production'}`,
      ),
    );
    const lines = [...importGitHistory(commits)].map((event) => JSON.stringify(event));
    const summary = await replayHistory(lines);
    expect(summary).toMatchObject({ deploys: 60, outOfOrder: 0, orphanOutcomes: 0 });
  });

  it('reads the log format it asks for, and names the commit it cannot read', () => {
    const write = (fields: Record<string, string>) =>
      GIT_LOG_FORMAT.replaceAll(/%x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
        .replaceAll(/%([HcIsb]+)/g, (_, name: string) => fields[name] ?? '')
        .concat('\n');
    const text =
      write({ H: 'a'.repeat(40), cI: '2025-03-03T10:00:00+01:00', s: 'deploy web v1', b: 'body\nmore' }) +
      write({ H: 'b'.repeat(40), cI: '2025-03-03T11:00:00+01:00', s: 'deploy web v2' });
    expect(parseGitLog(text)).toMatchObject([
      { subject: 'deploy web v1', body: 'body\nmore', atMs: START_MS },
      { subject: 'deploy web v2' },
    ]);
    expect(() => parseGitLog(`${text}oops\x1e`)).toThrow(/commit 3/);
  });
});
