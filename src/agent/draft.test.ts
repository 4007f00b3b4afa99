import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExampleRepo } from '../../test/support/example-repo.ts';
import type { BareRepo } from '../../test/support/git-fixture.ts';
import { createImpatientClock, openTestRepo } from '../../test/support/open-repo.ts';
import { loadIsolation } from '../cdk8s/isolation.ts';
import { createSynth } from '../cdk8s/synth.ts';
import { silentLogger } from '../lib/logger.ts';
import type { CommitSha } from '../lib/ids.ts';
import type { InfraRepo } from '../repo/infra-repo.ts';
import type { WorkTree } from '../repo/work-tree.ts';
import { applyPlan, createDraftCache, replayPlan, toDraftDeps, type AppliedPlan, type DraftOutcome } from './draft.ts';
import type { PlannedStep } from '../model/planning.ts';
import type { PlanSteps } from './test-agent.ts';

let dir: string;
let bare: BareRepo;
let repo: InfraRepo;
let deps: ReturnType<typeof toDraftDeps>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tiphys-draft-'));
  bare = await createExampleRepo(join(dir, 'infra.git'));
  repo = await openTestRepo(bare.url, { dir: join(dir, 'ours') });
  const clock = createImpatientClock();
  const synth = createSynth({ isolation: await loadIsolation(), clock, logger: silentLogger });
  deps = toDraftDeps({ repo, synth, settings: { allowedGlobs: ['charts/**/*.ts', 'main.ts'] } });
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true, maxRetries: 3 });
});

const caption = { title: 'A step', why: 'It is asked for.' };
const scale = (service: string, replicas: number): PlanSteps[number] => ({
  kind: 'edit',
  edit: { kind: 'scale', service, replicas },
  ...caption,
});
const write = (path: string, content: string | null): PlanSteps[number] => ({
  kind: 'edit_source',
  files: [{ path, content }],
  ...caption,
});
const rollback = (service: string): PlanSteps[number] => ({ kind: 'rollback', service, ...caption });

async function draft(
  steps: readonly PlannedStep[],
  look: (workTree: WorkTree, outcome: DraftOutcome) => Promise<void> = async () => undefined,
): Promise<DraftOutcome> {
  const base = await repo.fetch();
  return await repo.withWorkTree(base, 'draft', async (workTree) => {
    const outcome = await applyPlan(deps, workTree, steps, new AbortController().signal);
    await look(workTree, outcome);
    return outcome;
  });
}

async function draftApplied(steps: PlanSteps): Promise<AppliedPlan> {
  const outcome = await draft(steps);
  if (outcome.kind !== 'applied') throw new Error(JSON.stringify(outcome));
  return outcome;
}

const toPaths = ({ written }: AppliedPlan) => written?.map(({ files }) => [...files.keys()].toSorted());

/** Commits and pushes what the steps come to, as the pusher does; gives the commits, oldest first. */
async function publish(steps: readonly PlannedStep[], ticket: string): Promise<CommitSha[]> {
  const base = await repo.fetch();
  return await repo.withWorkTree(base, 'publish', async (workTree) => {
    const commits: CommitSha[] = [];
    const outcome = await applyPlan(deps, workTree, steps, new AbortController().signal, async (index, step) => {
      const trailers = { 'Tiphys-Ticket': ticket, 'Tiphys-Step': String(index + 1) };
      const sha = await workTree.commit({ message: `${step.title}\n\n${step.why}`, trailers });
      if (sha !== undefined) commits.push(sha);
    });
    const head = commits.at(-1);
    if (outcome.kind !== 'applied' || head === undefined) throw new Error(JSON.stringify(outcome));
    expect(await repo.push({ base, head })).toMatchObject({ kind: 'pushed' });
    return commits;
  });
}

