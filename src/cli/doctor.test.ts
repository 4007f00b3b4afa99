import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeTempDir } from '../../test/support/open-repo.ts';
import { startForgeHost } from '../../test/support/forge-host/server.ts';
import {
  CLUSTER_TOKEN,
  startKubernetesApi,
  toKubeconfig,
  toList,
  toStatus,
} from '../../test/support/kubernetes-api.ts';
import { startProduct, type Product } from '../../test/support/product.ts';
import { runTiphys } from '../../test/support/tiphys-process.ts';
import { seedBareRepository } from '../sandbox/seed-repository.ts';
import type { Check } from './doctor/check.ts';

let product: Product;
beforeAll(async () => {
  product = await startProduct();
});
afterAll(async () => await product.close());

/** Runs the doctor in a folder with this configuration. */
async function examine(local: object, env: Record<string, string> = {}) {
  const cwd = await makeTempDir();
  await mkdir(join(cwd, 'config'));
  await writeFile(join(cwd, 'config/local.json'), JSON.stringify({ data: { dir: join(cwd, 'data') }, ...local }));
  await mkdir(join(cwd, 'tmp'));
  const server = { TIPHYS_SERVER_URL: 'http://127.0.0.1:1', TMPDIR: join(cwd, 'tmp'), ...env };
  const said = await runTiphys(['doctor', '--json'], { cwd, env: server });
  expect(said.stderr).toBe('');
  expect(await readdir(cwd, { recursive: true })).toEqual(['config', 'tmp', 'config/local.json']);
  const report = JSON.parse(said.stdout) as { ok: boolean; checks: Check[] };
  return { ...said, report, of: (name: string) => report.checks.find((check) => check.name === name) };
}
const working = () => ({
  git: { repoUrl: product.embedded.repository },
  argocd: { server: product.embedded.url, token: product.embedded.token },
});

