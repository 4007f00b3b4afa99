import { beforeEach, expect, it } from 'vitest';
import { describeOnDatabases } from '../../test/support/postgres.ts';
import { listCorrections } from './correction-store.ts';
import { exportHistory, importHistory, removeSubject } from './exchange-store.ts';
import { parseImport } from './exchange.ts';
import { listDeploys, listServices } from './fact-store.ts';
import type { Scope } from './facts.ts';
import type { MemorySnapshot, SnapshotFile } from './memory-snapshot.ts';
import { createMemoryKeeper, type NewCorrection } from './memory-store.ts';
import { CRASH, HOUR_MS, play, START_MS, toDeploy, toOutcome, toSayings, WEB } from './test-memory.ts';

const API: Scope = { ...WEB, service: 'api' };
const SCOPES = [WEB, API];
const LATER_MS = START_MS + 1_000 * HOUR_MS;
const by = { actor: 'person:ann', atMs: START_MS };

describeOnDatabases('the memory keeper', (database) => {
  const db = () => database().db;
  const build = () => createMemoryKeeper(db());
  const riskOf = async (keeper = build()) => (await keeper.current()).context(WEB, LATER_MS).risk;
  /** What a keeper says that lived through everything, and one that was started just now. */
  const expectRebuilt = async (live: ReturnType<typeof build>) => {
    expect(toSayings(await live.current(), SCOPES, LATER_MS)).toEqual(
      toSayings(await build().current(), SCOPES, LATER_MS),
    );
  };
  const fill = async (keeper = build()) => {
    for (let index = 0; index < 12; index += 1) {
      await play(keeper, `dep_web${index}`, index, index % 4 === 3 ? 'failed' : 'healthy');
      await play(keeper, `dep_api${index}`, index + 0.5, index === 7 ? 'rolled_back' : 'healthy', API);
    }
  };

  beforeEach(async () => {
    for (const table of [
      'event_outbox',
      'occurrences',
      'memory_corrections',
      'deploy_regressions',
      'deploy_outcomes',
      'deploys',
    ])
      await db().knex(table).delete();
  });

  it('says the same after a restart as while it lived through everything', async () => {
    const live = build();
    await live.current();
    await fill(live);
    await expectRebuilt(live);
    expect((await riskOf()).failures).toBe(3);
  });

  it('says the same in every process, however their facts and corrections interleave', async () => {
    const [one, two] = [build(), build()];
    const corrections: NewCorrection[] = [
      { ...by, kind: 'note', scope: WEB, text: 'shares a volume with api' },
      { ...by, kind: 'pin', scope: WEB, fingerprint: CRASH, text: '', known: { count: 1, deploys: 4 } },
      { ...by, kind: 'weaken', scope: WEB, fingerprint: { class: 'crash_loop' }, factor: 0.25, text: '' },
      { ...by, kind: 'override_strategy', scope: API, strategy: 'canary', text: '' },
      { ...by, kind: 'forget', scope: API, text: '' },
      { ...by, kind: 'unpin', scope: WEB, fingerprint: CRASH },
    ];
    for (let index = 0; index < 18; index += 1) {
      const keeper = index % 2 === 0 ? one : two;
      await play(keeper, `dep_web${index}`, index, index % 4 === 3 ? 'failed' : 'healthy');
      await play(
        index % 3 === 0 ? two : one,
        `api-${index}`,
        index + 0.02,
        index % 5 === 4 ? 'failed' : 'healthy',
        API,
      );
      const correction = index % 3 === 2 ? corrections[(index - 2) / 3] : undefined;
      if (correction !== undefined) await keeper.correct(correction);
      if (index % 4 === 0) await one.current();
      await expectRebuilt(two);
    }
    await expectRebuilt(one);
  });

  it('never tells a fact twice or leaves one out while many are written at once', async () => {
    const live = build();
    const writers = Array.from({ length: 20 }, async (_, index) => {
      await play(live, `web-${index}`, index, index % 3 === 0 ? 'failed' : 'healthy');
      await live.current();
    });
    await Promise.all([...writers, live.current(), live.current()]);
    const { deploys, failures } = await riskOf(live);
    expect({ deploys, failures }).toEqual({ deploys: 20, failures: 7 });
    await expectRebuilt(live);
  });

  it('tells a failure that became known after a healthy end, in every process and after a restart', async () => {
    const [one, two] = [build(), build()];
    await fill(one);
    await Promise.all([one.current(), two.current()]);
    const before = await riskOf(one);
    const fact = (id: string, hour: number) => ({
      deployId: id,
      atMs: START_MS + hour * HOUR_MS,
      verdict: 'regressed',
      fingerprint: CRASH,
    });
    await one.recordRegressions([fact('dep_web10', 10.4), fact('dep_web11', 11.4), fact('nobody', 1)]);
    await one.recordRegressions([fact('dep_web10', 12)]);
    // The twelfth had failed by itself.
    expect(await riskOf(two)).toMatchObject({ deploys: 12, failures: 4 });
    expect((await riskOf(two)).probability).toBeGreaterThan(before.probability);
    await play(two, 'after', 20, 'healthy');
    await expectRebuilt(one);
    await expectRebuilt(two);
    expect(await listServices(db().knex)).toMatchObject([{ failures: 1 }, { service: 'web', failures: 4 }]);
    expect(await listDeploys(db().knex, { ids: ['dep_web10'], limit: 1 })).toMatchObject([
      { outcome: { outcome: 'healthy' }, regression: fact('dep_web10', 10.4) },
    ]);
  });

  it('heeds what people say about a regression', async () => {
    const keeper = build();
    await fill(keeper);
    await keeper.recordRegressions([
      { deployId: 'dep_web10', atMs: START_MS + 10.5 * HOUR_MS, fingerprint: { class: 'oom_killed', signature: '' } },
    ]);
    await keeper.current();
    const full = (await riskOf(keeper)).probability;
    await keeper.correct({ ...by, kind: 'weaken', scope: WEB, factor: 0.1, text: 'a broken node' });
    expect((await riskOf(keeper)).probability).toBeLessThan(full);
    await expectRebuilt(keeper);
    await keeper.correct({ ...by, kind: 'forget', scope: WEB, fingerprint: { class: 'oom_killed' }, text: '' });
    const known = (await keeper.current()).context(WEB, LATER_MS);
    expect(known.risk).toMatchObject({ deploys: 12, failures: 3 });
    expect(known.patterns.map(({ fingerprint }) => fingerprint.class)).toEqual(['crash_loop']);
    await expectRebuilt(keeper);
  });

  it('writes what belongs to a regression in the same transaction, or neither', async () => {
    const keeper = build();
    await play(keeper, 'good', 1, 'healthy');
    const fact = { deployId: 'good', atMs: START_MS + 2 * HOUR_MS };
    const refuse = async () => await Promise.reject(new Error('not now'));
    await expect(keeper.recordRegressions([fact], refuse)).rejects.toThrow('not now');
    expect((await riskOf(keeper)).failures).toBe(0);
    await keeper.recordRegressions([fact], async (trx) => await trx('deploys').update({ actor: 'tiphys' }));
    expect(await listDeploys(db().knex, { ids: ['good'], limit: 1 })).toMatchObject([
      { deploy: { actor: 'tiphys' }, regression: fact },
    ]);
  });

  it('keeps the first word about a deploy and about its end', async () => {
    const keeper = build();
    await play(keeper, 'twice', 1, 'failed');
    await play(keeper, 'twice', 2, 'healthy');
    const [known] = await listDeploys(db().knex, { ids: ['twice'], limit: 1 });
    expect(known).toMatchObject({ deploy: { startedAtMs: START_MS + HOUR_MS }, outcome: { outcome: 'failed' } });
  });

  it('records what else was deploying in the cluster, and nothing that had ended or never ended', async () => {
    const keeper = build();
    const old = toDeploy('stale', -30, API);
    await keeper.recordDeploy(old);
    await play(keeper, 'done', 1, 'healthy', API);
    await keeper.recordDeploy(toDeploy('running', 1.5, { ...API, environment: 'staging' }));
    await keeper.recordDeploy(toDeploy('elsewhere', 1.6, { ...API, cluster: 'other' }));
    await keeper.recordDeploy(toDeploy('mine', 2));
    const [mine] = await listDeploys(db().knex, { ids: ['mine'], limit: 1 });
    expect(mine?.concurrent).toEqual(['running']);
  });

  it('keeps every field of a deploy and of its end', async () => {
    const deploy = toDeploy('full', 1, {
      application: 'shop-web',
      image: 'ghcr.io/acme/web',
      version: '1.4.2',
      digest: `sha256:${'a'.repeat(64)}`,
      commit: 'c'.repeat(40),
      ticket: 'tkt_1',
      actor: 'tiphys',
      size: 3,
      strategy: 'blue_green',
    });
    const outcome = toOutcome(deploy, 'failed');
    const keeper = build();
    await keeper.recordDeploy(deploy);
    await keeper.recordOutcome(outcome);
    expect(await listDeploys(db().knex, { scope: WEB, limit: 5 })).toMatchObject([{ deploy, outcome }]);
    expect((await build().current()).history(WEB, 1)).toEqual([{ deploy, outcome }]);
  });

  it('forgets what a person wants forgotten, and learns anew afterwards', async () => {
    const keeper = build();
    await fill(keeper);
    await keeper.current();
    await keeper.correct({ ...by, kind: 'forget', scope: WEB, text: 'a test cluster' });
    expect((await keeper.current()).context(WEB, LATER_MS)).toMatchObject({ known: false, risk: { deploys: 0 } });
    expect((await keeper.current()).context(API, LATER_MS).risk.deploys).toBe(12);
    await play(keeper, 'new', 20, 'healthy');
    expect(await riskOf(keeper)).toMatchObject({ deploys: 1, failures: 0 });
    await expectRebuilt(keeper);
  });

  it('forgets one kind of failure alone', async () => {
    const keeper = build();
    await fill(keeper);
    await play(keeper, 'other', 13, 'rolled_back');
    await keeper.correct({ ...by, kind: 'forget', scope: WEB, fingerprint: { class: 'crash_loop' }, text: '' });
    const known = (await keeper.current()).context(WEB, LATER_MS);
    expect(known.risk).toMatchObject({ deploys: 10, failures: 1 });
    expect(known.patterns).toEqual([]);
  });

  it('counts weakened failures less, and later ones in full', async () => {
    const keeper = build();
    await fill(keeper);
    const before = (await riskOf(keeper)).probability;
    await keeper.correct({ ...by, kind: 'weaken', scope: WEB, factor: 0.2, text: 'a broken node' });
    const after = (await riskOf(keeper)).probability;
    expect(after).toBeLessThan(before);
    await play(keeper, 'again', 14, 'failed');
    expect((await riskOf(keeper)).probability).toBeGreaterThan(after * 1.5);
    await expectRebuilt(keeper);
  });

  it('deletes everything about a subject, in running memories too', async () => {
    const [live, other] = [build(), build()];
    await fill(live);
    await live.correct({ ...by, kind: 'note', scope: WEB, text: 'ask Bob' });
    await Promise.all([live.current(), other.current()]);
    const removed = await removeSubject(db(), { scopes: [WEB], actor: 'person:ann', text: '', nowMs: START_MS });
    expect(removed.deploys).toBe(12);
    for (const keeper of [live, other, build()])
      expect((await keeper.current()).context(WEB, LATER_MS)).toMatchObject({ known: false, notes: [] });
    expect(await listDeploys(db().knex, { service: 'web', limit: 10 })).toEqual([]);
    expect((await listCorrections(db().knex)).map(({ kind }) => kind)).toEqual(['forget']);
    await expectRebuilt(other);
    // The outcome of a deploy that was deleted while it was under way.
    await live.recordOutcome({ deployId: 'dep_web1', atMs: LATER_MS, outcome: 'healthy' });
    expect((await listServices(db().knex)).map(({ service }) => service)).toEqual(['api']);
  });

  it('takes an exported memory in elsewhere, and says the same there', async () => {
    const keeper = build();
    await fill(keeper);
    await keeper.correct({ ...by, kind: 'note', scope: WEB, text: 'shares a volume' });
    await keeper.recordRegressions([
      { deployId: 'dep_web9', atMs: START_MS + 12.5 * HOUR_MS, fingerprint: CRASH },
      { deployId: 'dep_web10', atMs: START_MS + 12.6 * HOUR_MS, verdict: 'regressed' },
    ]);
    await keeper.correct({ ...by, kind: 'forget', scope: WEB, fingerprint: CRASH, text: '' });
    const told = toSayings(await keeper.current(), SCOPES, LATER_MS);
    let lines = '';
    for await (const chunk of exportHistory(db(), { atMs: LATER_MS, actor: 'person:ann', source: 'main' }))
      lines += chunk;
    await removeSubject(db(), { scopes: SCOPES, actor: 'person:ann', text: '', nowMs: LATER_MS });
    const options = { source: 'main', cluster: 'main', nowMs: LATER_MS };
    const load = async () =>
      await importHistory(db(), {
        ...parseImport(lines, options),
        source: 'main',
        actor: 'person:bob',
        nowMs: LATER_MS,
      });
    expect(await load()).toMatchObject({ deploys: 24, outcomes: 25, sayings: 1, skipped: 0 });
    const strip = (sayings: unknown) =>
      JSON.parse(JSON.stringify(sayings).replaceAll(',"origin":"main"', '')) as unknown;
    expect(strip(toSayings(await keeper.current(), SCOPES, LATER_MS))).toEqual(strip(told));
    await expectRebuilt(keeper);
    expect(await load()).toMatchObject({ deploys: 0, outcomes: 0, sayings: 0, skipped: 50 });
  });

  it('puts an older history before what was observed here, as if it had been there from the beginning', async () => {
    const keeper = build();
    await fill(keeper);
    await keeper.current();
    const older = Array.from({ length: 6 }, (_, index) => toDeploy(`d${index}`, index - 100)).flatMap(
      (deploy, index) => [
        { type: 'deploy', id: deploy.id, at: new Date(deploy.startedAtMs).toISOString(), ...WEB, version: `v${index}` },
        {
          type: 'outcome',
          id: deploy.id,
          at: new Date(deploy.startedAtMs + 60_000).toISOString(),
          outcome: 'rolled_back',
        },
      ],
    );
    const content = older.map((line) => JSON.stringify(line)).join('\n');
    const options = { source: 'old-tool', cluster: 'main', nowMs: LATER_MS };
    const parsed = parseImport(content, options);
    expect(await importHistory(db(), { ...parsed, source: 'old-tool', actor: 'person:ann', nowMs: LATER_MS })).toEqual({
      lines: 12,
      deploys: 6,
      outcomes: 6,
      sayings: 0,
      skipped: 0,
    });
    const known = await keeper.current();
    expect(known.context(WEB, LATER_MS).risk).toMatchObject({ deploys: 18, failures: 9 });
    expect(known.history(WEB, 100).at(-1)).toMatchObject({ deploy: { version: 'v0', origin: 'old-tool' } });
    await expectRebuilt(keeper);
    await play(keeper, 'after', 40, 'healthy');
    await expectRebuilt(keeper);
  });

  it('begins where an earlier run ended, and says what it would have said without the snapshot', async () => {
    let kept: MemorySnapshot | undefined;
    const reads: number[] = [];
    const snapshots: SnapshotFile = {
      read: async () => {
        reads.push(kept?.seen ?? 0);
        return kept;
      },
      write: async (snapshot) => {
        kept = snapshot;
      },
    };
    const open = () => createMemoryKeeper(db(), { snapshots });
    const first = open();
    await first.correct({
      ...by,
      kind: 'pin',
      scope: WEB,
      fingerprint: CRASH,
      text: '',
      known: { count: 1, deploys: 2 },
    });
    const content = Array.from({ length: 600 }, (_, index) => {
      const at = (minutes: number) => new Date(START_MS + index * 600_000 + minutes * 60_000).toISOString();
      const outcome = index % 7 === 0 ? { outcome: 'failed', fingerprint: CRASH } : { outcome: 'healthy' };
      return [
        { type: 'deploy', id: `dep_${index}`, at: at(0), ...(index % 2 === 0 ? WEB : API) },
        ...(index > 597 ? [] : [{ type: 'outcome', id: `dep_${index}`, at: at(5), ...outcome }]),
      ];
    });
    const lines = content.flat().map((line) => JSON.stringify(line));
    const options = { source: 'main', cluster: 'main', nowMs: LATER_MS };
    await importHistory(db(), {
      ...parseImport(lines.join('\n'), options),
      source: 'main',
      actor: 'person:ann',
      nowMs: LATER_MS,
    });
    await first.current();
    await first.close();
    expect(kept?.seen).toBeGreaterThan(1_000);

    // Told after the snapshot: the end of a deploy that had begun before it, a correction, a new deploy.
    await first.recordOutcome(toOutcome(toDeploy('dep_598', 99.7), 'failed'));
    await first.correct({ ...by, kind: 'note', scope: API, text: 'later' });
    await play(first, 'dep_new', 110, 'failed');
    await expectRebuilt(open());
    const resumed = open();
    expect((await resumed.current()).context(WEB, LATER_MS).pinned).toMatchObject([{ count: 46 }]);
    expect(reads.at(-1)).toBe(kept?.seen);

    // What changes the past makes it worthless, and so does another database.
    await first.correct({ ...by, kind: 'forget', scope: API, text: '' });
    await expectRebuilt(open());
    await removeSubject(db(), { scopes: SCOPES, actor: 'person:ann', text: '', nowMs: LATER_MS });
    await db().knex('memory_corrections').delete();
    await play(createMemoryKeeper(db()), 'dep_other', 1, 'healthy');
    expect((await open().current()).context(WEB, LATER_MS).risk).toMatchObject({ deploys: 1, failures: 0 });
  });
});