describe('a draft', () => {
  it('applies typed edits step by step, source and rendered files both, and touches nothing else', async () => {
    const head = await bare.head();
    const applied = await draftApplied([scale('web', 7), scale('api', 5)]);
    expect(applied.changes.map(({ type, service, ref }) => [type, service, ref.kind])).toEqual([
      ['changed', 'api', 'Deployment'],
      ['changed', 'web', 'Deployment'],
    ]);
    expect(toPaths(applied)).toEqual([
      ['charts/web.ts', 'dist/web/Deployment.web.k8s.yaml'],
      ['charts/api.ts', 'dist/api/Deployment.api.k8s.yaml'],
    ]);
    expect(applied.sourceFiles.map(({ path, content, before }) => [path, content === before])).toEqual([
      ['charts/api.ts', false],
      ['charts/web.ts', false],
    ]);
    expect(applied).toMatchObject({ isEmpty: false, summaries: [expect.any(String), expect.any(String)] });
    expect(await bare.head()).toBe(head);
  });

  it('is empty where everything is so already, with a reason for each step', async () => {
    const before = await bare.show('dist/web/Deployment.web.k8s.yaml');
    const replicas = Number(/replicas: (\d+)/.exec(before)?.[1]);
    const investigate: PlanSteps[number] = { kind: 'investigate', service: 'web', question: 'why?', ...caption };
    const applied = await draftApplied([scale('web', replicas), investigate]);
    expect(applied).toMatchObject({ isEmpty: true, changes: [], sourceFiles: [], written: [] });
    expect(applied.summaries).toHaveLength(2);
    expect(applied.summaries[0]).toMatch(/already/);
  });

  it('is empty where a file is written just as it is', async () => {
    const applied = await draftApplied([write('charts/web.ts', `${await bare.show('charts/web.ts')}\n`)]);
    expect(applied).toMatchObject({ isEmpty: true, changes: [], sourceFiles: [] });
  });

  it('is not empty where only the source changes', async () => {
    const applied = await draftApplied([write('charts/web.ts', `// A remark.\n${await bare.show('charts/web.ts')}\n`)]);
    expect(applied).toMatchObject({ isEmpty: false, changes: [] });
    expect(applied.sourceFiles.map(({ path }) => path)).toEqual(['charts/web.ts']);
  });

  it('leaves no rendered file of what is gone', async () => {
    const steps: PlanSteps = [{ kind: 'edit', edit: { kind: 'remove_service', service: 'mailer' }, ...caption }];
    const outcome = await draft(steps, async (workTree) => {
      expect(await workTree.list('dist/mailer')).toEqual([]);
      expect(await workTree.list('dist/web')).not.toEqual([]);
    });
    if (outcome.kind !== 'applied') throw new Error(JSON.stringify(outcome));
    expect(outcome.changes.map(({ type, service }) => `${type} ${service}`)).toEqual([
      'removed mailer',
      'removed mailer',
    ]);
    expect(outcome.after.some(({ path }) => path.startsWith('dist/mailer'))).toBe(false);
  });

  it('makes what stands by hand in the rendered folder what the program renders', async () => {
    const own = await bare.head();
    await bare.commit({
      'dist/web/ConfigMap.left-behind.k8s.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n',
    });
    const applied = await draftApplied([scale('web', 7)]);
    expect(applied.changes.map(({ type, ref }) => `${type} ${ref.kind}/${ref.name}`)).toEqual([
      'removed ConfigMap/x',
      'changed Deployment/web',
    ]);
    await bare.git('update-ref', 'refs/heads/main', own);
  });

  it('says at which step a plan fails, and whether it was the edit or the program', async () => {
    expect(await draft([scale('web', 7), scale('nobody', 2)])).toMatchObject({
      kind: 'step_failed',
      step: 1,
      outcome: { kind: 'not_found' },
    });
    const broken = await draft([scale('web', 7), write('charts/web.ts', 'export const x = ;')]);
    expect(broken).toMatchObject({ kind: 'synth_failed', step: 1 });
    expect(broken.kind === 'synth_failed' && broken.message).toMatch(/charts\/web\.ts:1/);
  });

  it.each([
    ['dist/web/Deployment.web.k8s.yaml', /outside the files/],
    ['package.json', /protected/],
    ['charts/../package.json', /./],
    ['charts/deploy.sh', /protected/],
    ['.github/workflows/x.yml', /protected/],
  ])('does not write %s for a free-form step', async (path, reason) => {
    const outcome = await draft([write(path, 'x')], async (workTree) => {
      expect(await workTree.diff()).toBe('');
    });
    expect(outcome).toMatchObject({ kind: 'step_failed', step: 0, outcome: { kind: 'unsupported' } });
    expect(JSON.stringify(outcome)).toMatch(reason);
  });

  it('writes nothing of a step of which one file is refused', async () => {
    const files = [
      { path: 'charts/extra.ts', content: 'export {};\n' },
      { path: 'tiphys.yaml', content: 'version: 1\n' },
    ];
    const outcome = await draft([{ kind: 'edit_source', files, ...caption }], async (workTree) => {
      expect(await workTree.diff()).toBe('');
    });
    expect(outcome).toMatchObject({ kind: 'step_failed', outcome: { kind: 'unsupported' } });
  });
});

