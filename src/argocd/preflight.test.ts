import { describe, expect, it, onTestFinished } from 'vitest';
import { createManualClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { silentLogger } from '../lib/logger.ts';
import { createRedactor } from '../lib/redact.ts';
import { createArgoInstances } from './instances.ts';
import { createPreflightDesk } from './preflight-desk.ts';
import { checkOne, createTestDesk, toLines, toStates, TOKENS } from './test-preflight.ts';
import { startServer, toDenial, type Answer, type Received } from './test-server.ts';

const repository = 'https://git.example.org/infra.git';

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
    const report = await checkOne(repository, { server: server.url, token: 'x' });
    expect(report.account).toMatchObject({ kind: 'project_role' });
    expect(toLines(report)).toContain('p, proj:shop:tiphys, applications, sync, shop/*, allow');
    expect(report.problems.find(({ about }) => about === 'rights')?.fix).toContain('role tiphys in AppProject shop');
  });

  it('of a user of another issuer give a role and bind it, and odd names are quoted', async () => {
    const server = await scripted({ loggedIn: true, username: 'Doe, Jane', iss: 'https://sso.example.org' });
    const report = await checkOne(repository, { server: server.url, token: 'x' });
    expect(toLines(report).slice(0, 2)).toEqual([
      'p, role:tiphys, applications, get, shop/*, allow',
      'g, "Doe, Jane", role:tiphys',
    ]);
  });

  it('are asked about by the name that Argo CD uses in other namespaces, without guessing what it does not tell', async () => {
    const server = await scripted({ loggedIn: true, username: 'tiphys', iss: 'argocd' }, ({ path }) =>
      path.includes('/resource/actions') ? { status: 500, text: 'broken' } : undefined,
    );
    const report = await checkOne(repository, { server: server.url, token: 'x' });
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
    const report = await checkOne(repository, { server: server.url, token: 'x' });
    expect(toStates(report)['logs, get']).toBe('unknown');
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
    const report = await checkOne(repository, { server: server.url, token: 'x' });
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
    const report = await checkOne(repository, { server: server.url, token: 'x' });
    expect(report.repository?.state).toBe('not_visible');
    expect(JSON.stringify(report)).not.toMatch(/others|no concern/);
  });

  it('is logged once for as long as it stays, and asked for once by many', async () => {
    const said: object[] = [];
    const logger: Logger = { ...silentLogger, warn: (data) => void said.push(data) };
    const server = await serve(({ path }) =>
      path === '/api/version' ? { json: { Version: 'v3' } } : toDenial(401, 16, 'invalid session'),
    );
    const desk = createTestDesk(repository, [{ server: server.url, token: 'x' }], { logger });
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
    const rest = {
      token: 'x',
      tokenFile: null,
      session: null,
      caFile: null,
      kubeconfig: null,
      kubeContext: null,
      isDefault: true,
      cluster: 'c',
    };
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
