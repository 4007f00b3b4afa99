import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { checkOne, createTestDesk, toLines, toStates, TOKENS } from '../../src/argocd/test-preflight.ts';
import { startServer, type Answer, type Received } from '../../src/argocd/test-server.ts';
import { createTestSandbox, type TestSandbox } from '../../src/sandbox/test-sandbox.ts';

const READER = 'p, reader, applications, get, shop/*, allow';
/** What the README says is enough, and what lets Argo CD tell of its connections. */
const AGENT = `
p, agent, applications, get, shop/*, allow
p, agent, applications, sync, shop/*, allow
p, agent, logs, get, shop/*, allow
p, agent, applications, action/argoproj.io/Rollout/*, shop/*, allow
`;
const CONNECTIONS = `
p, agent, repositories, get, *, allow
p, agent, clusters, get, *, allow
`;

let sandbox: TestSandbox;
let repository: string;

function start(reader: string): Promise<TestSandbox> {
  return createTestSandbox({
    token: TOKENS.admin,
    accounts: [
      { name: 'agent', token: TOKENS.agent, rights: { policy: AGENT + CONNECTIONS } },
      { name: 'reader', token: TOKENS.reader, rights: { policy: reader } },
      { name: 'blind', token: TOKENS.blind, rights: { policy: '' } },
    ],
    projects: [{ name: 'shop' }],
    configure: ({ repository: repoURL }) => {
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
}

beforeAll(async () => {
  sandbox = await start(READER);
  ({ repository } = sandbox);
});
afterAll(async () => await sandbox.close());

async function serve(answer: (request: Received) => Answer | 'never') {
  const server = await startServer(answer);
  onTestFinished(async () => await server.close());
  return server;
}

describe('the preflight of an Argo CD', () => {
  it('finds nothing wrong where the account may do what tickets need, and no more than that', async () => {
    const report = await checkOne(repository, { server: sandbox.sandbox.url, token: TOKENS.agent });
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
    expect(toStates(report)).toEqual({
      'applications, get': 'granted',
      'logs, get': 'granted',
      'applications, sync': 'granted',
      'applications, action/argoproj.io/Rollout/resume': 'granted',
      'applications, action/argoproj.io/Rollout/abort': 'granted',
    });
  });

  it('names every right that is missing, with exactly the lines that give it', async () => {
    const report = await checkOne(repository, { server: sandbox.sandbox.url, token: TOKENS.reader });
    expect(toStates(report)).toEqual({
      'applications, get': 'granted',
      'logs, get': 'missing',
      'applications, sync': 'missing',
      'applications, action/argoproj.io/Rollout/resume': 'missing',
      'applications, action/argoproj.io/Rollout/abort': 'missing',
    });
    expect(toLines(report)).toEqual([
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

  it('names lines that truly give what is missing: with them nothing is', async () => {
    const before = await checkOne(repository, { server: sandbox.sandbox.url, token: TOKENS.reader });
    const mended = await start([READER, ...toLines(before)].join('\n'));
    onTestFinished(async () => await mended.close());
    const report = await checkOne(mended.repository, { server: mended.sandbox.url, token: TOKENS.reader });
    expect(report.problems).toEqual([]);
    expect(new Set(Object.values(toStates(report)))).toEqual(new Set(['granted']));
  });

  it('takes connections that the account may not see for no fault', async () => {
    const report = await checkOne(repository, { server: sandbox.sandbox.url, token: TOKENS.reader });
    expect(report.repository).toMatchObject({ state: 'not_visible' });
    expect(report.clusters).toMatchObject([{ state: 'not_visible' }]);
    expect(report.problems.every(({ about }) => about === 'rights')).toBe(true);
  });

  it('asks an administrator nothing that the built-in role leaves open', async () => {
    const report = await checkOne(repository, { server: sandbox.sandbox.url, token: TOKENS.admin });
    expect(report.problems).toEqual([]);
  });

  it('asks for no right that our settings never use', async () => {
    const report = await checkOne(repository, { server: sandbox.sandbox.url, token: TOKENS.reader }, { mayAct: false });
    expect(toStates(report)['applications, sync']).toBe('not_needed');
    expect(toLines(report).some((line) => line.includes('sync'))).toBe(false);
  });

  it('tells an account that sees nothing what it needs', async () => {
    const report = await checkOne(repository, { server: sandbox.sandbox.url, token: TOKENS.blind });
    expect(report.applications).toEqual({ visible: 0, following: 0 });
    expect(report.problems).toMatchObject([{ severity: 'error', sentence: 'Account blind sees no Application.' }]);
    expect(toLines(report)[0]).toBe('p, blind, applications, get, */*, allow');
    expect(toLines(report)).toHaveLength(5);
    expect(new Set(report.rights.map(({ state }) => state))).toEqual(new Set(['unknown']));
  });

  it('tells a token that is refused', async () => {
    const report = await checkOne(repository, { server: sandbox.sandbox.url, token: 'a-wrong-token' });
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
    const desk = createTestDesk(repository, [{ server: sandbox.sandbox.url, tokenFile }]);
    expect((await desk.check())[0]?.problems).toHaveLength(1);
    expect(desk.problems()).toHaveLength(1);
    await writeFile(tokenFile, `${TOKENS.agent}\n`);
    const [report] = await desk.check();
    expect(report).toMatchObject({ account: { name: 'agent' }, problems: [] });
    expect(desk.problems()).toEqual([]);
  });

  it('tells what is down and what never answers, while it finds out about the rest', async () => {
    const hanging = await serve(() => 'never');
    const desk = createTestDesk(
      repository,
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
    const report = await checkOne(repository, { server: server.url }, { timeoutMs: 4_000 });
    expect(report).toMatchObject({ reachable: true, version: 'v3.4.7' });
    expect(report.problems[0]?.sentence).toContain('does not list Applications');
  });

  it('tells of a repository that Argo CD cannot read', async () => {
    sandbox.sandbox.faults.set({ gitError: 'authentication required' });
    onTestFinished(() => sandbox.sandbox.faults.reset());
    const report = await checkOne(repository, { server: sandbox.sandbox.url, token: TOKENS.agent });
    expect(report.repository).toMatchObject({ state: 'Failed', message: 'authentication required' });
    expect(report.problems.map(({ sentence }) => sentence)).toEqual([
      'Argo CD cannot read the repository: authentication required.',
    ]);
  });
});
