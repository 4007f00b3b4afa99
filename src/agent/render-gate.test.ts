import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBareRepo, type BareRepo } from '../../test/support/git-fixture.ts';
import { makeTempDir, openTestRepo } from '../../test/support/open-repo.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { ArgoError, type ArgoErrorReason } from '../argocd/error.ts';
import type { ArgoClient } from '../argocd/http.ts';
import { applicationSchema, manifestsSchema, settingsSchema, type RenderedManifests } from '../argocd/schema.ts';
import type { CommitSha } from '../lib/ids.ts';
import { createRedactor } from '../lib/redact.ts';
import { diffRendered } from '../manifest/diff.ts';
import { parseManifests } from '../manifest/parse.ts';
import type { InfraRepo } from '../repo/infra-repo.ts';
import { createTicketWorld } from '../ticket/test-tickets.ts';
import type { StoredPlan } from '../ticket/plan.ts';
import type { AppliedPlan } from './draft.ts';
import { askForRendering } from './render-gate.ts';
import { createTestContext, toDeps } from './test-agent.ts';

const PATH = 'dist/web/map.yaml';
const toMap = (level: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: web }\ndata: { level: ${level} }\n`;
const BEFORE = [{ path: PATH, content: toMap('info') }];
const AFTER = [{ path: PATH, content: toMap('debug') }];

describe('Argo CD asked about a plan', () => {
  let database: TestDatabase;
  beforeAll(async () => void (database = await createTestDatabase('sqlite3')));
  afterAll(async () => await database.drop());

  let remote: BareRepo;
  let repo: InfraRepo;
  beforeEach(async () => {
    remote = await createBareRepo(await makeTempDir(), { [PATH]: toMap('info'), 'charts/web.ts': '1\n' });
    repo = await openTestRepo(remote.url);
  });

  const toApplication = (source: object, more: object = {}) =>
    applicationSchema.parse({
      metadata: { name: 'web', namespace: 'argocd' },
      spec: {
        project: 'default',
        destination: { namespace: 'shop' },
        source: { repoURL: remote.url, targetRevision: 'main', ...source },
        ...more,
      },
    });

  /** Argo CD as far as the gate asks it; a list of what it was asked to render is kept. */
  const createArgo = (given: {
    applications?: ReturnType<typeof toApplication>[];
    render?: (revision: string) => Partial<RenderedManifests>;
    list?: ArgoErrorReason;
  }) => {
    const asked: string[] = [];
    const { applications = [toApplication({ path: 'dist/web' })], render = () => ({}), list } = given;
    const refuse = (reason: ArgoErrorReason) => Promise.reject(new ArgoError(reason, 'ask', 'in its own words'));
    const argo = {
      listApplications: async () => (list === undefined ? await Promise.resolve(applications) : await refuse(list)),
      settings: async () => await Promise.resolve(settingsSchema.parse({ trackingMethod: 'annotation' })),
      manifests: async (_: unknown, { revision }: { revision: string }) => {
        asked.push(revision);
        const text = (await repo.readFile(revision as CommitSha, PATH)) ?? '';
        const manifests = parseManifests(text, PATH).map((object) => JSON.stringify(object));
        return manifestsSchema.parse({ manifests, revision, sourceType: 'Directory', ...render(revision) });
      },
    };
    return { argo: argo as unknown as ArgoClient, asked };
  };

  async function ask(given: Parameters<typeof createArgo>[0] = {}, mode: 'warn' | 'block' = 'warn') {
    const world = createTicketWorld(database.db);
    const { id: ticketId } = await world.create();
    const baseCommit = await repo.fetch();
    const changes = diffRendered(BEFORE, AFTER);
    const written = [{ index: 0, summary: 's', files: new Map(AFTER.map(({ path, content }) => [path, content])) }];
    const applied: AppliedPlan = {
      ...{ kind: 'applied', before: BEFORE, after: AFTER, changes, written },
      ...{ sourceFiles: [], summaries: [], isEmpty: false },
    };
    const steps = [{ kind: 'investigate', title: 't', why: 'w' }];
    const plan = {
      ...{ ticketId, attempt: 1, revision: 1, baseCommit },
      intent: { summary: 'Set the level', steps },
      draft: { changes, sourceFiles: [], differenceHash: '' },
    } as unknown as StoredPlan;
    const { argo, asked } = createArgo(given);
    const deps = toDeps({
      ...{
        db: world.db,
        clock: world.clock,
        ids: world.ids,
        repo,
        argo,
        redactor: createRedactor(['hunter2-hunter2']),
      },
      drafts: { find: () => applied, keep: () => undefined },
    });
    const context = createTestContext();
    const found = await askForRendering(deps, { mode, branchPrefix: 'tiphys/review/' }, context, plan);
    const tools = context.events.flatMap((one) => (one.type === 'tool_call' ? [one.data] : []));
    return { findings: found.map(({ severity, message }) => `${severity}: ${message}`), tools, asked };
  }

  const pushes = async () => (await remote.git('for-each-ref', '--format=%(refname)', 'refs/heads')).split('\n');

  it('is shown exactly its commit, and nothing is said where that renders the same', async () => {
    const { findings, tools, asked } = await ask();
    expect(findings).toEqual([]);
    expect(tools).toMatchObject([{ tool: 'argocd.manifests', output: 'the same as the plan', ok: true }]);
    expect(asked).toHaveLength(1);
    expect(await repo.readFile(asked[0] as CommitSha, PATH)).toBe(toMap('debug'));
    expect(await pushes()).toEqual(['refs/heads/main']);
  });

  it('that renders something else for another commit was not asked about this one', async () => {
    const { findings } = await ask({ render: () => ({ revision: 'f'.repeat(40) }) });
    expect(findings).toEqual([
      expect.stringMatching(/^warning: What Argo CD would render .* it rendered f{40} instead/),
    ]);
  });

  it.each(['unreachable', 'timed_out', 'denied'] as const)(
    'that does not answer (%s) is a finding, and a block where that was chosen',
    async (reason) => {
      const render = () => {
        throw new ArgoError(reason, 'render web', 'in its own words');
      };
      const text =
        'What Argo CD would render for Application web was not compared with the plan: render web: in its own words';
      expect((await ask({ render })).findings).toEqual([`warning: ${text}`]);
      expect((await ask({ render }, 'block')).findings).toEqual([`error: ${text}`]);
      expect((await ask({ list: reason })).findings).toEqual([
        expect.stringMatching(/^warning: .* for this change was not/),
      ]);
    },
  );

  it('that cannot render says so in its own words, without secrets, and whether it could before', async () => {
    const failing = (isFailing: (revision: string) => boolean) => ({
      render: (revision: string) => {
        if (isFailing(revision)) throw new ArgoError('failed', 'render', 'bad\n template: hunter2-hunter2');
        return {};
      },
    });
    const base = await repo.fetch();
    const text = 'Argo CD cannot render Application web with this change: bad template: [redacted]';
    expect((await ask(failing((revision) => revision !== base))).findings).toEqual([`warning: ${text}`]);
    expect(
      (
        await ask(
          failing(() => true),
          'block',
        )
      ).findings,
    ).toEqual([`warning: ${text} (It was so before this change.)`]);
  });

  it('is not asked, and shown nothing, where there is nothing to compare, which is said', async () => {
    const several = toApplication({}, { sources: [{ repoURL: remote.url, path: 'dist/web', targetRevision: 'main' }] });
    const elsewhere = toApplication({ path: 'dist', directory: {} });
    const charts = toApplication({ path: 'charts' });
    const none = await ask({ applications: [] });
    expect(none.findings).toEqual([expect.stringMatching(/^info: No Application follows the changed paths yet/)]);
    const multi = await ask({ applications: [several] }, 'block');
    expect(multi.findings).toEqual([expect.stringMatching(/^info: Application web has several sources/)]);
    expect([...none.asked, ...multi.asked]).toEqual([]);
    // One that follows other folders is none of this change's, one that follows the folder above is.
    expect((await ask({ applications: [charts] })).findings).toEqual([
      expect.stringContaining('No Application follows'),
    ]);
    expect((await ask({ applications: [elsewhere] })).asked).toHaveLength(1);
    expect(await pushes()).toEqual(['refs/heads/main']);
  });
});
