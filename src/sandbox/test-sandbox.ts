import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createManualClock } from '../lib/clock.ts';
import { exec } from '../lib/exec.ts';
import type { ManifestObject } from '../manifest/object.ts';
import type { Application, ApplicationSpec } from './argo/application.ts';
import type { SandboxApplication, SandboxOptions } from './options.ts';
import { startSandbox } from './sandbox.ts';

/** A sandbox on a manual clock over a real repository, for tests. A second of the clock is a simulated second. */
export async function createTestSandbox(
  given: Partial<SandboxOptions> & {
    files?: Record<string, string>;
    /** Options that need to know where the repository is. */
    configure?: (where: { repository: string; dir: string }) => Partial<SandboxOptions>;
  } = {},
) {
  const { files = {}, configure, ...options } = given;
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-sandbox-test-'));
  const repository = join(dir, 'infra.git');
  const tree = join(dir, 'tree');
  const clock = createManualClock();
  const git = async (...args: string[]) => {
    const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false'];
    const result = await exec('git', [...identity, ...args], {
      cwd: tree,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
      timeoutMs: 60_000,
      maxBytes: 1_000_000,
    });
    if (result.exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.trim();
  };
  const push = async (changes: Record<string, string | null>) => {
    for (const [path, text] of Object.entries(changes)) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      if (text === null) await rm(join(tree, path));
      else await writeFile(join(tree, path), text);
    }
    await git('add', '--all');
    await git('commit', '--quiet', '--allow-empty', '--message', 'change');
    await git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
    return await git('rev-parse', 'HEAD');
  };
  await mkdir(tree);
  await git('init', '--quiet', '--bare', '--initial-branch=main', repository);
  await git('init', '--quiet', '--initial-branch=main');
  await git('remote', 'add', 'origin', repository);
  const commit = await push(files);
  const start = () =>
    startSandbox({ applications: [], clock, seed: 'test', ...options, ...configure?.({ repository, dir }) });
  let sandbox = await start();

  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${sandbox.url}${path}`, {
      method,
      headers: { ...(method === 'GET' ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, json: JSON.parse(text === '' ? 'null' : text) as unknown };
  };
  const seconds = (count: number) => clock.advance(count * 1000);
  /** Lets real work (git, HTTP) happen and simulated time pass, a little at a time. */
  const until = async <T>(
    what: string,
    look: () => Promise<T | undefined> | T | undefined,
    stepMs = 100,
  ): Promise<T> => {
    // What takes long is looked at less and less often: every look is a request.
    for (let step = 0, ms = stepMs; step < 3000; step += 1, ms = Math.min(ms * 1.05, stepMs * 5)) {
      const found = await look();
      if (found !== undefined) return found;
      await clock.advance(ms);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    throw new Error(`never ${what}`);
  };
  const get = async (name: string) =>
    (await call('GET', `/api/v1/applications/${name}?project=default`)).json as Application;
  const refresh = async (name: string) => {
    let answer: Application | undefined;
    void call('GET', `/api/v1/applications/${name}?project=default&refresh=normal`).then(({ json }) => {
      answer = json as Application;
    });
    return await until('refreshed', () => answer, 20);
  };
  const untilIs = (name: string, what: string, isWanted: (application: Application) => boolean) =>
    until(`${name} ${what}`, async () => {
      const application = await get(name);
      return isWanted(application) ? application : undefined;
    });
  return {
    clock,
    repository,
    dir,
    commit,
    push,
    call,
    get,
    refresh,
    seconds,
    until,
    untilIs,
    get sandbox() {
      return sandbox;
    },
    restart: async () => {
      await sandbox.close();
      sandbox = await start();
    },
    close: async () => {
      await sandbox.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export type TestSandbox = Awaited<ReturnType<typeof createTestSandbox>>;

export function toApplication(
  repoUrl: string,
  name: string,
  syncPolicy: ApplicationSpec['syncPolicy'] = { automated: {} },
): SandboxApplication {
  return {
    name,
    spec: {
      source: { repoURL: repoUrl, path: name, targetRevision: 'main' },
      destination: { server: 'https://kubernetes.default.svc', namespace: name },
      syncPolicy,
    },
  };
}

export function toYaml(...objects: ManifestObject[]): string {
  // JSON is YAML, and needs no care with quotes.
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

export function toConfigMap(name: string, value: string, annotations?: Record<string, string>): ManifestObject {
  const metadata = { name, ...(annotations === undefined ? {} : { annotations }) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value } };
}
