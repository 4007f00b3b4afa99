import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe } from 'vitest';
import { createSystemClock } from '../../../src/lib/clock.ts';
import { randomHex } from '../../../src/lib/ids.ts';
import { startSandbox } from '../../../src/sandbox/sandbox.ts';

// One suite, two servers: what holds of the stand-in has to hold of an Argo CD. Against a real one the tests make
// their own folder in the repository, their own Applications and namespaces, and take them away again.

const run = promisify(execFile);

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON, or undefined when it is not. */
  json: Json;
}

/** JSON whose shape a test asserts. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test looks into answers of any shape
export type Json = any;

export interface Backend {
  kind: 'sandbox' | 'server';
  url: string;
  token: string;
  /** What the Applications of this suite are made in. */
  project: string;
  repoUrl: string;
  branch: string;
  call(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string>; token?: string | null; signal?: AbortSignal },
  ): Promise<Answer>;
  /** Writes files (null removes one) under the suite's folder, commits and pushes them. Returns the commit. */
  push(files: Record<string, string | null>): Promise<string>;
  createApplication(folder: string, options?: ApplicationOptions): Promise<string>;
  get(name: string, query?: string): Promise<Json>;
  /** Asks again until the answer is as wanted; fails with the last one when it never is. */
  until(name: string, what: string, isWanted: (application: Json) => boolean): Promise<Json>;
  /** Looks again until something is found. */
  find<T>(what: string, look: () => Promise<T | undefined>): Promise<T>;
  namespaceOf(folder: string): string;
  close(): Promise<void>;
}

interface ApplicationOptions {
  automated?: { prune?: boolean; selfHeal?: boolean };
  syncOptions?: string[];
}

/** Runs the tests against the sandbox, and against a server where the environment names one. */
export function describeBackends(title: string, tests: (backend: () => Backend) => void): void {
  const server = process.env['TIPHYS_E2E_ARGOCD_SERVER'];
  const open: [string, () => Promise<Backend>][] = [['sandbox', openSandbox]];
  if (server !== undefined && server !== '') open.push(['server', () => openServer(server)]);
  for (const [kind, start] of open) {
    describe(`${title} (${kind})`, () => {
      let backend: Backend | undefined;
      beforeAll(async () => {
        backend = await start();
      });
      afterAll(async () => await backend?.close());
      tests(() => {
        if (backend === undefined) throw new Error('the backend has not been started');
        return backend;
      });
    });
  }
}

