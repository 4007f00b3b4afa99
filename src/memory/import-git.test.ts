import { describe, expect, it } from 'vitest';
import type { GitCommit } from './import-git.ts';
import { parseBump, parseRevertedTitle } from './bump-title.ts';
import { GIT_LOG_FORMAT, importGitHistory, parseGitLog } from './import-git.ts';
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
    ['feat(helm): update loki ( 6.19.0 → 6.20.0 ) (#8367)', { service: 'loki', version: '6.20.0' }],
    [
      'fix(container): update image ghcr.io/home-operations/prowlarr (2.6.0.5494 ➔ 2.6.1.5509) (#11471)',
      { service: 'prowlarr', version: '2.6.1.5509' },
    ],
    [
      'Update codercom/code-server Docker tag to v3.7.2 [ci-skip] (#104)',
      { service: 'code-server', version: 'v3.7.2' },
    ],
    ['chore(deps): update helm release radarr to v10.3.0 (#1309)', { service: 'radarr', version: 'v10.3.0' }],
    [
      'Update Helm release dex to v0.22.0 (integration)',
      { service: 'dex', version: 'v0.22.0', environment: 'integration' },
    ],
    ['(grafana): update image grafana 11.0.0 -> 11.1.0 (minor)', { service: 'grafana', version: '11.1.0' }],
  ])('reads %s', (title, bump) => {
    expect(parseBump(title)).toEqual(bump);
  });

  it.each([
    'Update README',
    'update web to use the new cache',
    'Fix typo',
    'Merge branch main',
    'deploy more often',
    'fix(github-action): update renovatebot/github-action action to v32.14.1',
    'feat(terraform): update terraform cloudflare to 3.16.0 (#3436)',
    'feat(container): update volsync group (minor) (#7371)',
  ])('leaves %s alone', (title) => {
    expect(parseBump(title)).toBeUndefined();
  });

  it.each([
    [
      'Revert "feat(helm): update loki ( 6.19.0 → 6.20.0 ) (#8367)" (#8370)',
      'feat(helm): update loki ( 6.19.0 → 6.20.0 )',
    ],
    ['revert: deploy web v2', 'deploy web v2'],
    ['Deploy web v2', undefined],
  ])('finds what %s takes back', (title, reverted) => {
    expect(parseRevertedTitle(title)).toBe(reverted);
  });
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
