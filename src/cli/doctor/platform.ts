import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initRepository } from '../../cdk8s/init.ts';
import { loadIsolation } from '../../cdk8s/isolation.ts';
import { createSynth } from '../../cdk8s/synth.ts';
import type { Config } from '../../config/schema.ts';
import { toCredentials } from '../../repo/configured.ts';
import type { Environment } from '../../config/sources.ts';
import { silentLogger } from '../../lib/logger.ts';
import { createGit } from '../../repo/git.ts';
import { openInfraRepo } from '../../repo/infra-repo.ts';
import { parseRepoUrl } from '../../repo/repo-url.ts';
import { broken, createHastyClock, ok, SANDBOX, skipped, toBroken, warning, withSetting, type Check } from './check.ts';

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
    const pushed = config.git.delivery === 'push' ? branch : `${config.git.branchPrefix}doctor`;
    yield await checkPush({ url: repoUrl, branch: pushed, head, dir, env, credentials: access.credentials });
    yield await repo.withWorkTree(head, 'doctor', async (tree) => checkRendering(config, 'the repository', tree.dir));
  } catch (error) {
    yield withSetting(toBroken('repository', error), 'TIPHYS_GIT_REPO_URL');
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