describe('a rollback', () => {
  it('takes back all commits of the last ticket of a service, and the one before that the next time', async () => {
    const original = await bare.show('dist/worker/Deployment.worker.k8s.yaml');
    await publish([scale('worker', 3)], 'tkt_first');
    const first = await bare.show('dist/worker/Deployment.worker.k8s.yaml');
    const set: PlanSteps[number] = {
      kind: 'edit',
      edit: { kind: 'set_env', service: 'worker', name: 'MODE', value: 'fast' },
      ...caption,
    };
    const commits = await publish([scale('worker', 6), set], 'tkt_second');
    expect(commits).toHaveLength(2);
    await publish([scale('web', 5)], 'tkt_elsewhere');

    const outcome = await draft([rollback('worker')], async (workTree) => {
      expect(await workTree.read('dist/worker/Deployment.worker.k8s.yaml')).toBe(`${first}\n`);
      expect(await workTree.read('dist/web/Deployment.web.k8s.yaml')).toMatch(/replicas: 5/);
    });
    expect(outcome).toMatchObject({ kind: 'applied', written: null });
    for (const sha of commits) expect(JSON.stringify(outcome)).toContain(sha.slice(0, 9));

    const message = commits
      .toReversed()
      .map((sha) => `This reverts commit ${sha}.`)
      .join('\n');
    const base = await repo.fetch();
    await repo.withWorkTree(base, 'revert', async (workTree) => {
      await workTree.revert(commits.toReversed());
      const head = await workTree.commit({ message: `revert: it crashed\n\n${message}`, trailers: {} });
      if (head === undefined) throw new Error('nothing was reverted');
      await repo.push({ base, head });
    });
    const next = await draft([rollback('worker')], async (workTree) => {
      expect(await workTree.read('dist/worker/Deployment.worker.k8s.yaml')).toBe(`${original}\n`);
    });
    expect(next.kind).toBe('applied');
  });

  it('does not take back the commit that made the service', async () => {
    expect(await draft([rollback('postgres')])).toMatchObject({
      kind: 'step_failed',
      outcome: { kind: 'not_found', what: expect.stringContaining('postgres') as string },
    });
  });

  it('says what stands in the way where later changes conflict', async () => {
    await publish([scale('api', 6)], 'tkt_api');
    const path = 'charts/api.ts';
    // Not a change of what is rendered, so the ticket's is still the last one of the service.
    await bare.commit({ [path]: (await bare.show(path)).replace('replicas: 6,', 'replicas: 3 + 3,') });
    const outcome = await draft([rollback('api')]);
    expect(outcome).toMatchObject({ kind: 'step_failed', outcome: { kind: 'unsupported' } });
    expect(JSON.stringify(outcome)).toContain(path);
  });
});

describe('taking back what went bad later', () => {
  const takeBack = (service: string, commits: string[]): PlannedStep => ({
    kind: 'take_back',
    ticket: 'tkt_bad',
    services: [service],
    commits,
    needsPerson: false,
    title: 'Take it back',
    why: `It crashed.\n\n${commits.map((sha) => `This reverts commit ${sha}.`).join('\n')}`,
  });

  it('undoes exactly the commits that are named, also where the service was changed since', async () => {
    const env: PlannedStep = {
      kind: 'edit',
      edit: { kind: 'set_env', service: 'mailer', name: 'MODE', value: 'bad' },
      ...caption,
    };
    const show = async () => await bare.show('dist/mailer/Deployment.mailer.k8s.yaml');
    const bad = await publish([env], 'tkt_bad');
    expect(await show()).toContain('MODE');
    await publish([scale('mailer', 7)], 'tkt_after');
    const [taken, ...rest] = await publish([takeBack('mailer', bad)], 'tkt_follow_up');
    expect([taken, rest]).toEqual([await bare.head(), []]);
    expect(await show()).not.toContain('MODE');
    expect(await show()).toMatch(/replicas: 7/);
    // The rollback of the service passes over both, and a second time there is nothing left to take back.
    await draft([rollback('mailer')], async (workTree) => {
      expect(await workTree.read('dist/mailer/Deployment.mailer.k8s.yaml')).not.toMatch(/MODE|replicas: 7/);
    });
    const again = await draft([takeBack('mailer', bad)]);
    expect(again).toMatchObject({ kind: 'applied', isEmpty: true, summaries: ['already taken back'] });
  }, 180_000);

  it('refuses commits that are not on the branch', async () => {
    expect(await draft([takeBack('mailer', ['0'.repeat(40)])])).toMatchObject({
      kind: 'step_failed',
      outcome: { kind: 'not_found', what: 'commit 000000000 on the branch' },
    });
  });
});

describe('a kept draft', () => {
  it('is written again as it was applied, and is forgotten when others come', async () => {
    const base = await repo.fetch();
    const steps = [scale('mailer', 4), scale('web', 8)];
    const cache = createDraftCache(1);
    const applied = await draftApplied(steps);
    cache.keep(base, steps, applied);
    expect(cache.find(base, [scale('mailer', 4), scale('web', 8)])).toBe(applied);
    expect(cache.find(base, [scale('mailer', 4), scale('web', 9)])).toBeUndefined();
    expect(cache.find('0'.repeat(40), steps)).toBeUndefined();

    const order: number[] = [];
    const diffs = await Promise.all(
      [
        async (workTree: WorkTree) => void (await applyPlan(deps, workTree, steps, new AbortController().signal)),
        async (workTree: WorkTree) =>
          await replayPlan(workTree, steps, applied.written ?? [], async (index) => void order.push(index)),
      ].map(
        async (make) =>
          await repo.withWorkTree(base, 'replay', async (workTree) => {
            await make(workTree);
            return await workTree.diff();
          }),
      ),
    );
    expect(diffs[0]).toMatch(/^\+.*replicas: 8/m);
    expect(diffs[1]).toBe(diffs[0]);
    expect(order).toEqual([0, 1]);

    cache.keep(base, [scale('web', 1)], applied);
    expect(cache.find(base, steps)).toBeUndefined();
  });
});
