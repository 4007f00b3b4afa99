import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ArgoInstanceSettings } from '../config/instances.ts';
import { createManualClock, createSystemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { silentLogger } from '../lib/logger.ts';
import { createRedactor } from '../lib/redact.ts';
import type { Right } from '../sandbox/http/access.ts';
import { createTestSandbox } from '../sandbox/test-sandbox.ts';
import { createArgoInstances } from './instances.ts';
import { createPreflightDesk } from './preflight-desk.ts';
import type { InstanceReport } from './preflight-report.ts';
import { startServer, toDenial, type Answer, type Received } from './test-server.ts';

const TOKENS = {
  admin: 'token-of-the-administrator',
  agent: 'token-of-an-agent-with-all-it-needs',
  reader: 'token-of-somebody-who-reads',
  blind: 'token-of-somebody-who-sees-nothing',
};
const right = (resource: string, action: string): Right => ({ resource, action, object: 'shop/*' });
const READER = [right('applications', 'get')];
const AGENT = [
  ...READER,
  right('logs', 'get'),
  right('applications', 'sync'),
  right('applications', 'action/argoproj.io/Rollout/*'),
];

let sandbox: Awaited<ReturnType<typeof createTestSandbox>>;
let repository: string;
beforeAll(async () => {
  sandbox = await createTestSandbox({
    token: TOKENS.admin,
    accounts: [
      { name: 'agent', token: TOKENS.agent, rights: AGENT },
      { name: 'reader', token: TOKENS.reader, rights: READER },
      { name: 'blind', token: TOKENS.blind, rights: [] },
    ],
    projects: [{ name: 'shop' }],
    configure: ({ repository: repoURL }) => {
      repository = repoURL;
      const destination = { server: 'https://kubernetes.default.svc', namespace: 'shop' };
      const spec = (path: string, targetRevision = 'main') => ({
        ...{ project: 'shop', destination },
        source: { repoURL, path, targetRevision },
      });
      return {
        applications: [
          { name: 'web', spec: spec('dist/web') },
          { name: 'api', spec: spec('dist/api') },
          { name: 'old', spec: spec('dist/old', 'release') },
        ],
      };
    },
  });
});
afterAll(async () => await sandbox.close());

interface Given extends Partial<ArgoInstanceSettings> {
  server: string;
}

function createDesk(given: readonly Given[], more: { timeoutMs?: number; logger?: Logger; mayAct?: boolean } = {}) {
  const rest = { token: null, tokenFile: null, session: null, caFile: null };
  const redactor = createRedactor(Object.values(TOKENS));
  const clock = createSystemClock();
  const instances = createArgoInstances(
    given.map((one, index) => ({ ...rest, name: `i${index}`, cluster: `c${index}`, isDefault: index === 0, ...one })),
    { requestTimeoutMs: 10_000, rollouts: 'installed', clock, logger: silentLogger, redactor },
  );
  const desk = createPreflightDesk({
    instances,
    repository: { url: repository, branch: 'main' },
    ...{ mayAct: more.mayAct ?? true, timeoutMs: more.timeoutMs ?? 20_000, freshMs: 0 },
    ...{ clock, redactor, logger: more.logger ?? silentLogger },
  });
  onTestFinished(async () => {
    await desk.close();
    await instances.close();
  });
  return desk;
}

async function check(given: Given, more: Parameters<typeof createDesk>[1] = {}): Promise<InstanceReport> {
  const [report] = await createDesk([given], more).check();
  if (report === undefined) throw new Error('no report');
  for (const token of Object.values(TOKENS)) expect(JSON.stringify(report)).not.toContain(token);
  return report;
}

const states = ({ rights }: InstanceReport) => Object.fromEntries(rights.map((one) => [one.right, one.state]));
const lines = ({ problems }: InstanceReport) => problems.flatMap(({ rbac }) => rbac);

describe('the preflight of an Argo CD', () => {
  it('finds nothing wrong where the account may do what tickets need, and no more than that', async () => {
    const report = await check({ server: sandbox.sandbox.url, token: TOKENS.agent });
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({
      ...{ reachable: true, default: true },
      account: { name: 'agent', kind: 'local', expiry: 'never' },
      settings: { controllerNamespace: 'argocd', impersonation: false },
      applications: { visible: 3, following: 2 },
      repository: { state: 'Successful' },
      clusters: [{ name: 'https://kubernetes.default.svc', state: 'Successful' }],
    });
    expect(report.version).toMatch(/^v3\./);
    expect(states(report)).toEqual({
      'applications, get': 'granted',
      'logs, get': 'granted',
      'applications, sync': 'granted',
      'applications, action/argoproj.io/Rollout/resume': 'granted',
      'applications, action/argoproj.io/Rollout/abort': 'granted',
    });
  });

  it('names every right that is missing, with exactly the lines that give it', async () => {
    const report = await check({ server: sandbox.sandbox.url, token: TOKENS.reader });
    expect(states(report)).toEqual({
      'applications, get': 'granted',
      'logs, get': 'missing',
      'applications, sync': 'missing',
      'applications, action/argoproj.io/Rollout/resume': 'missing',
      'applications, action/argoproj.io/Rollout/abort': 'missing',
    });
    expect(lines(report)).toEqual([
      'p, reader, logs, get, shop/*, allow',
      'p, reader, applications, sync, shop/*, allow',
      'p, reader, applications, action/argoproj.io/Rollout/resume, shop/*, allow',
      'p, reader, applications, action/argoproj.io/Rollout/abort, shop/*, allow',
    ]);
    expect(report.problems[1]?.sentence).toBe(
      'Account reader lacks the right "applications, sync", to ask for a sync, or to end a stuck operation, on shop/api, shop/web.',
    );
    expect(report.problems.map(({ severity }) => severity)).toEqual(['warning', 'error', 'warning', 'warning']);
  });

  it('asks for no right that our settings never use', async () => {
    const report = await check({ server: sandbox.sandbox.url, token: TOKENS.reader }, { mayAct: false });
    expect(states(report)['applications, sync']).toBe('not_needed');
    expect(lines(report).some((line) => line.includes('sync'))).toBe(false);
  });

  it('tells an account that sees nothing what it needs', async () => {
    const report = await check({ server: sandbox.sandbox.url, token: TOKENS.blind });
    expect(report.applications).toEqual({ visible: 0, following: 0 });
    expect(report.problems).toMatchObject([{ severity: 'error', sentence: 'Account blind sees no Application.' }]);
    expect(lines(report)[0]).toBe('p, blind, applications, get, */*, allow');
    expect(lines(report)).toHaveLength(5);
    expect(new Set(report.rights.map(({ state }) => state))).toEqual(new Set(['unknown']));
  });

  it('tells a token that is refused', async () => {
    const report = await check({ server: sandbox.sandbox.url, token: 'a-wrong-token' });
    expect(report).toMatchObject({ reachable: true, account: null, applications: null, rights: [] });
    expect(report.problems).toHaveLength(1);
    expect(report.problems[0]?.sentence).toBe(`${sandbox.sandbox.url} does not accept our token or login.`);
    expect(report.problems[0]?.fix).toContain('Check the API token');
    expect(JSON.stringify(report)).not.toContain('a-wrong-token');
  });

  it('works with a token that was rotated in its file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tiphys-preflight-'));
    onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
    const tokenFile = join(dir, 'token');
    await writeFile(tokenFile, 'a-token-of-yesterday');
    const desk = createDesk([{ server: sandbox.sandbox.url, tokenFile }]);
    expect((await desk.check())[0]?.problems).toHaveLength(1);
    expect(desk.problems()).toHaveLength(1);
    await writeFile(tokenFile, `${TOKENS.agent}\n`);
    const [report] = await desk.check();
    expect(report).toMatchObject({ account: { name: 'agent' }, problems: [] });
    expect(desk.problems()).toEqual([]);
  });

  it('tells what is down and what never answers, while it finds out about the rest', async () => {
    const hanging = await serve(() => 'never');
    const desk = createDesk(
      [{ server: 'http://127.0.0.1:1' }, { server: hanging.url }, { server: sandbox.sandbox.url, token: TOKENS.agent }],
      { timeoutMs: 5_000 },
    );
    const [down, silent, well] = await desk.check();
    expect(down).toMatchObject({ reachable: false, version: null, account: null });
    expect(down?.problems[0]?.sentence).toMatch(/^http:\/\/127\.0\.0\.1:1 does not answer: .*ECONNREFUSED/);
    expect(silent).toMatchObject({ reachable: false });
    expect(silent?.problems[0]?.sentence).toBe(`${hanging.url} does not answer: no answer within 5 s.`);
    expect(well).toMatchObject({ reachable: true });
  });

  it('says how far it came where an answer stays away later', async () => {
    const server = await serve(({ path }) => (path === '/api/version' ? { json: { Version: 'v3.4.7' } } : 'never'));
    const report = await check({ server: server.url }, { timeoutMs: 4_000 });
    expect(report).toMatchObject({ reachable: true, version: 'v3.4.7' });
    expect(report.problems[0]?.sentence).toContain('does not list Applications');
  });

  it('tells of a repository that Argo CD cannot read', async () => {
    sandbox.sandbox.faults.set({ gitError: 'authentication required' });
    onTestFinished(() => sandbox.sandbox.faults.reset());
    const report = await check({ server: sandbox.sandbox.url, token: TOKENS.agent });
    expect(report.repository).toMatchObject({ state: 'Failed', message: 'authentication required' });
    expect(report.problems.map(({ sentence }) => sentence)).toEqual([
      'Argo CD cannot read the repository: authentication required.',
    ]);
  });
});

