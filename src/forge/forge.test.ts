import { rm } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBareRepo, type BareRepo } from '../../test/support/git-fixture.ts';
import { startForgeHost, type ForgeHost } from '../../test/support/forge-host/server.ts';
import { FORGE_KINDS } from '../config/git-host.ts';
import { createSystemClock } from '../lib/clock.ts';
import { createForge } from './configured.ts';
import type { Forge, PullRequest } from './forge.ts';

const TOKEN = 'token-for-pull-requests';
const PROJECTS = { github: 'acme/infra', gitlab: 'acme/platform/infra', gitea: 'acme/infra' } as const;

// One host for all tests of a kind; each test proposes from a branch of its own.
describe.each(FORGE_KINDS)('pull requests on %s', (kind) => {
  const project = PROJECTS[kind];
  let root: string;
  let repo: BareRepo;
  let host: ForgeHost;
  let forge: Forge;
  let branches = 0;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'tiphys-forge-'));
    repo = await createBareRepo(`${root}/${project}.git`, { 'dist/web.yaml': 'replicas: 2\n' });
    host = await startForgeHost({ kind, root, project, token: TOKEN });
    forge = connect(TOKEN);
  });
  afterAll(async () => {
    await host.close();
    await rm(root, { recursive: true, force: true });
  });

  const connect = (token: string, name: string = project) =>
    createForge({ kind, apiUrl: host.apiUrl, project: name }, token, { clock: createSystemClock() });

  const propose = async (files: Record<string, string> = {}) => {
    const head = `tiphys/${(branches += 1)}`;
    await repo.git('branch', head, 'main');
    await repo.commit(
      { [`dist/${branches}.yaml`]: 'new\n', ...files },
      { branch: head, message: `Change ${branches}` },
    );
    return { title: `Change ${branches}`, body: 'A **plan**', head, base: 'main' };
  };
  const openOne = async (files: Record<string, string> = {}): Promise<PullRequest> => {
    const outcome = await forge.open(await propose(files));
    if (outcome.kind !== 'opened') throw new Error(`it was not opened but ${outcome.kind}`);
    return outcome.pull;
  };

  it('are opened once, with what was given, read back as open, and found by their branches', async () => {
    const request = await propose();
    expect(await forge.find(request.head, 'main')).toBeUndefined();
    const outcome = await forge.open(request);
    if (outcome.kind !== 'opened') throw new Error(outcome.kind);
    const { number } = outcome.pull;
    expect(outcome.pull).toMatchObject({ state: 'open', head: { branch: request.head }, baseBranch: 'main' });
    expect(outcome.pull.url).toMatch(new RegExp(`^${host.url}/${project}/.*\\d$`));
    expect(await host.pulls.find(number)).toMatchObject(request);
    expect(await forge.get(number)).toMatchObject({
      state: 'open',
      head: { sha: await repo.head(request.head) },
      mergeable: 'clean',
      mergeCommit: null,
      endedBy: null,
    });
    expect(await forge.open(request)).toEqual({ kind: 'exists' });
    expect(await forge.find(request.head, 'main')).toMatchObject({ number });
    expect(await forge.find(request.head, 'release')).toBeUndefined();
  });

  it('are refused without a difference', async () => {
    await repo.git('branch', 'empty', 'main');
    const request = { title: 'Nothing', body: '', head: 'empty', base: 'main' };
    const outcome = await forge.open(request).then(
      ({ kind: how }) => how,
      (error: unknown) => String(error),
    );
    expect(outcome).toMatch(/refused|could not open the pull request: the git host answered 404/);
  });

  it('tell who closed them, are closed by us without fuss, and leave room for another', async () => {
    const { number, head } = await openOne();
    host.pulls.close(number, 'ben');
    expect(await forge.get(number)).toMatchObject({ state: 'closed', endedBy: 'ben', mergeCommit: null });
    await forge.close(number);
    const again = await forge.open({ title: 'Again', body: '', head: head.branch, base: 'main' });
    if (again.kind !== 'opened') throw new Error(again.kind);
    expect(await forge.find(head.branch, 'main')).toMatchObject({ number: again.pull.number, state: 'open' });
    await forge.close(again.pull.number);
    expect(await forge.get(again.pull.number)).toMatchObject({ state: 'closed', endedBy: 'tiphys-bot' });
    expect(await forge.find(head.branch, 'main')).toMatchObject({ number: again.pull.number, state: 'closed' });
  });

  it('say when they cannot be merged, and where their branch is now', async () => {
    const { number, head } = await openOne({ 'dist/web.yaml': 'replicas: 3\n' });
    await repo.commit({ 'dist/web.yaml': 'replicas: 9\n' });
    const edited = await repo.commit({ 'README.md': 'by hand\n' }, { branch: head.branch });
    expect(await forge.get(number)).toMatchObject({ mergeable: 'conflict', head: { sha: edited } });
  });

  it('are described anew and commented on', async () => {
    const { number } = await openOne();
    await forge.update(number, { title: 'Scale web again', body: 'Other words' });
    await forge.comment(number, 'A remark of ours');
    expect(await host.pulls.find(number)).toMatchObject({
      title: 'Scale web again',
      body: 'Other words',
      state: 'open',
      comments: [{ author: 'tiphys-bot', text: 'A remark of ours' }],
    });
  });

  it('give the words of people with author, place and verdict, once each', async () => {
    const { number } = await openOne();
    host.pulls.comment(number, 'ann', 'Why three?');
    const review = host.pulls.review(number, 'ben', 'changes_requested', kind === 'gitlab' ? '' : 'Not like this');
    const line = host.pulls.comment(number, 'ben', 'Two would do', { path: 'dist/web.yaml', line: 4 });
    line.reviewId = review.id;
    host.pulls.review(number, 'cleo', 'pending', 'not sent yet');
    host.pulls.review(number, 'dora', 'approved', '');
    const remarks = await forge.listRemarks(number, 0);
    expect(new Set(remarks.map(({ id }) => id)).size).toBe(remarks.length);
    const told = remarks.map(({ author, verdict, text, path, line: at }) => [author, verdict, text, path, at]);
    expect(told).toHaveLength(4);
    expect(told).toEqual(
      expect.arrayContaining([
        ['ann', 'comment', 'Why three?', undefined, undefined],
        ['ben', 'changes_requested', review.text, undefined, undefined],
        ['ben', 'comment', 'Two would do', 'dist/web.yaml', 4],
        ['dora', 'approved', '', undefined, undefined],
      ]),
    );
    for (const { url } of remarks) expect(url).toMatch(/^http:\/\/127.*#/);
    // Reviews have no filter by time on GitHub and Gitea; what was read before is told apart by its id.
    const later = await forge.listRemarks(number, Date.now() + 60_000);
    expect(later.filter(({ id }) => !id.startsWith('review:'))).toEqual([]);
  });

  it.each(['merge', 'squash', 'rebase', ...(kind === 'gitlab' ? (['fast_forward'] as const) : [])] as const)(
    'tell the commit that merging came to: %s',
    async (method) => {
      const { number } = await openOne();
      const sha = await host.pulls.merge(number, 'ann', method);
      expect(await repo.head()).toBe(sha);
      const merged = await forge.get(number);
      expect(merged).toMatchObject({ state: 'merged', mergeCommit: sha, endedBy: 'ann' });
      expect(merged.endedAtMs).toBeGreaterThan(0);
    },
  );

  it('need a token that is accepted, and a repository that can be seen', async () => {
    expect(await forge.describe()).toContain(project);
    const hint = expect.stringMatching(/token is not accepted/) as string;
    await expect(connect('wrong').describe()).rejects.toMatchObject({ code: 'git_rejected', hint });
    await expect(connect('wrong').comment(1, 'x')).rejects.toMatchObject({ code: 'git_rejected' });
    await expect(connect(TOKEN, 'acme/else').get(1)).rejects.toMatchObject({ code: 'not_found' });
  });
});