async function openSandbox(): Promise<Backend> {
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-contract-'));
  const repository = join(dir, 'infrastructure.git');
  await git(dir, ['init', '--quiet', '--bare', '--initial-branch=main', repository]);
  const token = randomHex(16);
  const sandbox = await startSandbox({
    applications: [],
    repositories: [{ url: repository }],
    clock: createSystemClock(),
    speed: 50,
    token,
  });
  const backend = await createBackend({
    kind: 'sandbox',
    url: sandbox.url,
    token,
    repoUrl: repository,
    branch: 'main',
    dir,
    patienceMs: 30_000,
    pauseMs: 20,
  });
  return {
    ...backend,
    close: async () => {
      await sandbox.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function openServer(address: string): Promise<Backend> {
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-contract-'));
  return await createBackend({
    kind: 'server',
    url: (address.includes('://') ? address : `https://${address}`).replace(/\/+$/, ''),
    token: process.env['TIPHYS_E2E_ARGOCD_TOKEN'] ?? '',
    repoUrl: process.env['TIPHYS_E2E_GIT_REPO_URL'] ?? '',
    branch: process.env['TIPHYS_E2E_GIT_BRANCH'] ?? 'main',
    dir,
    patienceMs: 240_000,
    pauseMs: 1000,
  });
}

interface Where {
  kind: Backend['kind'];
  url: string;
  token: string;
  repoUrl: string;
  branch: string;
  dir: string;
  patienceMs: number;
  pauseMs: number;
}

async function createBackend(where: Where): Promise<Backend> {
  const { url, token, repoUrl, branch, dir } = where;
  const root = `tiphys-contract-${randomHex(4)}`;
  const tree = join(dir, 'tree');
  const created: string[] = [];
  await git(dir, ['clone', '--quiet', repoUrl, tree]);
  const isEmpty = (await git(tree, ['ls-remote', '--heads', 'origin', branch])) === '';
  if (isEmpty) await git(tree, ['symbolic-ref', 'HEAD', `refs/heads/${branch}`]);
  else await git(tree, ['checkout', '--quiet', '-B', branch, `origin/${branch}`]);

  const call: Backend['call'] = async (method, path, options = {}) => {
    const bearer = options.token === undefined ? token : options.token;
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
        ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined
        ? {}
        : { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parseJson(text) };
  };

  const push: Backend['push'] = async (files) => {
    for (const [path, text] of Object.entries(files)) {
      const file = join(tree, root, path);
      if (text === null) await rm(file);
      else {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
    }
    await git(tree, ['add', '--all']);
    await git(tree, ['commit', '--quiet', '--allow-empty', '--message', 'contract test']);
    await git(tree, ['push', '--quiet', 'origin', `HEAD:refs/heads/${branch}`]);
    return (await git(tree, ['rev-parse', 'HEAD'])).trim();
  };

  const namespaceOf = (folder: string) => `${root}-${folder}`;
  const get: Backend['get'] = async (name, query = '') => {
    const answer = await call('GET', `/api/v1/applications/${name}?project=default${query === '' ? '' : `&${query}`}`);
    if (answer.status !== 200) throw new Error(`GET ${name}: ${answer.status} ${answer.text}`);
    return answer.json;
  };

  const find: Backend['find'] = async (what, look) => {
    const deadline = Date.now() + where.patienceMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`never ${what}`);
      await new Promise((resolve) => setTimeout(resolve, where.pauseMs));
    }
  };

  return {
    kind: where.kind,
    url,
    token,
    project: 'default',
    repoUrl,
    branch,
    call,
    push,
    get,
    namespaceOf,
    createApplication: async (folder, options = {}) => {
      const name = namespaceOf(folder);
      const answer = await call('POST', '/api/v1/applications', {
        body: {
          metadata: { name, labels: { suite: root } },
          spec: {
            project: 'default',
            source: { repoURL: repoUrl, path: `${root}/${folder}`, targetRevision: branch },
            destination: { server: 'https://kubernetes.default.svc', namespace: name },
            syncPolicy: {
              ...(options.automated === undefined ? {} : { automated: options.automated }),
              syncOptions: ['CreateNamespace=true', ...(options.syncOptions ?? [])],
            },
          },
        },
      });
      if (answer.status !== 200) throw new Error(`create ${name}: ${answer.status} ${answer.text}`);
      created.push(name);
      return name;
    },
    find,
    until: async (name, what, isWanted) => {
      let last: Json;
      try {
        return await find(what, async () => {
          last = await get(name);
          return isWanted(last) ? (last as Json) : undefined;
        });
      } catch (error) {
        throw new Error(`${name}: ${JSON.stringify(last?.status)}`, { cause: error });
      }
    },
    close: async () => {
      for (const name of created) await call('DELETE', `/api/v1/applications/${name}?project=default&cascade=true`);
      await rm(join(tree, root), { recursive: true, force: true });
      await push({});
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function git(cwd: string, args: string[]): Promise<string> {
  const identity = ['-c', 'user.name=Contract', '-c', 'user.email=contract@example.com', '-c', 'commit.gpgsign=false'];
  return (await run('git', [...identity, ...args], { cwd })).stdout;
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** A Deployment that both servers can run: a real small image, with the sandbox's annotation beside the real fault. */
export function toDeployment(
  name: string,
  options: {
    replicas?: number;
    variant?: string;
    crash?: boolean;
    annotations?: Record<string, string>;
    progressDeadlineSeconds?: number;
  } = {},
): string {
  const script = options.crash === true ? 'echo boom; exit 3' : 'echo started; sleep 100000';
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, ...(options.annotations === undefined ? {} : { annotations: options.annotations }) },
    spec: {
      replicas: options.replicas ?? 1,
      ...(options.progressDeadlineSeconds === undefined
        ? {}
        : { progressDeadlineSeconds: options.progressDeadlineSeconds }),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: {
          labels: { app: name, variant: options.variant ?? 'a' },
          annotations:
            options.crash === true
              ? {
                  'sandbox.tiphys.dev/behaviour': 'crash',
                  'sandbox.tiphys.dev/log-tail': 'boom',
                  'sandbox.tiphys.dev/exit-code': '3',
                }
              : {},
        },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [{ name, image: 'busybox:1.36', command: ['sh', '-c', script] }],
        },
      },
    },
  });
}

export function toConfigMap(name: string, value: string, annotations?: Record<string, string>): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...(annotations === undefined ? {} : { annotations }) },
    data: { value },
  });
}

export function toJob(name: string, options: { fails?: boolean; annotations: Record<string, string> }): string {
  const crash = options.fails === true;
  return JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, annotations: options.annotations },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { annotations: crash ? { 'sandbox.tiphys.dev/behaviour': 'crash' } : {} },
        spec: {
          restartPolicy: 'Never',
          containers: [{ name, image: 'busybox:1.36', command: ['sh', '-c', crash ? 'exit 1' : 'true'] }],
        },
      },
    },
  });
}

/** A stream is read as it comes, until enough has been seen. */
export async function readStream(
  backend: Backend,
  path: string,
  options: { accept?: string; until: (text: string) => boolean; whileOpen?: () => Promise<void> },
): Promise<{ contentType: string; text: string }> {
  const controller = new AbortController();
  const pending = fetch(`${backend.url}${path}`, {
    headers: {
      authorization: `Bearer ${backend.token}`,
      ...(options.accept === undefined ? {} : { accept: options.accept }),
    },
    signal: controller.signal,
  });
  await options.whileOpen?.();
  const response = await pending;
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (options.until(text)) break;
  }
  controller.abort();
  return { contentType: response.headers.get('content-type') ?? '', text };
}