async function serve(answer: (request: Received) => Answer | 'never') {
  const server = await startServer(answer);
  onTestFinished(async () => await server.close());
  return server;
}

/** An Argo CD that knows this user and shows one Application of ours in a namespace of its own. */
function scripted(user: object, more: (request: Received) => Answer | undefined = () => undefined) {
  return serve((request) => {
    const own = more(request);
    if (own !== undefined) return own;
    const { path } = request;
    if (path === '/api/version') return { json: { Version: 'v3.5.1' } };
    if (path === '/api/v1/session/userinfo') return { json: user };
    if (path === '/api/v1/settings') return { json: { controllerNamespace: 'argocd', impersonationEnabled: true } };
    if (path === '/api/v1/applications') {
      const metadata = { name: 'web', namespace: 'teams' };
      const source = { repoURL: repository, path: 'dist/web', targetRevision: 'main' };
      return { json: { items: [{ metadata, spec: { project: 'shop', source, destination: { name: 'west' } } }] } };
    }
    if (path.startsWith('/api/v1/account/can-i/')) return { json: { value: 'no' } };
    if (path.includes('/resource/actions')) return toDenial(403, 7, 'permission denied');
    return { json: { items: [] } };
  });
}

describe('the lines for policy.csv', () => {
  it('of a project role name the role and say where they belong', async () => {
    const server = await scripted({ loggedIn: true, username: 'proj:shop:tiphys', iss: 'argocd' });
    const report = await check({ server: server.url, token: 'x' });
    expect(report.account).toMatchObject({ kind: 'project_role' });
    expect(lines(report)).toContain('p, proj:shop:tiphys, applications, sync, shop/*, allow');
    expect(report.problems.find(({ about }) => about === 'rights')?.fix).toContain('role tiphys in AppProject shop');
  });

  it('of a user of another issuer give a role and bind it, and odd names are quoted', async () => {
    const server = await scripted({ loggedIn: true, username: 'Doe, Jane', iss: 'https://sso.example.org' });
    const report = await check({ server: server.url, token: 'x' });
    expect(lines(report).slice(0, 2)).toEqual([
      'p, role:tiphys, applications, get, shop/*, allow',
      'g, "Doe, Jane", role:tiphys',
    ]);
  });

  it('are asked about by the name that Argo CD uses in other namespaces, without guessing what it does not tell', async () => {
    const server = await scripted({ loggedIn: true, username: 'tiphys', iss: 'argocd' }, ({ path }) =>
      path.includes('/resource/actions') ? { status: 500, text: 'broken' } : undefined,
    );
    const report = await check({ server: server.url, token: 'x' });
    expect(report.rights[0]).toMatchObject({ state: 'missing', missingOn: ['shop/teams/web'] });
    expect(report.rights.at(-1)).toMatchObject({ state: 'unknown', missingOn: [] });
    expect(
      server.received.filter(({ method }) => method !== 'GET').map(({ body }) => JSON.parse(body) as object),
    ).toEqual(
      ['resume', 'abort'].map(
        (action) => expect.objectContaining({ action, resourceName: 'Tiphys_asks_for_the_right' }) as object,
      ),
    );
  });

  it('are missing for logs only since version 3, and impersonation is pointed at', async () => {
    const server = await scripted({ loggedIn: true, username: 'tiphys', iss: 'argocd' }, ({ path }) =>
      path === '/api/version' ? { json: { Version: 'v2.13.1' } } : undefined,
    );
    const report = await check({ server: server.url, token: 'x' });
    expect(states(report)['logs, get']).toBe('unknown');
    expect(report.problems.some(({ sentence }) => sentence.startsWith('Impersonation is on'))).toBe(true);
    expect(report.clusters).toEqual([{ name: 'west', state: 'not_visible', message: '' }]);
  });
});