async function startModel(models: readonly string[]): Promise<string> {
  const server = createServer((request, response) => {
    const isKnown = request.headers.authorization === 'Bearer the-right-key';
    const body = { data: models.map((id) => ({ id })) };
    response.writeHead(isKnown ? 200 : 401).end(JSON.stringify(isKnown ? body : {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

describe('tiphys doctor', () => {
  it('finds nothing wrong where everything works, and leaves nothing behind', async () => {
    const baseUrl = await startModel(['small', 'large']);
    const llm = { provider: 'openai', baseUrl, model: 'small', apiKey: 'the-right-key' };
    const { exitCode, report, of } = await examine({ ...working(), llm }, { TIPHYS_SERVER_URL: product.app.url });
    expect(report.checks.filter(({ status }) => status === 'broken')).toEqual([]);
    expect({ exitCode, ok: report.ok }).toEqual({ exitCode: 0, ok: true });
    expect(report.checks.map(({ name }) => name)).toEqual([
      ...['node', 'git', 'configuration', 'data folder', 'database', 'repository', 'push', 'sandboxing'],
      ...['Argo CD', 'account', 'rights', 'connections', 'model', 'server'],
    ]);
    expect(of('repository')?.detail).toMatch(/\(main\) is at [0-9a-f]{9}$/);
    expect(of('push')?.status).toBe('ok');
    expect(of('sandboxing')?.detail).toMatch(/the repository renders to \d+ files/);
    expect(of('rights')?.detail).toMatch(
      /\d+ Applications visible, \d+ follow the branch; may do: applications, get; logs, get; applications, sync/,
    );
    expect(of('model')).toMatchObject({ status: 'ok' });
    expect(of('server')).toMatchObject({ status: 'ok' });
    expect(of('database')?.detail).toContain('will be made at the first start');
  });

  it('asks the git host where changes are proposed, and tells a token that it does not take', async () => {
    const root = await makeTempDir();
    await seedBareRepository({ repository: join(root, 'acme/infra.git'), branch: 'main' });
    const host = await startForgeHost({ kind: 'gitea', root, project: 'acme/infra', token: 'the-right-token' });
    onTestFinished(async () => await host.close());
    const git = { repoUrl: host.repoUrl, token: 'the-right-token', delivery: 'pull_request', forge: 'forgejo' };
    const { argocd } = working();
    const right = await examine({ git, argocd });
    expect(right.of('push')?.status).toBe('ok');
    expect(right.of('pull requests')).toMatchObject({
      status: 'ok',
      detail: expect.stringMatching(/acme\/infra on Gitea or Forgejo .* within 60 to 600 seconds/) as string,
    });
    const wrong = await examine({ git: { ...git, apiToken: 'another-token' }, argocd });
    expect(wrong.of('pull requests')).toMatchObject({
      status: 'broken',
      fix: expect.stringContaining('token is not accepted') as string,
    });
    expect(wrong.stdout).not.toContain('another-token');
  }, 180_000);

  it('reads the cluster where a kubeconfig is given, and tells what the account may not read', async () => {
    const api = await startKubernetesApi();
    onTestFinished(async () => await api.close());
    api.replies['/version'] = { body: { gitVersion: 'v1.34.2' } };
    const kubeconfig = join(await makeTempDir(), 'config');
    const cluster = { server: api.url, 'certificate-authority-data': Buffer.from(api.ca).toString('base64') };
    const look = async (user: object) => {
      await writeFile(kubeconfig, toKubeconfig({ cluster, user, namespace: 'production' }));
      return (await examine({ ...working(), kubernetes: { kubeconfig } })).of('cluster');
    };
    api.replies['*'] = toStatus(403, 'Forbidden', 'events is forbidden');
    expect(await look({ token: CLUSTER_TOKEN })).toMatchObject({
      status: 'warning',
      detail: expect.stringMatching(/^Kubernetes v1\.34\.2; .*events is forbidden/) as string,
      fix: expect.stringContaining('ClusterRole view') as string,
    });
    api.replies['*'] = toList('EventList', []);
    expect(await look({ token: CLUSTER_TOKEN })).toMatchObject({
      status: 'ok',
      detail: 'Kubernetes v1.34.2; warnings of namespace production can be read',
    });
    expect(await look({ exec: { command: 'aws' } })).toMatchObject({
      status: 'broken',
      detail: expect.stringContaining('which is not started') as string,
    });
  }, 180_000);

  it('needs no configuration: then it tries what the sandbox needs', async () => {
    const { exitCode, of } = await examine({});
    expect(exitCode).toBe(0);
    for (const name of ['repository', 'Argo CD', 'model', 'server']) expect(of(name)?.status).toBe('skipped');
    expect(of('sandboxing')?.detail).toContain('the example repository renders');
  });

  it('names everything that is broken at once, with what to do and without secrets', async () => {
    const baseUrl = await startModel(['small']);
    const secret = 'hunter22-very-secret';
    const { exitCode, report, of, stdout } = await examine({
      git: { repoUrl: '/nowhere/infra.git' },
      argocd: { server: product.embedded.url, token: secret },
      db: { client: 'pg', connection: `postgres://tiphys:${secret}@127.0.0.1:1/tiphys` },
      llm: { provider: 'openai', baseUrl, model: 'small', apiKey: secret },
    });
    expect({ exitCode, ok: report.ok }).toEqual({ exitCode: 1, ok: false });
    for (const name of ['database', 'repository', 'model']) {
      expect(of(name), name).toMatchObject({ status: 'broken' });
      expect(of(name)?.fix, name).toBeTruthy();
    }
    expect(of('Argo CD')?.status).toBe('ok');
    expect(of('account')).toMatchObject({ status: 'broken' });
    expect(of('rights')).toBeUndefined();
    expect(of('model')?.fix).toContain('TIPHYS_LLM_API_KEY');
    expect(stdout).not.toContain(secret);
  });

  it('tells apart a model that is not there and an Argo CD that does not answer', async () => {
    const baseUrl = await startModel(['small']);
    const { exitCode, of } = await examine({
      git: { repoUrl: product.embedded.repository, branch: 'missing' },
      argocd: { server: 'http://127.0.0.1:1', token: 'x' },
      llm: { provider: 'openai', baseUrl, model: 'huge', apiKey: 'the-right-key' },
    });
    expect(exitCode).toBe(1);
    expect(of('repository')?.detail).toContain('missing');
    expect(of('Argo CD')).toMatchObject({ status: 'broken' });
    expect(of('model')).toMatchObject({ status: 'broken', fix: 'It has small: set TIPHYS_LLM_MODEL.' });
  });

  it('stops at a configuration that cannot be read, and says every mistake', async () => {
    const { exitCode, of, report } = await examine({ server: { port: 'x' } });
    expect(exitCode).toBe(1);
    expect(of('configuration')?.detail).toContain('server.port');
    expect(report.checks).toHaveLength(3);
  });
});
