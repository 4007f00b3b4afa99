import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConfiguredArgo } from '../../argocd/configured.ts';
import { toApplicationRef } from '../../argocd/application.ts';
import type { ArgoClient } from '../../argocd/http.ts';
import { initRepository } from '../../cdk8s/init.ts';
import { loadIsolation } from '../../cdk8s/isolation.ts';
import { createSynth } from '../../cdk8s/synth.ts';
import type { ArgoInstanceSettings } from '../../config/instances.ts';
import type { LoadedConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { toCredentials } from '../../repo/configured.ts';
import type { Environment } from '../../config/sources.ts';
import { createSystemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { LearningRedactor } from '../../lib/redact.ts';
import { createGit } from '../../repo/git.ts';
import { openInfraRepo } from '../../repo/infra-repo.ts';
import { parseRepoUrl } from '../../repo/repo-url.ts';
import { broken, createHastyClock, ok, skipped, toBroken, warning, type Check } from './check.ts';

const SANDBOX = 'not configured: a server would start an embedded sandbox';

/**
 * The repository: cloned with the configured credentials into a temporary folder, a push rehearsed without being sent, and
 * the program in it rendered in the jail. Without one, the example repository is rendered.
 */
export async function* checkRepository(config: Config, env: Environment): AsyncGenerator<Check> {
  const { repoUrl, branch, authorName, authorEmail } = config.git;
  const dir = await mkdtemp(join(tmpdir(), 'tiphys-doctor-'));
  try {
    if (repoUrl === null) {
      yield skipped('repository', SANDBOX);
      const example = join(dir, 'example');
      await initRepository(example, { force: false });
      yield await checkRendering(config, 'the example repository', example);
      return;
    }
    const credentials = toCredentials(config);
    const access = {
      ...(credentials === undefined ? {} : { credentials }),
      environment: env,
      logger: silentLogger,
    };
    const clock = createHastyClock();
    const author = { name: authorName, email: authorEmail };
    const repo = await openInfraRepo({ url: repoUrl, branch, dir, author, clock, ...access });
    const head = await repo.fetch();
    yield ok('repository', `${repo.url} (${branch}) is at ${head.slice(0, 9)}`);
    yield await checkPush({ url: repoUrl, branch, head, dir, env, credentials: access.credentials });
    yield await repo.withWorkTree(head, 'doctor', async (tree) => checkRendering(config, 'the repository', tree.dir));
  } catch (error) {
    yield toBroken('repository', error);
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** git asks for the right to push before it finds that there is nothing to push. */
async function checkPush(options: {
  url: string;
  branch: string;
  head: string;
  dir: string;
  env: Environment;
  credentials: ReturnType<typeof toCredentials>;
}): Promise<Check> {
  const [root = ''] = await readdir(options.dir);
  const url = parseRepoUrl(options.url);
  const { credentials, env } = options;
  const home = join(options.dir, root, 'home');
  const git = createGit({ url, home, credentials, host: env, logger: silentLogger });
  const to = `${options.head}:refs/heads/${options.branch}`;
  const result = await git.run(['push', '--dry-run', '--quiet', '--', url.remote, to], {
    gitDir: join(options.dir, root, 'mirror.git'),
    remote: true,
    timeoutMs: 60_000,
  });
  if (result.exitCode === 0)
    return ok('push', 'the git host would take a push; rules for the branch are only applied to a real one');
  const said = result.stderr.trim().split('\n').at(-1) ?? '';
  return broken('push', `the git host takes no push: ${said}`, 'Give the token or key the right to write.');
}

async function checkRendering({ cdk8s }: Config, what: string, dir: string): Promise<Check> {
  const isolation = await loadIsolation();
  const synth = createSynth({
    isolation,
    limits: {
      timeoutMs: cdk8s.synthTimeoutMs,
      heapMegabytes: cdk8s.maxMemoryMb,
      maxOutputBytes: cdk8s.maxOutputBytes,
    },
    logger: silentLogger,
  });
  const outcome = await synth.render(dir);
  if (outcome.kind === 'failed') {
    const { location, message, stage } = outcome;
    const where = location === undefined ? '' : ` (${location.file}:${location.line})`;
    return broken('rendering', `${what} does not render: ${stage}: ${message}${where}`, 'Repair its cdk8s program.');
  }
  const { warnings, network } = isolation.report;
  const detail = `${what} renders to ${outcome.files.length} files in ${(outcome.durationMs / 1000).toFixed(1)} s`;
  const [first] = warnings;
  if (first !== undefined) return warning('sandboxing', `${detail}. ${warnings.join(' ')}`, WEAK[network]);
  return ok('sandboxing', `${detail}; no network, files fenced, memory limited`);
}

const WEAK = {
  namespace: 'It works; a machine that allows what is missing fences programs better.',
  guard: 'It works with the fences inside the process; on a machine with user namespaces there is one more.',
} as const;

const MAX_ASKED = 20;

/** Argo CD: reachable, signed in, and with the rights that watching and syncing need, asked of Argo CD itself. */
export async function* checkArgo(
  { config, instances }: LoadedConfig,
  redactor: LearningRedactor,
): AsyncGenerator<Check> {
  if (instances.length === 0) yield skipped('Argo CD', SANDBOX);
  for (const instance of instances) yield* checkInstance(config, instance, redactor);
}

async function* checkInstance(
  config: Config,
  instance: ArgoInstanceSettings,
  redactor: LearningRedactor,
): AsyncGenerator<Check> {
  let argo: ArgoClient | undefined;
  try {
    argo = createConfiguredArgo(instance, {
      requestTimeoutMs: config.argocd.requestTimeoutMs,
      ...{ clock: createSystemClock(), logger: silentLogger, redactor },
    });
    yield ok('Argo CD', `${argo.baseUrl} is Argo CD ${(await argo.version()).Version}`);
    const account = await checkAccount(argo);
    yield account;
    // Nobody has no rights to ask about.
    if (account.status === 'broken') return;
    yield await checkRights(argo, config.argocd.mayRequestSync || config.argocd.mayTerminate);
  } catch (error) {
    yield toBroken('Argo CD', error);
  } finally {
    argo?.close();
  }
}

async function checkAccount(argo: ArgoClient): Promise<Check> {
  const user = await argo.userInfo();
  if (!user.loggedIn)
    return broken(
      'account',
      'Argo CD does not know who we are',
      'Check TIPHYS_ARGOCD_TOKEN, or user name and password.',
    );
  const expiry = argo.tokenExpiry();
  if (expiry.state === 'expiring' || expiry.state === 'expired') {
    const until = new Date(expiry.expiresAtMs).toISOString();
    return warning('account', `${user.username}; the token ends at ${until}`, 'Make a new one; it is not renewed.');
  }
  return ok('account', user.username);
}

async function checkRights(argo: ArgoClient, needsSync: boolean): Promise<Check> {
  const applications = await argo.listApplications();
  if (applications.length === 0)
    return broken(
      'rights',
      'no Application is visible to this account',
      'Allow it "applications, get" in argocd-rbac-cm, and make Applications for the folders of the repository.',
    );
  const { controllerNamespace } = await argo.settings();
  const wanted = [
    ['applications', 'get'],
    ['logs', 'get'],
    ...(needsSync ? [['applications', 'sync'] as const] : []),
  ] as const;
  const missing: string[] = [];
  for (const application of applications.slice(0, MAX_ASKED)) {
    const { name, namespace = '', project = 'default' } = toApplicationRef(application);
    const isElsewhere = namespace !== '' && controllerNamespace !== '' && namespace !== controllerNamespace;
    const object = [project, ...(isElsewhere ? [namespace] : []), name].join('/');
    for (const [resource, action] of wanted)
      if (!(await argo.canI(resource, action, object))) missing.push(`${resource}, ${action}, ${object}`);
  }
  const seen = `${applications.length} Applications visible`;
  if (missing.length === 0)
    return ok('rights', `${seen}; may ${wanted.map(([resource, action]) => `${action} ${resource}`).join(', ')}`);
  const first = missing.slice(0, 5).map((one) => `p, role:tiphys, ${one}, allow`);
  return broken(
    'rights',
    `${seen}; ${missing.length} rights are missing: ${missing.slice(0, 5).join('; ')}`,
    `Add to policy.csv in argocd-rbac-cm, for example: ${first.join(' | ')}`,
  );
}