describe('what is told', () => {
  it('holds no secret that an answer carries, and nothing a terminal would act on', async () => {
    const leaky = `cannot read https://bot:${TOKENS.admin}@git.example.org/infra.git \u001b[31mred`;
    const server = await scripted({ loggedIn: true, username: 'tiphys', iss: 'argocd' }, ({ path }) =>
      path === '/api/v1/repositories'
        ? { json: { items: [{ repo: repository, connectionState: { status: 'Failed', message: leaky } }] } }
        : undefined,
    );
    const report = await check({ server: server.url, token: 'x' });
    expect(report.repository?.message).toBe('cannot read https://[redacted]@git.example.org/infra.git red');
  });

  it('is of our repository and our clusters alone', async () => {
    const server = await scripted({ loggedIn: true, username: 'tiphys', iss: 'argocd' }, ({ path }) => {
      const connectionState = { status: 'Failed', message: 'of no concern to us' };
      if (path === '/api/v1/repositories') return { json: { items: [{ repo: 'https://x/others', connectionState }] } };
      if (path === '/api/v1/clusters')
        return { json: { items: [{ name: 'others', server: 'https://o', connectionState }] } };
      return undefined;
    });
    const report = await check({ server: server.url, token: 'x' });
    expect(report.repository?.state).toBe('not_visible');
    expect(JSON.stringify(report)).not.toMatch(/others|no concern/);
  });

  it('is logged once for as long as it stays, and asked for once by many', async () => {
    const said: object[] = [];
    const logger: Logger = { ...silentLogger, warn: (data) => void said.push(data) };
    const server = await serve(({ path }) =>
      path === '/api/version' ? { json: { Version: 'v3' } } : toDenial(401, 16, 'invalid session'),
    );
    const desk = createDesk([{ server: server.url, token: 'x' }], { logger });
    const reports = await Promise.all([desk.check(), desk.check(), desk.check()]);
    expect(new Set(reports.map(([report]) => report)).size).toBe(1);
    expect(server.received.filter(({ path }) => path === '/api/version')).toHaveLength(1);
    await desk.check();
    expect(server.received.filter(({ path }) => path === '/api/version')).toHaveLength(2);
    expect(said).toMatchObject([{ instance: 'i0', severity: 'error' }]);
  });

  it('counts for a while before Argo CD is asked again', async () => {
    const server = await serve(() => toDenial(401, 16, 'invalid session'));
    const clock = createManualClock();
    const redactor = createRedactor();
    const rest = { token: 'x', tokenFile: null, session: null, caFile: null, isDefault: true, cluster: 'c' };
    const basics = { clock, logger: silentLogger, redactor };
    const instances = createArgoInstances([{ name: 'one', server: server.url, ...rest }], {
      ...{ requestTimeoutMs: 10_000, rollouts: 'absent' },
      ...basics,
    });
    onTestFinished(async () => await instances.close());
    const repo = { url: 'https://x/infra', branch: 'main' };
    const limits = { mayAct: true, timeoutMs: 8_000, freshMs: 15_000 };
    const desk = createPreflightDesk({ instances, repository: repo, ...limits, ...basics });
    await desk.check();
    const asked = server.received.length;
    await clock.advance(14_999);
    await desk.check();
    expect(server.received.length).toBe(asked);
    await clock.advance(1);
    await desk.check();
    expect(server.received.length).toBeGreaterThan(asked);
  });
});
